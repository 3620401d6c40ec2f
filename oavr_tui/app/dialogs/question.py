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
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog

_WIDTH, _AROUND = 74, 6
"""Cells of a dialog at most, and of its border and padding."""


@dataclass(frozen=True, slots=True)
class Answer:
    """id: what is returned. look: "primary" for what most want, "error" for what destroys or costs."""

    id: str
    label: str
    look: Literal["default", "primary", "success", "warning", "error"] = "default"


BACK = Answer("", "Back")
"""The way back, where nothing else says better what it leaves as it is."""


class Question(OwnDialog[str]):
    """Returns the chosen answer's id, "" for Esc.

    The order of the answers is the same everywhere: what does something, then other ways, the way back last. So is
    the focus: on the way back, which costs and destroys nothing, unless the person has just asked for what another
    answer does, and it spends no more than they were told; such an answer is named.
    """

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
        """title, lines: foreign text in them must be safe already. focus: the answer that has the focus at first,
        else it is the last one."""
        super().__init__()
        self._title = title
        self._lines = tuple(lines)
        self._answers = tuple(answers)
        self._focus = focus or answers[-1].id

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="title")
            yield Static(Content("\n\n".join(self._lines)), classes="line")
            yield from self.more()
            with Horizontal(classes="answers"):
                for answer in self._answers:
                    yield Button(Content(answer.label), variant=answer.look, id=f"answer-{answer.id}")

    def more(self) -> ComposeResult:
        """What a question of this kind has besides."""
        yield from ()

    def tell(self, lines: Sequence[str], answers: Sequence[Answer], focus: str) -> None:
        """Things have changed while this is open. answers: of those that it was opened with; the others are hidden.

        The focus stays where it is, as long as that answer means the same; else it goes to the answer named `focus`.
        """
        if (tuple(lines), tuple(answers)) == (self._lines, self._answers):
            return
        before = {answer.id: answer.label for answer in self._answers}
        self._lines, self._answers = tuple(lines), tuple(answers)
        self.query_one(".line", Static).update(Content("\n\n".join(lines)))
        now = {answer.id: answer for answer in answers}
        for button in self.query(Button):
            name = _id_of(button)
            button.display = name in now
            if name in now:
                button.label, button.variant = Content(now[name].label), now[name].look
            if button.has_focus and (name not in now or now[name].label != before.get(name)):
                self.query_one(f"#answer-{focus}").focus()
        self._fit(self.size.width)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        room = min(_WIDTH, width * 96 // 100) - _AROUND
        needed = sum(max(cell_len(answer.label) + 4, 8) + 2 for answer in self._answers) - 2
        self.query_one(".answers").set_class(needed > room, "column")

    def on_mount(self) -> None:
        self.query_one(f"#answer-{self._focus}").focus()

    @on(Button.Pressed)
    def answered(self, event: Button.Pressed) -> None:
        self.dismiss(_id_of(event.button))


def _id_of(button: Button) -> str:
    return (button.id or "").removeprefix("answer-")
