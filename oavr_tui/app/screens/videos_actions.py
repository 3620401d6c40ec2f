"""What can be done with the selected video."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from oavr_tui.app.actions import bindings
from oavr_tui.app.fitting import even
from oavr_tui.app.screens.pane import Pane
from oavr_tui.app.screens.videos_details import GONE
from oavr_tui.app.screens.videos_shelf import home_path
from oavr_tui.errors import OavrError
from oavr_tui.models import AUTO, PREVIEW, Video

EXPORT_FOLDER = "videos.export"
"""Where Memory.views keeps the folder that a video was copied to last."""


class VideoActions(Pane):
    """Carries out the actions on one video; what is selected, and how it is shown, is the subclass's affair."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("videos")

    @property
    def selected(self) -> Video | None:
        """The video at the cursor."""
        raise NotImplementedError

    def select_soon(self, video_id: str) -> None:
        """Put the cursor on this video as soon as it is shown."""
        raise NotImplementedError

    def _chosen(self) -> Video | None:
        """The selected video; where there is none, that is said."""
        if self.selected is None:
            self.oavr.say("No video is selected. The Studio makes new ones.")
        return self.selected

    # --- looking and copying

    @work(exclusive=True, group="videos-outside")
    async def action_open(self) -> None:
        if (video := self._chosen()) is not None and await self._is_there(video):
            await self.oavr.open_elsewhere(video.path)

    @work(exclusive=True, group="videos-outside")
    async def action_copy_path(self) -> None:
        if (video := self._chosen()) is not None:
            await self.oavr.copy_text(video.path, home_path(video.path))

    @work(exclusive=True, group="videos-outside")
    async def action_copy_scp(self) -> None:
        from oavr_tui.app.outside.opening import scp_line

        if (video := self._chosen()) is None or not await self._is_there(video):
            return
        if line := scp_line(video.path, self.oavr.environ):
            await self.oavr.copy_text(line, line)
        else:
            self.oavr.say("You are not here over SSH, so nothing has to be fetched: y copies the path of the file.")

    async def _is_there(self, video: Video) -> bool:
        there = await asyncio.to_thread(Path(video.path).is_file)
        if not there:
            self.oavr.say(f"{even(video.title, 60)}: {GONE}", bad=True)
        return there

    @work(exclusive=True, group="videos-outside")
    async def action_export(self) -> None:
        from oavr_tui.app.screens.videos_export import Export

        if (video := self._chosen()) is None or not await self._is_there(video):
            return
        folder = self.oavr.memory.views.get(EXPORT_FOLDER) or str(Path.home())
        copied = await self.app.push_screen_wait(Export(await self.engine(), video, folder))
        if copied is not None:
            self.remember(EXPORT_FOLDER, str(copied.parent))
            self.oavr.say(f"Copied to {home_path(str(copied))}.")

    # --- making again

    async def action_again(self) -> None:
        if (video := self._chosen()) is not None:
            await self._to_studio(video, video.request.on)

    async def action_full(self) -> None:
        video = self._chosen()
        if video is not None and not video.preview:
            self.oavr.say("This is a full video already; g makes it again.")
        elif video is not None:
            await self._to_studio(video, AUTO)

    async def _to_studio(self, video: Video, on: str) -> None:
        from oavr_tui.app.request import draft_of
        from oavr_tui.app.screens.studio import Studio

        studio = await self.oavr.go("studio")
        assert isinstance(studio, Studio)
        studio.form.fill(draft_of(replace(video.request, on=on)))
        if (first := studio.first_focus()) is not None:
            first.focus()
        kind = "a preview" if on == PREVIEW else "a full video"
        self.oavr.say(f"The form is filled in to make {even(video.title, 60)} as {kind}: ^g begins.")

    # --- deleting

    @work(group="videos-delete")
    async def action_delete(self) -> None:
        if (video := self._chosen()) is None:
            return
        engine = await self.engine()
        try:
            await engine.delete_video(video)
        except OavrError as error:
            self.oavr.say(error.message, bad=True)
        else:
            self.oavr.say(f"{even(video.title, 60)} is in the trash: u brings it back.", about=video.id)

    @work(group="videos-delete")
    async def action_undo(self) -> None:
        engine = await self.engine()
        try:
            video = await engine.undo_delete()
        except OavrError as error:
            self.oavr.say(error.message, bad=True)
            return
        if video is None:
            self.oavr.say("The trash is empty: there is nothing to bring back.")
            return
        self.select_soon(video.id)
        self.oavr.say(f"{even(video.title, 60)} is back.", about=video.id)

    # --- small things

    def remember(self, name: str, text: str) -> None:
        """Keep something of this screen for the next start."""
        memory = self.oavr.memory
        if memory.views.get(name) != text:
            self.oavr.memory = replace(memory, views={**memory.views, name: text})
