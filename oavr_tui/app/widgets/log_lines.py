"""The rows of a log in sight, and no others: reading, wrapping and painting happen for these alone.

What stands on the screen is compared with what shall stand there, and only the lines that differ are sent, no further
than their text reaches: over a slow connection a log that goes on costs little more than its new text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from oavr_tui.app.widgets.log_paint import LOOKS, said, spans, strip_of, window, wrapped
from oavr_tui.app.widgets.log_scroll import LogScroll
from oavr_tui.engine.log_rows import LogRow
from oavr_tui.engine.log_view import LogView

_SIDEWAYS = 8
_MOST_COPIED = 10_000

Spot = tuple[int, int]
"""The first line in sight: the place of its row, and which of the row's wrapped lines it is."""


class LogLines(LogScroll, can_focus=True):
    """Rows are those of the view; `show` them again after it has changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"log--{look}" for look in LOOKS}
    DEFAULT_CSS = """
    LogLines {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & .log--time { color: $text-muted; }
        & .log--quiet { color: $text-muted; }
        & .log--warning { color: $text-warning; text-style: bold; }
        & .log--error { color: $text-error; text-style: bold; }
        & .log--match { background: $warning-muted; text-style: bold underline; }
        & .log--here { text-style: reverse bold; }
    }
    """

    class Moved(Message):
        """The person has moved what is in sight."""

    class Selected(Message):
        """The person has begun to select text."""

    def __init__(self, empty: Callable[[], str]) -> None:
        """empty: what to say where there are no rows."""
        super().__init__()
        self.view: LogView | None = None
        self.wrap = False
        self.times = True
        self.left = 0
        self.here = -1
        self._empty = empty
        self._spot: Spot = (0, 0)
        self._strips: list[Strip] | None = None
        self._places: list[tuple[int, int]] = []
        self._styles: dict[str, Style] = {}
        self._moving = False
        self._base = Style.null()

    # --- where it is

    @property
    def spot(self) -> Spot:
        return self._spot

    @property
    def width(self) -> int:
        return max(1, self.scrollable_content_region.width)

    @property
    def rows_high(self) -> int:
        """Lines in sight."""
        return max(1, self.scrollable_content_region.height)

    @property
    def count(self) -> int:
        return 0 if self.view is None else self.view.count

    @property
    def at_end(self) -> bool:
        """Whether the last line is in sight."""
        return self._spot >= self._last_spot()

    def in_sight(self) -> tuple[int, int]:
        """The places of the first and the last row in sight; (0, -1) where there are none."""
        if self._strips is None:
            self._compose_strips()
        rows = [place for place, _ in self._places if place >= 0]
        return (rows[0], rows[-1]) if rows else (0, -1)

    def text_of(self, place: int) -> str:
        """What a row says, its time in front where times are shown."""
        return "" if self.view is None else said(self.view.row(place), self.times)

    # --- moving

    def show(self, spot: Spot | None = None) -> None:
        """Draw what is different now, with this line the first in sight; as far as there are lines enough."""
        last = self._last_spot()
        self._spot = max((0, 0), min(self._spot if spot is None else spot, last))
        self._tell_scrollbar(last)
        self._redraw()

    def show_end(self) -> None:
        """Draw what is different now, with the last line the last in sight."""
        self.show(self._last_spot())

    def anew(self) -> None:
        """Draw everything anew: colors, size or options have changed."""
        self._strips = None
        self.show()
        self.refresh()

    def _moved_to(self, spot: Spot) -> None:
        before = self._spot
        self.show(spot)
        if self._spot != before:
            self.post_message(self.Moved())

    def action_move(self, lines: int) -> None:
        self._moved_to(self._further(self._spot, lines))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.rows_high - 1))

    def action_sideways(self, steps: int) -> None:
        left = max(0, self.left + steps * _SIDEWAYS)
        if not self.wrap and left != self.left:
            self.left = left
            self._redraw()

    def reveal(self, place: int) -> None:
        """Go sideways, where this is needed for the first match in a row to be seen."""
        if self.view is None or self.wrap or not 0 <= place < self.count:
            return
        row = self.view.row(place)
        marks = self._marks(row)
        if not marks:
            return
        text = said(row, self.times)
        ahead = len(text) - len(row.text)
        begin, end = cell_len(text[: marks[0][0] + ahead]), cell_len(text[: marks[0][1] + ahead])
        if end > self.left + self.width or begin < self.left:
            left = 0 if end <= self.width else max(0, begin - self.width // 3)
            self.action_sideways((left - self.left) // _SIDEWAYS)

    def _lines_of(self, place: int) -> int:
        return len(wrapped(self.text_of(place), self.width)) if self.wrap else 1

    def _further(self, spot: Spot, lines: int) -> Spot:
        """The spot so many lines below, or above, below 0; within the log."""
        place, line = spot
        if not self.wrap:
            return max(0, place + lines), 0
        line += lines
        while line < 0 and place > 0:
            place -= 1
            line += self._lines_of(place)
        while place < self.count - 1 and line >= (high := self._lines_of(place)):
            line -= high
            place += 1
        return place, max(0, line)

    def _last_spot(self) -> Spot:
        """The first line in sight when the last line of the log is the last one."""
        if not self.wrap:
            return max(0, self.count - self.rows_high), 0
        if not self.count:
            return 0, 0
        end = (self.count - 1, self._lines_of(self.count - 1) - 1)
        return self._further(end, 1 - self.rows_high)

    def _tell_scrollbar(self, last: Spot) -> None:
        """The scrollbar counts rows, also where they are wrapped: to add up a million rows takes long."""
        size = Size(self.width, last[0] + self.rows_high)
        self._moving = True
        try:
            if size != self.virtual_size:
                # Not through the reactive, which would lay out the whole screen at each new line.
                self.set_reactive(Widget.virtual_size, size)
                self._scroll_update(size)
            self.scroll_y = self._spot[0]
        finally:
            self._moving = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if not self._moving and round(new_value) != self._spot[0]:  # the scrollbar was dragged
            last = self._last_spot()
            self._moved_to(last if round(new_value) >= last[0] else (round(new_value), 0))

    # --- drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strips = None

    def on_resize(self) -> None:
        self.anew()

    def _style(self, look: str) -> Style:
        if look not in self._styles:
            if look == "selected":
                self._styles[look] = self.screen.get_component_rich_style("screen--selection")
            else:
                # Not the partial style, which would leave out how see-through a color is.
                self._styles[look] = self.get_component_rich_style(f"log--{look}")
        return self._styles[look]

    def _redraw(self) -> None:
        """Compose the lines in sight, and have those sent that differ from what is there."""
        before = self._strips
        strips = self._compose_strips()
        if before is None or len(before) != len(strips):
            self.refresh()
            return
        regions = [
            Region(0, y, min(self.width, max(old.cell_length, new.cell_length)), 1)
            for y, (old, new) in enumerate(zip(before, strips, strict=True))
            if old != new
        ]
        if regions:
            self.refresh(*regions)

    def _compose_strips(self) -> list[Strip]:
        self._strips, self._places = [], []
        base, place, line = self.rich_style, *self._spot
        self._base = base
        if self.view is None or not self.count:
            self._places = [(-1, 0)]
            text = self._empty()
            self._strips = [strip_of(text, [(0, len(text), "quiet")], (0, len(text), 0), None, base, self._style)]
        while self.view is not None and len(self._strips) < self.rows_high and place < self.count:
            row = self.view.row(place)
            text = said(row, self.times)
            if self.wrap:
                parts = [(begin, end, 0) for begin, end in wrapped(text, self.width)[line:]]
            else:
                parts = [window(text, self.left, self.width)]
            looks = spans(row, self.times, self._marks(row), place == self.here)
            for part in parts[: self.rows_high - len(self._strips)]:
                self._strips.append(strip_of(text, looks, part, self._selected(place), base, self._style))
                self._places.append((place, part[0] - part[2]))
            place, line = place + 1, 0
        blank = self.rows_high - len(self._strips)
        self._strips += [Strip([])] * blank
        self._places += [(-1, 0)] * blank
        return self._strips

    def _marks(self, row: LogRow) -> list[tuple[int, int]]:
        find = None if self.view is None else self.view.query.find
        return [] if find is None else find.marks(row.text)

    def render_line(self, y: int) -> Strip:
        strips = self._compose_strips() if self._strips is None else self._strips
        if not 0 <= y < len(strips):
            return Strip.blank(self.width, self.rich_style)
        place, offset = self._places[y]
        strip = strips[y].adjust_cell_length(self.width, self._base)
        return strip.apply_offsets(max(0, offset), place) if place >= 0 else strip

    # --- selecting

    def _selected(self, place: int) -> tuple[int, int] | None:
        selection = self.text_selection
        return None if selection is None else selection.get_span(place)

    def selection_updated(self, selection: Selection | None) -> None:
        self._redraw()
        if selection is not None:
            self.post_message(self.Selected())

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        if not self.count:
            return None
        last = self.count - 1 if selection.end is None else min(selection.end.y, self.count - 1)
        first = max(0, last - _MOST_COPIED + 1) if selection.start is None else selection.start.y
        lines: list[str] = []
        for place in range(first, last + 1):
            text = self.text_of(place)
            begin, end = selection.get_span(place) or (0, 0)
            lines.append(text[begin:] if end < 0 else text[begin:end])
        return "\n".join(lines), "\n"
