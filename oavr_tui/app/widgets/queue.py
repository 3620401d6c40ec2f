"""The queue: a line for each video that waits, is being made, or has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from oavr_tui.app import job_words as words
from oavr_tui.app.actions import bindings
from oavr_tui.app.fitting import even, fitted
from oavr_tui.app.live import Live, Topic
from oavr_tui.app.next_steps import told_briefly
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.errors import LimitReached, OavrError
from oavr_tui.models import PREVIEW, Job, JobState
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp
    from oavr_tui.engine.engine import Engine

    Command = Callable[[Engine], Awaitable[object]]

_ROWS = frozenset({Topic.JOBS, Topic.PROGRESS, Topic.STEPS, Topic.PODS, Topic.SETTINGS, Topic.CLOCK})
_NARROW, _WIDE = 64, 90
"""Cells below which there is no bar, and from which it is long."""
_LEAST_ROWS = 2
"""Of the queue that are always in sight."""


class Queue(Vertical):
    """Draws what Live says. Hidden while there is nothing, unless the person wants to see it always."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("queue")
    DEFAULT_CSS = """
    Queue { height: 1fr; min-height: 4; }
    Queue #queue-head { margin-top: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="owns-queue")
        self._jobs: list[Job] = []
        self._drawn: dict[str, tuple[object, ...]] = {}
        self._head, self.rows = OneLine(id="queue-head"), LineList(self._draw_row, id="queue-rows")

    @property
    def oavr(self) -> OavrApp:
        return cast("OavrApp", self.app)

    @property
    def _live(self) -> Live:
        return self.oavr.live

    def compose(self) -> ComposeResult:
        yield self._head
        yield self.rows

    @property
    def lines(self) -> int:
        """How many lines it needs at least, for its heading and the first of its rows; 0 while it is hidden."""
        return 2 + min(max(len(self._jobs), 1), _LEAST_ROWS) if self.display else 0

    @property
    def job(self) -> Job | None:
        """The job under the cursor."""
        index = self.rows.index
        return self._jobs[index] if 0 <= index < len(self._jobs) else None

    # --- drawing

    def draw(self, changed: Set[Topic]) -> None:
        """Redraw what these topics concern: whole when the list changed, else only the lines that differ."""
        if not changed & _ROWS:
            return
        jobs = words.in_order(self._live.jobs)
        self.display = bool(jobs) or not self._live.ready or self.oavr.settings.app_queue == "always"
        counts = (words.counts(self._live.jobs) or "nothing waits") if self._live.ready else "Loading…"
        self._head.show([("Queue", "strong", "")], [(f"{counts} ", "dim", "")])
        same = [job.id for job in jobs] == [job.id for job in self._jobs]
        chosen = self.job
        self._jobs = jobs
        if same:
            for row, job in enumerate(jobs):
                if self._drawn.get(job.id) != self._facts(job):
                    self.rows.redraw(row)
        else:
            self._drawn.clear()
            at = next((row for row, job in enumerate(jobs) if chosen is not None and job.id == chosen.id), 0)
            self.rows.show_rows(len(jobs), at)

    def _facts(self, job: Job) -> tuple[object, ...]:
        """Everything that the line of a job is drawn from."""
        share = words.percent(job, self._live)
        return (job.title, words.word(job), None if share is None else int(share), self._detail(job))

    def _detail(self, job: Job) -> str:
        return words.detail(job, self._live, self.oavr.clock())

    def _draw_row(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        job = self._jobs[index]
        self._drawn[job.id] = self._facts(job)
        share, look = words.percent(job, self._live), words.look(job)
        name = fitted(even(job.title), max(12, min(24, width // 4)))
        pieces: list[Piece] = [(f"{words.glyph(job)} ", look), (name + " ", ""), (f"{words.word(job):<11}", look)]
        if share is not None and width >= _NARROW:
            pieces += [
                *_bar(share, 30 if width >= _WIDE else 12),
                (f"{int(share):4}%  ", ""),
            ]  # 100 is for what is done
        elif share is not None:
            pieces.append((f"{int(share):3}%  ", ""))
        if job.state is JobState.FAILED:
            pieces.append((told_briefly(job, width - sum(cell_len(text) for text, _look in pieces)), ""))
        else:
            room = width - sum(cell_len(text) for text, _look in pieces)
            pieces.append((words.detail(job, self._live, self.oavr.clock(), room), "dim"))
        return pieces

    # --- what the person does

    def allows(self, name: str) -> bool:
        """Whether something can be done with the line of the cursor: cancel, retry or open."""
        drawn = self.job
        job = None if drawn is None else self._live.job(drawn.id)  # what is drawn may be a tick behind
        if job is None:
            return False
        if name == "retry":
            return job.state in (JobState.FAILED, JobState.CANCELLED)
        return name == "open" or not job.ended

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        if (job := self.job) is not None:
            from oavr_tui.app.dialogs.job_log import JobLog

            self.app.push_screen(JobLog(job.id))

    @work(group="queue")
    async def action_play(self) -> None:
        job = self.job
        if job is None or job.state is not JobState.DONE:
            self.oavr.say("This video is not done yet." if job is not None else "There is nothing here yet.")
            return
        engine = await self.oavr.engine_when_open()
        if (video := await engine.video(job.video_id)) is not None:
            await self.oavr.open_video(video)

    @work(group="queue")
    async def action_cancel(self) -> None:
        job = self.job
        if job is None or job.ended:
            self.oavr.say("There is nothing to cancel here.")
            return
        if job.state is JobState.GENERATING and job.request.on != PREVIEW:
            from oavr_tui.app.dialogs.question import Answer, Question

            question = Question(
                f"Cancel {safe(job.title, 60)}?",
                ["What was made of it so far is lost, and the time that it took is paid."],
                [Answer("cancel", "Cancel it", "error"), Answer("", "Keep going")],
            )
            if await self.app.push_screen_wait(question) != "cancel":
                return
        await self._ask(lambda engine: engine.cancel(job.id))

    @work(group="queue")
    async def action_retry(self) -> None:
        if (job := self.job) is not None:
            await self._ask(lambda engine: engine.retry(job.id))

    @work(group="queue")
    async def action_up(self) -> None:
        if (job := self.job) is not None:
            await self._ask(lambda engine: engine.reorder(job.id, -1))

    @work(group="queue")
    async def action_down(self) -> None:
        if (job := self.job) is not None:
            await self._ask(lambda engine: engine.reorder(job.id, +1))

    @work(group="queue")
    async def action_forget(self) -> None:
        if (job := self.job) is not None:
            await self._ask(lambda engine: engine.forget(job.id))

    @work(group="queue")
    async def action_clear_finished(self) -> None:
        await self._ask(lambda engine: engine.clear_finished())

    @work(group="queue")
    async def action_copy(self) -> None:
        if (job := self.job) is not None:
            text = f"{safe(job.title)}: {words.word(job)}. {self._detail(job)}"
            await self.oavr.copy_text(text, "this line")

    async def _ask(self, command: Command) -> None:
        """Give the engine a command, and say what it refuses."""
        engine = await self.oavr.engine_when_open()
        try:
            await command(engine)
        except LimitReached:
            if await self.oavr.past_limit(engine.license):
                await self._ask(command)
        except OavrError as error:
            self.oavr.say(error.message, bad=True)


def _bar(share: float, cells: int) -> list[Piece]:
    """A bar of so many cells, to half a cell."""
    halves = round(min(max(share, 0.0), 100.0) / 100 * cells * 2)
    full, half = divmod(halves, 2)
    return [("━" * full + "╸" * half, "bar"), ("━" * (cells - full - half), "track")]
