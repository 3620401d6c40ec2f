"""What a program's bytes made of the screen, and when: replayed into a terminal in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyte

from tests.bench.pty_run import COLUMNS, ROWS, Piece

Cells = tuple[str, ...]
"""Every cell of the screen, row by row."""

FEW_CELLS = 40
"""So many cells that are not blank count as a first paint."""
NEARLY_ALL = 0.98
"""So much of the settled screen counts as a full frame."""

# Sequences that pyte takes for text, or for others; none of them moves or paints anything.
_PRIVATE = re.compile(
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$[a-z]|\x1b\[[0-9;]* q"
    rb"|\x1b_.*?\x1b\\|\x1bP.*?\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)",
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;:?<>=$ ]*|[_P\]][^\x07\x1b]{0,4096}\x1b?)?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """The screen after one piece. at: seconds since the start."""

    at: float
    cells: Cells

    @property
    def filled(self) -> int:
        """How many cells are not blank."""
        return sum(1 for cell in self.cells if cell.strip())


def frames(pieces: Iterable[Piece]) -> Iterator[Frame]:
    """The screen after each piece."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    rest = b""
    for piece in pieces:
        data = rest + piece.data
        cut = _UNFINISHED.search(data)
        data, rest = (data[: cut.start()], data[cut.start() :]) if cut else (data, b"")
        stream.feed(_PRIVATE.sub(b"", data))
        yield Frame(piece.at, tuple(screen.buffer[y][x].data for y in range(ROWS) for x in range(COLUMNS)))


def first_paint(seen: Sequence[Frame]) -> float | None:
    """Seconds to the first frame with FEW_CELLS cells that are not blank."""
    return next((frame.at for frame in seen if frame.filled >= FEW_CELLS), None)


def full_frame(seen: Sequence[Frame], after: float = 0.0) -> float | None:
    """Seconds from `after` to the first frame behind it in which NEARLY_ALL is as in the last one."""
    if not seen:
        return None
    settled = seen[-1].cells
    for frame in seen:
        alike = sum(1 for one, other in zip(frame.cells, settled, strict=True) if one == other)
        if frame.at >= after and frame.filled >= FEW_CELLS and alike >= NEARLY_ALL * len(settled):
            return frame.at - after
    return None


def lines(frame: Frame) -> list[str]:
    """A frame as text."""
    return ["".join(frame.cells[y * COLUMNS : (y + 1) * COLUMNS]).rstrip() for y in range(ROWS)]


def bursts(pieces: Iterable[Piece], gap: float = 0.03) -> list[tuple[float, int]]:
    """What was written without a pause of `gap` seconds, together: when it began, and how many bytes."""
    found: list[tuple[float, int]] = []
    last = float("-inf")
    for piece in pieces:
        if piece.at - last < gap:
            found[-1] = (found[-1][0], found[-1][1] + len(piece.data))
        else:
            found.append((piece.at, len(piece.data)))
        last = piece.at
    return found
