"""The screen studio."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Button, Input, Static

from oavr_tui.app.actions import bindings
from oavr_tui.app.live import Topic
from oavr_tui.app.screens.pane import Pane


class Studio(Pane):
    BINDINGS: ClassVar[list[BindingType]] = bindings("studio")

    def compose(self) -> ComposeResult:
        yield Static("New video", classes="heading")
        yield Input(placeholder="portrait")
        yield Button("Generate")

    def draw(self, changed: Set[Topic]) -> None:
        return
