"""A log of its own for each job: its states, what was said about it, and how it ended, kept as a pod's log is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from oavr_tui.engine.events import Event, JobChanged, Notice
from oavr_tui.models import Job
from oavr_tui.paths import Paths

if TYPE_CHECKING:
    from oavr_tui.clients.log_store import Log

_RING = 200


class JobLogs:
    """Give its `hear` to the bus. driving: whether this process drives: exactly one process writes a log's file."""

    def __init__(self, paths: Paths, clock: Callable[[], float], driving: Callable[[], bool]) -> None:
        self._paths = paths
        self._clock = clock
        self._driving = driving
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
        self._add(job.id, job.state.value if job.failure is None else f"{job.state.value}: {job.failure.message}")
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
