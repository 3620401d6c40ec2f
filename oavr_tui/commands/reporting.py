"""How a command tells of a job while it runs: JSON lines, a bar on a terminal, or plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from oavr_tui.commands.talk import put, put_json, say, video_summary
from oavr_tui.engine.events import Estimated, PodStepped, Step
from oavr_tui.models import Failure, Job, JobState, Progress, Video
from oavr_tui.text import clock, safe, size

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

STAGE_WORDS = {
    JobState.QUEUED: "Waiting",
    JobState.CHECKING: "Checking the picture and the voice",
    JobState.STARTING: "Starting",
    JobState.SENDING: "Sending your files",
    JobState.GENERATING: "Making the video",
    JobState.FETCHING: "Bringing it home",
}
"""What a person reads for each state of a job that is under way."""

_PLAIN_STEP = 10.0
"""Percent between two plain lines: enough to see life in a log, without flooding it."""


class Reporter(Protocol):
    """What the session tells, in the order in which it happens; `done` or `failed` is the last."""

    def job(self, job: Job) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def notice(self, text: str) -> None: ...
    def step(self, step: PodStepped) -> None: ...
    def estimate(self, estimate: Estimated) -> None: ...
    def done(self, video: Video) -> None: ...
    def failed(self, failure: Failure) -> None: ...
    def close(self) -> None: ...


def step_record(step: PodStepped) -> dict[str, Any]:
    """A step of a studio's start as a JSON event."""
    return {
        "event": "pod",
        "name": step.name,
        "step": step.step.value,
        "text": step.text,
        "gpu": step.gpu_name or None,
        "per_hour": step.per_hour or None,
        "done": step.done,
        "total": step.total,
    }


class JsonReporter:
    """One JSON object a line on standard output; sentences for people go to standard error."""

    def __init__(self) -> None:
        self._told = ""

    def job(self, job: Job) -> None:
        if job.state.value != self._told:
            self._told = job.state.value
            put_json({"event": "job", "id": job.id, "state": job.state.value})

    def progress(self, progress: Progress) -> None:
        put_json(
            {
                "event": "progress",
                "stage": progress.stage,
                "percent": progress.percent,
                "eta_seconds": progress.eta_seconds,
            }
        )

    def notice(self, text: str) -> None:
        say(text)

    def step(self, step: PodStepped) -> None:
        put_json(step_record(step))

    def estimate(self, estimate: Estimated) -> None:
        put_json(
            {
                "event": "estimate",
                "start_seconds": round(estimate.start_seconds),
                "make_seconds": round(estimate.make_seconds),
                "dollars": round(estimate.dollars, 4),
                "learned": estimate.learned,
            }
        )

    def done(self, video: Video) -> None:
        put_json({"event": "done", "video": video_summary(video)})

    def failed(self, failure: Failure) -> None:
        put_json(
            {
                "event": "failed",
                "code": failure.code.value,
                "message": failure.message,
                "can_retry": failure.can_retry,
            }
        )

    def close(self) -> None:
        sys.stdout.flush()


def _told_done(video: Video) -> str:
    kind = "Preview" if video.preview else "Video"
    cost = f" for about ${video.cost:.2f}" if video.cost >= 0.005 else ""
    return (
        f"{kind} saved: {clock(video.duration)}, {video.width}x{video.height}, {size(video.bytes)}, "
        f"seed {video.seed}, made on {video.made_on} in {clock(video.seconds_taken)}{cost}."
    )


class PlainReporter:
    """Plain lines on standard error; the video's path on standard output."""

    def __init__(self) -> None:
        self._stage = ""
        self._next_percent = 0.0

    def job(self, job: Job) -> None:
        """States are told by the progress lines."""

    def progress(self, progress: Progress) -> None:
        if progress.stage == self._stage and progress.percent < self._next_percent:
            return
        self._stage = progress.stage
        self._next_percent = progress.percent + _PLAIN_STEP
        left = "" if progress.eta_seconds is None else f", about {clock(progress.eta_seconds)} left"
        detail = f" ({safe(progress.detail)})" if progress.detail else ""
        say(f"{STAGE_WORDS[JobState(progress.stage)]}: {progress.percent:.0f}%{left}{detail}")

    def notice(self, text: str) -> None:
        say(text)

    def step(self, step: PodStepped) -> None:
        say(f"{step.name}: {step.text}.")

    def estimate(self, estimate: Estimated) -> None:
        say(estimate.text)

    def done(self, video: Video) -> None:
        say(_told_done(video))
        put(safe_path(video.path))

    def failed(self, failure: Failure) -> None:
        say(failure.message)

    def close(self) -> None:
        sys.stderr.flush()


class BarReporter:
    """A bar with stage, percent and time left on a terminal's standard error; the video's path on standard output."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        # Foreign text comes through these columns: nothing of it is read as markup.
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
        )
        self._bar: Bar = Bar(*columns, console=Console(stderr=True, markup=False, highlight=False), transient=True)
        self._task: TaskID = self._bar.add_task("Starting", total=100.0, left="")
        self._bar.start()

    def job(self, job: Job) -> None:
        if job.state in STAGE_WORDS:
            self._bar.update(self._task, description=STAGE_WORDS[job.state])

    def progress(self, progress: Progress) -> None:
        left = "" if progress.eta_seconds is None else f"about {clock(progress.eta_seconds)} left"
        self._bar.update(
            self._task,
            completed=progress.percent,
            description=STAGE_WORDS[JobState(progress.stage)],
            left=" · ".join(part for part in (safe(progress.detail), left) if part),
        )

    def notice(self, text: str) -> None:
        self._bar.console.print(safe(text, 2000), markup=False)

    def step(self, step: PodStepped) -> None:
        """The bar shows it beside the percentage; a machine that is found is worth a line of its own."""
        if step.step is Step.FOUND:
            self.notice(f"{step.name}: {step.text}.")

    def estimate(self, estimate: Estimated) -> None:
        self.notice(estimate.text)

    def done(self, video: Video) -> None:
        self.close()
        say(_told_done(video))
        put(safe_path(video.path))

    def failed(self, failure: Failure) -> None:
        self.close()
        say(failure.message)

    def close(self) -> None:
        self._bar.stop()


def safe_path(path: str) -> str:
    """A path as data: whole, but control bytes never reach a terminal; our own names have none anyway."""
    return path if not sys.stdout.isatty() else safe(path, 4096)


def reporter(as_json: bool) -> Reporter:
    """The one that fits where the output goes."""
    if as_json:
        return JsonReporter()
    return BarReporter() if sys.stderr.isatty() else PlainReporter()
