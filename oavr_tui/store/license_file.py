"""The file of what is remembered of the license: one process at a time, replaced at once or not at all.

Where it cannot be written, what happens in this process is remembered by this process, and written with the next change
that the disk takes. A file that vanishes or is damaged meanwhile is written anew from what was last seen of it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from oavr_tui.errors import LimitReached, Rejected
from oavr_tui.models.ledger import LicenseMemory
from oavr_tui.paths import private_dir
from oavr_tui.store.lock import FileLock
from oavr_tui.text import safe

Change = Callable[[LicenseMemory], LicenseMemory]

_LARGEST = 4_000_000
_VERSION = 1
_PATIENT, _HASTY = 3.0, 0.1
"""Seconds to wait for another process: a change takes milliseconds, and after one in vain nobody is kept long."""


class LicenseFile:
    """All methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lock = path.with_name(path.name + ".lock")
        self._patient, self._hasty = FileLock(lock, wait=_PATIENT), FileLock(lock, wait=_HASTY)
        self._last = LicenseMemory()
        self._owed: list[Change] = []

    def close(self) -> None:
        self._patient.close()
        self._hasty.close()

    @property
    def warning(self) -> str:
        """A sentence for a person while the disk does not take what is to be remembered; else empty."""
        if not self._owed:
            return ""
        return (
            f"{safe(str(self._path.parent), 120)} cannot be written at the moment, so plan and count are remembered "
            "only until this program ends: make that folder writable, or make room on its disk."
        )

    def mark(self) -> object:
        """Differs when another process has written. One stat call."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def read(self) -> LicenseMemory:
        """What is remembered: what is on the disk, and what it has not taken yet."""
        there = self._on_disk()
        if there is not None:
            self._last = self._with_owed(there)
        return self._last

    def change(self, change: Change) -> LicenseMemory:
        """Apply a pure function to what is remembered, durably; returns what is remembered now.

        Raises what `change` raises, and then nothing is changed. It may be applied once more later, to what other
        processes have written meanwhile.
        """
        lock = self._hasty if self._owed else self._patient
        try:
            private_dir(self._path.parent)
            with lock.held():
                there = self._on_disk()
                after = change(self._last if there is None else self._with_owed(there))
                if after != there:
                    self._write(after)
                self._owed.clear()
        except (OSError, Rejected):
            after = change(self.read())
            self._owed.append(change)
        self._last = after
        return after

    def _with_owed(self, memory: LicenseMemory) -> LicenseMemory:
        for change in self._owed:
            with contextlib.suppress(LimitReached):  # others were quicker; a video that is made is counted at its end
                memory = change(memory)
        return memory

    def _on_disk(self) -> LicenseMemory | None:
        """None where there is nothing of use."""
        try:
            with self._path.open("rb") as handle:
                data = handle.read(_LARGEST + 1)
        except OSError:
            return None
        return _decoded(data)

    def _write(self, memory: LicenseMemory) -> None:
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


def _decoded(data: bytes) -> LicenseMemory | None:
    from pydantic import TypeAdapter, ValidationError

    try:
        found = json.loads(data)
        return TypeAdapter(LicenseMemory).validate_python(found)
    except (ValueError, RecursionError, ValidationError):
        return None
