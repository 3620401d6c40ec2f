"""Choosing a picture or a recording: only folders and usable files are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.widgets.browser import Browser
from oavr_tui.app.widgets.small_button import SmallButton


class PickFile(OwnDialog[Path | None]):
    """Returns the chosen file, None for Esc and Back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, title: str, suffixes: frozenset[str], start: Path, recent: Sequence[Path] = ()) -> None:
        """suffixes: PICTURES or VOICES of outside.listing. start: a folder, or a file in it. recent: other folders."""
        super().__init__()
        self._title = title
        self._browser = Browser(start, suffixes, recent)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(Content(self._title), classes="title")
            yield self._browser
            with Horizontal(classes="answers"):
                yield SmallButton("Choose", variant="primary", id="choose")
                yield SmallButton("Back", id="back")

    @on(Browser.Picked)
    def picked(self, event: Browser.Picked) -> None:
        self.dismiss(event.path)

    @on(Button.Pressed, "#choose")
    def choose(self) -> None:
        self._browser.choose()

    @on(Button.Pressed, "#back")
    def back(self) -> None:
        self.dismiss(None)
