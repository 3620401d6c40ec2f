"""What happened to one video so far: how it stands, in full, and its log."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from oavr_tui.app import job_words as words
from oavr_tui.app.live import Topic
from oavr_tui.app.widgets.log_pane import LogPane
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp


class JobLog(ModalScreen[None]):
    """Follows the job while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Close", show=False)]
    DEFAULT_CSS = """
    JobLog LogPane { height: 1fr; }
    """

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    @property
    def oavr(self) -> OavrApp:
        return cast("OavrApp", self.app)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static("", classes="title", id="job-title")
            yield Static("", classes="line", id="job-words")
            yield LogPane(id="job-log")
            yield Static(Content("Esc closes"), classes="hint")

    def on_mount(self) -> None:
        self.draw(frozenset(Topic))
        job = self.oavr.live.job(self._job_id)
        if job is not None:
            pane = self.query_one(LogPane)
            pane.show(safe(job.title, 60), self.oavr.paths.job_log(job.id), lambda text: text)
            pane.focus()

    def draw(self, changed: Set[Topic]) -> None:
        """Take in how the job stands."""
        job = self.oavr.live.job(self._job_id)
        if job is None:
            self.dismiss()
            return
        self.query_one("#job-title", Static).update(Content(safe(job.title, 80)))
        share = words.percent(job, self.oavr.live)
        parts = [words.word(job), "" if share is None else f"{share:.0f} %", words.detail(job, self.oavr.live)]
        self.query_one("#job-words", Static).update(Content(" · ".join(part for part in parts if part)))
