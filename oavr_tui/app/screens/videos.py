"""The screen videos."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from oavr_tui.app.actions import bindings
from oavr_tui.app.live import Topic
from oavr_tui.app.screens.pane import Pane


class Videos(Pane):
    BINDINGS: ClassVar[list[BindingType]] = bindings("videos")

    def compose(self) -> ComposeResult:
        yield Static("Videos", classes="heading")

    def draw(self, changed: Set[Topic]) -> None:
        return
