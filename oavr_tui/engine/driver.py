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
from oavr_tui.engine.lock import FileLock
from oavr_tui.engine.run_job import JobRun, place_of
from oavr_tui.engine.storage import StoreThread
from oavr_tui.engine.workshop import Workshop
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, JobState
from oavr_tui.text import safe_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from oavr_tui.store.store import Store

_LOOK_SECONDS = 0.25
"""How often the store is looked at for what other processes wrote, and the lock is tried."""

_KEEPER_SECONDS = 2.0
"""Between two looks whether there is a keeper, while one is needed."""

_TRASH_SECONDS = 30 * 24 * 3600.0
"""How long a deleted video can be brought back."""


class Driver:
    """lock: the driver's. start_keeper: sees to it that there is one; returns at once."""

    def __init__(
        self,
        shop: Workshop,
        store: StoreThread,
        lock: FileLock,
        live: LiveFeed,
        start_keeper: Callable[[], None],
    ) -> None:
        self._shop = shop
        self._store = store
        self._lock = lock
        self._live = live
        self._start_keeper = start_keeper
        self._paths = shop.paths
        self._around = shop.around
        self._bus: Bus = shop.bus
        self._queue: JobQueue = shop.queue
        self._fleet: Fleet = shop.fleet
        self._runs: dict[str, tuple[JobRun, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at the queue now rather than at the next look."""
        self._woken.set()

    async def drive(self) -> None:
        """Drive whenever the lock can be had, follow whoever has it otherwise, until cancelled."""
        hearing: asyncio.Task[None] | None = None
        next_keeper_look = 0.0
        async with asyncio.TaskGroup() as group:
            while True:
                if not self._lock.held and self._lock.take():
                    if hearing is not None:
                        hearing.cancel()
                    group.create_task(self._live.serve(), name="live-feed")
                    self._bus.emit(DrivingChanged(True))
                    await self._fleet.book.refresh()
                    await self.recover()
                    group.create_task(self._fleet.driver.drive(), name="fleet")
                elif not self._lock.held and (hearing is None or hearing.done()):
                    hearing = group.create_task(self._live.hear(), name="live-hearing")
                await self._queue.refresh()
                await self._fleet.book.refresh()
                if self._lock.held:
                    self._attend(group)
                    if self._around.monotonic() >= next_keeper_look and self._needs_keeper():
                        next_keeper_look = self._around.monotonic() + _KEEPER_SECONDS
                        await asyncio.to_thread(self._start_keeper)
                self._woken.clear()
                try:
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    def _needs_keeper(self) -> bool:
        jobs = (job for job in self._queue.all() if not job.ended)
        return self._fleet.needs.must_stay() or any(place_of(job.request.on) is not Place.HERE for job in jobs)

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

        def work() -> tuple[str, ...]:
            for bench in self._paths.work.iterdir():
                if bench.name not in live:
                    shutil.rmtree(bench, ignore_errors=True)
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
