"""The screen settings."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from oavr_tui.app.actions import bindings
from oavr_tui.app.live import Topic
from oavr_tui.app.screens.pane import Pane


class SettingsPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = bindings("settings")

    def compose(self) -> ComposeResult:
        yield Static("SettingsPane", classes="heading")

    def draw(self, changed: Set[Topic]) -> None:
        return
