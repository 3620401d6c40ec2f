"""What is known of a pod's log beside its text, in a small file of its own, so that the next process goes on with it.

It is written after each addition, in place and in one call, together with the log's size: what a killed process wrote
without noting it is cut off at the next opening, because the source sends it again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeGuard

from oavr_tui.clients.log_file import older
from oavr_tui.clients.log_replay import Seen
from oavr_tui.paths import private_dir

_BYTES = 4096
_LONGEST_ID = 500
_MOST_MARKS = 48


class LogRecord:
    """seen: of the log server's log; last_id: of the provider's; size: bytes of the log when that was noted."""

    def __init__(self, log: Path) -> None:
        self.seen = Seen()
        self.last_id = ""
        self._size: int | None = None
        self._log = log
        self._path = log.with_name(log.name + ".seen")
        self._fd = -1
        self._read()

    def mend_log(self) -> None:
        """Make the log's file hold exactly what is noted; where it cannot, forget what was noted. Raises OSError."""
        if self._size is None:
            return
        size = _size_of(self._log)
        if size > self._size:
            os.truncate(self._log, self._size)
        elif size < self._size:
            if _size_of(older(self._log)) == self._size:  # ended while a full file was put aside
                self._log.unlink(missing_ok=True)
            else:
                self.seen, self.last_id = Seen(), ""

    def save(self, size: int) -> None:
        """Note what is known now, of a log of so many bytes. Raises OSError."""
        if self._fd < 0:
            private_dir(self._path.parent)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        seen = self.seen
        if len(self.last_id) > _LONGEST_ID:
            self.last_id = ""  # no id that a provider would take back
        known = {
            "size": size,
            "chars": seen.chars,
            "checksum": seen.checksum,
            "marks": seen.marks,
            "last_id": self.last_id,
        }
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, json.dumps(known).encode().ljust(_BYTES))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        """A record that is missing, torn or changed by somebody counts as none: then the log comes again."""
        try:
            with self._path.open("rb") as handle:
                known = json.loads(handle.read(_BYTES))
        except (OSError, ValueError):
            return
        if not isinstance(known, dict):
            return
        marks, last_id = known.get("marks"), known.get("last_id")
        size, chars, checksum = known.get("size"), known.get("chars"), known.get("checksum")
        if not (_is_count(size) and _is_count(chars) and _is_count(checksum) and isinstance(last_id, str)):
            return
        if not (isinstance(marks, list) and all(_is_count(mark) for mark in marks)):
            return
        seen = Seen(chars, checksum, marks)
        if len(marks) <= _MOST_MARKS and seen.is_whole():
            self.seen, self.last_id, self._size = seen, last_id, size


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
