"""Our own list alone, with as many rows as asked for: what a key in it costs, apart from the screens around it.

Run: python -m tests.bench.app_line_list [rows].
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widgets import Footer

from oavr_tui.app.outside.guard import GuardedApp
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.paths import Paths


class LineListApp(GuardedApp):
    """Written to the terminal as the app is."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.paths = Paths.find()
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield LineList(self._draw)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(LineList).show_rows(self._rows, 0)

    def _draw(self, index: int, line: int, width: int) -> Sequence[Piece]:
        del line, width
        return [("✔ ", "good"), (f"video {index}".ljust(40), ""), ("Done", "dim"), ("  0:34", "money")]


if __name__ == "__main__":
    LineListApp(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000).run()
