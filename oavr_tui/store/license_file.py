"""The file of what is remembered of the license: one process at a time, replaced at once or not at all.

Where it cannot be written, what happens in this process is remembered by this process alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from oavr_tui.errors import Rejected
from oavr_tui.models.ledger import LicenseMemory
from oavr_tui.paths import private_dir
from oavr_tui.store.lock import FileLock

_LARGEST = 4_000_000
_VERSION = 1


class LicenseFile:
    """All methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.with_name(path.name + ".lock"))
        self._alone: LicenseMemory | None = None

    def close(self) -> None:
        self._lock.close()

    def mark(self) -> object:
        """Differs when another process has written. One stat call."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def read(self) -> LicenseMemory:
        """What is remembered; nothing where the file is not there or is damaged."""
        if self._alone is not None:
            return self._alone
        try:
            with self._path.open("rb") as handle:
                data = handle.read(_LARGEST + 1)
        except OSError:
            return LicenseMemory()
        return _decoded(data)

    def change(self, change: Callable[[LicenseMemory], LicenseMemory]) -> LicenseMemory:
        """Apply a pure function to what is on the disk, durably; returns what is remembered now.

        Raises what `change` raises, and then nothing is changed.
        """
        try:
            private_dir(self._path.parent)
            with self._lock.held():
                before = self.read()
                after = change(before)
                if after != before:
                    self._write(after)
        except (OSError, Rejected):
            after = self._alone = change(self.read())
        return after

    def _write(self, memory: LicenseMemory) -> None:
        if self._alone is not None:
            self._alone = memory
            return
        part = self._path.with_name(f".{self._path.name}.part")  # the lock is held
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as handle:
                json.dump({"version": _VERSION, **asdict(memory)}, handle)
                handle.flush()
                os.fsync(handle.fileno())
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)


def _decoded(data: bytes) -> LicenseMemory:
    from pydantic import TypeAdapter, ValidationError

    try:
        found = json.loads(data)
        return TypeAdapter(LicenseMemory).validate_python(found)
    except (ValueError, RecursionError, ValidationError):
        return LicenseMemory()
