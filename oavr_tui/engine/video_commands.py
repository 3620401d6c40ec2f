"""What a person may ask of finished videos."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.engine.events import VideosChanged
from oavr_tui.engine.parts import Parts
from oavr_tui.models import Video

if TYPE_CHECKING:
    from oavr_tui.store.library import Library
    from oavr_tui.store.store import Store


class VideoCommands(Parts):
    """The engine's part for videos."""

    _videos: tuple[object, tuple[Video, ...]] = (None, ())
    """The mark of the store when they were last read, and the videos then."""

    async def videos(self) -> tuple[Video, ...]:
        """All videos but those in the trash, newest first. Costs next to nothing when nobody changed anything."""
        seen, known = self._videos

        def read(store: Store) -> tuple[object, tuple[Video, ...]]:
            mark = store.change_counter()
            return mark, known if mark == seen else tuple(store.videos())

        self._videos = await self._store.do(read)
        return self._videos[1]

    async def undo_delete(self) -> Video | None:
        """Bring back the video that was deleted last; None where there is none. Raises Rejected where it is gone."""
        deleted = await self.deleted_videos()
        if not deleted:
            return None
        return await self.restore_video(max(deleted, key=lambda video: (video.deleted_at or 0.0, video.id)))

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
        await asyncio.to_thread(self._library_of(video).delete, video)
        return await self._record(replace(video, deleted_at=self._around.clock()))

    async def restore_video(self, video: Video) -> Video:
        """Take a video out of the trash again."""
        path = await asyncio.to_thread(self._library_of(video).undo, video)
        return await self._record(replace(video, deleted_at=None, path=str(path)))

    def _library_of(self, video: Video) -> Library:
        """The library of the folder that it is in: another one may have been chosen since, and its trash is there."""
        from oavr_tui.store.library import Library

        folder = Path(video.path).parent
        return self._library if folder == self._library.folder else Library(folder)

    async def _record(self, video: Video) -> Video:
        await self._store.do(lambda store: store.put_video(video))
        self.bus.emit(VideosChanged(video))
        return video
