"""How cards lie in a window: how many beside each other, how wide and how high, and what one without a picture is."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.geometry import Size

_CAPTION = 2
EXTRA = _CAPTION + 2
"""Lines of a card besides its picture: a bar above it, one below it, and the caption."""
GAP = 2
_LINES_A_ROW = 17
LEAST_PICTURE, _MOST_PICTURE = 4, 16
LEAST_WIDTH = 16


@dataclass(frozen=True, slots=True)
class Grid:
    """How the cards lie: so many beside each other, each width cells wide, its picture `tall` lines high."""

    columns: int
    width: int
    tall: int

    @classmethod
    def fitting(cls, size: Size) -> Grid:
        """The grid for a window of this size: whole rows of cards where the height allows it."""
        rows = max(1, round(size.height / _LINES_A_ROW))
        tall = min(max(size.height // rows - EXTRA, LEAST_PICTURE), _MOST_PICTURE)
        columns = max(1, size.width // (max(LEAST_WIDTH, round(tall * 1.25)) + GAP))
        return cls(columns, max(size.width // columns - GAP, 4), tall)

    @property
    def height(self) -> int:
        """Lines of a card."""
        return self.tall + EXTRA

    def left(self, column: int) -> int:
        """The first cell of a column of cards."""
        return 1 + column * (self.width + GAP)


def frame_line(line: int, grid: Grid, words: str) -> str:
    """Corners, and the words in the middle: sides would have to be sent for every line."""
    inside = grid.width - 2
    if line == 0:
        return "╭" + "─" * inside + "╮"
    if line == grid.tall - 1:
        return "╰" + "─" * inside + "╯"
    shown = set_cell_size(words, min(cell_len(words), inside)) if line == grid.tall // 2 else ""
    left = (inside - cell_len(shown)) // 2 + 1
    return set_cell_size(" " * left + shown, grid.width)
