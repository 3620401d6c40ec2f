"""Cards in a grid, of any number: one widget that draws only the cards in sight.

A moved cursor repaints the lines above and below two pictures, never a picture: one of them is some 8 kB on the wire.
While the cards scroll they are corners without pictures, and only lines that differ are sent; the pictures follow once
nothing has moved for a moment. What is sent of a line begins at its first cell, whatever part of it is asked for, so
that regions here always do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from oavr_tui.app.widgets.card_grid import EXTRA, GAP, LEAST_PICTURE, LEAST_WIDTH, Grid, frame_line
from oavr_tui.app.widgets.line_list import Draw, LineList
from oavr_tui.app.widgets.picture import drawn
from oavr_tui.media.types import Raster

REST_SECONDS = 0.15
"""How long nothing must have scrolled until pictures are drawn."""

Picture = Callable[[int], Raster | str]
"""picture(index of the card) -> its picture, or the few words that stand in its place."""

_REMEMBERED = 48
"""Pictures kept ready to be sent: those of the largest window, and some that were in sight before."""


class Gallery(LineList):
    """draw: the two lines of a card's caption. picture: asked only for cards in sight, while nothing scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_row(-1)", "Up", show=False),
        Binding("down,j", "move_row(1)", "Down", show=False),
    ]

    @dataclass
    class Rested(Message):
        """Nothing scrolls any more; these are the cards in sight."""

        gallery: Gallery
        indexes: range

        @property
        def control(self) -> Gallery:
            return self.gallery

    @dataclass
    class Stirred(Message):
        """Something scrolls: whoever fetches pictures may stop."""

        gallery: Gallery

        @property
        def control(self) -> Gallery:
            return self.gallery

    def __init__(self, draw: Draw, picture: Picture, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(draw, id=id, classes=classes)
        self._picture = picture
        self._grid = Grid(1, LEAST_WIDTH, LEAST_PICTURE)
        self._still = False
        self._timer: Timer | None = None
        self._ready: dict[Raster, list[Strip]] = {}
        self._sent: dict[int, Strip] = {}

    @property
    def grid(self) -> Grid:
        return self._grid

    @property
    def in_sight(self) -> range:
        """The cards of which something can be seen."""
        top, height, columns = self.scroll_offset.y, self.scrollable_content_region.height, self._grid.columns
        first = top // self._grid.height * columns
        last = -(-(top + height) // self._grid.height) * columns
        return range(min(first, self._count), min(last, self._count))

    # --- what it holds

    def show_rows(self, count: int, index: int | None = None) -> None:
        """There are so many cards now, all of them perhaps different; index: where the cursor shall be."""
        super().show_rows(count, index)
        self._measure()
        self._into_sight()
        self.call_after_refresh(self._into_sight)
        self._moving()

    def show_pictures(self, indexes: Iterable[int]) -> None:
        """These cards have other pictures now."""
        if self._still:
            for index in indexes:
                self._refresh_part(index, 1, self._grid.tall)

    def redraw(self, first: int, last: int | None = None) -> None:
        """The captions of these cards look different now, or the cursor came or went."""
        seen = self.in_sight
        for index in range(max(first, seen.start), min((first if last is None else last) + 1, seen.stop)):
            self._refresh_part(index, 0, 1)
            self._refresh_part(index, self._grid.tall + 1, EXTRA - 1)

    def pause(self) -> None:
        """Nobody looks: ask for no pictures."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def wake(self) -> None:
        """Somebody looks again."""
        self._moving()

    # --- where things are

    def _measure(self) -> None:
        region = self.scrollable_content_region
        if (grid := Grid.fitting(region.size)) != self._grid:
            self._grid = grid
            self._ready.clear()
        rows = -(-self._count // self._grid.columns)
        self.virtual_size = Size(region.width, rows * self._grid.height)

    def row_region(self, index: int) -> Region:
        """Where a card is, within the gallery's own space."""
        row, column = divmod(index, self._grid.columns)
        return Region(self._grid.left(column), row * self._grid.height, self._grid.width, self._grid.height)

    def _refresh_part(self, index: int, line: int, lines: int) -> None:
        card = self.row_region(index)
        window = Region(0, 0, *self.scrollable_content_region.size)
        part = Region(0, card.y + line - self.scroll_offset.y, card.right, lines).intersection(window)
        if part:
            self.refresh(part)

    def _into_sight(self) -> None:
        if self._index < 0:
            return
        card, height = self.row_region(self._index), self.scrollable_content_region.height
        top = self.scroll_offset.y
        if card.y < top or card.height > height:
            self.scroll_to(y=card.y, animate=False, immediate=True)
        elif card.bottom > top + height:
            # Whole rows from the top: a page of halves could not be read.
            whole = max(1, height // self._grid.height)
            self.scroll_to(y=card.y - (whole - 1) * self._grid.height, animate=False, immediate=True)

    def on_resize(self, event: events.Resize | None = None) -> None:
        if event is not None:
            event.prevent_default()  # the list's own, which would measure rows
        self._measure()
        self.refresh()
        self._into_sight()
        self.call_after_refresh(self._into_sight)  # how far it can scroll is known only when it is laid out
        self._moving()

    # --- moving and resting

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if round(old_value) == round(new_value):
            return
        self._moving()
        bar = self.vertical_scrollbar
        eighth = self.virtual_size.height / (8 * max(self.size.height, 1))
        if self.show_vertical_scrollbar and round(bar.position / eighth) != round(new_value / eighth):
            bar.position = new_value  # it is sent whole, so only when it looks different
        width = self.scrollable_content_region.width
        for y in range(self.scrollable_content_region.height):
            if self._line(y) != self._sent.get(y):
                self.refresh(Region(0, y, width, 1))

    def _moving(self) -> None:
        if self._still:
            self.post_message(self.Stirred(self))
        self._still = False
        if not self.is_mounted:
            return
        if self._timer is None:
            self._timer = self.set_timer(REST_SECONDS, self._rest)
        else:
            self._timer.reset()

    def _rest(self) -> None:
        self.pause()
        self._still = True
        if self._count and self.is_on_screen:
            self.show_pictures(index for index in self.in_sight if self._picture(index) != "")
            self.post_message(self.Rested(self, self.in_sight))

    # --- drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ready.clear()

    def render_line(self, y: int) -> Strip:
        strip = self._sent[y] = self._line(y)
        return strip

    def _line(self, y: int) -> Strip:
        grid, width, base = self._grid, self.scrollable_content_region.width, self.rich_style
        row, line = divmod(y + self.scroll_offset.y, grid.height)
        first = row * grid.columns
        segments: list[Segment] = []
        at = 0
        for column, index in enumerate(range(first, min(first + grid.columns, self._count))):
            card = self._card_line(index, line)
            # Blanks as the line goes on: each change of style is 40 bytes.
            segments.append(Segment(" " * (grid.left(column) - at), card[0].style))
            segments += card
            at = grid.left(column) + grid.width
        return Strip(segments, at).simplify().adjust_cell_length(width, base)

    def _card_line(self, index: int, line: int) -> list[Segment]:
        """One line of a card, as wide as the grid says."""
        grid, base = self._grid, self.rich_style
        here = index == self._index
        if line in (0, grid.tall + 1):
            bar = "▄" if line == 0 else "▀"
            look = "bar" if self.has_focus else "track"
            return [Segment((bar if here else " ") * grid.width, base + self._style(look) if here else base)]
        if line > grid.tall:
            return self._caption(index, line - grid.tall - 2, here=here)
        picture = self._picture(index) if self._still else ""
        if isinstance(picture, str):
            return [Segment(frame_line(line - 1, grid, picture), base + self._style("track"))]
        return list(self._strips(picture)[line - 1])

    def _strips(self, picture: Raster) -> list[Strip]:
        """A picture as lines, made once as long as it stays in use."""
        strips = self._ready.pop(picture, None)
        if strips is None:
            strips = drawn(picture, self._grid.width, self._grid.tall, self.rich_style, self.app)
        self._ready[picture] = strips  # the latest again
        while len(self._ready) > _REMEMBERED:
            del self._ready[next(iter(self._ready))]
        return strips

    def _caption(self, index: int, line: int, *, here: bool) -> list[Segment]:
        base, room = self.rich_style, self._grid.width
        if here:
            base += self._style("cursor" if self.has_focus else "quiet-cursor")
        segments: list[Segment] = []
        for text, look in self._draw(index, line, room):
            cells = cell_len(text)
            if cells > room:
                text, cells = set_cell_size(text, room), room
            segments.append(Segment(text, base + self._style(look)))
            room -= cells
        return [*segments, Segment(" " * room, base)]

    # --- keys and mouse

    def action_move_row(self, by: int) -> None:
        wanted = self._index + by * self._grid.columns
        if by > 0 and wanted >= self._count:
            last_row = (self._count - 1) // self._grid.columns
            wanted = self._count - 1 if self._index // self._grid.columns < last_row else self._index
        if wanted >= 0:
            self.move_to(wanted)

    def action_page(self, by: int) -> None:
        self.action_move_row(by * max(1, self.scrollable_content_region.height // self._grid.height))

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        event.stop()
        event.prevent_default()
        row = self.scroll_offset.y // self._grid.height
        self.scroll_to(y=max(row + by, 0) * self._grid.height, animate=False, immediate=True)

    async def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # the list's own, which would count lines
        spot = event.get_content_offset_capture(self) + self.scroll_offset
        index = self.index_at(spot.x, spot.y)
        if index is None:
            return
        if index == self._index:
            self.action_choose()
        else:
            self.move_to(index)

    def index_at(self, x: int, y: int) -> int | None:
        """The card at a place within the gallery's own space."""
        column, inside = divmod(x - 1, self._grid.width + GAP)
        index = y // self._grid.height * self._grid.columns + column
        if 0 <= column < self._grid.columns and inside < self._grid.width and 0 <= index < self._count:
            return index
        return None
