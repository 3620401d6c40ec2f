"""The videos folder: readable names that never overwrite, a sidecar next to each video, and a trash with undo.

A video's name is taken by its sidecar: whoever makes `<name>.json` first has `<name>.mp4`. The sidecar says whose it is
and, from just before the video gets its name, how large the video is; a video counts as finished when both agree. So a
program that is killed between any two steps finds, when it comes back, either a finished video or its own reservation.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import count
from pathlib import Path
from typing import Any

from oavr_tui import __version__
from oavr_tui.errors import BadInput, Rejected
from oavr_tui.models import Video
from oavr_tui.store.disk import (
    PART_PREFIX,
    PART_SUFFIX,
    copy,
    explained,
    full_sync,
    move,
    share,
    sync_folder,
    write_file,
)
from oavr_tui.store.names import slug
from oavr_tui.store.tags import APP, read_sidecar, sidecar_for, video_from_sidecar
from oavr_tui.store.trash import Trash
from oavr_tui.text import safe

__all__ = ["Library", "slug"]

_STALE_SECONDS = 24 * 3600.0
_ADDING = "the video could not be saved in your videos folder"
_AGAIN = "try again; nothing has to be made anew"


class Library:
    """One videos folder. trash: where deleted videos wait, `<folder>/.trash` unless given. now: unix seconds.

    Methods block and raise OavrError. One process at a time adds videos (the one that drives the queue); looking,
    deleting and exporting may happen in others meanwhile.
    """

    def __init__(self, folder: Path, trash: Path | None = None, *, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._trash = Trash(trash or folder / ".trash", now)
        self._now = now

    def reserve(self, title: str, job_id: str) -> Path:
        """The path that this job's video shall have. Asked again, it is the same one, unless tidied away meanwhile."""
        with explained(_ADDING, _AGAIN):
            self.folder.mkdir(parents=True, exist_ok=True)
            for sidecar, content in self._sidecars_of(job_id):
                video = sidecar.with_suffix(".mp4")
                if not os.path.lexists(video) or _is_finished(video, content):
                    return video
                sidecar.unlink(missing_ok=True)  # somebody put another file in our place: leave it to them
            return self._reserve_new(slug(title), job_id)

    def adopt(self, job_id: str) -> Video | None:
        """The finished video of this job as its sidecar tells of it, if it is in the folder already."""
        with explained("your videos folder could not be read"):
            for sidecar, content in self._sidecars_of(job_id):
                if _is_finished(sidecar.with_suffix(".mp4"), content):
                    with contextlib.suppress(BadInput):
                        return video_from_sidecar(sidecar)
        return None

    def add(self, temp: Path, target: Path, sidecar: Video | Mapping[str, Any]) -> int:
        """Give a finished file its reserved name, with all that is known of it in the sidecar; returns its bytes.

        Durable when it returns; temp is gone then. Doing it again after a kill is harmless. sidecar: the video, or what
        `sidecar_for` makes of it; app, app_version and bytes are filled in. Raises Rejected when another file has taken
        the name.
        """
        known = sidecar_for(sidecar) if isinstance(sidecar, Video) else sidecar
        own = target.with_suffix(".json")
        with explained(_ADDING, _AGAIN):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not temp.exists() and _is_finished(target, _content(own)):
                return target.stat().st_size
            length = _made_durable(temp)
            content = {"app": APP, "app_version": __version__, **known, "bytes": length}
            write_file(own, json.dumps(content, indent=2).encode(), overwrite=True)
            try:
                _put_in_place(temp, target)
            except FileExistsError:
                raise Rejected(
                    f"A file named {safe(target.name, 80)} was put into your videos folder meanwhile, and it is not"
                    " overwritten. The video is safe; try again, and it gets another name.",
                    can_retry=True,
                ) from None
        return length

    def delete(self, video: Video) -> Path:
        """Move a video and its sidecar to the trash; returns the folder there. A file that is gone already is fine."""
        return self._trash.take(video)

    def undo(self, video: Video) -> Path:
        """Bring a video back from the trash; returns its path, another than before when its name is taken meanwhile.

        Raises Rejected when it is no longer in the trash.
        """
        return self._trash.give_back(video)

    def purge(self, older_than: float) -> tuple[str, ...]:
        """Remove for good what was deleted older_than seconds ago or earlier; returns the ids of those videos."""
        return self._trash.purge(older_than)

    def export(self, video: Video, target: Path, overwrite: bool = False) -> Path:
        """Copy a video to a file or into a folder; returns the copy's path. It appears whole or not at all.

        Raises BadInput when there is no such folder, the video is gone, or target exists and overwrite is not set.
        """
        source = Path(video.path)
        name = safe(source.name, 80)
        if not source.is_file():
            raise BadInput(f"{name} is no longer in your videos folder, so it cannot be copied. Make it again instead.")
        with explained(f"{name} could not be copied", "try again or choose another place"):
            if target.is_dir():
                target = target / source.name
            if not target.parent.is_dir():
                raise BadInput(f"There is no folder {safe(str(target.parent), 120)}. Create it, or choose another one.")
            if target.exists() and target.samefile(source):
                raise BadInput(f"{name} is there already: it is the very file. Choose another place for the copy.")
            if target.resolve().is_relative_to(self.folder.resolve()):
                raise BadInput(
                    "That is inside your videos folder, where a copy could take another video's place. Choose a place "
                    "outside of it."
                )
            try:
                copy(source, target, overwrite=overwrite)
            except FileExistsError:
                raise BadInput(
                    f"There is a file {safe(target.name, 80)} already. Choose another name, or allow it to be replaced."
                ) from None
        return target

    def tidy(self, live_jobs: Set[str], *, min_age: float = _STALE_SECONDS) -> int:
        """Remove what killed programs left: reservations of jobs that are not live, and unfinished copies.

        Only what is min_age seconds old or older; returns how many files went. A video is never removed.
        """
        removed = 0
        with explained("leftovers in your videos folder could not be removed"):
            stale = [path for path, content in self._sidecars() if _is_abandoned(path, content, live_jobs)]
            stale += self.folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}")
            for path in stale:
                with contextlib.suppress(FileNotFoundError):
                    if self._now() - path.stat().st_mtime >= min_age:
                        path.unlink()
                        removed += 1
        return removed

    def _reserve_new(self, name: str, job_id: str) -> Path:
        content = {"app": APP, "app_version": __version__, "job_id": job_id, "reserved_at": self._now()}
        for number in count(1):
            video = self.folder / (f"{name}.mp4" if number == 1 else f"{name}-{number}.mp4")
            sidecar = video.with_suffix(".json")
            if os.path.lexists(video) or os.path.lexists(sidecar):
                continue
            with contextlib.suppress(FileExistsError):
                write_file(sidecar, json.dumps(content, indent=2).encode(), overwrite=False)
                return video
        raise AssertionError("counting has no end")

    def _sidecars(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            if content := _content(path):
                yield path, content

    def _sidecars_of(self, job_id: str) -> list[tuple[Path, dict[str, Any]]]:
        return [(path, content) for path, content in self._sidecars() if content.get("job_id") == job_id]


def _content(path: Path) -> dict[str, Any]:
    try:
        return read_sidecar(path)
    except BadInput:
        return {}


def _is_finished(video: Path, content: Mapping[str, Any]) -> bool:
    try:
        return video.is_file() and video.stat().st_size == content.get("bytes")
    except OSError:
        return False


def _is_abandoned(sidecar: Path, content: Mapping[str, Any], live_jobs: Set[str]) -> bool:
    return not os.path.lexists(sidecar.with_suffix(".mp4")) and content.get("job_id") not in live_jobs


def _made_durable(temp: Path) -> int:
    """Sync a finished file and return its bytes."""
    fd = os.open(temp, os.O_RDONLY)
    try:
        share(fd)
        full_sync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def _put_in_place(temp: Path, target: Path) -> None:
    if target.exists() and target.samefile(temp):  # killed after the name was given, before the old one was taken off
        temp.unlink()
        sync_folder(target.parent)
    else:
        move(temp, target)
