"""What happens to jobs and pods, told in the app's own log: a line for each change and each notice, none for progress.

A job is named by its id, since its title is made of the names of the person's files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from oavr_tui.engine.events import DrivingChanged, Event, JobChanged, Notice, PodChanged
from oavr_tui.models import Job, Pod, PodState

_SHORTEST_PROMPT = 4
_PROMPT_HEAD = 16


class EventLog:
    """Give its `hear` to the bus. driving: whether this process drives; who only looks on would tell it all twice.

    job: the job of an id, or None. know_pod: called with each id at the provider before anything is said of its pod.
    """

    def __init__(
        self,
        log: logging.Logger,
        driving: Callable[[], bool],
        job: Callable[[str], Job | None],
        know_pod: Callable[[str], None],
    ) -> None:
        self._log = log
        self._driving = driving
        self._job = job
        self._know_pod = know_pod
        self._told: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        """Write the event down, if it is worth a line."""
        if isinstance(event, DrivingChanged):
            self._log.info("This process drives from now on." if event.driving else "This process no longer drives.")
        elif isinstance(event, Notice):
            self._log.info("%s", without_prompt(event.text, self._job(event.job_id) if event.job_id else None))
        elif isinstance(event, PodChanged):
            self._know_pod(event.pod.pod_id)
            self._tell(event.pod.id, pod_line(event.pod), ended=event.pod.state is PodState.GONE)
        elif isinstance(event, JobChanged):
            self._tell(event.job.id, job_line(event.job), ended=event.job.ended)

    def _tell(self, about: str, line: str, *, ended: bool) -> None:
        if not self._driving() or self._told.get(about) == line:
            return
        self._told[about] = line
        if ended:
            del self._told[about]
        self._log.info("%s", line)


def job_line(job: Job) -> str:
    """How a job stands, in one line."""
    parts = [f"Job {job.id}: {job.state.value}"]
    if job.cancel_asked and not job.ended:
        parts.append("to be cancelled")
    if job.failure is not None:
        parts.append(f"{job.failure.code.value}: {without_prompt(job.failure.message, job)}")
    return ", ".join(parts)


def pod_line(pod: Pod) -> str:
    """How a pod stands, in one line."""
    parts = [f"{pod.name}: {pod.state.value}"]
    if pod.gpu_name:
        parts.append(f"{pod.gpu_name} {pod.cloud}".strip())
    if pod.billed and pod.per_hour:
        parts.append(f"${pod.per_hour:.2f}/h")
    if pod.asked:
        parts.append(f"asked to {pod.asked.value}")
    return ", ".join(parts)


def without_prompt(text: str, job: Job | None) -> str:
    """The text as far as it does not quote the job's prompt, which a server's answer may do, whole or in part."""
    head = " ".join(job.request.prompt.split())[:_PROMPT_HEAD] if job is not None else ""
    if len(head) < _SHORTEST_PROMPT:
        return text
    before, found, _ = " ".join(text.split()).partition(head)
    return f"{before}(the prompt)…" if found else text
