"""The engine: commands in, typed events out. It owns the jobs, the videos, and the right to drive.

A process opens the engine to look and to ask. While it is inside `driving()`, it also moves the queue whenever it
holds the driver's lock; if another process holds it, this one follows what that one writes to the store, and takes
over when the lock is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.engine.dispatch import Lanes
from oavr_tui.engine.driver import Driver
from oavr_tui.engine.estimate import Place
from oavr_tui.engine.events import Bus, Notice, Subscription, VideosChanged
from oavr_tui.engine.fleet import Fleet
from oavr_tui.engine.job_logs import JobLogs
from oavr_tui.engine.job_queue import JobQueue
from oavr_tui.engine.live import LiveFeed
from oavr_tui.engine.lock import FileLock, Wanted
from oavr_tui.engine.pod_book import PodBook
from oavr_tui.engine.rental import PodSetup, Rental
from oavr_tui.engine.run_job import place_of
from oavr_tui.engine.setup import pod_setup
from oavr_tui.engine.storage import StoreThread
from oavr_tui.engine.wishes import new_job
from oavr_tui.engine.workshop import Surroundings, Workshop
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import BadInput, FailureCode
from oavr_tui.models import PREVIEW, Job, JobState, PodState, Request, Video
from oavr_tui.paths import Paths, private_dir
from oavr_tui.settings import Settings
from oavr_tui.text import safe

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from oavr_tui.store.inputs import Inputs
    from oavr_tui.store.library import Library


_KEEPER_LOOKS, _KEEPER_LOOK_SECONDS = 30, 0.1
"""How often, and how far apart, it is looked whether a keeper that was started is there."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a screen needs to draw itself: jobs oldest first, videos newest first."""

    jobs: tuple[Job, ...]
    videos: tuple[Video, ...]
    driving: bool


class Engine:
    """Open it, use it, close it; everything on one event loop. around: clock, sleep and ids, for tests."""

    def __init__(
        self,
        paths: Paths,
        *,
        videos_folder: Path | None = None,
        around: Surroundings | None = None,
        pods: PodSetup | None = None,
    ) -> None:
        self.paths = paths
        self.bus = Bus()
        self._around = around or Surroundings()
        self._videos_folder = videos_folder or paths.videos
        self._store = StoreThread()
        self._lock = FileLock(paths.driver_lock)
        self._live = LiveFeed(paths.driver_socket, self.bus)
        self._wanted = Wanted(paths.wanted_lock)
        self._queue = JobQueue(self._store, self.bus, self._around.clock)
        self._setup = pods or pod_setup(paths, Settings(videos_folder=str(self._videos_folder)))
        self.fleet = self._new_fleet()
        self._job_logs = JobLogs(paths, self._around.clock, lambda: self._lock.held)
        self.bus.also(self._job_logs.hear)
        self._driving: Driver | None = None
        self._library: Library
        self._inputs: Inputs

    def _new_fleet(self) -> Fleet:
        yard = Yard(
            paths=self.paths,
            setup=self._setup,
            rental=Rental(self._setup, self._around.monotonic),
            book=PodBook(self._store, self.bus, self._around.clock, self._around.new_id),
            bus=self.bus,
            around=self._around,
            stepped=self.bus.emit,
        )
        return Fleet(yard, self._queue.all)

    # --- life

    async def open(self) -> tuple[str, ...]:
        """Open the store and the library; returns sentences that a person should read (repairs, a newer version)."""

        def shelves() -> tuple[Library, Inputs]:
            from oavr_tui.store.inputs import Inputs
            from oavr_tui.store.library import Library

            for folder in (self.paths.state, self.paths.data, self.paths.work):
                private_dir(folder)
            return Library(self._videos_folder), Inputs(self.paths.inputs)

        private_dir(self.paths.store_file.parent)
        notes = await self._store.open(self.paths.store_file)
        self._library, self._inputs = await asyncio.to_thread(shelves)
        await self._queue.load()
        await self.fleet.book.load()
        return notes

    async def close(self) -> None:
        self._lock.release()
        self._wanted.release()
        self._job_logs.close()
        await self.fleet.rental.close()
        await self._store.close()

    async def __aenter__(self) -> Engine:
        for note in await self.open():
            self.bus.emit(Notice(note))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    # --- looking

    def listen(self) -> AbstractContextManager[Subscription]:
        return self.bus.listen()

    async def refresh(self) -> None:
        """Take in what other processes wrote, now rather than at the next look."""
        await self._queue.refresh()
        await self.fleet.book.refresh()

    def must_stay(self) -> bool:
        """Whether somebody has to go on when this process ends: videos are unfinished, or pods cost money."""
        return any(not job.ended for job in self._queue.all()) or self.fleet.needs.must_stay()

    def now(self) -> float:
        """Unix seconds by the engine's clock."""
        return self._around.clock()

    async def look_at_account(self) -> None:
        """Take in what the account says of its pods, unless somebody drives and does so anyway. Raises OavrError."""
        await self.refresh()
        meanwhile = FileLock(self.paths.driver_lock)  # not the engine's own, which says whether it drives
        if not self.fleet.rental.has_key or not meanwhile.take():
            return
        try:
            await self.fleet.driver.look()
        finally:
            meanwhile.release()

    async def start_keeper(self) -> None:
        """See to it that somebody goes on in the background, unless that is switched off; waits until it is there."""
        await asyncio.to_thread(self._setup.start_keeper)
        for _look in range(_KEEPER_LOOKS):
            if self.kept:
                return
            await self._around.sleep(_KEEPER_LOOK_SECONDS)

    @property
    def kept(self) -> bool:
        """Whether a keeper is there, which goes on when this process ends."""
        return not FileLock(self.paths.keeper_lock).is_free()

    async def snapshot(self) -> Snapshot:
        await self._queue.refresh()
        videos = await self._store.do(lambda store: store.videos())
        return Snapshot(tuple(self._queue.all()), tuple(videos), self._lock.held)

    async def video(self, video_id: str) -> Video | None:
        return await self._store.do(lambda store: store.get_video(video_id))

    async def deleted_videos(self) -> list[Video]:
        videos = await self._store.do(lambda store: store.videos(include_deleted=True))
        return [video for video in videos if video.deleted_at is not None]

    def job(self, job_id: str) -> Job | None:
        return self._queue.get(job_id)

    def jobs(self) -> list[Job]:
        """All jobs as last seen, oldest first."""
        return self._queue.all()

    @property
    def driving(self) -> bool:
        return self._lock.held

    # --- commands about jobs

    async def submit(self, request: Request) -> Job:
        """Put a wish into the queue. Raises BadInput for what can be refused at once."""
        if place_of(request.on) is Place.RENTED:
            self.fleet.refuse_at_once(request.on)
        if request.workflow is not None and request.on == PREVIEW:
            raise BadInput("A workflow file needs a ComfyUI server: give its address with --on, or leave the file out.")
        job = new_job(request, job_id=self._around.new_id(), at=self._around.clock())
        await self._queue.add(job)
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

    async def retry(self, job_id: str) -> Job:
        """Try an ended job again, with the same seed. Raises BadInput if it did not fail."""
        job = self._known(job_id)
        if job.state not in (JobState.FAILED, JobState.CANCELLED):
            raise BadInput(f"{job.title} is {job.state}; only a failed or cancelled job can be tried again.")
        may_still_be_there = (
            job.sent
            and job.failure is not None
            and job.failure.code in (FailureCode.UNREACHABLE, FailureCode.DISK_FULL)
        )
        pod = self.fleet.needs.place_of(job)
        if may_still_be_there and (pod is None or pod.state is PodState.READY):
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
            )
        self._wake()
        return job

    async def forget(self, job_id: str) -> None:
        """Strike an ended job off the list; a video that it made stays. Raises BadInput if it has not ended."""
        job = self._known(job_id)
        if not job.ended:
            raise BadInput(f"{job.title} is {job.state}; cancel it first.")
        await self._queue.forget(job.id)

    def _known(self, job_id: str) -> Job:
        job = self._queue.get(job_id)
        if job is None:
            raise BadInput(f"There is no job {safe(job_id, 60)}. 'oavr-tui jobs list' shows them all.")
        return job

    # --- commands about videos

    async def export_video(self, video: Video, target: Path, *, overwrite: bool = False) -> Path:
        """Copy a video; a folder as target keeps its name. Returns where it went."""
        return await asyncio.to_thread(self._library.export, video, target, overwrite=overwrite)

    async def delete_video(self, video: Video) -> Video:
        """Move a video to the trash of the videos folder."""
        await asyncio.to_thread(self._library.delete, video)
        return await self._record(replace(video, deleted_at=self._around.clock()))

    async def restore_video(self, video: Video) -> Video:
        """Take a video out of the trash again."""
        path = await asyncio.to_thread(self._library.undo, video)
        return await self._record(replace(video, deleted_at=None, path=str(path)))

    async def _record(self, video: Video) -> Video:
        await self._store.do(lambda store: store.put_video(video))
        self.bus.emit(VideosChanged(video))
        return video

    # --- driving

    def _wake(self) -> None:
        if self._driving is not None:
            self._driving.wake()

    def _driver(self) -> Driver:
        shop = Workshop(
            paths=self.paths,
            around=self._around,
            queue=self._queue,
            bus=self.bus,
            library=self._library,
            inputs=self._inputs,
            lanes=Lanes(),
            fleet=self.fleet,
            checking=asyncio.Lock(),
        )
        self._driving = Driver(shop, self._store, self._lock, self._live, self._wanted, self._setup.start_keeper)
        return self._driving

    @asynccontextmanager
    async def driving_when_free(self, *, as_keeper: bool = False) -> AsyncIterator[None]:
        """While inside, this process drives whenever it can; on leaving, unfinished jobs stay for the next driver.

        as_keeper: nobody is in front of this process, so that others need not make way for it.
        """
        try:
            # A group, so that whoever waits inside hears of it when driving fails, and does not wait for ever.
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self._driver().drive(as_keeper=as_keeper), name="driver")
                try:
                    yield
                finally:
                    task.cancel()
        except BaseExceptionGroup as group_of_errors:
            raise _first_of(group_of_errors) from None
        finally:
            self._lock.release()
            self._wanted.release()


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that a group is about; several at once have one cause nearly always, and one sentence is told."""
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
