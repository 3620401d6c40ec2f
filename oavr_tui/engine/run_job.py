"""The life of one job, from queued to its end: check the inputs, wait for the lane, make, save.

Rules:
1. Nothing is sent anywhere before the inputs have been found usable and kept.
2. Whatever happens, the job ends in a state with a sentence, or stays where a later driver can pick it up.
3. Once saving has begun it is carried through; a cancel that comes later than that is too late.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.engine import saving
from oavr_tui.engine.check_job import CheckJob
from oavr_tui.engine.crash import write_crash
from oavr_tui.engine.estimate import Meter, Place
from oavr_tui.engine.events import JobProgressed, PodStepped, Step
from oavr_tui.engine.given import is_address
from oavr_tui.engine.needs import MAY_BE_SAVED_YET
from oavr_tui.engine.opening import BARRED, barred_now
from oavr_tui.engine.seats import PodLost, Seat
from oavr_tui.engine.tending import conclude
from oavr_tui.engine.workshop import Workshop
from oavr_tui.errors import DiskFull, FailureCode, Lost, OavrError, Rejected, Unreachable
from oavr_tui.models import (
    AUTO,
    PREVIEW,
    Failure,
    Job,
    JobState,
    Request,
)
from oavr_tui.text import safe_url

_CALL_OFF_SECONDS = 45.0
"""How long to wait for the server to say that it stopped; it is asked at once, but cannot stop while it loads."""


_START_SPANS: dict[Step, tuple[float, float]] = {
    Step.ASKED: (0.02, 0.02),
    Step.FOUND: (0.05, 0.05),
    Step.BOOTING: (0.1, 0.1),
    Step.FETCHING: (0.2, 0.8),
    Step.WARMING: (0.85, 0.85),
    Step.READY: (1.0, 1.0),
}
"""How much of a start each step stands for: most of a first one is spent fetching files."""
_MANY_FILES = 10
"""After so many of an unknown number of files half of that span is over."""


def place_of(on: str) -> Place:
    """What kind of place `Request.on` names: this computer, a plain address, or a pod of the fleet."""
    if on == PREVIEW:
        return Place.HERE
    return Place.ADDRESS if is_address(on) else Place.RENTED


class JobRun:
    """One attempt to bring a job to its end. `cancel_asked` is set by the engine before it cancels the task."""

    def __init__(self, shop: Workshop, job: Job) -> None:
        self.shop = shop
        self.job = job
        self.cancel_asked = False
        self.seat: Seat | None = None
        self.meter = Meter(
            job.id, place_of(job.request.on), lambda p: shop.bus.emit(JobProgressed(p)), shop.around.monotonic
        )

    @property
    def request(self) -> Request:
        return self.job.request

    async def run(self) -> None:
        """Returns when the job has ended; raises CancelledError when this process lets go of it."""
        try:
            await self._live()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.cancel_asked or task is None:
                raise
            task.uncancel()
            await self._call_off()
        except OavrError as error:
            await self._fail(error)
        except OSError as error:
            await self._fail(self._from_os(error))
        except Exception as error:
            await self._fail(write_crash(self.shop.paths, error, f"making {self.job.title}"))
        if self.job.ended:
            await to_its_end(self._close(), f"end-{self.job.id}")

    async def _close(self) -> None:
        await conclude(self.shop.gate, self.job)
        await self.shop.tidy(self.job)

    async def move(self, state: JobState, **facts: Any) -> None:
        self.job = await self.shop.queue.move(self.job, state, **facts)

    async def note(self, **facts: Any) -> None:
        self.job = await self.shop.queue.note(self.job, **facts)

    async def _live(self) -> None:
        if self.job.cancel_asked:
            await self._call_off()
            return
        if self.job.state is JobState.FETCHING and await self._carry_through(saving.adopt(self.shop, self.job)):
            return
        if not self.job.prompt_id and self.job.state is JobState.QUEUED:
            await CheckJob(self).check()
        if self.shop.gate.counts(self.job) and not self.job.prompt_id:
            await self.shop.gate.reserve(self.job.id)  # it was held when it was asked for, which may be long ago
        while True:
            if leaving():  # nobody gives out places any more
                raise asyncio.CancelledError
            try:
                async with self._seated() as seat:
                    finished = await seat.hold(self._make())
                    await self._count_cost(seat)
                    self.meter.at(JobState.FETCHING, 0.95, detail=self.meter.detail)
                    shelved = partial(self.meter.at, JobState.FETCHING, 1.0)
                    await self._carry_through(saving.save(self.shop, self.job, finished, shelved))
                    return
            except PodLost as lost:
                await self._go_elsewhere(lost)

    @asynccontextmanager
    async def _seated(self) -> AsyncIterator[Seat]:
        """Hold the place where this job is made, as soon as it is free and ready."""
        place = place_of(self.request.on)
        if place is not Place.RENTED:
            async with self.shop.lanes.of(self.request.on).mine(self.job.id):
                self.seat = Seat(safe_url(self.request.on), self.request.on)
                yield self.seat
            return
        if not self.job.pod:
            await self.shop.fleet.forecast.tell(self.job)
        async with self.shop.fleet.driver.seat(self.job, self._start_stepped) as seat:
            assert seat.pod is not None
            self.seat = seat
            if self.job.pod != seat.pod.id:
                await self.note(pod=seat.pod.id)
            try:
                yield seat
            finally:
                self.seat = None

    async def _start_stepped(self, step: PodStepped) -> None:
        """A studio that this job waits for gets on."""
        if self.job.state is JobState.QUEUED:
            await self.move(JobState.STARTING)
        low, high = _START_SPANS[step.step]
        # Without a total every file is a step ahead, and none of them the last.
        within = step.done / (step.total or step.done + _MANY_FILES)
        self.meter.at(JobState.STARTING, low + (high - low) * within, detail=step.text)

    async def _go_elsewhere(self, lost: PodLost) -> None:
        """Put the job back in the queue for another studio: once, and only if it was not meant for this one."""
        if self.job.moved or self.request.on != AUTO:
            again = "a second time " if self.job.moved else ""
            raise Lost(
                f"{self.job.title} was lost {again}because {lost.message}. It costs nothing any more. "
                "'oavr-tui jobs retry' makes it again."
            )
        fresh = {"pod": "", "moved": True, "prompt_id": "", "sent": False, "outputs": (), "made_by": ""}
        if self.job.state is JobState.QUEUED:
            await self.note(**fresh)
        else:
            await self.move(JobState.QUEUED, **fresh)
        self.shop.tell(self.job, f"{lost.message[:1].upper()}{lost.message[1:]}: {self.job.title} goes to another one.")

    async def _count_cost(self, seat: Seat) -> None:
        if seat.pod is not None and seat.pod.per_hour:
            seconds = max(0.0, self.shop.around.clock() - (self.job.making_since or self.job.created_at))
            await self.note(cost=round(seat.pod.per_hour * seconds / 3600, 6))

    def address(self) -> tuple[str, str | None, str]:
        """Address, token and name of the server on which this job is or was made. Raises Unreachable without one."""
        if self.seat is not None:
            return self.seat.url, self.seat.token, self.seat.name
        pod = self.shop.fleet.needs.place_of(self.job)
        if pod is not None:
            return (*self.shop.fleet.needs.address_of(pod), pod.name)
        if place_of(self.request.on) is Place.RENTED:
            raise Unreachable("The studio of this video is gone.")
        return self.request.on, None, safe_url(self.request.on)

    async def _make(self) -> Path:
        """Make the video and return the complete file on the work bench; the job is in `fetching` then."""
        if self.request.on == PREVIEW:
            from oavr_tui.engine.run_preview import make_preview

            return await make_preview(self)
        from oavr_tui.engine.run_remote import RemoteRun

        return await RemoteRun(self).make()

    # --- endings

    async def _carry_through(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Do the last steps to their end even when this task is cancelled meanwhile. True when there is a video."""
        video = await to_its_end(work, f"end-{self.job.id}")
        if video is not None:
            self.job = self.shop.queue.get(self.job.id) or self.job
        elif leaving():
            raise asyncio.CancelledError
        return video is not None

    async def _fail(self, error: OavrError) -> None:
        if error.code is FailureCode.CANCELLED:
            await self._end(JobState.CANCELLED, Failure(error.code, error.message, error.can_retry))
        else:
            await self._end(JobState.FAILED, Failure(error.code, error.message + self._left(error), error.can_retry))

    def _left(self, error: OavrError) -> str:
        """What to add where the video is made, could not be brought home, and its studio goes on costing money."""
        job = self.shop.queue.get(self.job.id) or self.job
        pod = self.shop.fleet.needs.place_of(job)
        if error.code not in MAY_BE_SAVED_YET or not job.outputs or pod is None or not pod.billed:
            return ""
        return (
            f" The video is made and waits on {pod.name}, which costs ${pod.per_hour:.2f}/h meanwhile: "
            "'oavr-tui jobs retry' fetches it."
        )

    async def _end(self, state: JobState, failure: Failure) -> None:
        self.job = self.shop.queue.get(self.job.id) or self.job
        if not self.job.ended:
            await self.move(state, failure=failure)

    async def _call_off(self) -> None:
        """Stop the job where it is, on its server too."""
        self.job = self.shop.queue.get(self.job.id) or self.job
        sentence = "Cancelled."
        if self.job.prompt_id and not self.job.ended:
            from oavr_tui.engine.run_remote import RemoteRun

            try:
                async with asyncio.timeout(_CALL_OFF_SECONDS):
                    sentence = await RemoteRun(self).call_off()
            except OavrError:
                sentence = f"Cancelled here, but {self._place()} did not answer: it may still be at work."
            except TimeoutError:
                sentence = f"Cancelled. {self._place()} was told to stop and had not said yet that it did."
        await self._end(JobState.CANCELLED, Failure(FailureCode.CANCELLED, sentence, can_retry=True))

    def _place(self) -> str:
        pod = self.shop.fleet.needs.place_of(self.job)
        return safe_url(self.request.on) if pod is None else pod.name

    def _from_os(self, error: OSError) -> OavrError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return DiskFull(
                f"The disk is full, so {self.job.title} could not be finished. Free some space, then try again."
            )
        if error.errno in BARRED and (why := barred_now(self.shop.paths)):
            return Rejected(f"{self.job.title} could not be finished. {why}", can_retry=True)
        return write_crash(self.shop.paths, error, f"making {self.job.title}")
