"""A button of one line."""

from __future__ import annotations

from typing import Any

from textual.reactive import reactive
from textual.widgets import Button


class SmallButton(Button):
    """Begins with the classes that Textual's would only get by and by, at the price of three more rounds of styles."""

    compact = reactive(True, toggle_class="-textual-compact")

    def __init__(self, *given: Any, classes: str = "", **named: Any) -> None:
        super().__init__(*given, compact=True, classes=f"{classes} -textual-compact -style-default", **named)
