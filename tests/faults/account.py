"""A simulated RunPod account and an engine that drives on it, in this process: what the fault tests share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import Notice, PodStepped, Step, Subscription
from oavr_tui.engine.setup import pod_setup
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.models import AUTO, Job, JobState, Pod, PodState, Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Control, Settings
from oavr_tui.simulator.runpod import RunPodSimulator
from oavr_tui.simulator.runpod_books import PodBook
from oavr_tui.simulator.runpod_script import FULL_KEY, Script
from tests.samples import portrait, voice

DEADLINE = 60.0
"""Seconds that anything here may take."""
QUICK: dict[str, Any] = {
    "pull_seconds": 0.05,
    "start_seconds": 0.05,
    "boot": {"files": ["model.safetensors", "vae.safetensors"], "seconds_per_file": 0.02, "warm_seconds": 0.05},
}
_PACE = 0.02
_COSTLY = ("PROVISIONING", "STARTING", "RUNNING", "ERROR")
"""What the account charges the machine's price for."""


def scripted(*faults: dict[str, Any], **script: Any) -> Script:
    """A script that is quick unless it says otherwise; boot is added to the quick one."""
    boot = {**QUICK["boot"], **script.pop("boot", {})}
    return Script.model_validate({**QUICK, **script, "boot": boot, "faults": faults})


def making_slowly(seconds: float = 0.3) -> dict[str, Any]:
    """A `boot` whose ComfyUI takes so long for each step of the sampler, so that something can happen meanwhile."""
    return {**QUICK["boot"], "comfy": {"step_seconds": seconds}}


@dataclass
class House:
    """An engine that drives on an account. said: every sentence for the person; steps: of all starts."""

    simulator: RunPodSimulator
    engine: Engine
    said: list[str] = field(default_factory=list)
    steps: list[PodStepped] = field(default_factory=list)

    @property
    def creates(self) -> int:
        """How often a machine was asked for, whatever came of it."""
        return self.simulator.books()["creates"]

    @property
    def machines(self) -> list[PodBook]:
        """Every machine that was ever rented, oldest first."""
        return self.simulator.books()["pods"]

    @property
    def costly(self) -> list[str]:
        """The ids of the machines that are charged for right now."""
        return [pod["id"] for pod in self.machines if pod["status"] in _COSTLY]

    @property
    def pods(self) -> list[Pod]:
        """The studios that the app knows of."""
        return self.engine.fleet.book.all()

    def was_said(self, *words: str) -> bool:
        """Whether one sentence had all these words."""
        return self.times_said(*words) > 0

    def times_said(self, *words: str) -> int:
        """How many sentences had all these words."""
        return sum(all(word in text for word in words) for text in self.said)

    async def until(self, holds: Callable[[], object], within: float = DEADLINE) -> None:
        """Wait until something is so. within: seconds."""
        end = time.monotonic() + within
        while not holds():
            assert time.monotonic() < end, self.story()
            await asyncio.sleep(_PACE)

    def story(self) -> str:
        """All that is known, for a test that fails."""
        jobs = [(job.state, job.failure) for job in self.engine.jobs()]
        pods = [(pod.name, pod.state, pod.note) for pod in self.pods]
        books = [(pod["status"], pod["end"]) for pod in self.machines]
        asked = [(each["deed"], each["status"]) for each in self.simulator.books()["requests"]][-20:]
        return f"{jobs=}\n{pods=}\n{books=}\n{self.said=}\n{asked=}"

    async def submit(self, on: str = AUTO) -> Job:
        """Ask for a video of one second."""
        return await self.engine.submit(Request(image=str(portrait()), audio=str(voice()), max_seconds=1.0, on=on))

    async def at(self, job: Job, *states: JobState) -> Job:
        """Wait until a job is in one of these states."""
        await self.until(lambda: self._job(job).state in states or self._job(job).ended)
        found = self._job(job)
        assert found.state in states, self.story()
        return found

    def _job(self, job: Job) -> Job:
        return self.engine.job(job.id) or job

    async def done(self, job: Job) -> Job:
        return await self.at(job, JobState.DONE)

    async def failed(self, job: Job) -> tuple[str, str]:
        """Wait until a job has failed; returns its code and its sentence."""
        ended = await self.at(job, JobState.FAILED)
        assert ended.failure is not None
        return ended.failure.code.value, ended.failure.message

    async def makes(self, on: str = AUTO) -> Job:
        """Ask for a video and wait until it is made."""
        return await self.done(await self.submit(on))

    async def fails(self, on: str = AUTO) -> tuple[str, str]:
        """Ask for a video and wait until it has failed; returns the code and the sentence."""
        return await self.failed(await self.submit(on))

    async def pod_at(self, state: PodState, name: str = "studio-1") -> Pod:
        """Wait until a studio is in a state."""
        await self.until(lambda: self._named(name, state) is not None)
        found = self._named(name, state)
        assert found is not None
        return found

    def _named(self, name: str, state: PodState) -> Pod | None:
        return next((pod for pod in self.pods if (pod.name, pod.state) == (name, state)), None)

    async def ready(self, name: str = "studio-1", within: float = DEADLINE) -> Pod:
        """Wait until a studio has become ready, whatever came after that. within: seconds."""
        await self.until(lambda: any((step.name, step.step) == (name, Step.READY) for step in self.steps), within)
        return next(pod for pod in reversed(self.pods) if pod.name == name)

    async def nothing_costs(self, but: str = "") -> None:
        """Wait until no machine is charged for, by the account's own books and by the app's. but: one's id."""
        await self.until(
            lambda: set(self.costly) <= {but} and not any(pod.billed and not pod.found for pod in self.pods)
        )

    def replace_script(self, *faults: dict[str, Any], **script: Any) -> None:
        """From now on, another script; faults count from the start."""
        self.simulator.account.replace_script(scripted(*faults, **script))


@asynccontextmanager
async def account(folder: Path, *faults: dict[str, Any], **script: Any) -> AsyncIterator[RunPodSimulator]:
    """An account in this process."""
    async with RunPodSimulator(folder, script=scripted(*faults, **script)) as simulator:
        yield simulator


@asynccontextmanager
async def driven(
    home: Path,
    simulator: RunPodSimulator,
    *,
    key: str = FULL_KEY,
    speed: float = 4.0,
    pace: float = 1.0,
    hurry: float = 10.0,
    **settings: Any,
) -> AsyncIterator[House]:
    """An engine that drives on this account, with a home of its own.

    speed: how much faster than time its clock runs, and pace, its stop watch. hurry: how much shorter its pauses are.
    settings: of Settings.
    """
    environ = {
        "OAVR_HOME": str(home),
        "RUNPOD_API_BASE_URL": simulator.base_url,
        "OAVR_RUNPOD_PROXY": simulator.proxy_template,
        "RUNPOD_API_KEY": key,
    }
    paths = Paths.find(environ)
    chosen = Settings(videos_folder=str(paths.videos), pods_keeper=False, **{"pods_idle_minutes": 0.05, **settings})
    began = time.time()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / hurry)

    around = Surroundings(
        clock=lambda: began + (time.time() - began) * speed,
        monotonic=lambda: time.monotonic() * pace,
        sleep=sleep,
    )
    engine = Engine(paths, around=around, pods=_hurried(pod_setup(paths, chosen, environ), simulator, sleep))
    house = House(simulator, engine)
    async with engine:
        with engine.listen() as events:
            hearing = asyncio.create_task(_hear(events, house))
            try:
                async with engine.driving_when_free():
                    yield house
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)


def _hurried(setup: Any, simulator: RunPodSimulator, sleep: Callable[[float], Any]) -> Any:
    """The same set-up, whose account keeps shorter pauses too."""
    from oavr_tui.pods.runpod import RunPod

    def open_account(key: str, control: Control) -> RunPod:
        return RunPod(key, base=simulator.base_url, control=control, sleep=sleep)

    return replace(setup, open_account=open_account)


async def _hear(events: Subscription, house: House) -> None:
    async for event in events:
        if isinstance(event, Notice):
            house.said.append(event.text)
        elif isinstance(event, PodStepped):
            house.steps.append(event)


@asynccontextmanager
async def house(
    folder: Path, *faults: dict[str, Any], script: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[House]:
    """An account and an engine that drives on it. options: as of `driven`."""
    async with (
        account(folder / "account", *faults, **(script or {})) as simulator,
        driven(folder / "home", simulator, **options) as made,
    ):
        yield made
