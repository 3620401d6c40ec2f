"""What happened to one video so far: how it stands, in full, and its log."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from oavr_tui.app import job_words as words
from oavr_tui.app.actions import BY_ID
from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.keys import shown_key
from oavr_tui.app.live import Topic
from oavr_tui.app.next_steps import advice, next_step
from oavr_tui.app.widgets.log_pane import LogPane
from oavr_tui.app.widgets.one_line import OneLine, Part
from oavr_tui.errors import LimitReached, OavrError
from oavr_tui.models import Job, JobState
from oavr_tui.text import safe


def _key(action_id: str) -> str:
    """The first key of an action."""
    return BY_ID[action_id].keys.split(",")[0]


class JobLog(OwnDialog[None]):
    """Follows the job while it is open; where it has failed, the keys that help act here too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False),
        Binding(_key("queue.retry"), "next('queue.retry')", "Retry", show=False),
        Binding(_key("app.go_settings"), "next('app.go_settings')", "Settings", show=False),
        Binding(_key("studio.portrait"), "next('studio.portrait')", "Portrait", show=False, priority=True),
        Binding(_key("studio.voice"), "next('studio.voice')", "Voice", show=False, priority=True),
        Binding(_key("studio.more"), "next('studio.more')", "More options", show=False),
    ]
    DEFAULT_CSS = """
    JobLog {
        & LogPane { height: 1fr; }
        & #job-next { margin-bottom: 1; }
        & .failure { display: none; }
        &.failed .failure { display: block; }
    }
    """

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static("", classes="title", id="job-title")
            yield Static("", classes="line", id="job-words")
            yield Static("", classes="failure", id="job-next")
            yield LogPane(id="job-log")
            yield OneLine(id="job-keys")

    def on_mount(self) -> None:
        self.draw(frozenset(Topic))
        job = self.oavr.live.job(self._job_id)
        if job is not None:
            pane = self.query_one(LogPane)
            pane.show(safe(job.title, 60), self.oavr.paths.job_log(job.id), lambda text: text)
            pane.focus()

    @property
    def _job(self) -> Job | None:
        return self.oavr.live.job(self._job_id)

    def draw(self, changed: Set[Topic]) -> None:
        """Take in how the job stands."""
        job = self._job
        if job is None:
            self.dismiss()
            return
        self.query_one("#job-title", Static).update(Content(safe(job.title, 80)))
        share = words.percent(job, self.oavr.live)
        said = words.detail(job, self.oavr.live, self.oavr.clock())
        parts = [words.word(job), "" if share is None else f"{int(share)} %", said]
        self.query_one("#job-words", Static).update(Content(" · ".join(part for part in parts if part)))
        self._draw_next(job)

    def _draw_next(self, job: Job) -> None:
        self.set_class(job.state is JobState.FAILED, "failed")
        keys: list[Part] = []
        if job.failure is not None and job.state is JobState.FAILED:
            self.query_one("#job-next", Static).update(Content(advice(job)))
        for name in self._helping():
            keys += [(f"{shown_key(_key(name))} ", "key", name), (f"{BY_ID[name].label}  ", "name", name)]
        self.query_one("#job-keys", OneLine).show([*keys, ("Esc ", "key", "close"), ("Close", "name", "close")])

    def _helping(self) -> tuple[str, ...]:
        """The actions that may help this video on."""
        job = self._job
        if job is None or job.failure is None or job.state not in (JobState.FAILED, JobState.CANCELLED):
            return ()
        return next_step(job.failure).actions

    # --- what the person does

    @on(OneLine.Clicked)
    async def clicked(self, event: OneLine.Clicked) -> None:
        event.stop()
        await self.action_next(event.wanted)

    async def action_next(self, wanted: str) -> None:
        """Do what helps; what does not, for this video, does nothing."""
        if wanted == "close":
            self.dismiss()
        elif wanted not in self._helping():
            return
        elif wanted == "queue.retry":
            self._retry()
        else:
            self.dismiss()
            self.app.call_later(self.oavr.action_act, wanted)

    @work(exclusive=True, group="retry")
    async def _retry(self) -> None:
        engine = await self.oavr.engine_when_open()
        try:
            await engine.retry(self._job_id)
        except LimitReached:
            if await self.oavr.past_limit(engine.license):
                self._retry()
        except OavrError as error:
            self.oavr.say(error.message, bad=True)
