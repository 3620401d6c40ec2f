"""The first steps of somebody new: a short list that ticks itself, until all is done or it is sent away."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from oavr_tui.app.widgets.line_list import LineList, Piece

STEPS = (
    ("image", "Choose a portrait", ""),
    ("audio", "Choose a voice", ""),
    ("preview", "Make a quick preview", "free, on this computer"),
    ("key", "Add your RunPod key for full videos", "optional"),
    ("full", "Make the full video", "about $0.10 each, paid to RunPod"),
)
"""Id, words and a remark of each step."""
SAMPLES, HIDE = "samples", "hide"


class FirstSteps(Vertical):
    """Where there is little room, only the next step is shown."""

    DEFAULT_CSS = """
    FirstSteps {
        height: auto;
        margin-top: 1;
        & LineList { height: auto; }
        & .plans { color: $text-muted; }
    }
    """

    @dataclass
    class Wanted(Message):
        """A step, `samples` or `hide`."""

        what: str

    def __init__(self) -> None:
        super().__init__()
        self._done: frozenset[str] = frozenset()
        self._rows: list[str] = []
        self._told: tuple[str, ...] = ()
        self._heading = Static("First steps", classes="heading")
        self._plans = Static("", classes="plans")
        self._listing = LineList(self._draw, id="first-rows")

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._plans
        yield self._listing

    def show_plans(self, told: Sequence[str]) -> None:
        """What is free, and what Pro is; where there is a heading, the first of these lines stands beside it."""
        self._told = tuple(told)
        beside = [f" · {line}" for line in told[:1]] if self._heading.display else []
        self._heading.update(Content.assemble("First steps", *((line, "not bold $foreground") for line in beside)))
        below = told[len(beside) :]
        self._plans.update(Content("\n".join(below)))
        self._plans.display = bool(below)

    def show(self, done: Set[str], *, small: bool, samples: bool) -> None:
        """done: ids of the steps that are done. small: only the next step. samples: offer a portrait and a voice."""
        rows = _rows(done, small, samples)
        if (frozenset(done), rows) == (self._done, self._rows):
            return
        self._done, self._rows = frozenset(done), rows
        self._heading.display = not small
        self._listing.styles.height = len(rows)
        self._listing.show_rows(len(rows))

    @property
    def lines(self) -> int:
        """What this takes of the height, 0 while it is hidden."""
        return len(self._rows) + max(len(self._told), self._heading.display) + 1 if self.display else 0

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self._done >= {step for step, _words, _remark in STEPS}

    def _draw(self, index: int, line: int, width: int) -> Sequence[Piece]:
        del line, width
        row = self._rows[index]
        if row == SAMPLES:
            return [("  ▸ Try it with our sample portrait and voice", "accent")]
        if row == HIDE:
            return [("  × Hide the first steps", "dim")]
        words, remark = next(step[1:] for step in STEPS if step[0] == row)
        if row in self._done:
            return [("  ✔ ", "good"), (words, "dim")]
        next_one = "" if self._heading.display else "Next: "
        return [(f"  ○ {next_one}{words}", ""), (f"  {remark}" if remark else "", "dim")]

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.post_message(self.Wanted(self._rows[event.index]))


def _rows(done: Set[str], small: bool, samples: bool) -> list[str]:
    """What the lines are about."""
    left = [step for step, _words, _remark in STEPS if step not in done]
    offers = [SAMPLES] if samples and {"image", "audio"} & set(left) else []
    if small:
        return [*(offers or left[:1]), HIDE]
    return [*(step for step, _words, _remark in STEPS), *offers, HIDE]
