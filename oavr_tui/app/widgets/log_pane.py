"""A log that is followed, paused, searched, filtered and copied, of a file that another process may be writing.

Following, it looks at the file some times a second. Paused or hidden it does not look at all: no timer runs and nothing
is sent. How many lines are new is then found out whenever the person touches the pane, or the app calls `look`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from oavr_tui.app.actions import bindings
from oavr_tui.app.widgets.log_lines import LogLines
from oavr_tui.app.widgets.log_prompt import LogHeader, LogPrompt
from oavr_tui.app.widgets.log_taking import LogTaking
from oavr_tui.engine.log_rows import Level
from oavr_tui.engine.log_scan import Pattern, Query
from oavr_tui.engine.log_view import LogView
from oavr_tui.text import safe

_LEVELS = {Level.NONE: Level.WARNING, Level.WARNING: Level.ERROR, Level.ERROR: Level.NONE}
_LEVEL_SAID = {Level.WARNING: "warnings and errors", Level.ERROR: "errors"}
_HINTS = ("/ find", "p pause", "w wrap")


class LogPane(LogTaking):
    """ticks_per_second: looks at the file while following."""

    DEFAULT_CSS = """
    LogPane { layout: vertical; height: 1fr; min-height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("log")]

    def __init__(self, *, id: str | None = None, ticks_per_second: float = 10) -> None:
        super().__init__(id=id, every=1 / ticks_per_second)
        self._header = LogHeader()
        self._prompt = LogPrompt()
        self._paused_at = 0
        self._hit: int | None = None
        self._jump_from: int | None = None
        self._anchor: int | None = None

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._lines
        yield self._prompt

    # --- what is shown

    @property
    def lines(self) -> LogLines:
        """The rows in sight."""
        return self._lines

    @property
    def says(self) -> str:
        """The header's text."""
        return self._header.text

    def focus(self, scroll_visible: bool = True) -> Self:
        self._lines.focus(scroll_visible)
        return self

    def on_descendant_focus(self) -> None:
        self._touched()

    def on_enter(self) -> None:
        self._touched()

    def _touched(self) -> None:
        """The person does something here: a paused pane says how many lines are new."""
        if not self.following:
            self.look()

    def _nothing_to_show(self) -> str:
        view = self._view
        if view is None:
            return "No log is chosen."
        if view.behind:
            return "Reading…"
        return "Nothing has been logged yet." if not view.total else "No line matches. Press & or v to show others."

    # --- showing

    def _begin(self, view: LogView | None) -> None:
        self._lines.view = view
        self._lines.left = 0
        self._hit = self._jump_from = self._anchor = None
        self._lines.anew()

    def _renew(self, view: LogView) -> None:
        self._jump()
        self._lines.here = view.place(self._hit) if self._hit is not None else -1
        if self.following:
            self._lines.show_end()
        elif self._anchor is not None:
            self._lines.show((view.place(self._anchor), 0))
            self._anchor = self._anchor if view.searching else None

    def _shift(self, by: int) -> None:
        """Rows have other numbers now: those before them have been read, or are gone."""
        if not by:
            return
        self._paused_at += by
        self._hit = None if self._hit is None else self._hit + by
        self._jump_from = None if self._jump_from is None else self._jump_from + by
        self._anchor = None if self._anchor is None else self._anchor + by
        if not self.following and self._view is not None and not self._view.query.filters:
            place, line = self._lines.spot
            self._lines.show((place + by, line))

    def _say(self) -> None:
        view = self._view
        if view is None:
            self._header.say("Log", ())
            return
        new = max(0, view.total - self._paused_at)
        says = ["following"] if self.following else [f"paused, {new:,} new, End to follow"]
        if view.share_read < 1:
            says.append(f"reading {view.share_read:.0%}")
        query = view.query
        if query.find is not None:
            says.append(self._found(view))
        if query.only is not None:
            says.append(f"{'without' if query.inverse else 'only'} {safe(query.only.typed, 24)}")
        if query.level in _LEVEL_SAID:
            says.append(_LEVEL_SAID[query.level])
        hints = ("n next", "N previous") if query.find is not None else _HINTS
        self._header.say(f"Log: {self._title}", (*says, *hints))

    def _found(self, view: LogView) -> str:
        if view.searching:
            return f"{view.hits:,} so far"
        if not view.hits:
            return "no match"
        rank = view.rank(self._hit) if self._hit is not None else 0
        return f"{rank:,} of {view.hits:,}" if rank else f"{view.hits:,} matches"

    # --- following and pausing

    def _follow(self, on: bool) -> None:
        if on != self.following:
            self.following = on
            self._paused_at = 0 if self._view is None else self._view.total
        self._keep_time()
        if on:
            self.look()
            self._lines.show_end()
        self._say()

    @on(LogLines.Moved)
    def _moved(self) -> None:
        self._anchor = None
        if self._lines.at_end is not self.following:
            self._follow(self._lines.at_end)
        self._touched()

    @on(LogLines.Selected)
    def _selected(self) -> None:
        if self.following:
            self._follow(False)

    @on(LogHeader.Clicked)
    def action_pause(self) -> None:
        self._follow(not self.following)

    def action_bottom(self) -> None:
        self._follow(True)

    def action_top(self) -> None:
        self._anchor = None
        self._follow(False)
        self._lines.show((0, 0))

    # --- searching and filtering

    def action_search(self) -> None:
        find = None if self._view is None else self._view.query.find
        self._prompt.ask("find", "Find, then Enter; empty to find nothing", find.typed if find else "")

    def action_filter(self) -> None:
        query = Query() if self._view is None else self._view.query
        typed = "" if query.only is None else "!" * query.inverse + query.only.typed
        self._prompt.ask("only", "Show only lines with…, or with ! before it those without; empty for all", typed)

    @on(LogPrompt.Answered)
    def _answered(self, event: LogPrompt.Answered) -> None:
        if self.screen.focused in (None, self._prompt):
            self._lines.focus()
        view = self._view
        if view is None or event.typed is None:
            return
        typed = event.typed
        if event.what == "find":
            find = Pattern(typed) if typed else None
            self._hit, self._jump_from = None, self._last_number(view) if find else None
            self._ask(replace(view.query, find=find))
        else:
            inverse = typed.startswith("!")
            only = typed[1:] if inverse else typed
            self._ask(replace(view.query, only=Pattern(only) if only else None, inverse=inverse and bool(only)))

    def action_level(self) -> None:
        if self._view is not None:
            self._ask(replace(self._view.query, level=_LEVELS[self._view.query.level]))

    def _ask(self, query: Query) -> None:
        view = self._view
        if view is None:
            return
        first, last = self._lines.in_sight()
        if last >= first and not self.following and (query.filters or view.query.filters):
            self._anchor = view.number(first)
        view.ask(query)
        self._lines.show()
        self.look()

    def _last_number(self, view: LogView) -> int:
        _, last = self._lines.in_sight()
        return view.number(last) if 0 <= last < view.count else 0

    def _jump(self) -> None:
        """Once all is searched, go to the match that is nearest above the last line in sight."""
        view = self._view
        if view is None or self._jump_from is None or view.searching:
            return
        number, self._jump_from = view.hit_before(self._jump_from + 1), None
        if number is not None:
            self._go_to(view, number)

    def action_next(self) -> None:
        if self._view is not None:
            first = self._view.number(self._lines.in_sight()[0]) if self._view.count else 0
            self._go_to(self._view, self._view.hit_after(first - 1 if self._hit is None else self._hit))

    def action_previous(self) -> None:
        if self._view is not None:
            last = self._last_number(self._view)
            self._go_to(self._view, self._view.hit_before(last + 1 if self._hit is None else self._hit))

    def _go_to(self, view: LogView, number: int | None) -> None:
        if number is None:
            self._touched()
            return
        self._hit, place = number, view.place(number)
        self._lines.here = place
        first, last = self._lines.in_sight()
        if first <= place <= last:
            self._lines.show()
        else:
            self._anchor = None
            self._follow(False)
            self._lines.show((max(0, place - self._lines.rows_high // 2), 0))
        self._lines.reveal(place)
        self._say()

    # --- looks

    def action_wrap(self) -> None:
        self._lines.wrap = not self._lines.wrap
        self._looks_changed()

    def action_times(self) -> None:
        self._lines.times = not self._lines.times
        self._looks_changed()

    def _looks_changed(self) -> None:
        place, _ = self._lines.spot
        if self.following:
            self._lines.show_end()
        else:
            self._lines.show((place, 0))
        self._touched()
