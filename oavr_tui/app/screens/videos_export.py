"""Copying a video to a place of the person's choice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.fitting import even
from oavr_tui.app.outside.pasted import pasted
from oavr_tui.app.screens.videos_shelf import home_path
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.errors import OavrError
from oavr_tui.models import Video
from oavr_tui.paths import expanded

if TYPE_CHECKING:
    from oavr_tui.engine.engine import Engine


class Export(OwnDialog[Path | None]):
    """Returns where the copy is, None when nothing was copied. folder: proposed at first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, engine: Engine, video: Video, folder: str) -> None:
        super().__init__()
        self._engine = engine
        self._video = video
        self._folder = folder
        self._in_the_way: Path | None = None

    def compose(self) -> ComposeResult:
        name = Path(self._video.path).name
        field = TextField(home_path(str(Path(self._folder) / name)), id="export-to")
        with Vertical(classes="dialog"):
            yield Static(Content(f"Copy {even(self._video.title, 50)} to"), classes="title")
            yield field
            yield Static("A folder keeps the file's name; another name renames the copy.", classes="line hint")
            yield Static("", id="export-says", classes="bad")
            with Horizontal(classes="answers"):
                yield Button("Copy", variant="primary", id="export-go")
                yield Button("Replace it", variant="warning", id="export-replace")
                yield Button("Back", id="export-back")

    def on_mount(self) -> None:
        self._offer_to_replace(None)
        self.query_one(Input).focus()

    def _offer_to_replace(self, target: Path | None) -> None:
        self._in_the_way = target
        self.query_one("#export-replace").display = target is not None
        self.query_one("#export-go").display = target is None

    @on(Input.Changed)
    def edited(self) -> None:
        self._offer_to_replace(None)
        self.query_one("#export-says", Static).update("")

    @on(Input.Submitted)
    def submitted(self) -> None:
        self._copy()

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "export-back":
            self.dismiss(None)
        else:
            self._copy(replace_it=event.button.id == "export-replace")

    @work(exclusive=True)
    async def _copy(self, *, replace_it: bool = False) -> None:
        target = expanded(pasted(self.query_one(Input).value))
        says = self.query_one("#export-says", Static)
        if await asyncio.to_thread(target.is_dir):
            target /= Path(self._video.path).name
        says.update("Copying…")
        try:
            copied = await self._engine.export_video(self._video, target, overwrite=replace_it)
        except OavrError as error:
            says.update(Content(error.message))
            if await asyncio.to_thread(target.is_file) and not replace_it:
                self._offer_to_replace(target)
                self.query_one("#export-replace").focus()
            return
        self.dismiss(copied)
