"""Pictures and voices of unfinished jobs, kept under the hash of what is in them.

A job must come to the same end when its person moves or overwrites the picture meanwhile, and two jobs of one picture
need it once. A file here is whole from the moment it has its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Set
from pathlib import Path

from oavr_tui.errors import BadInput
from oavr_tui.paths import private_dir
from oavr_tui.store.disk import PART_PREFIX, Disk, explained, full_sync, open_plain, part_file, sync_folder
from oavr_tui.text import safe, size

LARGEST = 8_000_000_000
"""Bytes: far beyond any picture or voice that can be used, and small enough not to fill a disk by a slip."""

_STALE_SECONDS = 24 * 3600.0
_CHUNK = 1 << 20
_HASH = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class Inputs:
    """The folder of kept inputs. now: unix seconds. Methods block and raise OavrError."""

    def __init__(
        self, folder: Path, *, largest: int = LARGEST, disk: Disk | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._largest = largest
        self._disk = disk or Disk()
        self._now = now

    def keep(self, source: Path) -> str:
        """Copy a file in and return its sha256 in hex; durable when it returns.

        The copy keeps the suffix, since ComfyUI and PyAV go by it; what is kept already keeps the suffix it came with.
        Raises BadInput for what is not a readable, ordinary, not empty file of at most `largest` bytes; DiskFull.
        """
        name = safe(source.name, 80) or "this"
        fd = open_plain(source, name)
        try:
            with explained(f"{name} could not be kept for the job"):
                private_dir(self._folder)
                with part_file(self._folder) as (part_fd, part):
                    digest = self._copy(fd, part_fd, name)
                    self._settle(part, digest, _suffix(source))
        finally:
            os.close(fd)
        return digest

    def path(self, digest: str) -> Path | None:
        """Where the input of this hash is, or None when it is not kept."""
        if not _HASH.fullmatch(digest):
            return None
        plain = self._folder / digest
        return next(iter(sorted(self._folder.glob(f"{digest}.*"))), plain if plain.is_file() else None)

    def release(self, keep_hashes: Set[str], *, min_age: float = 0.0) -> int:
        """Remove all inputs but these, if they came min_age seconds ago or earlier; returns how many went.

        Only the process that drives the queue may call it, since another's new input might not be in its list yet.
        """
        removed = 0
        with explained("inputs that are no longer needed could not be removed"):
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                is_part = path.name.startswith(PART_PREFIX)
                if not is_part and (not _HASH.fullmatch(path.stem) or path.stem in keep_hashes):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    if self._now() - path.stat().st_mtime >= (_STALE_SECONDS if is_part else min_age):
                        path.unlink()
                        removed += 1
        return removed

    def _copy(self, source: int, target: int, name: str) -> str:
        digest = hashlib.sha256()
        total = 0
        while chunk := _read(source, name):
            total += len(chunk)
            if total > self._largest:
                raise BadInput(f"{name} is larger than {size(self._largest)}, too large to use. Choose a smaller file.")
            digest.update(chunk)
            self._disk.write_all(target, chunk)
        if total == 0:
            raise BadInput(f"{name} is empty, so nothing can be made of it. Choose another file.")
        full_sync(target)
        return digest.hexdigest()

    def _settle(self, part: Path, digest: str, suffix: str) -> None:
        kept = self.path(digest)
        if kept is not None and kept.stat().st_size == part.stat().st_size:
            os.utime(kept, (self._now(), self._now()))  # young again, so that min_age spares it
            return
        self._disk.replace(part, kept or self._folder / f"{digest}{suffix}")
        sync_folder(self._folder)


def _read(fd: int, name: str) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        raise BadInput(
            f"{name} could not be read to its end. Check the disk that it is on, or copy it first."
        ) from None


def _suffix(source: Path) -> str:
    suffix = source.suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""
