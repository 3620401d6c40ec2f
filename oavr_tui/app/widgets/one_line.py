"""A line of the frame that draws itself: the headline and the bar of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from oavr_tui.app.widgets.lazy_looks import LazyLooks

Part = tuple[str, str, str]
"""A text, its look ("" or a component class of the widget), and what a click on it asks for ("" for nothing)."""


class OneLine(LazyLooks, Widget, can_focus=False):
    """left parts from the left, right parts from the right; the left gives way where there is no room."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--key", "line--name", "line--strong", "line--dim"}
    DEFAULT_CSS = """
    OneLine {
        height: 1;
        & .line--key { color: $accent; text-style: bold; }
        & .line--name { color: $foreground; }
        & .line--strong { text-style: bold; color: $primary; }
        & .line--dim { color: $text-muted; }
    }
    """

    @dataclass
    class Clicked(Message):
        """A part with a meaning was clicked."""

        wanted: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()
        self._spots: list[tuple[int, int, str]] = []

    def show(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Draw these parts; nothing is sent to the terminal when they are the same as before."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    @property
    def plain(self) -> str:
        """What it says, without looks."""
        return "".join(text for text, _look, _wanted in (*self._left, *self._right))

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y:
            return Strip.blank(width, base)
        self._spots = []
        room = max(width - sum(cell_len(text) for text, _look, _wanted in self._right), 0)
        segments: list[Segment] = []
        at = self._lay(segments, self._left, 0, room)
        if self._right:
            segments.append(Segment(" " * (room - at), base))
            at = self._lay(segments, self._right, room, width)
        return Strip(segments, at).adjust_cell_length(width, base)

    def _lay(self, segments: list[Segment], parts: Sequence[Part], at: int, end: int) -> int:
        for text, look, wanted in parts:
            cells = cell_len(text)
            if at + cells > end:
                text, cells = set_cell_size(text, end - at), end - at
            style = self.get_component_rich_style(f"line--{look}") if look else self.rich_style
            segments.append(Segment(text, style))
            if wanted:
                self._spots.append((at, at + cells, wanted))
            at += cells
        return at

    def on_click(self, event: events.Click) -> None:
        for begin, end, wanted in self._spots:
            if begin <= event.x < end:
                self.post_message(self.Clicked(wanted))
