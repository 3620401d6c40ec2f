"""A log of its own for each job: a sentence for each state, what was said about it, and how it ended, kept as a pod's
log is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from oavr_tui.engine.events import Event, JobChanged, Notice
from oavr_tui.engine.given import is_address
from oavr_tui.models import PREVIEW, Job, JobState
from oavr_tui.paths import Paths
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.clients.log_store import Log

_RING = 200


class JobLogs:
    """Give its `hear` to the bus. driving: whether this process drives: exactly one process writes a log's file.

    studio: the name of the studio where a job is made, empty where that is none.
    """

    def __init__(
        self, paths: Paths, clock: Callable[[], float], driving: Callable[[], bool], studio: Callable[[Job], str]
    ) -> None:
        self._paths = paths
        self._clock = clock
        self._driving = driving
        self._studio = studio
        self._logs: dict[str, Log] = {}
        self._told: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        """Write the event into the log of its job, if it is about one."""
        if not self._driving():
            return
        if isinstance(event, Notice) and event.job_id is not None:
            self._add(event.job_id, event.text)
        elif isinstance(event, JobChanged):
            self._changed(event.job)

    def _changed(self, job: Job) -> None:
        if self._told.get(job.id) == job.state:
            return
        self._told[job.id] = job.state
        self._add(job.id, _sentence(job, self._studio(job)))
        if job.ended:
            self._told.pop(job.id)
            self._logs.pop(job.id).close()

    def _add(self, job_id: str, text: str) -> None:
        from oavr_tui.clients.log_store import Log

        if job_id not in self._logs:
            self._logs[job_id] = Log(self._paths.job_log(job_id), ring=_RING, clock=self._clock)
        self._logs[job_id].add(text)

    def close(self) -> None:
        """Give the files back."""
        for log in self._logs.values():
            log.close()
        self._logs.clear()


_SENTENCES = {
    JobState.QUEUED: "Waiting for its turn.",
    JobState.CHECKING: "Checking the picture and the voice.",
    JobState.STARTING: "Waiting for the studio to be ready.",
    JobState.SENDING: "Sending the picture and the voice.",
    JobState.FETCHING: "Bringing the video home.",
}


def _sentence(job: Job, studio: str) -> str:
    """What a job is at now."""
    if job.state is JobState.GENERATING:
        machine = safe(job.made_by, 80)
        if studio and studio != job.made_by:
            machine = f"{safe(studio, 60)} ({machine})" if machine else safe(studio, 60)
        return f"Being made on {machine}." if machine else "Being made."
    if job.state is JobState.STARTING and is_address(job.request.on):
        return "Asking the server what it has."
    if job.state is JobState.DONE:
        return _saved(job)
    if job.failure is not None:
        return job.failure.message if job.state is JobState.CANCELLED else f"Failed: {job.failure.message}"
    if job.state is JobState.FETCHING and job.request.on == PREVIEW:
        return "Putting it into your videos."
    return _SENTENCES.get(job.state, f"{job.state.value.capitalize()}.")


def _saved(job: Job) -> str:
    from oavr_tui.pods.cost import about

    cost = f", {about(job.cost)}" if job.cost > 0 else ""
    return f"Saved as {safe(job.title, 120)}.mp4{cost}."
