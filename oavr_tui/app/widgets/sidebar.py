"""The sidebar: where to go, what waits there, and what running studios cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.one_line import OneLine

NARROW = 6
"""Cells of the sidebar where there is no room for words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. place: empty for a gap. badge: a short text at the right, empty for none."""

    place: str
    icon: str = ""
    label: str = ""
    badge: str = ""


class Sidebar(Vertical):
    """Told by `show`; tells by Wanted where the person wants to go."""

    DEFAULT_CSS = """
    Sidebar {
        width: 17;
        background: $surface;
        & LineList { background: $surface; height: 1fr; }
        & OneLine { background: $surface; }
        &.narrow { width: 6; }
    }
    """

    @dataclass
    class Wanted(Message):
        """The person chose an entry."""

        place: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: tuple[Entry, ...] = ()
        self._cost: tuple[str, str] = ("", "")
        self._at = ""
        self._rows = _Entries(self._draw, id="entries")
        self._price, self._since = OneLine(id="cost"), OneLine(id="since")

    def compose(self) -> ComposeResult:
        yield self._rows

    def show(self, entries: Sequence[Entry], at: str, cost: tuple[str, str]) -> None:
        """entries: what there is; at: the place in front; cost: two short texts of the foot, empty for none."""
        new = tuple(entries)
        rows = self._rows  # not by its id: when the app ends, it may be out of the tree already
        if len(new) != len(self._entries) or at != self._at:
            self._entries, self._at = new, at
            rows.show_rows(len(new), next((i for i, entry in enumerate(new) if entry.place == at), 0))
        elif new != self._entries:
            old, self._entries = self._entries, new
            for row, (before, after) in enumerate(zip(old, new, strict=True)):
                if before != after:
                    rows.redraw(row)
        if self.has_class("narrow") and cost[0]:  # its price alone fills a line; for how long is on Pods
            price, _, per = cost[0].rpartition("/")
            cost = (price, f"/{per}")
        elif cost[0]:  # a video's price may stand beside it
            cost = (f"studio {cost[0]}", f"running {cost[1]}")
        if cost != self._cost:
            self._cost = cost
            if not self._price.is_attached:  # most of the time nothing costs anything
                self.mount(self._price, self._since)
            self._price.show(
                [(cost[0].rjust(NARROW) if self.has_class("narrow") else f" {cost[0]}", "key", "app.go_pods")]
            )
            self._since.show([(f" {cost[1]}", "dim", "app.go_pods")])

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        entry = self._entries[index]
        if not entry.place:
            return ()
        mark = "▸" if entry.place == self._at else " "
        look = "accent" if entry.place == self._at else ""
        if self.has_class("narrow"):
            badge = entry.badge.replace(" ", "")
            badge = f"·{badge}" if badge.isdigit() else badge
            return ((f"{mark}{entry.icon}", look), (badge[-3:].rjust(3), "dim"))
        label = f"{mark} {entry.label}"
        # Between brackets: a bare number beside a name looks like the key to press.
        badge = f"({entry.badge})" if entry.badge else ""
        return ((label, look), (badge.rjust(max(width - len(label) - 1, 0)), "dim"))

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        if place := self._entries[event.index].place:
            self.post_message(self.Wanted(place))

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()


class _Entries(LineList):
    """A click goes there at once; the cursor keys only move, since going loads a screen."""

    async def on_click(self, event: object) -> None:
        before = self.index
        await super().on_click(event)  # type: ignore[arg-type]
        if self.index != before:
            self.action_choose()
