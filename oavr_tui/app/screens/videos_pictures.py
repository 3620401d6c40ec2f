"""The pictures of the videos that were in sight lately, and which there are none of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.media.types import Raster
from oavr_tui.models import Video

if TYPE_CHECKING:
    from oavr_tui.engine.looks import Looks

_MOST = 500
"""Pictures kept in memory; those before are on the disk still."""


class Pictures:
    """gone: the ids of videos whose file is known to be no longer there."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self._rasters: dict[str, Raster] = {}
        self._undrawn: set[str] = set()

    def of(self, video: Video) -> Raster | str:
        """A video's picture, or what stands in its place; empty words while that is not known."""
        raster = self._rasters.get(video.id)
        if raster is not None:
            return raster
        if video.id not in self._undrawn:
            return ""
        return "file gone" if video.id in self.gone else "no picture"

    def try_again(self) -> None:
        """Something changed: what could not be drawn may be there now."""
        self._undrawn.clear()

    async def draw(self, looks: Looks, videos: Sequence[Video], width: int, height: int) -> bool:
        """Have the pictures drawn that are missing, as large as fits width x height pixels; whether any were."""
        wanted = [
            video
            for video in videos
            if video.id not in self._undrawn and not _fits(self._rasters.get(video.id), width, height)
        ]
        if not wanted:
            return False
        found = await looks.thumbnails([Path(video.path) for video in wanted], width, height)
        without = [video for video in wanted if Path(video.path) not in found]
        self.gone |= await asyncio.to_thread(_without_file, without)
        self._undrawn |= {video.id for video in without}
        for video in wanted:
            if (raster := found.get(Path(video.path))) is not None:
                self._rasters[video.id] = raster
                self.gone.discard(video.id)
        while len(self._rasters) > _MOST:
            del self._rasters[next(iter(self._rasters))]
        return True


def _without_file(videos: Sequence[Video]) -> set[str]:
    return {video.id for video in videos if not Path(video.path).is_file()}


def _fits(raster: Raster | None, width: int, height: int) -> bool:
    """Whether a picture was drawn for this grid: one of its sides is as long as it may be."""
    return raster is not None and (raster.width == width or raster.height == height)
