"""The log server of a simulated pod: GET /stream and /health over the file that the pod's set-up writes.

It reads a real file the way the pod image's own server does, as text and line by line, so that it has the same flaws:
a backlog without blank lines, lines broken at odd characters on a replay only, a reader that is sent away by one wrong
byte, and fragments after the file was cut. They were recorded; tests/data/runpod holds the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from aiohttp import web

from oavr_tui.simulator.pod_listener import Listener

POLL_SECONDS = 0.5
HEARTBEAT_POLLS = 20
"""Polls without a new line before a heartbeat: ten seconds."""
_PIECE = 1 << 16
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
    "Access-Control-Allow-Origin": "*",
}

Sleep = Callable[[float], Awaitable[None]]


async def events(path: Path, sleep: Sleep) -> AsyncGenerator[str, None]:
    """The stream as the pod image's server writes it: the whole file, then what is added to it, for ever.

    No event has an id, and a reader that comes back gets everything again. What cannot be read ends the stream with
    one event that says so.
    """
    try:
        with _opened(path) as file:
            for line in file.read().splitlines(keepends=True):
                yield f"data: {line}"
            yield "\n"
            idle = 0
            while True:
                line = file.readline()
                if line:
                    idle = 0
                    yield f"data: {line}\n"
                    continue
                await sleep(POLL_SECONDS)
                idle += 1
                if idle == HEARTBEAT_POLLS:
                    idle = 0
                    yield ": heartbeat\n\n"
    except (OSError, ValueError) as error:
        yield f"data: --- [ERROR] Stream error: {error}\n\n"


def _opened(path: Path) -> IO[str]:
    # Text mode turns CR and CR LF into LF and is strict about UTF-8, as in the original.
    return path.open(encoding="utf-8")


class LogServer:
    """The pages of the log server over one log file. silent: takes connections and never says a word."""

    def __init__(
        self,
        path: Path,
        *,
        silent: bool = False,
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._silent = silent
        self._sleep = sleep
        self._now = now

    def listener(self) -> Listener:
        """It as a program of its own; whoever asked starts and stops it."""
        app = web.Application()
        app.router.add_get("/stream", self._stream)
        app.router.add_get("/health", self._health)
        return Listener(app)

    async def _health(self, request: web.Request) -> web.Response:
        answer = {
            "status": "healthy",
            "log_file_exists": self._path.exists(),
            "log_file_path": str(self._path),
            "timestamp": self._now().replace(tzinfo=None).isoformat(),
        }
        return web.json_response(answer, headers={"Access-Control-Allow-Origin": "*"})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=_HEADERS)
        response.enable_chunked_encoding()
        with contextlib.suppress(ConnectionError):  # the reader went
            await response.prepare(request)
            if self._silent:
                await asyncio.Event().wait()
            async with contextlib.aclosing(events(self._path, self._sleep)) as stream:
                async for text in stream:
                    await _write(response, text.encode())
            await response.write_eof()
        return response


async def _write(response: web.StreamResponse, data: bytes) -> None:
    for start in range(0, len(data), _PIECE):
        await response.write(data[start : start + _PIECE])
