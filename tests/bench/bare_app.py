"""The least that a Textual app can be: one OptionList and a Footer. What our own app is measured against.

Run: python -m tests.bench.bare_app [rows].
"""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import Footer, OptionList


class BareApp(App[None]):
    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012 # as short as it is written everywhere

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield OptionList(*(f"Option {number}" for number in range(self._rows)))
        yield Footer()


if __name__ == "__main__":
    BareApp(int(sys.argv[1]) if len(sys.argv) > 1 else 50).run()
