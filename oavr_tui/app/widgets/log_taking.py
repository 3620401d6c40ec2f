"""Taking a log elsewhere: what is copied, saved or read in a pager is asked of the app, in messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from oavr_tui.app.widgets.log_lines import LogLines
from oavr_tui.app.widgets.log_reading import LogReading

_UNFIT = re.compile(r"[^\w.-]+")


class LogTaking(LogReading):
    """The messages are the pane's: on_log_pane_copy and so on."""

    @dataclass
    class Copy(Message, namespace="log_pane"):
        """Copy this. what: what it is, in words; empty for whole lines, which are counted when they are copied."""

        text: str
        what: str = ""

    @dataclass
    class Save(Message, namespace="log_pane"):
        """Save the whole log, which may have an older part beside it (clients.log_file.older)."""

        file: Path
        suggested_name: str

    @dataclass
    class Pager(Message, namespace="log_pane"):
        """Show the whole log in the person's pager."""

        file: Path

    @dataclass
    class FullScreen(Message, namespace="log_pane"):
        """Give the pane the whole screen, or take it back."""

        on: bool

    def __init__(self, *, id: str | None, every: float) -> None:
        super().__init__(id=id, every=every)
        self.full_screen = False
        self._lines = LogLines(self._nothing_to_show)

    def _nothing_to_show(self) -> str:
        raise NotImplementedError

    def action_full(self) -> None:
        self.full_screen = not self.full_screen
        self.post_message(self.FullScreen(self.full_screen))

    # --- taking it elsewhere

    def action_copy_line(self) -> None:
        selection = self._lines.text_selection
        if selection is not None and (selected := self._lines.get_selection(selection)) and selected[0]:
            self.post_message(self.Copy(selected[0], "the selection"))
            return
        first, last = self._lines.in_sight()
        if last >= first:
            self.post_message(self.Copy(self._lines.text_of(first)))

    def action_copy_seen(self) -> None:
        first, last = self._lines.in_sight()
        if last >= first:
            text = "\n".join(self._lines.text_of(place) for place in range(first, last + 1))
            self.post_message(self.Copy(text))

    def action_save(self) -> None:
        if self._file is not None:
            name = _UNFIT.sub("-", self._title).strip("-.") or "log"
            self.post_message(self.Save(self._file, f"{name}.log"))

    def action_pager(self) -> None:
        if self._file is not None:
            self.post_message(self.Pager(self._file))
