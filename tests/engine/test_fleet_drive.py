"""Driving while others act: people in other processes, in the provider's console, and everything at odd moments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from oavr_tui.engine.events import PodStepped
from oavr_tui.engine.fleet import Fleet
from oavr_tui.engine.seats import PodLost, Seat
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.errors import BadInput
from oavr_tui.models import Job, Pod, PodState, PodWish
from oavr_tui.pods.provider import CloudState
from tests.clients.scripted import Scripted, recorded_body
from tests.clients.scripted import running as serving
from tests.engine.account import Hands, Machine, MemoryAccount
from tests.engine.yards import Place, job, place

LONG_AGO = 10_000.0
_WAIT = 20.0


class Studio(Scripted):
    """What answers on every machine. up: whether ComfyUI does; otherwise the proxy says that nothing listens."""

    up = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if not self.up:
            return web.Response(status=502)
        if request.path == "/system_stats":
            stats = recorded_body("01_info.json", "GET /system_stats")
            stats["system"]["ram_total"] = 64 << 30  # less will not do for a studio
            return web.json_response(stats)
        return await super().handle(request)


class Driven:
    """A fleet that is being driven, in real time."""

    def __init__(self, here: Place, studio: Studio) -> None:
        self.here = here
        self.account = here.account
        self.studio = studio
        self.jobs: list[Job] = []
        self.told: list[str] = []
        self.turns = 0
        self._refresh, here.book.refresh = here.book.refresh, self._turn  # type: ignore[method-assign]
        self.fleet = Fleet(here.yard, lambda: self.jobs)
        self.driving = asyncio.create_task(self.fleet.driver.drive())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to be so; driving that fails ends the wait with its error."""
        async with asyncio.timeout(_WAIT):
            while not condition():
                if self.driving.done():
                    await self.driving
                await asyncio.sleep(0.02)

    async def _turn(self) -> None:
        self.turns += 1
        await self._refresh()

    async def rounds(self, number: int = 4) -> None:
        """Let wishes and waiting jobs be seen to so many times more."""
        target = self.turns + number
        await self.until(lambda: self.turns >= target)

    async def looks(self, number: int = 3) -> None:
        """Let the account be looked at so many times more, which only happens while something costs money."""
        target = len(self.account.asked("pods")) + number
        await self.until(lambda: len(self.account.asked("pods")) >= target)

    def state(self, pod: Pod) -> PodState:
        current = self.here.book.get(pod.id)
        assert current is not None
        return current.state

    async def is_in(self, pod: Pod, *states: PodState) -> Pod:
        await self.until(lambda: self.state(pod) in states)
        current = self.here.book.get(pod.id)
        assert current is not None
        return current

    def notices(self) -> list[str]:
        self.told += self.here.notices()
        return self.told

    async def machine_of(self, pod: Pod) -> Machine:
        booting = await self.is_in(pod, PodState.BOOTING)
        return self.account.machines[booting.pod_id]

    async def existing(self, state: PodState, **facts: Any) -> tuple[Pod, Machine]:
        """A pod that was rented before, with its machine."""
        machine = self.account.put(f"oavr-{facts.get('name', 'studio-1')}-before")
        if state is PodState.STOPPED:
            self.account.stop_by_hand(machine)
        rented = {"pod_id": machine.pod.id, "cloud_name": machine.pod.name, "per_hour": 0.34, "storage_per_hour": 0.01}
        return await self.here.add(state, **{**rented, **facts}), machine

    def sit(self, wanted: Job) -> Sitting:
        self.jobs.append(wanted)
        return Sitting(self, wanted)


class Sitting:
    """A job that waits for its seat, and keeps it until it is told to get up."""

    def __init__(self, driven: Driven, wanted: Job) -> None:
        self.seat: Seat | None = None
        self.done = asyncio.Event()
        self._driven = driven
        self._job = wanted
        self.task = asyncio.create_task(self._sit())

    async def _sit(self) -> None:
        async def stepped(_step: PodStepped) -> None:
            return

        try:
            async with self._driven.fleet.driver.seat(self._job, stepped) as seat:
                assert seat.pod is not None
                self._note(pod=seat.pod.id)
                self.seat = seat
                await self.done.wait()
        finally:
            self._driven.jobs.remove(self._job)

    def _note(self, **facts: Any) -> None:
        """As the queue does it: the job knows where it is."""
        self._driven.jobs.remove(self._job)
        self._job = replace(self._job, **facts)
        self._driven.jobs.append(self._job)

    async def ends(self) -> None:
        self.done.set()
        async with asyncio.timeout(_WAIT):
            await self.task


@asynccontextmanager
async def driven(folder: Path, **options: Any) -> AsyncIterator[Driven]:
    """options: of the plan. The account is looked at every quarter of a second."""
    account = MemoryAccount(Hands(time.time()), call_seconds=0.0)
    around = Surroundings()
    options = {"idle_minutes": 1 / 60, "day_cap": 1e6, **options}
    async with serving(Studio()) as studio:
        assert isinstance(studio, Studio)
        async with place(folder, account, around=around, service=studio.base, **options) as here:
            going = Driven(here, studio)
            try:
                yield going
            finally:
                for gate in account.gates.values():
                    gate.set()
                going.driving.cancel()
                ended = await asyncio.gather(going.driving, return_exceptions=True)
                assert isinstance(ended[0], asyncio.CancelledError), ended


# --- in the provider's console, at odd moments


@pytest.mark.parametrize("deed", ["delete_by_hand", "stop_by_hand"])
async def test_a_machine_that_is_ended_in_the_console_while_it_starts_ends_that_start_alone(
    tmp_path: Path, deed: str
) -> None:
    async with driven(tmp_path) as here:
        pod = await here.fleet.deploy(name="studio-1")
        getattr(here.account, deed)(await here.machine_of(pod))
        ended = await here.is_in(pod, PodState.GONE, PodState.STOPPED)
        assert ended.state is (PodState.GONE if deed == "delete_by_hand" else PodState.STOPPED)
        await here.rounds()
        assert len(here.account.asked("create")) == 1
        assert here.account.asked("terminate") == []


async def test_a_job_whose_machine_vanishes_while_it_starts_gets_another_one(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        waiting = here.sit(job("a"))
        await here.until(lambda: bool(here.account.machines))
        (machine,) = here.account.alive()
        await here.until(lambda: any(pod.pod_id for pod in here.here.book.all()))
        here.account.delete_by_hand(machine)
        with pytest.raises(PodLost):
            await waiting.task
        again = here.sit(job("a", moved=True))
        here.studio.up = True
        await here.until(lambda: again.seat is not None)
        assert len(here.account.asked("create")) == 2
        await again.ends()


async def test_whoever_waits_for_a_pod_that_goes_hears_of_it(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        pod = await here.fleet.deploy(name="mine")
        await here.machine_of(pod)
        waiting = here.sit(job("a", on="mine"))
        await here.fleet.ask(await here.is_in(pod, PodState.BOOTING), PodWish.TERMINATE)
        with pytest.raises(PodLost):
            await waiting.task
        await here.is_in(pod, PodState.GONE)
        with pytest.raises(BadInput):
            await here.sit(job("b", on="mine")).task


# --- wishes, at odd moments


async def test_a_stop_that_is_asked_for_while_it_is_being_woken_stops_it_and_deletes_nothing(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        pod, machine = await here.existing(PodState.STOPPED)
        here.account.gates["start"] = asyncio.Event()
        await here.fleet.ask(pod, PodWish.START)
        async with asyncio.timeout(30):
            await here.account.reached["start"].wait()
        await here.here.book.note(pod, asked=PodWish.STOP)
        await here.rounds(1)
        here.account.gates["start"].set()
        await here.until(lambda: bool(here.account.asked("stop")))
        await here.is_in(pod, PodState.STOPPED)
        assert machine.pod.state is CloudState.STOPPED
        assert here.account.asked("terminate") == []
        assert (await here.here.on_disk(pod.id)).asked is PodWish.NOTHING


async def test_a_stop_of_what_is_stopped_changes_nothing(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        pod, _machine = await here.existing(PodState.STOPPED)
        await here.here.book.note(pod, asked=PodWish.STOP)
        await here.until(lambda: all(not one.asked for one in here.here.book.all()))
        assert here.state(pod) is PodState.STOPPED
        assert here.account.asked("stop") == []


async def test_an_account_that_is_looked_at_while_a_pod_is_woken_leaves_it_ours(tmp_path: Path) -> None:
    class Slow(MemoryAccount):
        """It does what it is asked to, and takes its time to say so."""

        answer: asyncio.Event

        async def start(self, pod_id: str) -> None:
            await super().start(pod_id)
            await self.answer.wait()

    async with driven(tmp_path) as here:
        here.account.__class__ = Slow
        assert isinstance(here.account, Slow)
        here.account.answer = asyncio.Event()
        here.studio.up = True
        pod, machine = await here.existing(PodState.STOPPED)
        await here.fleet.ask(pod, PodWish.START)
        await here.until(lambda: machine.pod.state is CloudState.COMING)
        await here.fleet.driver.look()
        here.account.answer.set()
        ready = await here.is_in(pod, PodState.READY)
        assert (ready.found, ready.resumed, ready.asked) == (False, True, PodWish.NOTHING)
        assert [text for text in here.notices() if "not by this app" in text] == []


async def test_a_termination_during_a_stop_takes_its_place(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        pod, _machine = await here.existing(PodState.READY)
        here.account.gates["stop"] = asyncio.Event()
        await here.fleet.ask(pod, PodWish.STOP)
        async with asyncio.timeout(30):
            await here.account.reached["stop"].wait()
        await here.fleet.ask(await here.is_in(pod, PodState.STOPPING), PodWish.TERMINATE)
        await here.is_in(pod, PodState.GONE)
        assert here.account.alive() == []


async def test_a_wish_that_would_lose_a_video_is_refused_by_the_driver_too(tmp_path: Path) -> None:
    async with driven(tmp_path, idle_minutes=1.0) as here:
        pod, _machine = await here.existing(PodState.READY)
        sitting = here.sit(job("a"))
        await here.until(lambda: sitting.seat is not None)
        await here.here.book.note(pod, asked=PodWish.TERMINATE)
        await here.until(lambda: any("would be lost" in text for text in here.notices()))
        await here.until(lambda: all(not one.asked for one in here.here.book.all()))
        assert here.state(pod) is PodState.READY
        await sitting.ends()


# --- machines that will not do


async def test_a_bad_machine_is_replaced_and_whoever_waits_for_its_name_gets_the_next(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        then = time.time() - LONG_AGO
        pod, machine = await here.existing(PodState.BOOTING, state_since=then, progress_at=then)
        sitting = here.sit(job("a", on="studio-1"))
        await here.is_in(pod, PodState.GONE)
        here.studio.up = True
        await here.until(lambda: sitting.seat is not None)
        assert sitting.seat is not None and sitting.seat.pod is not None
        assert (sitting.seat.pod.name, sitting.seat.pod.id != pod.id) == ("studio-1", True)
        assert [one.pod.id for one in here.account.alive()] != [machine.pod.id]
        await sitting.ends()


async def test_a_machine_that_was_woken_and_will_not_do_is_stopped_and_not_tried_for_ever(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        then = time.time() - LONG_AGO
        pod, machine = await here.existing(PodState.BOOTING, resumed=True, state_since=then, progress_at=then)
        sitting = here.sit(job("a", on="studio-1"))
        with pytest.raises(Exception, match="got no further"):
            await sitting.task
        await here.is_in(pod, PodState.STOPPED)
        await here.rounds()
        assert here.account.asked("start") == here.account.asked("create") == []
        assert machine.pod.state is CloudState.STOPPED


async def test_somebody_elses_machine_is_waited_for_and_never_judged(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        then = time.time() - LONG_AGO
        pod, machine = await here.existing(PodState.BOOTING, found=True, state_since=then, progress_at=then)
        machine.turn(CloudState.BROKEN, 0.34, time.time())
        await here.looks(4)
        assert here.state(pod) is PodState.BOOTING
        machine.turn(CloudState.RUNNING, 0.34, time.time())
        here.studio.up = True
        await here.is_in(pod, PodState.READY)
        assert here.account.asked("terminate") == here.account.asked("stop") == here.account.asked("create") == []


async def test_a_start_that_the_day_does_not_allow_any_more_is_stopped_for_good(tmp_path: Path) -> None:
    async with driven(tmp_path, day_cap=0.0) as here:
        pod, machine = await here.existing(PodState.BOOTING)
        await here.is_in(pod, PodState.STOPPED)
        here.studio.up = True
        await here.rounds()
        assert here.state(pod) is PodState.STOPPED
        assert machine.pod.state is CloudState.STOPPED


async def test_starts_in_vain_are_not_repeated_without_a_pause(tmp_path: Path) -> None:
    async with driven(tmp_path, most=2) as here:
        await here.existing(PodState.READY)
        here.account.faults["create"] = ["no_gpu"] * 100
        sitting, waiting = here.sit(job("a")), here.sit(job("b", at=2.0))
        await here.until(lambda: sitting.seat is not None)
        await here.until(lambda: len(here.account.asked("create")) >= 3)
        await here.rounds(5)
        assert len(here.account.asked("create")) == 3
        assert not waiting.task.done()
        await sitting.ends()
        await here.until(lambda: waiting.seat is not None)
        await waiting.ends()


# --- leaving


@pytest.mark.parametrize("fault", ["", "no_gpu", "no_funds", "lost_done"])
async def test_driving_ends_cleanly_in_the_middle_of_renting_and_the_machine_is_known(
    tmp_path: Path, fault: str
) -> None:
    async with driven(tmp_path) as here:
        here.account.gates["create"] = asyncio.Event()
        here.account.faults["create"] = [fault]
        pod = await here.fleet.deploy(name="studio-1")
        async with asyncio.timeout(30):
            await here.account.reached["create"].wait()
        here.driving.cancel()
        await asyncio.sleep(0)
        here.account.gates["create"].set()
        with pytest.raises(asyncio.CancelledError):
            await here.driving
        kept = await here.here.on_disk(pod.id)
        assert len(here.account.asked("create")) == 1
        for machine in here.account.alive():
            assert machine.pod.id == kept.pod_id or machine.pod.name == kept.cloud_name
