"""The gate through time: the look at the start, reservations held while jobs live, and reports that were missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from oavr_tui.engine.gate import Gate
from oavr_tui.engine.needs import MAY_BE_SAVED_YET
from oavr_tui.models import Job, JobState
from oavr_tui.models.ledger import HELD_SECONDS

ROUND_SECONDS = 900.0
_YOUNG_SECONDS = 600.0
"""A reservation may be so much older than its job is in the queue."""


def holds_on(job: Job) -> bool:
    """Whether a failed job's video is made already and can still be fetched: then it is still one of the day's."""
    return bool(job.outputs) and job.failure is not None and job.failure.code in MAY_BE_SAVED_YET


async def conclude(gate: Gate, job: Job) -> None:
    """Tell the gate how a job has ended."""
    if not gate.counts(job):
        return
    if job.state is JobState.DONE:
        await gate.commit(job.id)
    elif not holds_on(job):
        await gate.release(job.id)


class Tending:
    """jobs: all jobs as last seen. driving: whether this process moves them."""

    def __init__(
        self,
        gate: Gate,
        jobs: Callable[[], Sequence[Job]],
        driving: Callable[[], bool],
    ) -> None:
        self._gate = gate
        self._jobs = jobs
        self._driving = driving
        gate.desk.wanted = lambda: {job.id for job in jobs() if not job.ended}

    async def tend(self) -> None:
        """Until cancelled. A process that makes nothing but previews does not ask at all."""
        while True:
            living = [job for job in self._jobs() if not job.ended]
            if not living or any(self._gate.counts(job) for job in living):
                await self._gate.look()
            if self._driving():
                await self.reconcile()
            await asyncio.sleep(ROUND_SECONDS)

    async def reconcile(self) -> None:
        """Hold on to what lives, and report what ended while nobody could."""
        jobs = {job.id: job for job in self._jobs()}
        for job_id in self._gate.held:
            job = jobs.get(job_id)
            if job is None:
                entry = self._gate.memory.entry(job_id)
                if entry is not None and entry.until - self._gate.desk.now() < HELD_SECONDS - _YOUNG_SECONDS:
                    await self._gate.release(job_id)
            elif job.ended:
                await conclude(self._gate, job)
            else:
                await self._gate.renew(job_id)
        for job in jobs.values():
            if self._gate.owes(job):
                await self._gate.commit(job.id)
