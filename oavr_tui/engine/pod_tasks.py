"""The tasks of the fleet: one for each pod that is being started or ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from oavr_tui.engine.end_pod import EndPod
from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.pod_logs import PodLogs
from oavr_tui.engine.raise_pod import BadHost, RaisePod
from oavr_tui.engine.rent_pod import RentPod
from oavr_tui.engine.wake_pod import WakePod
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import NoGpu, OavrError
from oavr_tui.models import Pod, PodState, PodWish

_MOST_HOSTS = 3
"""Machines that one start tries before it gives up: each may cost its price for as long as its deadlines."""


class PodTasks:
    """Owned by the driving task group. failed(pod, error): a start is given up, and why."""

    def __init__(self, yard: Yard, failed: Callable[[Pod, OavrError], None]) -> None:
        self._yard = yard
        self._failed = failed
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self.logs = PodLogs(yard)
        self._raising: dict[str, RaisePod] = {}

    def begin(self, group: asyncio.TaskGroup) -> None:
        """From now on tasks belong to this group, which ends them when driving ends."""
        self._group = group
        self._tasks.clear()
        self.logs.begin(group)
        self._raising.clear()

    def doing(self, pod: Pod) -> str:
        """What is being done with a pod right now: "start", "wake", "end", or nothing."""
        what, task = self._tasks.get(pod.id, ("", None))
        return what if task is not None and not task.done() else ""

    def start(self, pod: Pod) -> None:
        """Go on with a start, from wherever it is."""
        self._do(pod, "start", self._start(pod))

    def wake(self, pod: Pod) -> None:
        """Start a stopped pod."""
        self._do(pod, "wake", self._wake(pod))

    def end(self, pod: Pod) -> None:
        """Go on with a stop or a termination."""
        self._do(pod, "end", self._end(pod))

    async def break_off(self, pod: Pod) -> None:
        """End what is being done with a pod. A machine that was just asked for is written down first."""
        what, task = self._tasks.pop(pod.id, ("", None))
        if what and task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._yard.book.refresh()  # what it wrote last may not have been heard of here

    def died(self, pod: Pod) -> None:
        """The account says that a pod which is being started does not run any more."""
        if pod.id in self._raising:
            self._raising[pod.id].died.set()

    def _do(self, pod: Pod, what: str, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None
        self._tasks[pod.id] = (what, self._group.create_task(work, name=f"{what}-{pod.name}"))

    # --- starting

    async def _start(self, pod: Pod) -> None:
        try:
            while True:
                try:
                    if pod.state is PodState.ASKED:
                        pod = await RentPod(self._yard, pod).rent()
                    await self._raise(pod)
                    return
                except BadHost as bad:
                    pod = await self._next_host(self._now(pod), str(bad))
        except Overtaken:
            return  # it is on its way out, or gone, and whoever moved it has told so
        except OavrError as error:
            await self._give_up(self._now(pod), error)

    async def _raise(self, pod: Pod) -> None:
        files = [one.count for one in await self._yard.book.measures() if one.what == "files"]
        raising = RaisePod(self._yard, pod, await self.logs.of(pod), expected_files=files[-1] if files else 0)
        self._raising[pod.id] = raising
        try:
            await raising.until_ready()
        finally:
            del self._raising[pod.id]

    async def _next_host(self, pod: Pod, reason: str) -> Pod:
        """Terminate a machine that will not do, and want another one in its place. Raises NoGpu after a few, Overtaken
        where the pod is on its way out already.

        A machine that was woken is only stopped, since there may be files on it, and has no other in its place: NotNow.
        """
        from oavr_tui.pods.provider import NotNow

        if not pod.starting:
            raise Overtaken
        tries = (*pod.tries, pod.machine_kind)
        ending = await self._yard.book.move(pod, pod.way_out, note=reason)
        if pod.resumed:
            self.end(ending)
            raise NotNow(f"{reason} It is stopped again; 'oavr-tui pods terminate {pod.name}' gives it up.")
        self._yard.tell(f"{reason} It is terminated.")
        if len(tries) >= _MOST_HOSTS:
            self.end(ending)
            raise NoGpu(
                f"{reason} {len(tries)} machines were tried, and none became ready. None of them runs any more. "
                "Try again later, or allow other kinds with 'oavr-tui config set pods.gpus'."
            )
        following = await self._yard.book.add(self._in_its_place(pod, tries))
        self._yard.tell("Trying another machine.")
        self._tasks[following.id] = self._tasks.pop(pod.id)
        self.end(ending)
        return following

    def _in_its_place(self, pod: Pod, tries: tuple[str, ...]) -> Pod:
        """The same wish once more, on a machine that is still to be found."""
        now = self._yard.around.clock()
        return replace(
            pod,
            id=self._yard.around.new_id(),
            state=PodState.ASKED,
            created_at=now,
            updated_at=now,
            state_since=now,
            progress_at=now,
            cloud_name="",
            pod_id="",
            gpu=pod.wish_gpu,
            gpu_name="",
            cloud=pod.wish_cloud,
            per_hour=0.0,
            storage_per_hour=0.0,
            tries=tries,
            note="",
        )

    async def _give_up(self, pod: Pod, error: OavrError) -> None:
        """A start that is of no use: nothing of it stays, and whoever waits hears why."""
        book = self._yard.book
        try:
            if pod.state is PodState.ASKED and not pod.cloud_name:
                await book.move(pod, PodState.GONE, note=error.message)
            elif pod.starting:
                self.end(await book.move(pod, pod.way_out, note=error.message))
        except Overtaken:
            pod = self._now(pod)  # it is on its way out already
        self._failed(pod, error)

    async def _wake(self, pod: Pod) -> None:
        try:
            pod = await WakePod(self._yard, pod).wake()
        except Overtaken:
            return  # it has turned out to run already, or is on its way out: the next look goes on from there
        except OavrError as error:
            pod = await self._yard.book.note(pod, note=error.message, granted=PodWish.START)
            self._failed(pod, error)
            return
        await self._start(pod)

    def _now(self, pod: Pod) -> Pod:
        return self._yard.book.get(pod.id) or pod

    # --- ending

    async def _end(self, pod: Pod) -> None:
        self.logs.close(pod)
        await EndPod(self._yard, pod).run()
