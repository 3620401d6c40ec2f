"""One process at a time: a lock on a small file, which the system gives back however its holder ends.

flock(2), not lockf: it belongs to the open file, so two handles in one process exclude each other as two processes do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from oavr_tui.errors import Rejected
from oavr_tui.paths import private_dir
from oavr_tui.text import safe

_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.05
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}


class FileLock:
    """A lock that its holder may take again; threads of one process wait for each other too.

    wait: seconds to wait for another holder. shared: only keep writers out, and be content without the file where it
    cannot be made (a folder that may only be read).
    """

    def __init__(
        self,
        path: Path,
        *,
        wait: float = 10.0,
        shared: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._wait = wait
        self._shared = shared
        self._clock = clock
        self._sleep = sleep
        self._thread = threading.RLock()
        self._depth = 0
        self._fd = -1

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock inside. Raises Rejected when another holder does not let go in time; OSError otherwise."""
        deadline = self._clock() + self._wait
        if not self._thread.acquire(timeout=self._wait):
            raise self._busy()
        try:
            if self._depth == 0:
                self._take(deadline)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._give_back()
        finally:
            self._thread.release()

    def close(self) -> None:
        """Forget the file. The lock may be taken again later."""
        with self._thread:
            self._drop()

    def _take(self, deadline: float) -> None:
        pause = _FIRST_PAUSE
        while True:
            if self._open() and self._try():
                if self._is_current():
                    return
                self._drop()
            elif self._fd < 0:
                return
            elif self._clock() >= deadline:
                raise self._busy()
            else:
                self._sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _open(self) -> bool:
        """Whether there is a file to lock; without one only a reader may go on."""
        if self._fd >= 0:
            return True
        flags = getattr(os, "O_CLOEXEC", 0)
        try:
            if not self._shared:
                private_dir(self._path.parent)
            self._fd = os.open(self._path, flags | os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            if not self._shared:
                raise
            with contextlib.suppress(OSError):
                self._fd = os.open(self._path, flags | os.O_RDONLY)
        return self._fd >= 0

    def _try(self) -> bool:
        import fcntl

        try:
            fcntl.flock(self._fd, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise Rejected(
                f"The disk under {safe(str(self._path.parent), 120)} cannot lock files, so two programs could harm each"
                " other's work there. Set OAVR_HOME to a folder on a local disk."
            ) from error
        return True

    def _is_current(self) -> bool:
        """Whether the locked file still has its name: who deletes the folder must not split us into two camps."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def _give_back(self) -> None:
        if self._fd >= 0:
            import fcntl

            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _drop(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def _busy() -> Rejected:
        return Rejected(
            "Another OpenAvathar holds the list of jobs and does not let go, so nothing could be saved. Close it if it"
            " hangs, then try again.",
            can_retry=True,
        )
