"""Who drives: exactly one process moves the queue of one data folder, the holder of a lock that dies with it.

The lock is the kernel's (flock), so a killed process can never leave it behind. The file's text names the holder, for
people; nothing relies on it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from oavr_tui.paths import private_dir


class DriverLock:
    """Taken without waiting; given back by `release` or by the end of the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd = -1

    @property
    def held(self) -> bool:
        return self._fd >= 0

    def take(self) -> bool:
        """Try to become the driver; True when this process is the driver now."""
        if self.held:
            return True
        private_dir(self._file.parent)
        # Not inherited by child processes: a render that outlives us for a moment must not keep the lock.
        fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return True

    def release(self) -> None:
        if self.held:
            os.close(self._fd)
            self._fd = -1

    def holder(self) -> int | None:
        """The process id of the last driver, or None; a hint for people."""
        try:
            text = self._file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdigit() else None
