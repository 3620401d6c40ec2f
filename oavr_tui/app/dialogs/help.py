"""The keys that work here: those of what has the focus first, then those of the whole app; or those of a dialog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from oavr_tui.app.actions import ACTIONS, BY_ID, OWNERS
from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.keys import shown_key, shown_keys
from oavr_tui.app.widgets.line_list import LineList, Piece

_KEYS, _LABELS = 10, max(len(action.label) for action in ACTIONS) + 2
"""Cells of the columns, the space after them included."""
_NARROW = 64
"""Cells below which what a key does is said at once, without its name."""
_SCROLLS = "↑ ↓ PgDn scroll"


@dataclass(frozen=True, slots=True)
class Key:
    """A line of the key help. keys: as they are shown."""

    keys: str
    label: str
    help: str = ""


Rows = Sequence[str | Key]
"""Headings, and keys."""


class Help(ModalScreen[None]):
    """Shows such rows. What works in a dialog does not work beneath it, nor the other way round."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,question_mark,q", "dismiss", "Close", show=False)]
    VERTICAL_BREAKPOINTS = OwnDialog.VERTICAL_BREAKPOINTS
    DEFAULT_CSS = """
    Help #help-whole { height: 1; }
    Help.short #help-whole { height: 2; }
    """

    def __init__(self, rows: Rows, *, palette: bool = False) -> None:
        """palette: the palette can be opened here too, which has everything."""
        super().__init__()
        self._rows = rows
        self._hint = f"{_SCROLLS} · ^p finds any action · Esc closes" if palette else f"{_SCROLLS} · Esc closes"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(Content("Keys"), classes="title")
            yield LineList(self._draw, id="help-rows")
            yield Static("", id="help-whole")
            yield Static(Content(self._hint), classes="hint")

    def on_mount(self) -> None:
        rows = self.query_one(LineList)
        rows.show_rows(len(self._rows), min(1, len(self._rows) - 1))  # the first is a heading
        rows.focus()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        """Below the list the row of the cursor is said whole."""
        event.stop()
        row = self._rows[event.index]
        whole = "" if isinstance(row, str) else f"{row.label}: {row.help}" if row.help else row.label
        self.query_one("#help-whole", Static).update(Content(whole))

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        row = self._rows[index]
        if isinstance(row, str):
            return ((row, "strong"),)
        keys: Piece = (f"  {row.keys:<{_KEYS}}", "accent")
        if width < _NARROW:
            return keys, (_cut(row.help or row.label, width - 2 - _KEYS), "")
        told = _cut(row.help, width - 2 - _KEYS - _LABELS)
        return keys, (f"{row.label:<{_LABELS}}", ""), (told, "dim")


def _cut(text: str, room: int) -> str:
    """Cut between words, where it does not fit."""
    return shorten(text, max(room, 4), placeholder=" …")


def keys_everywhere(owners: Sequence[str]) -> Rows:
    """All keys of the app. owners: whose come first, nearest to the focus first."""
    rows: list[str | Key] = []
    for owner in [*owners, *(owner for owner in OWNERS if owner not in owners)]:
        rows += ["", OWNERS[owner]] if rows else [OWNERS[owner]]
        rows += [
            Key(shown_keys(action), action.label, action.help)
            for action in ACTIONS
            if action.owner == owner and action.keys
        ]
    return rows


_ALWAYS = (
    Key("Tab", "Go on", "To the next field or answer; with Shift, back."),
    Key("enter", "Choose", "What has the focus, which is marked."),
)
_SAID = {"keys_here", *(binding.action for binding in Screen.BINDINGS if isinstance(binding, Binding))}
"""What is not a key of one dialog: how to go on is among what is always said."""
_PUT_AWAY = "Leave this; nothing is changed by that."


def keys_of(dialog: Screen[Any]) -> Rows:
    """The keys of a dialog: its own, and those of the part of it that has the focus."""
    own: dict[str, list[str]] = {}
    parts: dict[str, None] = {}
    for key, active in dialog.active_bindings.items():
        if active.binding.id in BY_ID:
            parts[active.binding.id] = None
        elif active.node is dialog and active.binding.action not in _SAID and active.binding.description:
            own.setdefault(active.binding.description, []).append(shown_key(key))
    rows: list[str | Key] = ["This window", *_ALWAYS]
    rows += [Key(" ".join(keys), label, _PUT_AWAY if "Esc" in keys else "") for label, keys in own.items()]
    if parts:
        rows += ["", "In it", *(Key(shown_keys(BY_ID[name]), BY_ID[name].label, BY_ID[name].help) for name in parts)]
    return rows
