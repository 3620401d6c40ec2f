"""The few calls by which files reach the disk for good, and what their failures mean to a person.

Everything in this package that must survive a crash goes through a `Disk`, so that a test can hand in one which fails
at any chosen call. Sources: fsync(2), rename(2), link(2); on macOS fsync does not empty the drive's own cache, which
F_FULLFSYNC does (fcntl(2) there).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from oavr_tui.errors import BadInput, DiskFull, OavrError, Rejected
from oavr_tui.text import safe

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
# What file systems without hard links (exFAT, some network drives) answer to link(2).
NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}

_CHUNK = 1 << 20

PART_PREFIX = ".oavr-"
PART_SUFFIX = ".part"


class Disk:
    """The real disk. Every method raises OSError as the system reports it."""

    def open(self, path: Path, flags: int) -> int:
        """Open a file which, when created, only its owner can read."""
        return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """Wait until what was written to this file is on the medium."""
        full_sync(fd)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in this folder are on the medium."""
        sync_folder(folder)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        target.hardlink_to(source)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def write_all(self, fd: int, data: bytes) -> None:
        """Write all of it, also when the system takes only a part at a time."""
        rest = memoryview(data)
        while rest:
            count = self.write(fd, rest)
            if count <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[count:]

    def write_new(self, path: Path, data: bytes) -> None:
        """Write a whole new file and wait for it; an older file of this name is emptied first."""
        fd = self.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            self.write_all(fd, data)
            self.sync(fd)
        finally:
            os.close(fd)


def full_sync(fd: int) -> None:
    """Wait until a file's contents are on the medium. Raises OSError."""
    try:
        import fcntl

        full = getattr(fcntl, "F_FULLFSYNC", None)
    except ImportError:
        full = None
    if full is not None:
        fcntl.fcntl(fd, full)
    else:
        getattr(os, "fdatasync", os.fsync)(fd)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the medium. Raises OSError, except where folders cannot be synced at all."""
    fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    except OSError as error:
        # Network and FUSE file systems answer so when they have no such notion; there is nothing more to be done.
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
    finally:
        os.close(fd)


def explain(error: OSError, what: str, remedy: str = "try again") -> OavrError:
    """The sentence for a failed call. what: the thing that did not happen, as a clause; remedy: what to do after."""
    if error.errno in _NO_ROOM:
        return DiskFull(f"The disk is full, so {what}. Free some space, then {remedy}.")
    if error.errno in _NOT_ALLOWED:
        where = safe(str(Path(os.fsdecode(error.filename)).parent), 120) if error.filename else "that folder"
        return Rejected(f"{where} may not be written to, so {what}. Change its permissions, then {remedy}.")
    reason = safe(error.strerror or "an unknown fault", 80)
    return Rejected(f"The disk reported “{reason}”, so {what}. Check the disk, then {remedy}.", can_retry=True)


@contextlib.contextmanager
def explained(what: str, remedy: str = "try again") -> Iterator[None]:
    """Turn an OSError inside into its sentence."""
    try:
        yield
    except OSError as error:
        raise explain(error, what, remedy) from error


def open_plain(source: Path, name: str) -> int:
    """Open an ordinary file for reading, or raise BadInput; name: what to call it in the sentence.

    A pipe or device is never waited for: with O_NONBLOCK open(2) returns at once.
    """
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(source, os.O_RDONLY | flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise BadInput(f"There is no file {name}. Check the path, or choose another file.") from None
    except PermissionError:
        raise BadInput(f"{name} may not be read by you. Change its permissions, or choose another file.") from None
    except (OSError, ValueError):  # too long a name, a loop of links, a socket, a NUL in the path
        raise BadInput(f"{name} cannot be opened as a file. Check the path, or choose another file.") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BadInput(f"{name} is not an ordinary file but a folder or a device. Choose a picture or a recording.")
    return fd


@contextlib.contextmanager
def part_file(folder: Path) -> Iterator[tuple[int, Path]]:
    """An open temporary file in the folder where the finished one shall be; whatever still has its name goes away."""
    fd, name = tempfile.mkstemp(prefix=PART_PREFIX, suffix=PART_SUFFIX, dir=folder)
    try:
        yield fd, Path(name)
    finally:
        os.close(fd)
        Path(name).unlink(missing_ok=True)


def place(part: Path, target: Path) -> None:
    """Give a finished file its name without ever replacing another. Raises FileExistsError, and OSError otherwise.

    The old name may remain; the caller removes it. On a file system without hard links the look and the rename are two
    steps, which is the best that can be done there.
    """
    try:
        target.hardlink_to(part)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        part.rename(target)


def move(source: Path, target: Path) -> None:
    """Move a file, to another disk if need be, without ever replacing one, and sync both folders.

    Whole and durable under the new name before the old one goes. Raises FileExistsError, and OSError otherwise.
    """
    if source.stat().st_dev == target.parent.stat().st_dev:
        place(source, target)
    else:
        copy(source, target, overwrite=False)
    source.unlink(missing_ok=True)
    for folder in {source.parent, target.parent}:
        sync_folder(folder)


def copy(source: Path, target: Path, *, overwrite: bool) -> None:
    """Copy a file so that it appears at once or not at all. Raises FileExistsError unless overwrite; BadInput for a
    source that is not an ordinary file; OSError otherwise."""
    fd = open_plain(source, safe(source.name, 80))
    try:
        with part_file(target.parent) as (part_fd, part):
            while chunk := os.read(fd, _CHUNK):
                Disk().write_all(part_fd, chunk)
            _settle(part_fd, part, target, overwrite)
    finally:
        os.close(fd)
    sync_folder(target.parent)


def write_file(target: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a whole file that appears at once or not at all, readable as the person's umask says.

    Raises FileExistsError unless overwrite, and OSError otherwise.
    """
    with part_file(target.parent) as (fd, part):
        Disk().write_all(fd, data)
        _settle(fd, part, target, overwrite)
    sync_folder(target.parent)


def _settle(fd: int, part: Path, target: Path, overwrite: bool) -> None:
    share(fd)
    full_sync(fd)
    if overwrite:
        part.replace(target)
    else:
        place(part, target)


def share(fd: int) -> None:
    """Give a temporary file (0600) the mode that an ordinary new file of this person has."""
    if hasattr(os, "fchmod"):
        # The umask can only be read by setting it, which would touch other threads; 0644 is the usual outcome, and
        # folders that others must not enter are closed by their own mode.
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, 0o644)
