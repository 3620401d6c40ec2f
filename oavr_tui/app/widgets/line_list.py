"""A list of any length that draws only the rows in sight: no widget for a row, and a moved cursor repaints two rows.

Measured on Textual 8: an OptionList repaints itself whole at each key, some 14 kB; repainting two rows takes 0.5 kB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from oavr_tui.app.widgets.lazy_looks import LazyLooks

Piece = tuple[str, str]
"""A text, and the name of its look: "" (plain) or one of LOOKS. The text is drawn as it is, never as markup, so it
must be without control bytes (text.safe)."""

LOOKS = ("dim", "good", "bad", "warn", "accent", "bar", "track", "strong", "money", "badge")

Draw = Callable[[int, int, int], Sequence[Piece]]
"""draw(index of the row, line within the row, width in cells) -> its pieces, cut or padded to the width by the list."""


class LineList(LazyLooks, ScrollView, can_focus=True):
    """draw: called only for rows in sight. lines: how many lines each row takes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"look--{look}" for look in LOOKS} | {"look--cursor", "look--quiet-cursor"}
    DEFAULT_CSS = """
    LineList {
        height: 1fr;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & .look--dim { color: $text-muted; }
        & .look--good { color: $text-success; }
        & .look--bad { color: $text-error; }
        & .look--warn { color: $text-warning; }
        & .look--accent { color: $text-accent; }
        & .look--bar { color: $primary; }
        & .look--track { color: $foreground 25%; }
        & .look--strong { text-style: bold; }
        & .look--money { color: $text-warning; text-style: bold; }
        & .look--badge { color: $text-accent; text-style: bold; }
        & .look--cursor { background: $primary 30%; text-style: bold; }
        & .look--quiet-cursor { background: $foreground 8%; }
        &:ansi { & .look--cursor { background: ansi_default; text-style: bold reverse; } }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands on another row, or on none (-1)."""

        list: LineList
        index: int

        @property
        def control(self) -> LineList:
            return self.list

    @dataclass
    class Chosen(Message):
        """Enter, or a click on the row where the cursor was already."""

        list: LineList
        index: int

        @property
        def control(self) -> LineList:
            return self.list

    def __init__(
        self,
        draw: Draw,
        *,
        lines: int = 1,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._lines = lines
        self._count = 0
        self._index = -1
        self._looks: dict[str, Style] = {}

    # --- what it holds

    @property
    def count(self) -> int:
        return self._count

    @property
    def index(self) -> int:
        """The row of the cursor, -1 in an empty list."""
        return self._index

    def show_rows(self, count: int, index: int | None = None) -> None:
        """There are so many rows now, all of them perhaps different; index: where the cursor shall be."""
        self._count = count
        self.virtual_size = Size(self.scrollable_content_region.width, count * self._lines)
        wanted = self._index if index is None else index
        before, self._index = self._index, min(max(wanted, 0), count - 1) if count else -1
        self.refresh()
        if self._index != before:
            self._into_sight()
            self.post_message(self.Moved(self, self._index))

    def redraw(self, first: int, last: int | None = None) -> None:
        """These rows look different now; those out of sight cost nothing."""
        top = self.scroll_offset.y
        height = self.scrollable_content_region.height
        begin = max(first * self._lines, top)
        end = min(((first if last is None else last) + 1) * self._lines, top + height)
        if begin < end:
            self.refresh_lines(begin, end - begin)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row."""
        index = min(max(index, 0), self._count - 1) if self._count else -1
        if index == self._index:
            return
        before, self._index = self._index, index
        if before >= 0:
            self.redraw(before)
        self.redraw(index)
        self._into_sight()
        self.post_message(self.Moved(self, index))

    def _into_sight(self) -> None:
        if self._index < 0:
            return
        begin, height = self._index * self._lines, self.scrollable_content_region.height
        top = self.scroll_offset.y
        if begin < top:
            self.scroll_to(y=begin, animate=False, immediate=True)
        elif begin + self._lines > top + height:
            self.scroll_to(y=begin + self._lines - height, animate=False, immediate=True)

    # --- drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks.clear()

    def _style(self, look: str) -> Style:
        if look not in self._looks:
            self._looks[look] = self._drawn_style(look) if look else Style.null()
        return self._looks[look]

    def _drawn_style(self, look: str) -> Style:
        # Taken whole, since only that blends colors with what is beneath; then only what the look itself is about.
        whole = self.get_component_rich_style(f"look--{look}")
        if look in ("cursor", "quiet-cursor"):
            return Style(bgcolor=whole.bgcolor, bold=whole.bold, reverse=whole.reverse)
        return Style(color=whole.color, bold=whole.bold)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index, line = divmod(y + self.scroll_offset.y, self._lines)
        base = self.rich_style
        if not 0 <= index < self._count:
            return Strip.blank(width, base)
        if index == self._index:
            base += self._style("cursor" if self.has_focus else "quiet-cursor")
        plain = base.reverse  # a reversed row of many colors would be a patchwork
        segments: list[Segment] = []
        room = width
        for text, look in self._draw(index, line, width):
            cells = cell_len(text)
            if cells > room:
                text, cells = _cut(text, room), room
            if text:
                segments.append(Segment(text, base if plain else base + self._style(look)))
            room -= cells
            if room <= 0:
                break
        return Strip(segments, width - room).extend_cell_length(width, base)

    # --- moving

    def action_move(self, by: int) -> None:
        self.move_to(self._index + by)

    def action_page(self, by: int) -> None:
        self.move_to(self._index + by * max(1, self.scrollable_content_region.height // self._lines - 1))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(self._count - 1)

    def key_enter(self) -> None:
        """Not a binding, which would hide the name that the owner of the list has for it."""
        self.action_choose()

    def action_choose(self) -> None:
        if self._index >= 0:
            self.post_message(self.Chosen(self, self._index))

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        self.redraw(self._index)

    def _on_blur(self, event: events.Blur) -> None:
        super()._on_blur(event)
        self.redraw(self._index)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, self._count * self._lines)
        self.refresh()
        self._into_sight()

    async def on_click(self, event: events.Click) -> None:
        index = (event.get_content_offset_capture(self).y + self.scroll_offset.y) // self._lines
        if not 0 <= index < self._count:
            return
        if index == self._index:
            self.action_choose()
        else:
            self.move_to(index)

    def row_region(self, index: int) -> Region:
        """Where a row is, within the list's own space."""
        return Region(0, index * self._lines, self.scrollable_content_region.width, self._lines)


def _cut(text: str, cells: int) -> str:
    """Exactly so many cells, with an ellipsis where more than blanks is missing."""
    if cells < 2 or cell_len(text.rstrip()) <= cells:
        return set_cell_size(text, cells)
    return set_cell_size(text, cells - 1) + "…"
