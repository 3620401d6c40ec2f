"""What was said since the start, for whoever missed it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.live import Told
from oavr_tui.app.next_steps import plain


class Notices(OwnDialog[None]):
    """told: the oldest first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Close", show=False)]

    def __init__(self, told: Sequence[Told]) -> None:
        super().__init__()
        self._told = told

    def compose(self) -> ComposeResult:
        lines = [f"{_at(each.at)}  {plain(each.text)}" for each in reversed(self._told)]
        with Vertical(classes="dialog tall"):
            yield Static(Content("What was said, newest first"), classes="title")
            with VerticalScroll():
                yield Static(Content("\n\n".join(lines) or "Nothing was said yet."))
            yield Static(Content("Esc closes"), classes="hint")


def _at(seconds: float) -> str:
    """The time of day here."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%H:%M:%S}"
