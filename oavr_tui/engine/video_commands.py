"""What a person may ask of finished videos."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from oavr_tui.engine.events import VideosChanged
from oavr_tui.engine.parts import Parts
from oavr_tui.models import Video


class VideoCommands(Parts):
    """The engine's part for videos."""

    async def video(self, video_id: str) -> Video | None:
        return await self._store.do(lambda store: store.get_video(video_id))

    async def deleted_videos(self) -> list[Video]:
        videos = await self._store.do(lambda store: store.videos(include_deleted=True))
        return [video for video in videos if video.deleted_at is not None]

    async def export_video(self, video: Video, target: Path, *, overwrite: bool = False) -> Path:
        """Copy a video; a folder as target keeps its name. Returns where it went."""
        return await asyncio.to_thread(self._library.export, video, target, overwrite=overwrite)

    async def delete_video(self, video: Video) -> Video:
        """Move a video to the trash of the videos folder."""
        await asyncio.to_thread(self._library.delete, video)
        return await self._record(replace(video, deleted_at=self._around.clock()))

    async def restore_video(self, video: Video) -> Video:
        """Take a video out of the trash again."""
        path = await asyncio.to_thread(self._library.undo, video)
        return await self._record(replace(video, deleted_at=None, path=str(path)))

    async def _record(self, video: Video) -> Video:
        await self._store.do(lambda store: store.put_video(video))
        self.bus.emit(VideosChanged(video))
        return video
