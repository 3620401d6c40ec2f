"""The one owner of the jobs' states: their order, their persistence, and who is told.

Every change is on the disk before anybody hears of it. Other processes write to the same store (a cancel asked for
elsewhere, a second `generate`), so a change is made to the job as it is on the disk, not as it was remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from oavr_tui.engine.events import Bus, JobChanged, VideosChanged
from oavr_tui.engine.storage import StoreThread
from oavr_tui.models import Failure, Job, JobState, Video


class JobQueue:
    """All jobs, in the order of asking, or as a person has put them. clock: unix seconds."""

    def __init__(self, store: StoreThread, bus: Bus, clock: Callable[[], float]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._seen: object = None

    def all(self) -> list[Job]:
        return sorted(self._jobs.values(), key=lambda job: job.turn)

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def turn_of(self, job_id: str) -> tuple[float, str]:
        """Its place in the line; one that is not known any more holds nobody up."""
        job = self._jobs.get(job_id)
        return (0.0, job_id) if job is None else job.turn

    def waiting_inputs(self) -> set[str]:
        """Content hashes that a job may still need: of unfinished jobs, and of failed ones that can be tried again."""
        needed: set[str] = set()
        for job in self._jobs.values():
            if not job.ended or (job.failure is not None and job.failure.can_retry):
                needed |= {job.image_hash, job.audio_hash, job.workflow_hash}
        return needed - {""}

    async def load(self) -> None:
        """Read every job, without telling: what was there before is no news."""
        self._seen, jobs = await self._store.do(lambda store: (store.change_counter(), store.jobs()))
        self._jobs = {job.id: job for job in jobs}

    async def refresh(self) -> None:
        """Take in what other processes wrote. Costs next to nothing when nobody did."""

        def read(store: Any) -> tuple[object, list[Job] | None]:
            mark = store.change_counter()
            return mark, (None if mark == self._seen else store.jobs())

        mark, jobs = await self._store.do(read)
        if jobs is None:
            return
        self._seen = mark
        made = [job.video_id for job in jobs if job.video_id and self._is_news(job)]
        for job in jobs:
            self._tell(job)
        for video in (
            await self._store.do(lambda store: [store.get_video(video_id) for video_id in made]) if made else ()
        ):
            if video is not None:
                self._bus.emit(VideosChanged(video))
        for gone in self._jobs.keys() - {job.id for job in jobs}:
            del self._jobs[gone]

    async def add(self, job: Job) -> None:
        await self._store.do(lambda store: store.put_job(job))
        self._tell(job)

    async def change(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Apply a pure function to the job as it is on the disk, durably, then tell. Raises Rejected if it is gone."""
        job = await self._store.do(lambda store: store.update_job(job_id, change))
        self._tell(job)
        return job

    async def change_all(self, changes: Mapping[str, Callable[[Job], Job]]) -> None:
        """Apply pure functions to several jobs as one, then tell. Those that are gone are passed over."""
        for job in await self._store.do(lambda store: store.update_jobs(changes)):
            self._tell(job)

    async def note(self, job: Job, **facts: Any) -> Job:
        """Write down facts about a job without moving it."""
        return await self.change(job.id, lambda old: replace(old, updated_at=self._clock(), **facts))

    async def move(self, job: Job, state: JobState, *, failure: Failure | None = None, **facts: Any) -> Job:
        """Move a job to another state; raises IllegalStep where the table does not allow it."""
        now = self._clock()
        return await self.change(job.id, lambda old: replace(old.moved_to(state, at=now, failure=failure), **facts))

    async def finish(self, job: Job, video: Video) -> Job:
        """Record the finished video and the job's end in one piece, so that neither exists without the other.

        The job takes the video's title, which has a number where the name was taken in the videos folder.
        """
        now = self._clock()

        def both(store: Any) -> Job:
            current = store.get_job(job.id) or job
            ended: Job = replace(current.moved_to(JobState.DONE, at=now), video_id=video.id, title=video.title)
            store.finish(ended, video)
            return ended

        ended = await self._store.do(both)
        self._tell(ended)
        self._bus.emit(VideosChanged(video))
        return ended

    async def forget(self, *job_ids: str) -> None:
        """Strike jobs off the list, as one."""
        await self._store.do(lambda store: store.remove_jobs(job_ids))
        for job_id in job_ids:
            self._jobs.pop(job_id, None)

    def _is_news(self, job: Job) -> bool:
        """Whether it was not known that this job has made its video."""
        known = self._jobs.get(job.id)
        return known is not None and known.video_id != job.video_id

    def _tell(self, job: Job) -> None:
        if self._jobs.get(job.id) != job:
            self._jobs[job.id] = job
            self._bus.emit(JobChanged(job))
