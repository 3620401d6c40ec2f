"""One of a few, as round marks with words: compact, one widget however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from oavr_tui.app.widgets.lazy_looks import LazyLooks

_GAP = 2


@dataclass(frozen=True, slots=True)
class Pick:
    """One that can be chosen. label: what it is called. short: the same where there is little room. hints: what it
    means, drawn behind it where each has a line of its own: the first that fits, so the shortest is the last. Foreign
    text in them must be safe already."""

    id: str
    label: str
    short: str = ""
    hints: tuple[str, ...] = ()


class Choice(LazyLooks, Widget, can_focus=True):
    """Arrows or a click choose. In a column each has a line of its own; else they flow over as many as it takes."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--on", "choice--hint", "choice--focus"}
    DEFAULT_CSS = """
    Choice {
        height: auto;
        width: 1fr;
        color: $foreground;
        & .choice--on { color: $primary; text-style: bold; }
        & .choice--hint { color: $text-muted; }
        & .choice--focus { color: $primary; text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "step(-1)", "Previous", show=False),
        Binding("right,down", "step(1)", "Next", show=False),
        Binding("space", "step(1)", "Next", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The person chose another one."""

        choice: Choice
        value: str

        @property
        def control(self) -> Choice:
            return self.choice

    def __init__(self, picks: Sequence[Pick], value: str, *, column: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picks = tuple(picks)
        self._value = value
        self._column = column

    @property
    def value(self) -> str:
        """The id of what is chosen; one that there is not looks like the first."""
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        if value != self._value:
            self._value = value
            self.refresh()

    @property
    def picks(self) -> tuple[Pick, ...]:
        return self._picks

    def show(self, picks: Sequence[Pick]) -> None:
        """There are these to choose from now."""
        if tuple(picks) != self._picks:
            relay = len(picks) != len(self._picks) or not self._column
            self._picks = tuple(picks)
            self.refresh(layout=relay)

    # --- drawing

    def _at(self) -> int:
        return next((index for index, pick in enumerate(self._picks) if pick.id == self._value), 0)

    def _label(self, pick: Pick, short: bool) -> str:
        return (short and pick.short) or pick.label

    def _spots(self, width: int) -> list[tuple[int, int, str]]:
        """Line, column and label of each."""
        if self._column:
            return [(line, 0, pick.label) for line, pick in enumerate(self._picks)]
        spots = self._flow(width, short=False)
        return self._flow(width, short=True) if spots and spots[-1][0] else spots

    def _flow(self, width: int, *, short: bool) -> list[tuple[int, int, str]]:
        spots: list[tuple[int, int, str]] = []
        line = at = 0
        for pick in self._picks:
            label = self._label(pick, short)
            cells = 4 + cell_len(label)
            if at and at + cells > width:
                line, at = line + 1, 0
            spots.append((line, at, label))
            at += cells + _GAP
        return spots

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        spots = self._spots(width)
        return spots[-1][0] + 1 if spots else 1

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        chosen = self._at()
        names = max((cell_len(pick.label) for pick in self._picks), default=0)
        segments: list[Segment] = []
        at = 0
        for index, (line, column, label) in enumerate(self._spots(width)):
            if line != y:
                continue
            segments.append(Segment(" " * (column - at), base))
            mark = "(•) " if index == chosen else "( ) "
            look = "" if index != chosen else "focus" if self.has_focus else "on"
            style = self._look(look) if look else base
            segments += [Segment(mark, style), Segment(label, style)]
            at = column + 4 + cell_len(label)
            hints = self._picks[index].hints
            if self._column and hints:
                hint = _fitting(hints, width - names - 6)
                segments += [Segment(" " * (names + 6 - at), base), Segment(hint, self._look("hint"))]
        return Strip(segments).adjust_cell_length(width, base)

    def _look(self, name: str) -> Style:
        # Taken whole, since only that blends colors with what is beneath.
        return self.get_component_rich_style(f"choice--{name}")

    # --- choosing

    def action_step(self, by: int) -> None:
        if self._picks:
            self._choose((self._at() + by) % len(self._picks))

    def _choose(self, index: int) -> None:
        pick = self._picks[index]
        if pick.id != self._value:
            self.value = pick.id
            self.post_message(self.Chosen(self, pick.id))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset_capture(self)
        for index, (line, column, label) in enumerate(self._spots(self.size.width)):
            if line == at.y and (self._column or column <= at.x < column + 4 + cell_len(label)):
                self._choose(index)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def _fitting(hints: Sequence[str], room: int) -> str:
    text = next((hint for hint in hints if cell_len(hint) <= room), hints[-1])
    return text if cell_len(text) <= room else set_cell_size(text, max(room - 1, 0)).rstrip() + "…" * (room > 0)
