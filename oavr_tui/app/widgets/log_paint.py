"""A row of a log as segments: its time, its text with the level and the matches marked, and what of it is in sight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from oavr_tui.engine.log_rows import Level, LogRow

Span = tuple[int, int, str]
"""Characters from and to, and the look they get; a later span goes over an earlier one."""

LOOKS = ("time", "warning", "error", "match", "here", "quiet")
_LEVEL_LOOKS = {Level.WARNING: "warning", Level.ERROR: "error"}
STAMP_WIDTH = 9


def said(row: LogRow, times: bool) -> str:
    """A row as one text, with the time on this computer's clock in front where times are shown and it has one."""
    return f"{_stamp(int(row.at))} {row.text}" if times and row.at else row.text


def spans(row: LogRow, times: bool, marks: Iterable[tuple[int, int]], here: bool) -> list[Span]:
    """The looks within what a row says. marks: in its text; here: it is the match that was jumped to."""
    ahead = STAMP_WIDTH if times and row.at else 0
    found: list[Span] = [(0, ahead, "time")] if ahead else []
    if row.level in _LEVEL_LOOKS:
        found.append((row.word[0] + ahead, row.word[1] + ahead, _LEVEL_LOOKS[row.level]))
    look = "here" if here else "match"
    found.extend((begin + ahead, end + ahead, look) for begin, end in marks)
    return found


@lru_cache(maxsize=512)
def _stamp(at: int) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return "--:--:--"


@lru_cache(maxsize=1024)
def wrapped(text: str, width: int) -> tuple[tuple[int, int], ...]:
    """Where the lines of a text begin and end when it is wrapped to so many cells; at least one line."""
    width = max(2, width)
    if text.isascii():
        return tuple((begin, min(begin + width, len(text))) for begin in range(0, max(1, len(text)), width))
    ends: list[tuple[int, int]] = []
    begin = 0
    for line in chop_cells(text, width):
        ends.append((begin, begin + len(line)))
        begin += len(line)
    return tuple(ends)


@lru_cache(maxsize=1024)
def window(text: str, left: int, width: int) -> tuple[int, int, int]:
    """Which characters of a text are in sight from the cell `left` on, and how many cells are blank before them, where
    the edge cuts a wide character."""
    if text.isascii():
        return min(left, len(text)), min(left + width, len(text)), 0
    # Cutting all of a very long line up would take some 30 ms; a cell seldom holds more than a few characters.
    text = text[: 8 * (left + width) + 64]
    begin = pad = 0
    if left:
        head = chop_cells(text, left)[0]
        begin, pad = len(head), left - cell_len(head)
        if begin < len(text) and pad:  # the character that the edge cuts is left out
            begin, pad = begin + 1, max(0, cell_len(text[: begin + 1]) - left)
        elif begin >= len(text):
            return len(text), len(text), 0
    rest = text[begin:]
    return begin, begin + len(chop_cells(rest, max(2, width - pad))[0]) if rest else begin, pad


def strip_of(
    text: str,
    looks: Sequence[Span],
    part: tuple[int, int, int],
    selected: tuple[int, int] | None,
    base: Style,
    style: Callable[[str], Style],
) -> Strip:
    """The characters `part[0]` to `part[1]` after `part[2]` blank cells; not padded.

    selected: characters that are selected, -1 for to the end.
    """
    begin, end, pad = part
    spans_here = [*looks]
    if selected is not None:
        spans_here.append((selected[0], len(text) if selected[1] < 0 else selected[1], "selected"))
    spans_here = [span for span in spans_here if span[0] < end and span[1] > begin]
    segments = [Segment(" " * pad, base)] if pad else []
    cuts = sorted({begin, end, *(min(max(edge, begin), end) for span in spans_here for edge in span[:2])})
    for first, last in pairwise(cuts):
        look = base
        for from_, to, name in spans_here:
            if from_ <= first and last <= to:
                look += style(name)
        segments.append(Segment(text[first:last], look))
    return Strip(segments)
