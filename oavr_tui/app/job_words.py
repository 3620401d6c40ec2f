"""A job in a person's words: a glyph and a word for its state, and what there is to say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.app.live import Live
from oavr_tui.app.next_steps import why
from oavr_tui.models import PREVIEW, Job, JobState
from oavr_tui.text import clock, safe

if TYPE_CHECKING:
    from oavr_tui.engine.events import PodStepped

_S = JobState
_FETCHING = "Fetching the video engine: "
"""How the step begins that counts."""
GLYPHS = {_S.QUEUED: "○", _S.DONE: "✔", _S.FAILED: "✘", _S.CANCELLED: "–"}
WORDS = {
    _S.QUEUED: "Waiting",
    _S.CHECKING: "Checking",
    _S.STARTING: "Starting",
    _S.SENDING: "Sending",
    _S.GENERATING: "Generating",
    _S.FETCHING: "Saving",
    _S.DONE: "Done",
    _S.FAILED: "Failed",
    _S.CANCELLED: "Cancelled",
}
LOOKS = {_S.QUEUED: "dim", _S.DONE: "good", _S.FAILED: "bad", _S.CANCELLED: "dim"}


def glyph(job: Job) -> str:
    return GLYPHS.get(job.state, "●")


def word(job: Job) -> str:
    return "Cancelling" if job.cancel_asked and not job.ended else WORDS[job.state]


def look(job: Job) -> str:
    return LOOKS.get(job.state, "accent")


def in_order(jobs: tuple[Job, ...]) -> list[Job]:
    """As the queue shows them: what is being made, what waits in its order, then what has ended, newest first."""
    making = [job for job in jobs if not job.ended and job.state is not JobState.QUEUED]
    waiting = [job for job in jobs if job.state is JobState.QUEUED]
    ended = sorted((job for job in jobs if job.ended), key=lambda job: job.updated_at, reverse=True)
    return [*making, *waiting, *ended]


def counts(jobs: tuple[Job, ...]) -> str:
    """How many there are of each, as the queue's head says it."""
    ended = [job.state for job in jobs if job.ended]
    numbers = (
        (sum(1 for job in jobs if not job.ended), "active"),
        (ended.count(JobState.DONE), "done"),
        (ended.count(JobState.FAILED), "failed"),
        (ended.count(JobState.CANCELLED), "cancelled"),
    )
    return " · ".join(f"{number} {name}" for number, name in numbers if number)


def percent(job: Job, live: Live) -> float | None:
    """0 .. 100 while it is being made, None while nothing is known or it only waits."""
    progress = live.progress.get(job.id)
    return None if progress is None or job.ended or job.state is JobState.QUEUED else progress.percent


def detail(job: Job, live: Live, now: float, room: int = 200) -> str:
    """What the line says at its end; foreign text in it is safe. now: unix seconds. room: cells, for which a figure is
    left out rather than cut."""
    if job.state is JobState.DONE:
        return _done(job, now, room)
    if job.state is JobState.FAILED:
        return why(job)
    if job.state is JobState.CANCELLED:
        return "r tries it again"
    if job.state is JobState.QUEUED:
        return _waiting(job, live)
    progress = live.progress.get(job.id)
    if job.state is JobState.STARTING and (step := step_of(job, live)) is not None:
        return step_words(step)
    if progress is None:
        return ""
    left = "" if progress.eta_seconds is None else f"{clock(progress.eta_seconds)} left"
    return " · ".join(part for part in (left, safe(progress.detail, 80)) if part)  # a narrow line loses its end


def _done(job: Job, now: float, room: int) -> str:
    """What was made, what it cost and when: the same that Videos says of it, the cost for as long as it fits."""
    from oavr_tui.app.screens.videos_shelf import when  # not for the first frame
    from oavr_tui.pods.cost import about

    kind = "preview" if job.request.on == PREVIEW else "full video"
    cost = f"cost {about(job.cost)}" if job.cost > 0 else ""
    length, at = clock(job.duration), when(job.updated_at, now)
    ways = ((f"{length} {kind}", cost, at), (f"{length} {kind}", cost), (length, cost), (cost or length,))
    lines = [" · ".join(part for part in parts if part) for parts in ways]
    return next((line for line in lines if len(line) <= room), "")


def step_words(step: PodStepped) -> str:
    """What a starting studio does, in so few words that the count at their end is seen in a narrow line."""
    return safe(step.text, 120).replace(_FETCHING, "Fetching ")


def step_of(job: Job, live: Live) -> PodStepped | None:
    """How the studio gets on that a job waits for; None where none is being started."""
    if job.pod in live.steps:
        return live.steps[job.pod]
    starting = [live.steps[pod.id] for pod in live.pods if pod.starting and pod.id in live.steps]
    return starting[0] if starting and job.request.on != PREVIEW else None


def _waiting(job: Job, live: Live) -> str:
    before = 0
    for other in live.jobs:
        if other.id == job.id:
            break
        if not other.ended and (other.request.on == PREVIEW) == (job.request.on == PREVIEW):
            before += 1
    return "next" if before == 0 else f"{before} before it"
