"""Where each row of a log begins, in 8 bytes a row: so a log of any length is shown without holding its text.

The frames of a progress bar are lines in the file and one row here, as clients.log_fold has them: the row begins where
the last frame does. A line whose end is not written yet is a row too, which is looked at again when it has grown.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from oavr_tui.clients.log_file import split_stamp
from oavr_tui.clients.log_fold import BAR_REACH, Cleaner, bar_of
from oavr_tui.engine.log_parts import Parts

PART_BITS = 44
"""A place is the number of its part and the byte within it; 16 TB a part."""
_WITHIN = (1 << PART_BITS) - 1
_BAR_BYTES = 1024
"""What tells a bar from other lines stands in so many first bytes of a line."""

Bars = dict[str, tuple[int, int]]


@dataclass(slots=True)
class Found:
    """What one look ahead found, to be added by `take`: lines that are whole, and where the next look begins."""

    part: int
    begun: int
    seen: int
    starts: array[int] = field(default_factory=lambda: array("Q"))
    replaced: dict[int, int] = field(default_factory=dict)
    bars: Bars = field(default_factory=dict)
    open_row: int = -1
    ended_part: bool = False


class LogIndex:
    """The rows of parts. begin: the place (part, byte) of the first line, by default the very beginning.

    `look_ahead` changes nothing, and `take` adds what it found.
    """

    def __init__(self, parts: Parts, begin: tuple[int, int] | None = None) -> None:
        self.dropped = 0
        self._parts = parts
        self._part, self._begun = begin if begin is not None else (parts.first, 0)
        self._seen = self._begun
        self._starts = array("Q")
        self._bars: Bars = {}
        self._open_row = -1
        self._part_rows = {self._part: 0}

    # --- what is known

    @property
    def count(self) -> int:
        """Rows, that of a line not ended yet included."""
        return max(len(self._starts), self._open_row + 1)

    @property
    def whole(self) -> int:
        """Rows that are whole lines; those below may still be replaced where they are bars."""
        return len(self._starts)

    @property
    def open_row(self) -> int:
        """The row whose line is not ended yet, or -1."""
        return self._open_row

    @property
    def position(self) -> tuple[int, int]:
        """Part and byte up to which all is known."""
        return self._part, self._seen

    @property
    def behind(self) -> int:
        """Bytes not looked at yet, as of the parts' last look."""
        parts = range(self._part, self._parts.last + 1)
        return sum(self._parts.size(part) for part in parts) - self._seen if self._parts.last >= self._part else 0

    @property
    def bytes_used(self) -> int:
        """Memory of the index."""
        return self._starts.buffer_info()[1] * self._starts.itemsize

    def place(self, row: int) -> tuple[int, int]:
        """Part and byte where a row's line begins; row: 0 to count - 1."""
        if row == self._open_row:
            return self._part, self._begun
        start = self._starts[row]
        return start >> PART_BITS, start & _WITHIN

    def starts(self, begin: int, end: int) -> array[int]:
        """The places of whole lines, part and byte in one number, as PART_BITS says."""
        return self._starts[begin:end]

    # --- getting to know more

    def look_ahead(self, most: int) -> Found | None:
        """Look at up to so many bytes more; None where there is nothing new. Changes nothing."""
        if self._part < self._parts.first or self._parts.last < 0:
            return None
        size = self._parts.size(self._part)
        data = self._parts.read(self._part, self._seen, min(most, size - self._seen)) if size > self._seen else b""
        ended = not data and self._part < self._parts.last
        if not data and not ended:
            return None
        found = Found(self._part, self._begun, self._seen + len(data), bars=self._bars, ended_part=ended)
        cut = data.rfind(b"\n") + 1
        if ended:
            self._end_part(found)
        elif cut:
            self._whole_lines(found, data[:cut])
        if found.begun < found.seen:
            found.open_row = self._open_at(found)
        return found

    def take(self, found: Found) -> None:
        """Add what a look ahead found."""
        for row, start in found.replaced.items():
            if row < len(self._starts):
                self._starts[row] = start
        self._starts.extend(found.starts)
        self._begun, self._seen, self._bars, self._open_row = found.begun, found.seen, found.bars, found.open_row
        if found.ended_part:
            self._part, self._begun, self._seen = found.part + 1, 0, 0
            self._part_rows[self._part] = len(self._starts)

    def drop_old(self) -> int:
        """Forget the rows of parts that are gone; how many they were."""
        gone = [part for part in self._part_rows if part < self._parts.first]
        if not gone:
            return 0
        after = [row for part, row in self._part_rows.items() if part >= self._parts.first]
        count = min(after, default=len(self._starts))
        del self._starts[:count]
        if self._part < self._parts.first:
            self._part, self._begun, self._seen, self._open_row = self._parts.first, 0, 0, -1
            self._part_rows[self._part] = count
        elif self._open_row >= 0:
            self._open_row -= count
        self._part_rows = {part: row - count for part, row in self._part_rows.items() if part >= self._parts.first}
        self._bars = {key: (row - count, percent) for key, (row, percent) in self._bars.items() if row >= count}
        self.dropped += count
        return count

    def _whole_lines(self, found: Found, data: bytes) -> None:
        base = found.part << PART_BITS
        # All of it in C: some 60 ns a line, where a loop of our own takes ten times that.
        ends = array("Q", accumulate(map(len, io.BytesIO(data)), initial=base + self._seen))
        found.begun = (ends[-1]) & _WITHIN
        starts = ends[:-1]
        starts[0] = base + self._begun
        if b"%|" in data or self._head_is_bar(found):
            self._fold(found, starts, data)
        else:
            found.starts = starts

    def _head_is_bar(self, found: Found) -> bool:
        """Whether the first line, begun before these bytes, holds the sign of a bar."""
        return self._begun < self._seen and b"%|" in self._parts.read(found.part, self._begun, _BAR_BYTES)

    def _fold(self, found: Found, starts: array[int], data: bytes) -> None:
        bars = dict(found.bars)
        rows, kept = len(self._starts), found.starts
        for start, line in zip(starts, self._heads(found.part, data), strict=True):
            bar = bar_of(_text(line)) if b"%|" in line else None
            row = None if bar is None else _row_of(bars, *bar, rows + len(kept))
            if row is None:
                row = rows + len(kept)
                kept.append(start)
            elif row >= rows:
                kept[row - rows] = start
            else:
                found.replaced[row] = start
            if bar is not None:
                bars[bar[0]] = (row, bar[1])
        reach = rows + len(kept) - BAR_REACH
        found.bars = {key: place for key, place in bars.items() if place[0] >= reach}

    def _heads(self, part: int, data: bytes) -> Iterator[bytes]:
        """The lines of data; the first one whole although it began before."""
        for number, line in enumerate(io.BytesIO(data)):
            if number == 0 and self._begun < self._seen:
                yield self._parts.read(part, self._begun, _BAR_BYTES)
            else:
                yield line

    def _end_part(self, found: Found) -> None:
        """A line is not gone on with in the next part; nor is a bar."""
        if found.begun < found.seen:
            start = (found.part << PART_BITS) + found.begun
            if 0 <= self._open_row < len(self._starts):
                found.replaced[self._open_row] = start
            else:
                found.starts.append(start)
        found.begun = found.seen
        found.bars = {}

    def _open_at(self, found: Found) -> int:
        """The row of the line that is not ended: one of its own, or the one of the bar that it is a frame of; -1 while
        nothing of it is to be seen."""
        new = len(self._starts) + len(found.starts)
        head = self._parts.read(found.part, found.begun, min(_BAR_BYTES, found.seen - found.begun))
        text = _text(head)
        if not text or text.isspace():
            return -1
        bar = bar_of(text)
        row = None if bar is None else _row_of(found.bars, *bar, new)
        return new if row is None else row


def _text(line: bytes) -> str:
    _, text = split_stamp(line[:_BAR_BYTES].decode("utf-8", "replace").rstrip("\n"))
    return Cleaner().begin(text)


def _row_of(bars: Bars, key: str, percent: int, count: int) -> int | None:
    """The row that a frame goes over, unless its bar began again or is too far up."""
    row, before = bars.get(key, (-1, 0))
    return row if row >= 0 and row >= count - BAR_REACH and percent >= before else None
