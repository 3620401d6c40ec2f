"""A log as a pane shows it: its rows by number, those that match alone where some are left out, and what was found.

The work on a long log is cut into steps of a few milliseconds each, so that whoever shows it can do other things in
between. The last rows of a long file can be shown at once; the rows before them come when the whole file is known.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oavr_tui.engine.log_index import Found, LogIndex
from oavr_tui.engine.log_parts import FileParts, MemoryParts, Parts
from oavr_tui.engine.log_rows import LogRow, read_line, row_of
from oavr_tui.engine.log_scan import Matches, Query, Scan

STEP_BYTES = 1 << 17
STEP_ROWS = 500
_LONG = 1 << 19
_TAIL = 1 << 17
_KEPT_ROWS = 400


@dataclass(frozen=True, slots=True)
class Step:
    """What a step found, and for whom: for an index or scan that is no longer wanted it is passed over."""

    of: LogIndex | Scan
    found: Found | Matches


class LogView:
    """redact: hides secrets; called for the rows in sight only. Close it when done; nothing here raises for a file
    that is missing or cannot be read: it has no rows (yet).

    version counts up whenever rows may look different. anew counts up when the log is another one than before. All
    methods are for one owner.
    """

    def __init__(self, source: Path | None, redact: Callable[[str], str]) -> None:
        self.version = 0
        self.anew = 0
        self.query = Query()
        self.memory: MemoryParts | None = MemoryParts() if source is None else None
        self._parts: Parts = self.memory or FileParts(source or Path())
        self._redact = redact
        self._rows: dict[tuple[int, int, int], LogRow] = {}
        self._full = LogIndex(self._parts)
        self._tail: LogIndex | None = None
        self._scan: Scan | None = None
        self._moved = 0

    # --- rows

    @property
    def _index(self) -> LogIndex:
        return self._full if self._tail is None else self._tail

    @property
    def total(self) -> int:
        """Rows known so far, whether they are shown or not."""
        return self._index.count

    @property
    def count(self) -> int:
        """Rows to show."""
        return len(self._scan.shown) if self._scan is not None and self.query.filters else self.total

    def number(self, place: int) -> int:
        """The number in the whole log of the row shown at this place, 0 to count - 1."""
        return self._scan.shown[place] if self._scan is not None and self.query.filters else place

    def place(self, number: int) -> int:
        """Where a row of this number is shown, or else the next one that is; count where there is none."""
        if self._scan is None or not self.query.filters:
            return min(number, self.total)
        return bisect_left(self._scan.shown, number)

    def row(self, place: int) -> LogRow:
        """The row shown at this place, 0 to count - 1."""
        index, number = self._index, self.number(place)
        key = (*index.place(number), index.position[1] if number == index.open_row else -1)
        row = self._rows.get(key)
        if row is None:
            while len(self._rows) >= _KEPT_ROWS:
                del self._rows[next(iter(self._rows))]
            row = row_of(read_line(self._parts, *key[:2]), self._redact)
            self._rows[key] = row
        return row

    @property
    def bytes_used(self) -> int:
        """Memory of what is known of all rows, beside the few that were drawn last and text that is in no file."""
        scan = self._scan
        found = 0 if scan is None else sum(rows.buffer_info()[1] * rows.itemsize for rows in (scan.shown, scan.hits))
        return self._full.bytes_used + found

    def moved(self) -> int:
        """By how much the numbers of rows went up (or down, below 0) since this was last asked."""
        moved, self._moved = self._moved, 0
        return moved

    # --- searching

    def ask(self, query: Query) -> None:
        """Want this from now on; what was found for the query before is forgotten."""
        self.query = query
        self._scan = Scan(query, self._full, self._parts) if query.scans else None
        self._refreshed()

    @property
    def hits(self) -> int:
        """Rows found so far."""
        return 0 if self._scan is None else len(self._scan.hits)

    def rank(self, number: int) -> int:
        """Which of the hits this row is, from 1; 0 where it is none."""
        if self._scan is None:
            return 0
        at = bisect_left(self._scan.hits, number)
        return at + 1 if at < self.hits and self._scan.hits[at] == number else 0

    def hit_after(self, number: int) -> int | None:
        """The number of the next hit behind this row; behind the last one comes the first."""
        if self._scan is None or not self.hits:
            return None
        return self._scan.hits[bisect_right(self._scan.hits, number) % self.hits]

    def hit_before(self, number: int) -> int | None:
        """The number of the next hit above this row; above the first one comes the last."""
        if self._scan is None or not self.hits:
            return None
        return self._scan.hits[bisect_left(self._scan.hits, number) - 1]

    # --- keeping up

    def look(self) -> None:
        """See whether the file has grown or is another. Quick; what is new is read by steps."""
        if self._parts.look():
            self._begin_anew()
        elif (gone := self._index.drop_old()) > 0:
            self._moved -= gone
            if self._tail is not None:
                self._full.drop_old()
            self.ask(self.query)

    @property
    def behind(self) -> bool:
        """Whether there is anything left to do for `step`."""
        return self._full.behind > 0 or (self._scan is not None and self._tail is None and self._scan.behind > 0)

    @property
    def much_behind(self) -> bool:
        """Whether that is more than one step."""
        return self._full.behind > STEP_BYTES // 4 or (self._scan is not None and self._scan.behind > STEP_ROWS)

    @property
    def share_read(self) -> float:
        """How much of the log is known, 0 to 1."""
        left = self._full.behind
        if left <= 0:
            return 1.0
        total = sum(self._parts.size(part) for part in range(self._parts.first, self._parts.last + 1))
        return max(0.0, 1 - left / total) if total else 1.0

    @property
    def searching(self) -> bool:
        """Whether more may be found in what is there already."""
        return self._scan is not None and (self._tail is not None or self._scan.behind > 0)

    def step(self) -> Step | None:
        """A few milliseconds of reading or searching. Changes nothing: give the result to `take`."""
        if (found := self._full.look_ahead(STEP_BYTES)) is not None:
            return Step(self._full, found)
        scan = self._scan
        if scan is not None and self._tail is None and scan.behind:
            return Step(scan, scan.look_ahead(STEP_ROWS))
        return None

    def take(self, step: Step) -> None:
        """Add what a step found."""
        if step.of is self._full and isinstance(step.found, Found):
            self._full.take(step.found)
            self._follow_tail()
        elif step.of is self._scan and isinstance(step.found, Matches):
            self._scan.take(step.found)
        else:
            return
        self._refreshed()

    def close(self) -> None:
        """Give the files back."""
        self._parts.close()
        self._rows.clear()

    def _refreshed(self) -> None:
        self.version += 1
        if self._scan is not None and self._tail is None:
            self._scan.look_at_recent()

    def _begin_anew(self) -> None:
        self._full = LogIndex(self._parts)
        self._tail = self._last_rows()
        self._rows.clear()
        self._moved = 0
        self.anew += 1
        self.ask(self.query)

    def _last_rows(self) -> LogIndex | None:
        """An index of a long log's end alone, to be shown until all of it is known."""
        if self._full.behind <= _LONG:
            return None
        last = self._parts.last
        place = max(0, self._parts.size(last) - _TAIL)
        if place:
            place += self._parts.read(last, place, _TAIL).find(b"\n") + 1
        index = LogIndex(self._parts, (last, place))
        _catch_up(index)
        return index

    def _follow_tail(self) -> None:
        if self._tail is None:
            return
        _catch_up(self._tail)
        if self._full.behind == 0 and self._full.position == self._tail.position:
            self._moved += self._full.count - self._tail.count
            self._tail = None


def _catch_up(index: LogIndex) -> None:
    while (found := index.look_ahead(STEP_BYTES)) is not None:
        index.take(found)
