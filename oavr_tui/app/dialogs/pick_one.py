"""One of a list, chosen by arrows or a click; what the cursor stands on may be tried at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.widgets.line_list import LineList, Piece


class PickOne(OwnDialog[str]):
    """Returns the id of what was chosen, "" for Esc. rows: ids and labels, safe to show. trying: told of each row that
    the cursor comes to."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", show=False)]
    DEFAULT_CSS = """
    PickOne LineList { height: auto; max-height: 20; min-height: 3; background: $surface; }
    """

    def __init__(
        self, title: str, rows: Sequence[tuple[str, str]], at: str, trying: Callable[[str], object] | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._rows = rows
        self._at = at
        self._trying = trying

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="title")
            yield LineList(self._draw, id="pick-rows")
            yield Static(Content("enter takes it · Esc leaves it as it was"), classes="hint")

    def on_mount(self) -> None:
        rows = self.query_one(LineList)
        rows.styles.height = min(len(self._rows), 20)
        rows.show_rows(len(self._rows), next((n for n, row in enumerate(self._rows) if row[0] == self._at), 0))
        rows.focus()

    def _draw(self, index: int, _line: int, _width: int) -> Sequence[Piece]:
        chosen = "•" if self._rows[index][0] == self._at else " "
        return ((f" {chosen} {self._rows[index][1]}", ""),)

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if self._trying is not None and event.index >= 0:
            self._trying(self._rows[event.index][0])

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.dismiss(self._rows[event.index][0])
