"""The engine: commands in, typed events out. It owns the jobs, the videos, and the right to drive.

A process opens the engine to look and to ask. While it is inside `driving()`, it also moves the queue whenever it
holds the driver's lock; if another process holds it, this one follows what that one writes to the store, and takes
over when the lock is free.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oavr_tui.engine.away import AwayCommands
from oavr_tui.engine.dispatch import Lanes
from oavr_tui.engine.driver import Driver
from oavr_tui.engine.events import Bus, Notice, Subscription
from oavr_tui.engine.fleet import Fleet
from oavr_tui.engine.gate import Gate, GateSetup
from oavr_tui.engine.job_logs import JobLogs
from oavr_tui.engine.job_queue import JobQueue
from oavr_tui.engine.license_commands import LicenseCommands
from oavr_tui.engine.live import LiveFeed
from oavr_tui.engine.lock import FileLock, Wanted
from oavr_tui.engine.looks import Looks
from oavr_tui.engine.money_commands import MoneyCommands
from oavr_tui.engine.opening import made_or_barred
from oavr_tui.engine.pod_book import PodBook
from oavr_tui.engine.rental import PodSetup, Rental
from oavr_tui.engine.setting_commands import SettingCommands
from oavr_tui.engine.setup import gate_setup, pod_setup
from oavr_tui.engine.sign_out import SignOutCommands
from oavr_tui.engine.storage import StoreThread
from oavr_tui.engine.tending import Tending
from oavr_tui.engine.video_commands import VideoCommands
from oavr_tui.engine.workshop import Surroundings, Workshop
from oavr_tui.engine.yard import Yard
from oavr_tui.models import Job, Video
from oavr_tui.paths import Paths, expanded
from oavr_tui.settings import Settings

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


class Engine(SignOutCommands, VideoCommands, SettingCommands, MoneyCommands, AwayCommands):
    """Open it, use it, close it; everything on one event loop.

    settings: those in force, as they were read from these paths and the environment; the usual ones where none are
    given. environ: the environment, which settings and the key are looked for in. around: clock, sleep and ids.
    """

    def __init__(
        self,
        paths: Paths,
        *,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        around: Surroundings | None = None,
        pods: PodSetup | None = None,
        gate: GateSetup | None = None,
    ) -> None:
        self.paths = paths
        self.bus = Bus()
        self._around = around or Surroundings()
        self._environ = os.environ if environ is None else environ
        self.settings = settings or Settings(videos_folder=str(paths.videos))
        self._follow_settings()
        self._store = StoreThread()
        self._lock = FileLock(paths.driver_lock)
        self._live = LiveFeed(paths.driver_socket, self.bus)
        self._wanted = Wanted(paths.wanted_lock)
        self._queue = JobQueue(self._store, self.bus, self._around.clock)
        self._setup = pods or pod_setup(paths, self.settings, self._environ)
        self._gate = Gate(
            gate or gate_setup(paths, self._environ),
            paths,
            self.bus,
            self._around,
            lambda job: self.fleet.rents(job),  # which is there soon
        )
        self.license = LicenseCommands(self._gate)
        self._tending = Tending(self._gate, self._queue.all, lambda: self._lock.held)
        self.fleet = self._new_fleet()
        self.looks = Looks(paths)
        self._job_logs = JobLogs(paths, self._around.clock, lambda: self._lock.held, self._studio_of)
        self.bus.also(self._job_logs.hear)
        self._driving = None
        self._barred = ""

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
        """Open the store and the library; returns sentences that a person should read (repairs, a newer version).

        Where nothing may be written, they are opened for looking around, and that is the first sentence.
        """

        def shelves() -> tuple[Library, Inputs]:
            from oavr_tui.store.inputs import Inputs
            from oavr_tui.store.library import Library

            return Library(expanded(self.settings.videos_folder)), Inputs(self.paths.inputs)

        self._barred = await asyncio.to_thread(made_or_barred, self.paths)
        notes = await self._store.open(self.paths.store_file, read_only=bool(self._barred))
        self._library, self._inputs = await asyncio.to_thread(shelves)
        await self._queue.load()
        await self.fleet.book.load()
        if not self._barred:
            await self.looks.open()
        await self._gate.open()
        return (self._barred, *notes) if self._barred else notes

    async def close(self) -> None:
        self._lock.release()
        self._wanted.release()
        self._job_logs.close()
        await self.looks.close()
        await self._gate.close()
        await self.fleet.rental.close()
        await self._store.close()

    async def __aenter__(self) -> Engine:
        for note in await self.open():
            if note != self._barred:  # it holds for as long as the engine is open
                self.bus.emit(Notice(note))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    # --- looking

    def listen(self) -> AbstractContextManager[Subscription]:
        return self.bus.listen()

    async def refresh(self) -> None:
        """Take in what other processes wrote, now rather than at the next look."""
        await self.look_at_settings()
        await super().refresh()
        await self._gate.refresh()

    def _studio_of(self, job: Job) -> str:
        pod = self.fleet.book.get(job.pod) if job.pod else None
        return "" if pod is None else pod.name

    def must_stay(self) -> bool:
        """Whether somebody has to go on when this process ends: videos are unfinished, or pods cost money."""
        return any(not job.ended for job in self._queue.all()) or self.fleet.needs.must_stay()

    async def look_at_account(self) -> None:
        """Take in what the account says of its pods, unless somebody drives and does so anyway. Raises OavrError."""
        await self.refresh()
        meanwhile = FileLock(self.paths.driver_lock)  # not the engine's own, which says whether it drives
        if self._barred or not self.fleet.rental.has_key or not meanwhile.take():
            return
        try:
            await self.fleet.driver.look()
        finally:
            meanwhile.release()

    async def start_keeper(self) -> None:
        """See to it that somebody goes on in the background, unless that is switched off; waits until it is there."""
        if not self._setup.keeper or self._barred:
            return
        await asyncio.to_thread(self._setup.keep)
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
        return Snapshot(tuple(self._queue.all()), await self.videos(), self._lock.held)

    @property
    def barred(self) -> str:
        """Why nothing can be kept in this home, a sentence; empty where things can."""
        return self._barred

    @property
    def driving(self) -> bool:
        return self._lock.held

    # --- driving

    def _driver(self) -> Driver:
        shop = Workshop(
            paths=self.paths,
            around=self._around,
            queue=self._queue,
            bus=self.bus,
            library=self._library,
            inputs=self._inputs,
            lanes=Lanes(self._queue.turn_of),
            fleet=self.fleet,
            checking=asyncio.Lock(),
            gate=self._gate,
        )
        self._driving = Driver(
            shop, self._store, self._lock, self._live, self._wanted, self._setup.keep, self.look_at_settings
        )
        return self._driving

    @asynccontextmanager
    async def driving_when_free(self, *, as_keeper: bool = False) -> AsyncIterator[None]:
        """While inside, this process drives whenever it can; on leaving, unfinished jobs stay for the next driver.

        as_keeper: nobody is in front of this process, so that others need not make way for it.
        """
        try:
            if self._barred:  # there is nothing to lock, and nothing that could be moved on
                yield
                return
            # A group, so that whoever waits inside hears of it when driving fails, and does not wait for ever.
            async with asyncio.TaskGroup() as group:
                tasks = (
                    group.create_task(self._driver().drive(as_keeper=as_keeper), name="driver"),
                    group.create_task(self._tending.tend(), name="license"),
                )
                try:
                    yield
                finally:
                    for task in tasks:
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
