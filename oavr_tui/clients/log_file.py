"""A log's file: plain text, a time before each line, mode 0600, and never without bound.

A line's end is written when it is known, so that a line which goes on can be gone on with. One process writes; others
may read at the same time (tail, follow_file).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from oavr_tui.clients.log_fold import LONGEST_LINE, Rows
from oavr_tui.paths import private_dir
from oavr_tui.text import size as shown_size

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ")
_BLOCK = 1 << 16
_MOST_READ = 16 << 20
_SETTLED_LOOKS = 3


class LogFile:
    """The writer's end. Nothing is created before something is written. Methods raise OSError."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.size, self.ended = _found(path)
        self._limit = limit
        self._fd = -1
        self._stamped = (-1, "")

    def stamp(self, at: float) -> str:
        """The time as it stands before a line, to the second."""
        if self._stamped[0] != int(at):
            self._stamped = (int(at), f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ} ")
        return self._stamped[1]

    def append(self, at: float, text: str) -> None:
        """Write text, which holds its own line ends and stamps; a file that has become too long is put aside first."""
        if self._fd < 0:
            self._open()
        if self.size >= self._limit and (self.ended or text.startswith("\n")):
            self._put_aside(at)
            text = text.removeprefix("\n")
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            written = os.write(self._fd, data)
            self.size += written
            data = data[written:]
        self.ended = text.endswith("\n") if text else self.ended

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        private_dir(self.path.parent)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._fd = os.open(self.path, flags, 0o600)

    def _put_aside(self, at: float) -> None:
        """Keep the full file under its older name, in place of the one before, and begin a new one."""
        aside = older(self.path)
        self.path.replace(aside)
        self.close()
        self._open()
        self.size, self.ended = 0, True
        note = (
            f"{self.stamp(at)}— This log has reached {shown_size(self._limit)} and goes on here;"
            f" what came before is in {aside.name}, and anything older is gone. —\n"
        )
        self.size += os.write(self._fd, note.encode())


def older(path: Path) -> Path:
    """Where the part of a long log is that was put aside."""
    return path.with_name(path.name + ".1")


def _found(path: Path) -> tuple[int, bool]:
    """The file's size in bytes, and whether its last line is whole; one that cannot be looked at counts as none."""
    try:
        with path.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - 1))
            return size, handle.read(1) in (b"", b"\n")
    except OSError:
        return 0, True


def split_stamp(line: str) -> tuple[float, str]:
    """A line of the file as its time (unix seconds; 0 where it has none) and its text."""
    found = _STAMP.match(line)
    if found is None:
        return 0.0, line
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(found.group(1)).timestamp(), line[found.end() :]
    return 0.0, line


def read_rows(path: Path, most: int, end: int | None = None) -> Rows:
    """The last rows of the file, progress bars folded. An unreadable or missing file has none. Reads at most 16 MB.

    end: as if the file ended after so many bytes.
    """
    wanted = _BLOCK
    while True:
        data, whole = _end_of(path, wanted, end)
        rows = Rows(most)
        lines = data.decode("utf-8", "replace").split("\n")
        for line in lines if whole else lines[1:]:
            rows.begin(*split_stamp(line))
        if data.endswith(b"\n") or not data:
            rows.close_line()
        rows.changed.clear()
        if whole or wanted >= _MOST_READ or len(rows.last(most)) >= most:
            return rows
        wanted *= 4


def _end_of(path: Path, wanted: int, stop: int | None) -> tuple[bytes, bool]:
    """The last bytes of a log, its older part included, and whether that is all there is."""
    data = b""
    for part in (path, older(path)):
        try:
            with part.open("rb") as handle:
                end = handle.seek(0, os.SEEK_END)
                if stop is not None and part == path:
                    end = min(end, stop)
                begin = max(0, end - (wanted - len(data)))
                handle.seek(begin)
                part_data = handle.read(end - begin)
                # A line is not gone on with in the next file.
                data = part_data + (b"\n" if data and part_data and not part_data.endswith(b"\n") else b"") + data
        except OSError:
            continue  # nothing written yet, or never so long that a part was put aside
        if begin > 0:
            return data, False
    return data, True


def tail(path: Path, lines: int) -> list[str]:
    """The last rows of a log's file, oldest first; for any process. A missing file has none."""
    return [row.text for row in read_rows(path, lines).last(lines)] if lines > 0 else []


async def follow_file(
    path: Path,
    *,
    last: int = 0,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    every: float = 0.25,
) -> AsyncIterator[str]:
    """The last rows of a log's file, then each line as it is written; for any process, until cancelled.

    every: seconds between two looks. A file that is missing, put aside or begun anew is waited for and gone on with.
    A line whose end is not known is passed on when nothing comes for some looks; its rest then comes as another.
    """
    handle: BinaryIO | None = None
    rest, quiet = b"", 0
    try:
        handle = _open(path)
        here = handle.seek(0, os.SEEK_END) if handle is not None else 0
        for row in read_rows(path, max(last, 1), here).last(last):
            yield row.text
        while True:
            if handle is None:
                handle = _open(path)
            data = handle.read(_BLOCK) if handle is not None else b""
            if data:
                quiet = 0
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    if text := _text_of(line):
                        yield text
                rest = rest[: 8 * LONGEST_LINE]
                continue
            quiet += 1
            if rest and quiet >= _SETTLED_LOOKS and (text := _text_of(rest)):
                rest = b""
                yield text
            if handle is not None and _replaced(path, handle):
                handle.close()
                handle = None
                continue
            if handle is not None and os.fstat(handle.fileno()).st_size < handle.tell():
                handle.seek(0, os.SEEK_END)
                rest = b""
            await sleep(every)
    finally:
        if handle is not None:
            handle.close()


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None


def _replaced(path: Path, handle: BinaryIO) -> bool:
    """Whether the name means another file by now; one that is merely gone may come back as such."""
    try:
        return path.stat().st_ino != os.fstat(handle.fileno()).st_ino
    except OSError:
        return False


def _text_of(line: bytes) -> str:
    rows = Rows(1)
    return rows.begin(*split_stamp(line.decode("utf-8", "replace")))
