"""Progress for other processes on the same data folder, which must see everything live though they drive nothing.

What lasts goes through the store; progress does not last, so the driver tells it over a Unix socket beside its lock,
as JSON lines. It is a hint: who cannot connect still learns every state from the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oavr_tui.engine.events import Bus, Event, JobProgressed, Notice, PodStepped, Step
from oavr_tui.models import JobState, Progress

_LONGEST_ADDRESS = 100
"""Bytes in a Unix socket's path: 104 on macOS, 108 on Linux, with the closing zero."""
_LONGEST_LINE = 1 << 16
_LONGEST_BACKLOG = 1 << 16
"""Bytes that a listener may leave unread before it is dropped: the driver never waits for anybody."""
_CONNECT_SECONDS = 5.0
_STAGES = frozenset(state.value for state in JobState)


class LiveFeed:
    """Both ends. file: the socket's path, in the folder of the lock that says who serves."""

    def __init__(self, file: Path, bus: Bus) -> None:
        self._file = file
        self._bus = bus
        self._possible = len(str(file).encode()) <= _LONGEST_ADDRESS

    async def serve(self) -> None:
        """Tell whoever connects, until cancelled. Only the holder of the driver's lock may call this."""
        if not self._possible:
            return
        listeners: set[asyncio.StreamWriter] = set()

        async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listeners.add(writer)
            try:
                await reader.read()  # returns when the other side goes away; nothing is expected from it
            except OSError:
                return  # gone without a word, which ends the connection just as well
            finally:
                listeners.discard(writer)
                writer.close()

        self._file.unlink(missing_ok=True)
        # Served only inside: who is cancelled while it begins to would leave an open socket behind.
        server = await asyncio.start_unix_server(welcome, self._file, limit=_LONGEST_LINE, start_serving=False)
        try:
            self._file.chmod(0o600)
            await server.start_serving()
            with self._bus.listen() as events:
                while True:
                    line = _line(await events.next())
                    if line is not None:
                        _send_all(listeners, line)
        finally:
            server.close()
            for writer in list(listeners):
                writer.transport.abort()
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    async def hear(self) -> None:
        """Pass on what the driver tells until it goes away; returns at once when nobody serves."""
        if not self._possible:
            return
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._file, limit=_LONGEST_LINE)
        except (OSError, TimeoutError):
            return
        try:
            while line := await reader.readline():
                event = _event(line)
                if event is not None:
                    self._bus.emit(event)
        except (OSError, ValueError):
            return  # a driver that vanished in the middle of a line: the store tells the rest
        finally:
            writer.close()


def _send_all(listeners: set[asyncio.StreamWriter], line: bytes) -> None:
    for writer in list(listeners):
        if writer.transport.get_write_buffer_size() > _LONGEST_BACKLOG:
            listeners.discard(writer)
            writer.transport.abort()
        else:
            writer.write(line)


def _line(event: Event) -> bytes | None:
    if isinstance(event, JobProgressed):
        return json.dumps({"progress": asdict(event.progress)}).encode() + b"\n"
    if isinstance(event, PodStepped):
        return json.dumps({"step": asdict(event)}).encode() + b"\n"
    if isinstance(event, Notice):
        return json.dumps({"notice": event.text, "job_id": event.job_id}).encode() + b"\n"
    return None


def _event(line: bytes) -> Event | None:
    """One line as an event, or None for anything that this version does not understand."""
    try:
        message: Any = json.loads(line)
        if "notice" in message:
            job_id = message["job_id"]
            return Notice(str(message["notice"]), None if job_id is None else str(job_id))
        if "step" in message:
            return _step(message["step"])
        told = message["progress"]
        if told["stage"] not in _STAGES:
            return None
        eta = told["eta_seconds"]
        return JobProgressed(
            Progress(
                job_id=str(told["job_id"]),
                stage=told["stage"],
                percent=float(told["percent"]),
                eta_seconds=None if eta is None else float(eta),
                detail=str(told["detail"]),
            )
        )
    except (ValueError, KeyError, TypeError):
        return None


def _step(told: Any) -> PodStepped:
    return PodStepped(
        pod=str(told["pod"]),
        name=str(told["name"]),
        step=Step(told["step"]),
        text=str(told["text"]),
        gpu_name=str(told["gpu_name"]),
        per_hour=float(told["per_hour"]),
        done=int(told["done"]),
        total=int(told["total"]),
    )
