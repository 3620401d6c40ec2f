"""Who drives: exactly one process moves the queue of one data folder, the holder of a lock that dies with it.

A keeper, which has nobody in front of it, makes way for a process that has: that one holds `wanted` for as long as it
drives or would like to.

The lock is the kernel's (flock), so a killed process can never leave it behind. The file's text names the holder, for
people; nothing relies on it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from oavr_tui.paths import private_dir

_BARRED = (errno.EACCES, errno.EPERM, errno.EROFS)


class FileLock:
    """Taken without waiting; given back by `release` or by the end of the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd = -1

    @property
    def held(self) -> bool:
        return self._fd >= 0

    def take(self) -> bool:
        """Try to become the holder; True when this process is the holder now."""
        if self.held:
            return True
        fd = self._locked(fcntl.LOCK_EX)
        if fd < 0:
            return False
        self._fd = fd
        with contextlib.suppress(OSError):  # a full disk: the name is for people only
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return True

    def _locked(self, how: int) -> int:
        private_dir(self._file.parent)
        fd = _opened(self._file)
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return -1
        except BaseException:
            os.close(fd)
            raise
        return fd

    def release(self) -> None:
        if self.held:
            os.close(self._fd)
            self._fd = -1

    def is_in_place(self) -> bool:
        """Whether the file that this process holds is still the one that others find: its folder may be gone."""
        try:
            return self.held and os.path.samestat(os.fstat(self._fd), self._file.stat())
        except OSError:
            return False

    def holder(self) -> int | None:
        """The process id of the last holder, or None; a hint for people."""
        try:
            text = self._file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdigit() else None

    def is_free(self) -> bool:
        """Whether nobody holds it at this moment. Whoever tries to take it in just this moment does not get it."""
        if self.held:
            return False
        try:
            fd = self._locked(fcntl.LOCK_SH)  # any number may look at a time, and none is taken for the holder
        except OSError as error:
            if error.errno not in _BARRED:
                raise
            return True  # a folder that may only be read: whoever could hold it is not of this home
        if fd >= 0:
            os.close(fd)
        return fd >= 0


class Wanted:
    """Held by every process with a person in front of it that drives or wants to; several may hold it at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd = -1

    def hold(self) -> None:
        """Want to drive, until `release` or the end of the process."""
        if self._fd < 0:
            private_dir(self._file.parent)
            self._fd = _opened(self._file)
            fcntl.flock(self._fd, fcntl.LOCK_SH)  # waits at most for a keeper's glance

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def by_others(self) -> bool:
        """Whether another process holds it; for one that does not hold it itself."""
        try:
            fd = _opened(self._file)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False


def _opened(file: Path) -> int:
    # Not inherited by child processes: a render that outlives us for a moment must not keep the lock.
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
