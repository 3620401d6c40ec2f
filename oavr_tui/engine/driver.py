"""Driving: the loop of the one process that moves the queue, and what it does first when it takes over."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from typing import TYPE_CHECKING

from oavr_tui.engine.estimate import Place
from oavr_tui.engine.events import Bus, DrivingChanged, Notice
from oavr_tui.engine.fleet import Fleet
from oavr_tui.engine.job_queue import JobQueue
from oavr_tui.engine.live import LiveFeed
from oavr_tui.engine.lock import FileLock, Wanted
from oavr_tui.engine.run_job import JobRun, place_of
from oavr_tui.engine.storage import StoreThread
from oavr_tui.engine.workshop import Workshop
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, JobState
from oavr_tui.text import safe_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from oavr_tui.store.library import Library
    from oavr_tui.store.store import Store

_LOOK_SECONDS = 0.25
"""How often the store is looked at for what other processes wrote, and the lock is tried."""

_REST_SECONDS = 1.0
"""The same while nothing is being made and no pod is there: what is asked for in this process wakes it at once."""

_KEEPER_SECONDS = 2.0
"""Between two looks whether there is a keeper, while one is needed."""

_TRASH_SECONDS = 30 * 24 * 3600.0
"""How long a deleted video can be brought back."""


_NOBODY_WATCHES = (
    "There are rented studios, and this process has no RunPod key that works: nobody watches them or stops them. "
    "Set RUNPOD_API_KEY, or run 'oavr-tui config key'."
)


class _MakeWay(Exception):
    """Another process is to drive."""


class Driver:
    """lock: the driver's. wanted: told whether this process would like to drive.

    start_keeper: sees to it that there is one; returns at once. look_at_settings: takes in what was set elsewhere.
    """

    def __init__(
        self,
        shop: Workshop,
        store: StoreThread,
        lock: FileLock,
        live: LiveFeed,
        wanted: Wanted,
        start_keeper: Callable[[], None],
        look_at_settings: Callable[[], Awaitable[None]],
    ) -> None:
        self._shop = shop
        self._store = store
        self._lock = lock
        self._live = live
        self._wanted = wanted
        self._said_lacking = False
        self._start_keeper = start_keeper
        self._look_at_settings = look_at_settings
        self._paths = shop.paths
        self._around = shop.around
        self._bus: Bus = shop.bus
        self._queue: JobQueue = shop.queue
        self._fleet: Fleet = shop.fleet
        self._runs: dict[str, tuple[JobRun, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()

    def put_videos_into(self, library: Library) -> None:
        """Videos that are finished from now on go there."""
        self._shop.library = library

    def wake(self) -> None:
        """Look at the queue now rather than at the next look."""
        self._woken.set()

    async def drive(self, *, as_keeper: bool = False) -> None:
        """Drive whenever the lock can be had, follow whoever has it otherwise, until cancelled.

        as_keeper: nobody is in front of this process, so that others need not make way for it.
        """
        while True:
            await self._follow(as_keeper=as_keeper)
            try:
                async with asyncio.TaskGroup() as group:
                    await self._lead(group, as_keeper=as_keeper)
            except* _MakeWay:
                self._bus.emit(DrivingChanged(False))
            finally:
                self._runs.clear()
                self._lock.release()

    async def _follow(self, *, as_keeper: bool) -> None:
        """Take in what the driver writes and tells; returns when this process is the driver."""
        hearing: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as group:
            while True:
                await self._refresh()
                if not self._is_better_left(as_keeper=as_keeper) and self._lock.take():
                    break
                if hearing is None or hearing.done():
                    hearing = group.create_task(self._live.hear(), name="live-hearing")
                await self._pause()
            if hearing is not None:
                hearing.cancel()

    async def _lead(self, group: asyncio.TaskGroup, *, as_keeper: bool) -> None:
        """Keep everything going. Raises _MakeWay when another process can do more."""
        group.create_task(self._live.serve(), name="live-feed")
        self._bus.emit(DrivingChanged(True))
        await self.recover()
        group.create_task(self._fleet.driver.drive(), name="fleet")
        next_keeper_look = 0.0
        while True:
            await self._refresh()
            if self._is_better_left(as_keeper=as_keeper):
                raise _MakeWay
            self._attend(group)
            if self._around.monotonic() >= next_keeper_look and self._needs_keeper():
                next_keeper_look = self._around.monotonic() + _KEEPER_SECONDS
                await asyncio.to_thread(self._start_keeper)
            await self._pause()

    async def _refresh(self) -> None:
        await self._look_at_settings()
        await self._queue.refresh()
        await self._fleet.book.refresh()

    async def _pause(self) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(_LOOK_SECONDS if self._keeps_busy(*Place) else _REST_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    def _is_better_left(self, *, as_keeper: bool) -> bool:
        """Whether another process should drive: rented studios are to be looked after, and this one's key cannot.

        One that cannot does not say either that it would like to, so that those who can hear of one another.
        """
        if as_keeper:
            return False
        # In this order: whether there is a key that works may have to be read from a file, four times a second.
        lacking = self._rents() and not self._fleet.rental.usable
        if lacking:
            self._wanted.release()
            others = self._wanted.by_others() or not FileLock(self._paths.keeper_lock).is_free()
            if not others and not self._said_lacking:
                self._said_lacking = True
                self._bus.emit(Notice(_NOBODY_WATCHES))
            return others
        self._wanted.hold()
        return False

    def _rents(self) -> bool:
        """Whether there is anything for which the account is needed."""
        return self._keeps_busy(Place.RENTED)

    def _needs_keeper(self) -> bool:
        return self._keeps_busy(Place.ADDRESS, Place.RENTED)

    def _keeps_busy(self, *places: Place) -> bool:
        """Whether pods have to be watched, or a job that has not ended is made in one of these kinds of places."""
        jobs = (job for job in self._queue.all() if not job.ended)
        return self._fleet.needs.must_stay() or any(place_of(job.request.on) in places for job in jobs)

    def _attend(self, group: asyncio.TaskGroup) -> None:
        """Start what waits, stop what is to be cancelled, forget what has ended."""
        for job_id, (_run, task) in list(self._runs.items()):
            if task.done():
                del self._runs[job_id]
        for job in self._queue.all():
            running = self._runs.get(job.id)
            if job.ended:
                continue
            if running is None:
                run = JobRun(self._shop, job)
                self._runs[job.id] = (run, group.create_task(run.run(), name=f"job-{job.id}"))
            elif job.cancel_asked and not running[0].cancel_asked:
                running[0].cancel_asked = True
                running[1].cancel()

    async def recover(self) -> None:
        """Put jobs that a vanished driver left behind into a state from which they can go on, and say so."""
        await self._queue.refresh()
        for job in self._queue.all():
            if job.ended or job.state is JobState.QUEUED:
                continue
            remote = job.request.on != PREVIEW
            pod = self._fleet.needs.place_of(job)
            where = safe_url(job.request.on) if pod is None else pod.name
            if job.state in (JobState.CHECKING, JobState.STARTING) or (not remote and job.state is JobState.GENERATING):
                await self._queue.move(job, JobState.QUEUED, prompt_id="", sent=False)
                if job.state is JobState.STARTING and place_of(job.request.on) is Place.RENTED:
                    continue  # it waited for its studio, and goes on doing so
                text = f"{job.title} was interrupted before it was finished; it starts over."
            elif remote and job.state is JobState.SENDING:
                text = f"{job.title} was interrupted while being sent; asking {where} whether it arrived."
            elif remote and job.state is JobState.GENERATING:
                text = f"{job.title} was being made when the app stopped; asking {where} how far it is."
            else:
                text = f"{job.title} was finished when the app stopped; bringing it home."
            self._bus.emit(Notice(text, job.id))
        await self._clear_away()

    async def _clear_away(self) -> None:
        """Remove what nobody needs: leftovers of killed programs, and videos that lay in the trash for long."""
        live = {job.id for job in self._queue.all() if not job.ended}

        needed = self._queue.waiting_inputs()
        known = {job.id for job in self._queue.all()} | {pod.id for pod in await self._fleet.book.remembered()}

        def work() -> tuple[str, ...]:
            for bench in self._paths.work.iterdir():
                if bench.name not in live:
                    shutil.rmtree(bench, ignore_errors=True)
            for folder in (self._paths.job_log("").parent, self._paths.pod_log("").parent):
                for log in folder.glob("*"):
                    if log.name.partition(".")[0] not in known:
                        log.unlink(missing_ok=True)
            self._shop.inputs.release(needed)
            self._shop.library.tidy(live)
            return self._shop.library.purge(_TRASH_SECONDS)

        try:
            gone = await asyncio.to_thread(work)
        except OavrError as error:  # leftovers do no harm: the queue goes on, and the person knows
            self._bus.emit(Notice(error.message))
            return
        for video_id in gone:
            await self._store.do(partial(_forget_video, video_id))


def _forget_video(video_id: str, store: Store) -> None:
    store.remove_video(video_id)
