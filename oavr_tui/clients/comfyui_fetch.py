"""Bringing a finished file home: whole or not at all, going on where a broken connection left off.

The part that is there goes on only if the file on the server is still the same. Its ETag is kept beside the part, and
compared with the one in the answer: ComfyUI answers a part even when If-Range names an older file.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.clients.comfyui_http import Http
from oavr_tui.clients.comfyui_types import Timings
from oavr_tui.clients.disk import disk_error
from oavr_tui.errors import Lost, Rejected, Unreachable
from oavr_tui.models import OutputFile
from oavr_tui.text import safe, size

LARGEST_VIDEO = 8_000_000_000
"""Bytes. The longest full video is some 100 MB; a server that sends on and on must not fill the disk."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')

OnProgress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class _Mark:
    """Which file the part belongs to, as kept beside it. total: bytes of the whole file."""

    etag: str
    total: int


class Fetch:
    """One file on its way to `target`. clock and sleep are the caller's."""

    def __init__(
        self,
        http: Http,
        output: OutputFile,
        target: Path,
        timings: Timings,
        sleep: Callable[[float], Awaitable[object]],
        clock: Callable[[], float],
        on_progress: OnProgress | None,
    ) -> None:
        self._http = http
        self._params = {"filename": output.filename, "subfolder": output.subfolder, "type": output.type}
        self._target = target
        self._mark_file = target.with_name(target.name + ".etag")
        self._timings = timings
        self._sleep = sleep
        self._clock = clock
        self._on_progress = on_progress

    async def run(self) -> None:
        """Fetch until the file is whole. Gives up when nothing new has come for Timings.give_up seconds."""
        furthest = 0
        last_gain = self._clock()
        pause = self._timings.backoff
        while True:
            try:
                await self._once()
                await asyncio.to_thread(self._mark_file.unlink, missing_ok=True)
                return
            except Unreachable as error:
                reached = await asyncio.to_thread(_length, self._target)
                if reached > furthest:
                    furthest, last_gain, pause = reached, self._clock(), self._timings.backoff
                elif self._clock() - last_gain >= self._timings.give_up:
                    raise Unreachable(f"{error.message} What has been fetched is kept ({size(reached)}).") from None
            except OSError as error:
                raise disk_error(error, self._target) from None
            await self._sleep(pause)
            pause = min(pause * 2, self._timings.backoff_most)

    async def _once(self) -> None:
        mark, have = await asyncio.to_thread(self._what_is_there)
        headers = {"range": f"bytes={have}-", "if-range": mark.etag} if mark is not None and have else {}
        async with self._http.stream("GET", "/view", params=self._params, headers=headers) as response:
            self._check(response)
            if response.status_code == 206:
                total: int | None = self._checked_part(response, mark, have)
            else:
                have, total = 0, _content_length(response)
                await asyncio.to_thread(self._start_over, response.headers.get("etag", ""), total)
            await self._write(response, have, total)

    def _what_is_there(self) -> tuple[_Mark | None, int]:
        """The mark and how many bytes of the part may be kept. A whole part gives up its last byte, to be asked for
        again: without an answer nobody could tell that it still is the same file."""
        have, mark = _length(self._target), self._read_mark()
        if mark is None:
            return None, 0
        return mark, min(have, mark.total - 1)

    def _read_mark(self) -> _Mark | None:
        try:
            document = json.loads(self._mark_file.read_bytes()[:1000])
            mark = _Mark(str(document["etag"]), int(document["total"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return mark if _STRONG_TAG.fullmatch(mark.etag) and 0 < mark.total <= LARGEST_VIDEO else None

    def _start_over(self, etag: str, total: int | None) -> None:
        self._mark_file.unlink(missing_ok=True)
        self._target.write_bytes(b"")
        if total and _STRONG_TAG.fullmatch(etag):
            self._mark_file.write_text(json.dumps({"etag": etag, "total": total}))

    def _check(self, response: httpx.Response) -> None:
        """Let through only an answer that carries the file, or a part of it."""
        status, kind = response.status_code, response.headers.get("content-type", "")
        if status == 404:
            raise Lost("The finished video is no longer on the server. Make it again.")
        if status in (400, 403):
            raise Rejected(
                "The server does not hand out the video that it says it made. Make it again.", can_retry=True
            )
        if status == 416:
            self._mark_file.unlink(missing_ok=True)
            raise Unreachable("The video on the server has changed.")
        if status not in (200, 206):
            raise self._http.unusable(status)
        if kind.startswith(("text/html", "application/json")):
            raise self._http.not_comfyui()
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise Rejected(
                "The server sends the video compressed, which nobody asked for. Check what stands before it."
            )
        if (_content_length(response) or 0) > LARGEST_VIDEO:
            raise _too_large()

    def _checked_part(self, response: httpx.Response, mark: _Mark | None, have: int) -> int:
        """The whole file's length, once it is certain that the part goes on from ours, in the same file."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if mark is None or found is None:
            self._mark_file.unlink(missing_ok=True)
            raise Unreachable("The server sent a part of the video that was not asked for.")
        first, total = int(found[1]), int(found[3])
        if first != have or total != mark.total or response.headers.get("etag") != mark.etag:
            self._mark_file.unlink(missing_ok=True)
            raise Unreachable("The video on the server has changed.")
        return total

    async def _write(self, response: httpx.Response, have: int, total: int | None) -> None:
        file = await to_its_end(asyncio.to_thread(self._open_at, have), "open-part")
        try:
            if leaving():
                raise asyncio.CancelledError
            # As they come, not gathered into larger pieces: those would be lost when the connection breaks.
            async for piece in response.aiter_raw():
                await asyncio.to_thread(file.write, piece)
                have += len(piece)
                if have > LARGEST_VIDEO:
                    raise _too_large()
                if self._on_progress is not None:
                    self._on_progress(have, total)
            if total is not None and have != total:
                raise Unreachable(f"The connection to {safe(self._http.address.shown)} broke off.")
            await asyncio.to_thread(_flush, file)
        finally:
            await asyncio.to_thread(file.close)

    def _open_at(self, have: int) -> BinaryIO:
        file = self._target.open("r+b")
        try:
            file.truncate(have)
            file.seek(have)
        except BaseException:
            file.close()
            raise
        return file


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _content_length(response: httpx.Response) -> int | None:
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _too_large() -> Rejected:
    return Rejected(f"The server sends more than {size(LARGEST_VIDEO)}, which no video here is. It was not saved.")
