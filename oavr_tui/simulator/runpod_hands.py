"""The hands of the simulated account: they switch machines on and off, one thing after another, in tasks they own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from oavr_tui.errors import OavrError
from oavr_tui.simulator.runpod_pod import SimPod, Status
from oavr_tui.simulator.runpod_refusals import Refusal
from oavr_tui.simulator.runpod_script import Script
from oavr_tui.simulator.whole import carried_through

Sleep = Callable[[float], Awaitable[None]]


class Hands:
    """now: unix seconds; sleep: takes seconds as the script writes them."""

    def __init__(self, *, now: Callable[[], float], sleep: Sleep) -> None:
        self._now = now
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self._mishaps: list[BaseException] = []

    def rise(self, pod: SimPod, script: Script, fail: Callable[[str], None]) -> None:
        """Pull its image where it was never there, start its container, switch its machine on.

        fail: called with its id where the machine cannot be switched on.
        """
        pod.rising = self._own(self._rise(pod, script, fail), f"rise-{pod.id}")

    def again(self, pod: SimPod, script: Script, fail: Callable[[str], None]) -> None:
        """Switch its machine off and on."""
        pod.rising = self._own(self._again(pod, script, fail), f"again-{pod.id}")

    def halt(self, pod: SimPod) -> None:
        """No longer raise it."""
        if pod.rising is not None:
            pod.rising.cancel()
            pod.rising = None

    def down(self, pod: SimPod, *, wipe: bool, close: bool = False) -> None:
        """Switch its machine off, once what is being done to it is done. close: for ever."""
        self._own(self._down(pod, wipe=wipe, close=close), f"down-{pod.id}")

    def later(self, seconds: float, deed: Callable[[str], None], pod: SimPod) -> None:
        """Do something to it after so long, if it is still there."""
        self._own(self._later(seconds, deed, pod), f"later-{pod.id}")

    async def close(self) -> None:
        """End everything that goes on. Raises what went wrong in the simulation itself."""
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        mishaps, self._mishaps = self._mishaps, []
        if mishaps:
            raise mishaps[0]

    async def _rise(self, pod: SimPod, script: Script, fail: Callable[[str], None]) -> None:
        if pod.status is Status.PROVISIONING:
            if pod.boot.boot.hang_in == "pull":
                return
            await self._sleep(script.pull_seconds)
            pod.log.add("image pulled", self._now())
            pod.move(Status.STARTING, self._now())
        await self._sleep(script.start_seconds)
        async with pod.lock:
            cold, pod.cold = pod.cold, False
            try:
                await carried_through(pod.machine.power_on(cold=cold))
            except (OavrError, OSError):
                pod.rising = None
                fail(pod.id)
                return
            pod.log.add("start container", self._now())
            pod.move(Status.RUNNING, self._now())

    async def _again(self, pod: SimPod, script: Script, fail: Callable[[str], None]) -> None:
        await self._down(pod, wipe=not pod.keeps_disk)
        await self._rise(pod, script, fail)

    async def _down(self, pod: SimPod, *, wipe: bool, close: bool = False) -> None:
        async with pod.lock:
            pod.log.follow(pod.machine.log_text, self._now())
            await carried_through(pod.machine.power_off(wipe=wipe))
            pod.cold = pod.cold or wipe
            pod.log.follow(pod.machine.log_text, self._now())
            if close:
                await carried_through(pod.machine.close())

    async def _later(self, seconds: float, deed: Callable[[str], None], pod: SimPod) -> None:
        await self._sleep(seconds)
        with contextlib.suppress(Refusal):  # it may be gone by then
            deed(pod.id)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"runpod-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (mishap := task.exception()) is not None:
            self._mishaps.append(mishap)
