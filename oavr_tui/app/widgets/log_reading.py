"""When a pane reads its log: some times a second while it follows, in steps where there is much, else not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from textual.timer import Timer
from textual.widget import Widget

from oavr_tui.engine.log_view import LogView
from oavr_tui.text import safe

_PROGRESS_SECONDS = 0.25


class LogReading(Widget):
    """Owns the view of a log, the timer that looks at its file, and the worker that reads what is much.

    What it looks like is its heir's: `_begin` (another view, or none), `_renew` (the rows may look different), `_shift`
    (rows have other numbers) and `_say` (the header). every: seconds between two looks.
    """

    def __init__(self, *, id: str | None, every: float) -> None:
        super().__init__(id=id)
        self.following = True
        self._title = ""
        self._file: Path | None = None
        self._view: LogView | None = None
        self._every = every
        self._timer: Timer | None = None
        self._wanted = True
        self._visible = False
        self._busy = False
        self._version = -1
        self._anew = 0

    def _begin(self, view: LogView | None) -> None:
        raise NotImplementedError

    def _renew(self, view: LogView) -> None:
        raise NotImplementedError

    def _shift(self, by: int) -> None:
        raise NotImplementedError

    def _say(self) -> None:
        raise NotImplementedError

    @property
    def looking(self) -> bool:
        """Whether a timer runs."""
        return self._timer is not None

    @property
    def settled(self) -> bool:
        """Whether all that is known to be there has been read and searched."""
        return self._view is None or not (self._busy or self._view.behind)

    # --- what is read

    def show(self, title: str, file: Path | None, redact: Callable[[str], str]) -> None:
        """Show this log from its end, following. file: None for text that is only fed. redact: hides secrets."""
        self._close()
        self._title, self._file = safe(title, 80), file
        self._view = LogView(file, redact)
        self._version, self._anew = -1, 0
        self.following = True
        self._begin(self._view)
        self._keep_time()
        self.look()
        self.call_after_refresh(self._see)

    def feed(self, lines: Iterable[str]) -> None:
        """Add whole lines of clean text; for a log without a file. They are shown at the next tick."""
        view = self._view
        if view is None or view.memory is None:
            return
        view.memory.append("".join([f"{line}\n" for line in lines]))
        while not self._busy and (step := view.step()) is not None:
            view.take(step)

    def pause_reading(self) -> None:
        """The pane is hidden: look no more."""
        self._wanted = False
        self._keep_time()

    def resume_reading(self) -> None:
        """The pane is shown again."""
        self._wanted = True
        self._keep_time()
        self.look()
        self.call_after_refresh(self._see)

    def _close(self) -> None:
        if self._view is None:
            return
        if self.is_attached:
            self.workers.cancel_group(self, "log")
        self._view.close()
        self._view = None
        self._busy = False

    # --- looking

    def look(self) -> None:
        """See what is new at once; not while hidden. Paused, this costs a line in the header at most."""
        view = self._view
        if view is None or self._busy or not (self._wanted and self._visible):
            return
        view.look()
        if view.much_behind:
            self._busy = True
            self.run_worker(self._catch_up(view), group="log", exclusive=True)
        else:
            while (step := view.step()) is not None:
                view.take(step)
        self._show_news()

    async def _catch_up(self, view: LogView) -> None:
        """Read or search what is much, in steps of a few milliseconds, with keys served and lines drawn in between.

        Not in a thread: it would take turns with the drawing every 5 ms, and make that last several times as long.
        """
        loop = asyncio.get_running_loop()
        shown = loop.time()
        try:
            while view is self._view and self._wanted and (step := view.step()) is not None:
                view.take(step)
                await asyncio.sleep(0)
                if loop.time() - shown >= max(self._every, _PROGRESS_SECONDS):
                    self._show_news()
                    shown = loop.time()
        finally:
            if view is self._view:
                self._busy = False
        if view is self._view:
            self.look()

    def _show_news(self) -> None:
        view = self._view
        if view is None:
            return
        moved = view.moved()
        if view.anew != self._anew:  # another log under the same name is followed from its end
            self._anew, self._version, self.following = view.anew, -1, True
            self._begin(view)
            self._keep_time()
        elif moved:
            self._shift(moved)
        if view.version != self._version:
            self._version = view.version
            self._renew(view)
        self._say()

    def _keep_time(self) -> None:
        """Have the timer run while, and only while, something is followed that can be seen."""
        wanted = self._wanted and self._visible and self.following and self._view is not None
        if wanted and self._timer is None:
            self._timer = self.set_interval(self._every, self.look)
        elif not wanted and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_show(self) -> None:
        self._visible = True
        self._keep_time()
        self.look()

    def _see(self) -> None:
        """Look also where no Show came: Textual sends none for what was laid out meanwhile to find another widget."""
        if not self._visible and self.is_on_screen:
            self.on_show()

    def on_hide(self) -> None:
        self._visible = False
        self._keep_time()

    def on_unmount(self) -> None:
        self._close()
