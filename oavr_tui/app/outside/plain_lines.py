"""The last look at each line before it is drawn: what a terminal would obey is left out, wherever it came from.

Every part of the app makes foreign text safe itself. This is for text fields, which hold whatever was pasted into them
or remembered, and for the day on which somebody forgets.
"""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_TURNS_TEXT = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _plain(text: str) -> str:
    """The same without control bytes, halves of characters and bidi overrides, and just as wide."""
    return "".join("�" * cell_len(ch) if _is_obeyed(ch) else ch for ch in text)


def _is_obeyed(ch: str) -> bool:
    return unicodedata.category(ch) in ("Cc", "Cs") or ch in _TURNS_TEXT


class PlainLines(LineFilter):
    """Costs next to nothing where there is nothing to do, which is nearly always."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        del background
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment if segment.control or segment.text.isprintable() else Segment(_plain(segment.text), segment.style)
            for segment in segments
        ]
