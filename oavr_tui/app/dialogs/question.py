"""One question with a few answers; Esc is always the answer that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

_WIDTH, _AROUND = 74, 6
"""Cells of a dialog at most, and of its border and padding."""


@dataclass(frozen=True, slots=True)
class Answer:
    """id: what is returned. look: "primary" for what most want, "error" for what destroys or costs."""

    id: str
    label: str
    look: Literal["default", "primary", "success", "warning", "error"] = "default"


class Question(ModalScreen[str]):
    """Returns the chosen answer's id, "" for Esc. The first answer has the focus, so it must be the harmless one."""

    DEFAULT_CSS = """
    Question .answers.column {
        layout: vertical;
        & Button { height: 1; border: none; margin-bottom: 1; }
        & Button:focus { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Back", show=False),
        Binding("left", "app.focus_previous", "Previous", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str], answers: Sequence[Answer], *, focus: str = "") -> None:
        """title, lines: foreign text in them must be safe already. focus: the answer that has the focus at first."""
        super().__init__()
        self._title = title
        self._lines = lines
        self._answers = answers
        self._focus = focus or answers[0].id

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="title")
            for line in self._lines:
                yield Static(Content(line), classes="line")
            with Horizontal(classes="answers"):
                for answer in self._answers:
                    yield Button(Content(answer.label), variant=answer.look, id=f"answer-{answer.id}")

    def on_resize(self, event: events.Resize) -> None:
        room = min(_WIDTH, event.size.width * 96 // 100) - _AROUND
        needed = sum(max(cell_len(answer.label) + 4, 8) + 2 for answer in self._answers) - 2
        self.query_one(".answers").set_class(needed > room, "column")

    def on_mount(self) -> None:
        self.query_one(f"#answer-{self._focus}").focus()

    @on(Button.Pressed)
    def answered(self, event: Button.Pressed) -> None:
        self.dismiss((event.button.id or "").removeprefix("answer-"))
