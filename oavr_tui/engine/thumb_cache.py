"""Small pictures of videos on the disk, so that a gallery that was seen once opens at once. Blocks; for a thread."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from oavr_tui.media.types import Raster
from oavr_tui.paths import private_dir

MOST_FILES = 2000
_MAGIC = b"oavr-thumb-1"
_LARGEST = 1 << 20


class ThumbCache:
    """One file for each picture, named by the path, time, size and dimensions of what it was drawn from."""

    def __init__(self, folder: Path, most: int = MOST_FILES) -> None:
        self._folder = folder
        self._most = most

    def find(self, files: Iterable[Path], width: int, height: int) -> tuple[dict[Path, Raster], dict[Path, str]]:
        """What is here already, and the names under which to keep what is not; files that are gone are in neither."""
        found: dict[Path, Raster] = {}
        missing: dict[Path, str] = {}
        for file in dict.fromkeys(files):
            try:
                status = file.stat()
            except (OSError, ValueError):
                continue
            facts = (os.fsencode(file.absolute()), status.st_mtime_ns, status.st_size, width, height)
            name = hashlib.sha256(repr(facts).encode()).hexdigest()[:40]
            raster = self._read(name)
            if raster is None:
                missing[file] = name
            else:
                found[file] = raster
        return found, missing

    def _read(self, name: str) -> Raster | None:
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(_LARGEST)
            magic, width, height, rgb = data.split(b" ", 3)
            return Raster(int(width), int(height), rgb) if magic == _MAGIC else None
        except (OSError, ValueError):
            return None  # not there, or damaged: it is drawn again

    def keep(self, rasters: Mapping[str, Raster]) -> None:
        """Keep pictures under their names; where the disk takes no more, they are drawn again another time."""
        with contextlib.suppress(OSError):
            private_dir(self._folder)
            for name, raster in rasters.items():
                part = self._folder / f"{name}.{os.getpid()}"
                try:
                    part.write_bytes(b"%s %d %d %s" % (_MAGIC, raster.width, raster.height, raster.rgb))
                    part.chmod(0o600)
                    part.replace(self._folder / name)
                except OSError:
                    part.unlink(missing_ok=True)
                    raise
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        with os.scandir(self._folder) as entries:
            ages = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries)
        for _, name in ages[: max(0, len(ages) - self._most)]:
            (self._folder / name).unlink(missing_ok=True)
