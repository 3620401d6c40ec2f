"""The line above a log, which says what is shown of it, and the line below it where one types what to find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from oavr_tui.app.widgets.text_field import TextField

_LEAST_RULE = 4


class LogHeader(Widget):
    """`── Log: studio-1 ──── following · / find`: a title, and what can be said at its right, dropped from its end
    where there is no room. A click on it is passed on."""

    DEFAULT_CSS = """
    LogHeader { height: 1; color: $text-muted; }
    """

    class Clicked(Message):
        """The person has clicked on the header."""

    def __init__(self) -> None:
        super().__init__()
        self._title = ""
        self._says: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What it says at its present width."""
        width = max(1, self.size.width)
        title = f"── {self._title} "
        says = list(self._says)
        while len(says) > 1 and cell_len(title) + _LEAST_RULE + cell_len(" · ".join(says)) > width:
            says.pop()
        right = f" {' · '.join(says)}" if says else ""
        rule = max(0, width - cell_len(title) - cell_len(right))
        if not rule:
            title = set_cell_size(title, max(0, width - cell_len(right)))
        return set_cell_size(title + "─" * rule + right, width)

    def say(self, title: str, says: tuple[str, ...]) -> None:
        """Both without control characters. says: the most important first."""
        if (title, says) != (self._title, self._says):
            self._title, self._says = title, says
            self.refresh()

    def render(self) -> Content:
        return Content(self.text)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Clicked())


class LogPrompt(TextField):
    """One line to type in: Enter gives it, Esc takes it back. Shown only while it is asked something."""

    DEFAULT_CSS = """
    LogPrompt { height: 1; border: none; padding: 0 1; display: none; background: $surface; }
    LogPrompt:focus { border: none; }
    LogPrompt.asking { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Back", show=True)]

    @dataclass
    class Answered(Message):
        """What was typed; None where it was taken back."""

        what: str
        typed: str | None

    def __init__(self) -> None:
        super().__init__(select_on_focus=True)
        self._what = ""

    @property
    def asking(self) -> str:
        """What is asked at present; empty while nothing is."""
        return self._what

    def ask(self, what: str, hint: str, typed: str) -> None:
        """what: comes back with the answer. hint: shown while nothing is typed. typed: to begin with."""
        self._what = what
        self.placeholder = hint
        self.value = typed
        self.add_class("asking")
        self.focus()

    def action_give_up(self) -> None:
        self._answer(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer(self.value.strip())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def on_blur(self) -> None:
        if self._what:
            self._answer(None)

    def _answer(self, typed: str | None) -> None:
        what, self._what = self._what, ""
        self.remove_class("asking")
        self.post_message(self.Answered(what, typed))
