"""The keys that work here: those of what has the focus first, then those of the whole app."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from oavr_tui.app.actions import ACTIONS, OWNERS, Action
from oavr_tui.app.keys import shown_keys
from oavr_tui.app.widgets.line_list import LineList, Piece

_KEYS, _LABELS = 10, max(len(action.label) for action in ACTIONS) + 2
"""Cells of the columns, the space after them included."""


class Help(ModalScreen[None]):
    """owners: whose keys come first, nearest to the focus first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,question_mark,q", "dismiss", "Close", show=False)]

    def __init__(self, owners: Sequence[str]) -> None:
        super().__init__()
        order = [*owners, *(owner for owner in OWNERS if owner not in owners)]
        self._rows: list[str | Action] = []
        for owner in order:
            self._rows += ["", OWNERS[owner]] if self._rows else [OWNERS[owner]]
            self._rows += [action for action in ACTIONS if action.owner == owner and action.keys]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(Content("Keys"), classes="title")
            yield LineList(self._draw, id="help-rows")
            yield Static(Content("Every action is also in the palette: ^p · Esc closes"), classes="hint")

    def on_mount(self) -> None:
        rows = self.query_one(LineList)
        rows.show_rows(len(self._rows))
        rows.focus()

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        row = self._rows[index]
        if isinstance(row, str):
            return ((row, "strong"),)
        room = max(width - 2 - _KEYS - _LABELS, 4)
        told = shorten(row.help, room, placeholder=" …")  # where it is cut, between words
        return ((f"  {shown_keys(row):<{_KEYS}}", "accent"), (f"{row.label:<{_LABELS}}", ""), (told, "dim"))
