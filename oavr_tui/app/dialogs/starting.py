"""How a studio gets on that is being started for a video: an overlay that can be put away, the video stays queued."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.job_words import step_of
from oavr_tui.app.live import Topic
from oavr_tui.app.next_steps import next_step, why
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.engine.events import PodStepped, Step
from oavr_tui.errors import FailureCode, OavrError
from oavr_tui.models import AUTO, Job, JobState
from oavr_tui.text import clock, safe

_ORDER = list(Step)
_ROWS: tuple[tuple[str, str, Step], ...] = (
    ("Finding a machine", "Found a machine", Step.ASKED),
    ("Starting it", "It has started", Step.BOOTING),
    ("Fetching the video engine", "Fetched the video engine", Step.FETCHING),
    ("Warming up", "Warmed up", Step.WARMING),
)
"""While it lasts, when it is done, and up to which step it lasts."""
_MAKING = (JobState.GENERATING, JobState.FETCHING, JobState.DONE, JobState.CANCELLED)


def usual(known: float, *, waking: bool) -> str:
    """How long a start takes. known: seconds that it took before, 0 for none. waking: everything is there already."""
    if known > 0:
        minutes = max(round(known / 60), 1)
        return f"usually {minutes} minute{'s' * (minutes != 1)}"
    return "usually a few minutes" if waking else "usually 8-20 minutes the first time"


class Starting(OwnDialog[None]):
    """Closes by itself when the video is being made. On failure it says so, and what can be done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Hide", show=False)]
    DEFAULT_CSS = """
    Starting {
        & LineList { height: 5; background: $surface; margin-bottom: 1; }
        & LineList > .look--quiet-cursor { background: $surface; }
        & .after { display: none; }
        &.failed .after { display: block; }
        &.failed .before, &.failed .useless { display: none; }
        &.failed LineList { display: none; }
    }
    """

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id
        self._step: PodStepped | None = None

    @property
    def _job(self) -> Job | None:
        return self.oavr.live.job(self._job_id)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Starting your studio"), classes="title", id="starting-title")
            yield LineList(self._draw, id="starting-rows")
            yield Static("", classes="line", id="starting-words")
            with Horizontal(classes="answers"):
                yield Button("Cancel the video", id="cancel", classes="before")
                yield Button("Hide", id="hide", variant="primary", classes="before")
                yield Button("Try again", id="again", variant="primary", classes="after")
                yield Button("Try another machine", id="elsewhere", classes="after")
                yield Button("Settings", id="settings", classes="after")
                yield Button("Open Pods", id="pods", classes="after")
                yield Button("Back", id="close", classes="after")

    def on_mount(self) -> None:
        self.query_one(LineList).can_focus = False
        self.query_one(LineList).show_rows(len(_ROWS) + 1)
        self.query_one("#hide").focus()
        self.draw(frozenset(Topic))
        self.set_interval(1.0, self._second)

    # --- drawing

    def draw(self, changed: Set[Topic]) -> None:
        """Take in how things stand."""
        job = self._job
        if job is None or job.state in _MAKING:
            self.dismiss()
            return
        if job.state is JobState.FAILED:
            self._show_failure(job)
            return
        self._step = step_of(job, self.oavr.live) or self._step
        estimate = self.oavr.live.estimates.get(job.id)
        known = estimate.start_seconds if estimate is not None and estimate.learned else 0.0
        usually = usual(known, waking=self._is_waking(job))
        self.query_one("#starting-title", Static).update(Content(f"Starting your studio, {usually}"))
        self.query_one(LineList).redraw(0, len(_ROWS))
        self.query_one("#starting-words", Static).update(Content(self._words()))

    def _is_waking(self, job: Job) -> bool:
        """Whether a machine is started again that has everything on its disk."""
        pod = self.oavr.live.pod(self._step.pod if self._step is not None else job.pod)
        return pod is not None and pod.resumed

    def _words(self) -> str:
        engine = self.oavr.engine
        if engine is not None and engine.kept:
            return "You can hide this, or leave the app: it goes on in the background."
        return "Hide this and go on; the video waits in the queue."

    def _show_failure(self, job: Job) -> None:
        if self.has_class("failed"):
            return
        self.add_class("failed")
        self.query_one("#starting-title", Static).update(Content("Your studio did not start"))
        helps = next_step(job.failure).actions if job.failure is not None else ()
        settings = "app.go_settings" in helps
        self.query_one("#settings").set_class(not settings, "useless")
        self.query_one("#pods").set_class(settings, "useless")
        other = job.request.on == AUTO and job.failure is not None and job.failure.code is FailureCode.NO_GPU
        self.query_one("#elsewhere").set_class(not other, "useless")
        self.query_one("#starting-words", Static).update(Content(why(job)))
        self.query_one("#close").focus()  # trying again spends again

    def _second(self) -> None:
        """Only the time of the step that lasts goes on."""
        self.query_one(LineList).redraw(self._at())

    def _at(self) -> int:
        """The row that is being worked on."""
        job = self._job
        if job is not None and job.state is JobState.SENDING:
            return len(_ROWS)
        if self._step is None:
            return 0
        reached = _ORDER.index(self._step.step)
        return next((row for row, each in enumerate(_ROWS) if reached <= _ORDER.index(each[2])), len(_ROWS))

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        at = self._at()
        doing, done, _ = _ROWS[index] if index < len(_ROWS) else ("Sending your files", "Sent your files", Step.READY)
        if index < at:
            return (("✔ ", "good"), (f"{done:<{min(36, width // 2)}}", ""), (self._told(index, done=True), "dim"))
        if index == at:
            return (
                ("● ", "accent"),
                (f"{doing:<{min(36, width // 2)}}", "strong"),
                (self._told(index, done=False), ""),
            )
        return (("○ ", "dim"), (doing, "dim"))

    def _told(self, index: int, *, done: bool) -> str:
        step = self._step
        if step is None:
            return ""
        if index == 0:
            return (
                f"{safe(step.gpu_name)} · ${step.per_hour:.2f}/h while it runs"
                if step.gpu_name and step.per_hour
                else ""
            )
        parts: list[str] = []
        if index == 2 and step.done and not done:
            parts.append(f"{step.done} of {step.total} files" if step.total else f"{step.done} files so far")
        if (seconds := self._lasted(index)) is not None:
            parts.append(clock(seconds))
        return " · ".join(parts)

    def _lasted(self, index: int) -> float | None:
        """Seconds of a row: from when it was reached to when the next one was, or until now."""
        times = self.oavr.live.reached.get(self._step.pod, {}) if self._step is not None else {}
        steps = [Step.ASKED, Step.BOOTING, Step.FETCHING, Step.WARMING, Step.READY]
        began = times.get(steps[index])
        if began is None:
            return None
        ended = next((times[step] for step in steps[index + 1 :] if step in times), self.oavr.clock())
        return max(ended - began, 0.0)

    # --- what the person does

    @on(Button.Pressed, "#hide")
    @on(Button.Pressed, "#close")
    def put_away(self) -> None:
        self.dismiss()

    @on(Button.Pressed, "#cancel")
    async def cancel_it(self) -> None:
        engine = await self.oavr.engine_when_open()
        try:
            await engine.cancel(self._job_id)
        except OavrError as error:
            self.oavr.say(error.message, bad=True)
        self.dismiss()

    @on(Button.Pressed, "#again")
    @on(Button.Pressed, "#elsewhere")
    async def try_again(self, event: Button.Pressed) -> None:
        engine = await self.oavr.engine_when_open()
        try:
            await engine.retry(self._job_id, elsewhere=event.button.id == "elsewhere")
        except OavrError as error:
            self.oavr.say(error.message, bad=True)
            return
        self.remove_class("failed")
        self.query_one("#hide").focus()

    @on(Button.Pressed, "#pods")
    @on(Button.Pressed, "#settings")
    async def to_a_screen(self, event: Button.Pressed) -> None:
        self.dismiss()
        self.app.call_later(self.oavr.go, event.button.id)
