"""Pictures and voices from addresses, fetched once to be looked at while a form is filled in."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from uuid import uuid4

from oavr_tui.clients.disk import disk_error
from oavr_tui.engine.given import file_name
from oavr_tui.engine.lock import FileLock
from oavr_tui.paths import private_dir

MOST_KEPT = 4
"""Files, the latest ones, for somebody who goes back and forth between two."""
DEADLINE = 300.0
"""Seconds for one file."""


class Fetched:
    """A folder of this process below `folder`, gone when it closes; what killed processes left goes at the start.

    Two files at a time at most are in use by a form, its picture and its voice, so that the oldest of more than that
    can go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}
        self._lock: FileLock | None = None
        self._own = folder
        self._count = 0
        self._moving = asyncio.Lock()

    async def file(self, address: str, *, largest: int) -> Path:
        """What the address holds, at most `largest` bytes. Raises BadInput, Unreachable or DiskFull."""
        if address in self._files:
            self._files[address] = self._files.pop(address)  # the latest again
            return self._files[address]
        from oavr_tui.clients.fetch_url import fetch_url

        async with self._moving:
            try:
                await asyncio.to_thread(self._move_in)
            except OSError as error:
                raise disk_error(error, self._folder) from None
        suffix = Path(file_name(address)).suffix
        self._count += 1
        target = self._own / f"{self._count}{suffix if suffix[1:].isalnum() else ''}"
        await fetch_url(address, target, max_bytes=largest, deadline=DEADLINE)
        self._files[address] = target
        while len(self._files) > MOST_KEPT:
            self._files.pop(next(iter(self._files))).unlink(missing_ok=True)
        return target

    def _move_in(self) -> None:
        if self._lock is not None and self._own.is_dir():
            return
        self._move_out()
        while self._lock is None:
            self._own = self._folder / uuid4().hex
            lock = FileLock(_lock_of(self._own))
            if lock.take() and lock.is_in_place():  # another process that cleans up may have been quicker
                self._lock = lock
        private_dir(self._own)

    def clean(self) -> None:
        """Remove what processes that are gone have left. Blocks; for a thread."""
        if not self._folder.is_dir():
            return
        for name in {path.stem for path in self._folder.iterdir()}:
            own = self._folder / name
            lock = FileLock(_lock_of(own))
            if lock.take():
                shutil.rmtree(own, ignore_errors=True)
                _lock_of(own).unlink(missing_ok=True)
                lock.release()

    def _move_out(self) -> None:
        self._files.clear()
        if self._lock is None:
            return
        shutil.rmtree(self._own, ignore_errors=True)
        _lock_of(self._own).unlink(missing_ok=True)
        self._lock.release()
        self._lock = None

    async def close(self) -> None:
        async with self._moving:
            await asyncio.to_thread(self._move_out)


def _lock_of(own: Path) -> Path:
    return own.with_name(own.name + ".lock")
