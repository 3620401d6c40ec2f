"""What the app says outside its screens: sentences over the headline, the terminal's title and bell, the clipboard,
other programs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets._toast import Toast

from oavr_tui.app.next_steps import plain
from oavr_tui.app.outside.guard import GuardedApp
from oavr_tui.app.outside.terminal import BELL, Terminal, title_sequence
from oavr_tui.paths import Paths

if TYPE_CHECKING:
    from oavr_tui.app.outside.copying import Copied
    from oavr_tui.models import Video

_SAID_SECONDS, _WRONG_SECONDS, _READ_SECONDS = 5.0, 12.0, 12.0
"""How long something said stays; what is wrong, and what holds an address or a command, takes longer to read."""
_MOST_SAID = 2
"""Things said that are seen at once."""
_MOUSE_MODES = (1000, 1003, 1015, 1006)
"""What Textual switches on: clicks, moves, and the ways to write them."""


class Talking(GuardedApp):
    """What the app has besides its screens. environ: as the process was started."""

    def __init__(self, paths: Paths, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.paths = paths
        self.environ = dict(os.environ if environ is None else environ)
        self.terminal = Terminal.find(self.environ)
        self._title_told = ""
        self._mouse_free = False
        self._said_about: dict[str, str] = {}

    def say(self, text: str, *, bad: bool = False, seconds: float | None = None, about: str = "") -> None:
        """A sentence over the headline, where it covers nothing. Foreign text in it does no harm.

        seconds: how long it stays, else 5, and 12 where something is wrong. about: what it is about; what was said of
        that before is taken away, since it is true no longer.
        """
        text = plain(text)
        if about:
            for told in [told for told in self._notifications if told.message == self._said_about.get(about)]:
                self._unnotify(told)
            self._said_about[about] = text
        if seconds is None:
            seconds = _WRONG_SECONDS if bad else _SAID_SECONDS
        self.notify(text, severity="error" if bad else "information", timeout=seconds, markup=False)

    def _refresh_notifications(self) -> None:
        """Show the last few things said and all that is wrong, on lines without gaps: Textual's own leaves an empty
        line where one is taken away before its time."""
        said = [told for told in self._notifications if told.severity == "information"]
        for told in said[:-_MOST_SAID]:
            self._unnotify(told, refresh=False)
        for toast in self.screen.query(Toast) if self._screen_stack else ():
            if toast._notification not in self._notifications and isinstance(toast.parent, Widget):
                toast.parent.remove()
        super()._refresh_notifications()

    def _write(self, sequence: str) -> None:
        """Hand a control sequence of our own to the terminal."""
        if self._driver is not None and not self._driver.is_headless:
            self._driver.write(sequence)

    def tell_title(self, title: str) -> None:
        """Set the terminal's title; nothing is sent while it stays the same."""
        if title != self._title_told:
            self._title_told = title
            self._write(title_sequence(title))

    def free_mouse(self) -> bool:
        """Give the mouse to the terminal, or take it back; returns whether it is free now."""
        self._mouse_free = not self._mouse_free
        switch = "l" if self._mouse_free else "h"
        self._write("".join(f"\x1b[?{mode}{switch}" for mode in _MOUSE_MODES))
        return self._mouse_free

    def ring(self) -> None:
        self._write(BELL)

    async def copy_text(self, text: str, what: str) -> None:
        """Copy a text the first way that works, and say which. what: what it is, in words, beside how many lines."""
        copied = await self.copied(text)
        self.say(
            f"{copied.sentence} ({what})" if what and copied.way != "none" else copied.sentence,
            bad=copied.way == "none",
        )

    async def copied(self, text: str) -> Copied:
        """Copy a text the first way that works; says nothing."""
        from oavr_tui.app.outside.copying import copy

        self._clipboard = text  # what a text field here pastes
        return await copy(text, self.environ, self._write, self.paths.state)

    def copy_to_clipboard(self, text: str) -> None:
        """What Textual calls for selected text: its own way knows neither tmux nor the system's tools."""
        self.run_worker(self.copy_text(text, "what was selected"), group="copying", exit_on_error=False)

    async def open_elsewhere(self, target: str) -> None:
        """Open a path or an address with another program; where that cannot be, say what helps instead.

        Over SSH that is copied, since it is for another computer; here nothing is that nobody asked for.
        """
        from oavr_tui.app.outside.opening import open_outside

        opened = await open_outside(target, self.environ)
        if opened.copy:
            copied = await self.copied(opened.copy)
            self.say(f"{opened.sentence} {copied.sentence} {opened.copy}", seconds=_READ_SECONDS)
        elif opened.shows:
            self.say(opened.sentence, seconds=_READ_SECONDS)
        else:
            self.say(opened.sentence, bad=not opened.done)

    async def opened(self, target: str) -> str:
        """The same, for a question that shows the address itself: what to say there."""
        from oavr_tui.app.outside.opening import open_outside

        opened = await open_outside(target, self.environ)
        return f"{opened.sentence} {(await self.copied(opened.copy)).sentence}" if opened.copy else opened.sentence

    async def open_video(self, video: Video) -> None:
        """Show a finished video in this computer's player."""
        await self.open_elsewhere(video.path)

    async def show_address(self, address: str, what: str) -> None:
        """Open an address in a browser; where there is none, show it with a code for a phone. what: what is there."""
        from oavr_tui.app.outside.opening import open_outside

        opened = await open_outside(address, self.environ)
        if opened.done:
            self.say(opened.sentence)
            return
        from oavr_tui.app.dialogs.show_address import ShowAddress

        self.push_screen(ShowAddress(address, what))
