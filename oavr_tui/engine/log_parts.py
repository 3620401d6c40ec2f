"""The bytes of a log that another process may be writing: its file, and the part of it that was put aside.

Parts are numbered upwards from 0, oldest first; the last one grows. Reading is by place, so that several readers need
no place of their own in the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Protocol

from oavr_tui.clients.log_file import older


class Parts(Protocol):
    """Where an index and its rows get their bytes. first, last: numbers of the parts that can be read."""

    first: int
    last: int

    def look(self) -> bool:
        """Find out how things stand; whether this is another log by now, so that all must be read anew."""
        ...

    def size(self, part: int) -> int:
        """Bytes of a part as of the last look; 0 for one that is gone."""
        ...

    def read(self, part: int, place: int, most: int) -> bytes:
        """Bytes from a place on, fewer where the part ends; none of a part that is gone or cannot be read."""
        ...

    def close(self) -> None: ...


class FileParts:
    """A log's file with its older part. Nothing raises: what cannot be read is not there (yet)."""

    def __init__(self, path: Path) -> None:
        self.first = 0
        self.last = -1
        self._path = path
        self._files: dict[int, BinaryIO] = {}
        self._sizes: dict[int, int] = {}

    def look(self) -> bool:
        try:
            now = self._path.stat()
        except OSError:
            return False  # not written yet, or on its way to another name: what was read stays
        current = self._files.get(self.last)
        if current is None:
            return self._begin()
        known = os.fstat(current.fileno())
        if (known.st_ino, known.st_dev) == (now.st_ino, now.st_dev):
            shorter = now.st_size < self._sizes[self.last]
            self._sizes[self.last] = now.st_size
            return shorter and self._begin()
        if _same(older(self._path), known):
            self._sizes[self.last] = known.st_size
            self._go_on()
            return False
        return self._begin()

    def size(self, part: int) -> int:
        return self._sizes.get(part, 0)

    def read(self, part: int, place: int, most: int) -> bytes:
        file = self._files.get(part)
        try:
            return b"" if file is None else os.pread(file.fileno(), most, place)
        except OSError:
            return b""

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._sizes.clear()
        self.last = self.first - 1

    def _begin(self) -> bool:
        """Open what there is now, the older part too, under new numbers."""
        self.first = self.last + 1
        self._forget_before(self.first)
        for path in (older(self._path), self._path):
            self._open(path)
        return self.last >= self.first

    def _go_on(self) -> None:
        """The file was put aside; it goes on in a new one, and what was put aside before is gone."""
        self.first = self.last
        self._forget_before(self.first)
        self._open(self._path)

    def _forget_before(self, first: int) -> None:
        for part in [part for part in self._files if part < first]:
            self._files.pop(part).close()
            self._sizes.pop(part)

    def _open(self, path: Path) -> None:
        try:
            file = path.open("rb", buffering=0)
        except OSError:
            return
        self.last += 1
        self._files[self.last] = file
        self._sizes[self.last] = os.fstat(file.fileno()).st_size


class MemoryParts:
    """Text that never was in a file."""

    def __init__(self) -> None:
        self.first = 0
        self.last = 0
        self._data = bytearray()

    def append(self, lines: str) -> None:
        """Add whole lines, each with its end."""
        self._data += lines.encode("utf-8", "replace")

    def look(self) -> bool:
        return False

    def size(self, part: int) -> int:
        return len(self._data) if part == 0 else 0

    def read(self, part: int, place: int, most: int) -> bytes:
        return bytes(self._data[place : place + most]) if part == 0 else b""

    def close(self) -> None:
        self._data.clear()


def _same(path: Path, known: os.stat_result) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return (found.st_ino, found.st_dev) == (known.st_ino, known.st_dev)
