"""Deleted videos, each in a folder of its own named by its id, until they are brought back or purged.

A move is two renames (video, sidecar). Whichever was the last before a kill, doing it again completes it.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

from oavr_tui.errors import BadInput, Rejected
from oavr_tui.models import Video
from oavr_tui.store.disk import explained, move, write_file
from oavr_tui.store.tags import read_sidecar, sidecar_for
from oavr_tui.text import safe

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class Trash:
    """A folder of deleted videos. now: unix seconds."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now

    def take(self, video: Video) -> Path:
        """Move a video's files here and return their folder; a file that is gone already is nothing to complain of."""
        entry = self._entry(video)
        path = Path(video.path)
        sidecar = path.with_suffix(".json")
        with explained(f"{safe(path.name, 80)} could not be deleted"):
            entry.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                move(path, _free(entry, path.stem, ".mp4"))
            if _belongs_to(sidecar, video):
                move(sidecar, _free(entry, path.stem, ".json"))
            now = self._now()
            os.utime(entry, (now, now))
        return entry

    def give_back(self, video: Video) -> Path:
        """Move a video's files back, beside whatever has taken its name meanwhile, and return its path."""
        entry = self._entry(video)
        path = Path(video.path)
        with explained(f"{safe(path.name, 80)} could not be brought back"):
            deleted = next(iter(sorted(entry.glob("*.mp4"))), None)
            if deleted is None:
                if not path.is_file():
                    raise Rejected(f"{safe(path.name, 80)} is no longer in the trash. You can make it again instead.")
                target = path
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                target = self._sidecar_back(entry, video, path).with_suffix(".mp4")
                if not os.path.lexists(target):  # else an earlier, killed try brought it back already
                    move(deleted, target)
            shutil.rmtree(entry, ignore_errors=True)
        return target

    def purge(self, older_than: float) -> tuple[str, ...]:
        """Remove for good what came older_than seconds ago or earlier; returns the ids."""
        with explained("the trash could not be emptied"):
            entries = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
            old = [
                entry
                for entry in entries
                if _ID.fullmatch(entry.name)
                and entry.is_dir()
                and not entry.is_symlink()
                and self._now() - entry.stat().st_mtime >= older_than
            ]
            for entry in old:
                shutil.rmtree(entry)
        return tuple(entry.name for entry in old)

    def _entry(self, video: Video) -> Path:
        if not _ID.fullmatch(video.id):
            raise BadInput(f"The video {safe(video.id, 40)} has an id that cannot name a folder, so it was left alone.")
        return self._folder / video.id

    def _sidecar_back(self, entry: Path, video: Video, path: Path) -> Path:
        """Take a free name by putting the sidecar there; the one that an earlier, killed try took counts."""
        deleted = next(iter(sorted(entry.glob("*.json"))), None)
        film = next(iter(sorted(entry.glob("*.mp4"))))
        for number in count(1):
            sidecar = path.with_suffix(".json") if number == 1 else path.with_name(f"{path.stem}-{number}.json")
            taken = sidecar.with_suffix(".mp4")
            if _belongs_to(sidecar, video) and (not os.path.lexists(taken) or _is_same(taken, film)):
                return sidecar
            if os.path.lexists(taken):
                continue
            try:
                if deleted is not None:
                    move(deleted, sidecar)
                else:
                    write_file(sidecar, json.dumps(sidecar_for(video), indent=2).encode(), overwrite=False)
            except FileExistsError:
                continue
            return sidecar
        raise AssertionError("counting has no end")


def _belongs_to(sidecar: Path, video: Video) -> bool:
    try:
        return read_sidecar(sidecar).get("job_id") == video.job_id
    except BadInput:
        return False


def _is_same(one: Path, other: Path) -> bool:
    return one.is_file() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))


def _free(folder: Path, stem: str, suffix: str) -> Path:
    for number in count(1):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        if not os.path.lexists(path):
            return path
    raise AssertionError("counting has no end")
