"""What a person may ask of jobs: every wish is on the disk when a call returns, and whoever drives carries it out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from oavr_tui.carry import to_its_end
from oavr_tui.engine.estimate import Place
from oavr_tui.engine.line import is_waiting, moved
from oavr_tui.engine.needs import MAY_BE_SAVED_YET
from oavr_tui.engine.opening import barred_now
from oavr_tui.engine.parts import Parts
from oavr_tui.engine.run_job import place_of
from oavr_tui.engine.wishes import new_job
from oavr_tui.errors import BadInput, LimitReached, Rejected
from oavr_tui.models import AUTO, PREVIEW, Job, JobState, PodState, Request
from oavr_tui.text import safe, safe_url


class JobCommands(Parts):
    """The engine's part for jobs."""

    def job(self, job_id: str) -> Job | None:
        return self._queue.get(job_id)

    def counts(self, request: Request) -> bool:
        """Whether a video that is asked for now would be one of the day's."""
        now = self._around.clock()
        return self._gate.counts(Job("", "", request, JobState.QUEUED, now, now, 0))

    async def submit(self, request: Request) -> Job:
        """Put a wish into the queue. Raises BadInput for what can be refused at once, LimitReached where none of
        today's full videos is left, Rejected where nothing can be kept."""
        await self._refuse_where_barred()
        if place_of(request.on) is Place.RENTED:
            self.fleet.refuse_at_once(request.on)
        if request.workflow is not None and request.on == PREVIEW:
            raise BadInput("A workflow file needs a ComfyUI server: give its address with --on, or leave the file out.")
        taken = {job.title for job in self._queue.all()}
        job = new_job(request, job_id=self._around.new_id(), at=self._around.clock(), taken=taken)
        try:
            if self._gate.counts(job):
                await self._gate.reserve(job.id)
            await self._queue.add(job)
        except LimitReached:
            raise
        except BaseException:  # also for who leaves while the answer is under way
            await to_its_end(self._gate.release(job.id), f"release-{job.id}")
            raise
        self._wake()
        return job

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job to be stopped. The driver does it, in whichever process it is. Raises BadInput if it cannot."""
        job = self._known(job_id)
        if job.ended:
            raise BadInput(f"{job.title} has already ended ({job.state}); there is nothing to cancel.")
        job = await self._queue.note(job, cancel_asked=True)
        self._wake()
        return job

    async def reorder(self, job_id: str, by: int) -> bool:
        """Let a waiting job go `by` places later, or earlier where that is below 0; it stops at the ends of the line.

        Returns whether anything changed. Raises BadInput for a job that does not wait any more.
        """
        await self._queue.refresh()
        job = self._known(job_id)
        if not is_waiting(job):
            what = "has ended" if job.ended else "is being made already"
            raise BadInput(f"{job.title} {what}, so it keeps its place. Only waiting videos can be moved.")
        places = moved([one for one in self._queue.all() if is_waiting(one)], job_id, by)
        await self._queue.change_all({name: partial(_placed, place=place) for name, place in places.items()})
        self._wake()
        return bool(places)

    async def retry(self, job_id: str, *, elsewhere: bool = False) -> Job:
        """Try an ended job again, with the same seed. Raises BadInput if it did not fail, LimitReached where none of
        today's full videos is left: it counts as one, however often it is tried.

        elsewhere: should a machine have to be rented for it, it is of a kind that was not tried yet; raises BadInput
        for a video that is meant for one place alone.
        """
        await self._refuse_where_barred()
        job = self._known(job_id)
        if job.state not in (JobState.FAILED, JobState.CANCELLED):
            raise BadInput(f"{job.title} is {job.state}; only a failed or cancelled job can be tried again.")
        if elsewhere and job.request.on != AUTO:
            raise BadInput(f"{job.title} is meant for {safe_url(job.request.on)} alone. Make it again for any studio.")
        if self._gate.counts(job):
            await self._gate.reserve(job.id)
        pod = self.fleet.needs.place_of(job)
        if not elsewhere and may_be_saved_yet(job) and (pod is None or pod.state is PodState.READY):
            job = await self._queue.move(job, JobState.GENERATING, cancel_asked=False)
        else:
            job = await self._queue.move(
                job,
                JobState.QUEUED,
                cancel_asked=False,
                prompt_id="",
                sent=False,
                outputs=(),
                extra_swap=0,
                pod="",
                moved=False,
                avoid=self.fleet.needs.tried_in_vain(job) if elsewhere else (),
            )
        self._wake()
        return job

    async def forget(self, job_id: str) -> None:
        """Strike an ended job off the list; a video that it made stays. Raises BadInput if it has not ended."""
        job = self._known(job_id)
        if not job.ended:
            raise BadInput(f"{job.title} is {job.state}; cancel it first.")
        await self._queue.forget(job.id)

    async def clear_finished(self) -> int:
        """Strike every ended job off the list, but those whose video may still be brought home; returns how many."""
        await self._queue.refresh()
        ended = [job.id for job in self._queue.all() if job.ended and not may_be_saved_yet(job)]
        await self._queue.forget(*ended)
        return len(ended)

    async def _refuse_where_barred(self) -> None:
        """Before anything is reserved for what could not be kept. Raises Rejected."""
        if why := self._barred or await asyncio.to_thread(barred_now, self.paths):
            raise Rejected(why)

    def _known(self, job_id: str) -> Job:
        job = self._queue.get(job_id)
        if job is None:
            raise BadInput(f"There is no job {safe(job_id, 60)}. 'oavr-tui jobs list' shows them all.")
        return job


def may_be_saved_yet(job: Job) -> bool:
    """Whether a failed job's video may still be on its server."""
    return job.sent and job.failure is not None and job.failure.code in MAY_BE_SAVED_YET


def _placed(job: Job, place: float) -> Job:
    return replace(job, order=place) if is_waiting(job) else job
