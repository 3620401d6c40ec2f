"""What the pods are needed for: pods held against jobs. It only looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oavr_tui.engine.yard import COMFYUI_PORT, Yard
from oavr_tui.errors import FailureCode
from oavr_tui.models import AUTO, Job, Pod, PodKind, PodState, PodWish

MAY_BE_SAVED_YET = (FailureCode.UNREACHABLE, FailureCode.DISK_FULL)
_LEAVING = (PodState.STOPPING, PodState.TERMINATING)


class Needs:
    """jobs: all jobs as last seen."""

    def __init__(self, yard: Yard, jobs: Callable[[], Sequence[Job]]) -> None:
        self._book = yard.book
        self._setup = yard.setup
        self._jobs = jobs

    def place_of(self, job: Job) -> Pod | None:
        """The pod on which a job is or was being made; None for this computer and plain addresses."""
        return self._book.get(job.pod) if job.pod else None

    def address_of(self, pod: Pod) -> tuple[str, str | None]:
        """Where a pod's ComfyUI answers, and the token it wants."""
        if pod.kind is PodKind.ADDRESS:
            return pod.url, self._setup.token(pod.name)
        return self._setup.service(pod.pod_id, COMFYUI_PORT), None

    def unsaved_on(self, pod: Pod) -> bool:
        """Whether there may be a video on a pod that is not in the library yet."""
        return any(
            not job.ended or (job.failure is not None and job.failure.code in MAY_BE_SAVED_YET)
            for job in self._jobs()
            if job.pod == pod.id and job.sent
        )

    def tried_in_vain(self, job: Job) -> tuple[str, ...]:
        """The kinds of machines that were tried since a job was asked for and never became ready, and the one that it
        was last made on."""
        dead = [
            pod
            for pod in (*self._book.gone(), *self._book.all())
            if pod.for_jobs and not pod.last_used and not pod.starting and pod.created_at >= job.created_at
        ]
        kinds = [kind for pod in dead for kind in (*pod.tries, pod.machine_kind if pod.gpu and pod.cloud else "")]
        own = self.place_of(job)
        if own is not None and own.kind is PodKind.RUNPOD:
            kinds.append(own.machine_kind)
        return tuple(dict.fromkeys(kind for kind in (*job.avoid, *kinds) if kind))

    def made_on(self, pod: Pod) -> list[Job]:
        """The jobs that are on a pod: one at most, but for those that wait to be taken up again."""
        return [job for job in self._jobs() if job.pod == pod.id and not job.ended]

    def against_ending(self, pod: Pod, wish: PodWish) -> str:
        """Why a pod may not be stopped or terminated now, as a sentence; empty where it may."""
        if making := [job for job in self.made_on(pod) if not job.cancel_asked]:
            return (
                f"{making[0].title} is being made on {pod.name}, and would be lost. Wait for it, or cancel it first: "
                "'oavr-tui jobs cancel'."
            )
        # A pod on a network volume cannot be stopped: it would be terminated instead.
        deletes = wish is PodWish.TERMINATE or bool(pod.volume)
        if deletes and self.unsaved_on(pod):
            return (
                f"A video on {pod.name} is not saved yet, and ending the studio would delete it. 'oavr-tui jobs retry' "
                "brings it home; 'oavr-tui jobs forget' gives it up."
            )
        return ""

    def wanted(self, pod: Pod) -> bool:
        """Whether a job that has not ended may still come to a pod, or go on there."""
        return any(
            job.pod == pod.id or (not job.pod and job.request.on in (AUTO, pod.name))
            for job in self._jobs()
            if not job.ended and not job.cancel_asked
        )

    def may_take_any(self, pod: Pod) -> bool:
        """Whether a job without a wish may be made on a pod, now or when it is ready."""
        return pod.kind is PodKind.RUNPOD and not pod.found and (pod.starting or pod.state is PodState.READY)

    def turning_back(self) -> list[Pod]:
        """Pods that are on their way out, or were started for videos that nobody waits for any more."""
        return [
            pod
            for pod in self._book.all()
            if pod.state is PodState.TERMINATING or (pod.starting and pod.for_jobs and not self.wanted(pod))
        ]

    def must_stay(self) -> bool:
        """Whether somebody has to watch the pods: one costs money, or is to be ended in time, or something is
        asked, or one may turn up that was given up."""
        ends_in_time = self._setup.plan.terminate_after_hours > 0
        return self._book.doubtful() or any(
            pod.asked or pod.state in _LEAVING or (not pod.found and (pod.billed or ends_in_time))
            for pod in self._book.all()
            if pod.kind is PodKind.RUNPOD
        )


def free_name(pods: Sequence[Pod]) -> str:
    """The first of studio-1, studio-2, … that no pod has."""
    taken = {pod.name for pod in pods}
    number = 1
    while f"studio-{number}" in taken:
        number += 1
    return f"studio-{number}"
