"""The clean texts of many rows one after another, some ten times faster than row by row where the file allows it."""

from __future__ import annotations

import io
import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate

from oavr_tui.clients.log_fold import LONGEST_LINE
from oavr_tui.engine.log_index import PART_BITS, LogIndex
from oavr_tui.engine.log_parts import Parts
from oavr_tui.engine.log_rows import clean, read_line

_BLOCK_ROWS = 250
_MOST_BYTES = 1 << 18
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
_STAMP_LENGTH = 21


def texts(index: LogIndex, parts: Parts, begin: int, end: int) -> Iterator[str]:
    """The texts of the rows begin to end - 1, clean as `log_rows.clean` makes them, secrets and all."""
    for first in range(begin, end, _BLOCK_ROWS):
        last = min(end, first + _BLOCK_ROWS)
        block = _block(index, parts, first, last)
        yield from _one_by_one(index, parts, first, last) if block is None else block


def _block(index: LogIndex, parts: Parts, begin: int, end: int) -> Iterable[str] | None:
    """The rows as one stretch of the file; None where they are none, or a line needs more than its time taken off."""
    if end >= index.whole:
        return None
    part, place = index.place(begin)
    end_part, end_place = index.place(end)
    if part != end_part or not 0 < end_place - place <= _MOST_BYTES:
        return None
    data = parts.read(part, place, end_place - place)
    starts = array("Q", accumulate(map(len, io.BytesIO(data)), initial=(part << PART_BITS) + place))
    if starts[:-1] != index.starts(begin, end):
        return None
    lines = data.decode("utf-8", "replace").split("\n")
    lines.pop()
    if (
        not "".join(lines).isprintable() or max(map(len, lines)) > LONGEST_LINE
    ):  # the time may make it longer: then row by row
        return None
    stamped = _STAMP.match
    return [line[_STAMP_LENGTH:] if stamped(line) else line for line in lines]


def _one_by_one(index: LogIndex, parts: Parts, begin: int, end: int) -> Iterator[str]:
    for row in range(begin, end):
        yield clean(read_line(parts, *index.place(row)))[1]
