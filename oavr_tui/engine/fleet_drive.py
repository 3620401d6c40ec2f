"""Driving the fleet: pods are started when videos wait for them, handed out one job at a time, watched, and ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from oavr_tui.carry import to_its_end
from oavr_tui.engine.dispatch import Desk
from oavr_tui.engine.events import PodStepped
from oavr_tui.engine.idle import IdleRounds
from oavr_tui.engine.needs import Needs, free_name
from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.pod_tasks import PodTasks
from oavr_tui.engine.pod_watch import PodWatch
from oavr_tui.engine.seating import Seating
from oavr_tui.engine.seats import PodLost
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import NoKey, OavrError
from oavr_tui.models import Job, Pod, PodKind, PodState, PodWish

if TYPE_CHECKING:
    from oavr_tui.pods.plan import Plan

_LOOK_SECONDS, _NOTHING_SECONDS = 0.25, 1.0
"""Between two rounds; the second while there is no pod, nor a video to be made. What is asked here wakes it at once."""
_WATCH_SECONDS = 12.0
"""Between two looks at the account while a pod costs money: one call for all pods, well below the provider's limits."""
_REST_SECONDS = 120.0
"""The same while nothing but stopped pods is there."""
_WAKE_AGAIN_SECONDS = 600.0
"""How long a pod whose host had no GPU free is not tried again by itself."""
_START_AGAIN_SECONDS = 120.0
"""How long no further pod is started after a start in vain, while there are others to make the videos."""


class FleetDrive:
    """Seats for jobs, and the loop that keeps the pods going. Only for the holder of the driver's lock."""

    def __init__(self, yard: Yard, needs: Needs, jobs: Callable[[], Sequence[Job]]) -> None:
        self._yard = replace(yard, stepped=self._stepped)
        self._passed_on = yard.stepped
        self._book = yard.book
        self._needs = needs
        self._jobs = jobs
        self._desk = Desk()
        self._tasks = PodTasks(self._yard, self._start_failed)
        self._watch = PodWatch(self._yard, self._lost, lambda pod: self._seating.silent_since(pod))
        self._idle = IdleRounds(self._yard, self._desk, needs)
        self._seating = Seating(yard, needs, self._desk, self._watch.look, self.wake, self._look_soon)
        self.seat = self._seating.seat
        self._asleep_until: dict[str, float] = {}
        self._next_start = 0.0
        self._looked_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._to_decide = False
        self._woken = asyncio.Event()

    @property
    def _plan(self) -> Plan:
        return self._yard.setup.plan

    def wake(self) -> None:
        """Look at what is wished now rather than at the next look."""
        self._woken.set()

    async def look(self) -> None:
        """Hold what is remembered against the account, once."""
        await self._watch.look()

    def _look_soon(self) -> None:
        self._looked_at = None
        self.wake()

    async def want(
        self,
        *,
        name: str = "",
        gpu: str = "",
        cloud: str = "",
        volume: str = "",
        for_jobs: bool = False,
        tries: tuple[str, ...] = (),
    ) -> Pod:
        """Write down that a new rented pod is wanted. tries: kinds of machines that are of no use."""
        now = self._yard.around.clock()
        pod = Pod(
            id=self._yard.around.new_id(),
            name=name or free_name(self._book.all()),
            kind=PodKind.RUNPOD,
            state=PodState.ASKED,
            created_at=now,
            updated_at=now,
            state_since=now,
            progress_at=now,
            gpu=gpu,
            cloud=cloud,
            wish_gpu=gpu,
            wish_cloud=cloud,
            volume=volume or self._plan.volume,
            for_jobs=for_jobs,
            tries=tries,
        )
        self.wake()
        return await self._book.add(pod)

    # --- driving

    async def drive(self) -> None:
        """Keep all of it going until cancelled. Only the holder of the driver's lock may call this."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks.begin(group)
                self._looked_at = None
                while True:
                    await self._book.refresh()
                    await self._carry_out_wishes()
                    self._look_if_due(group)
                    if self._to_decide:
                        self._to_decide = False
                        await self._idle.round()
                    await self._attend()
                    await self._provide()
                    self._settle()
                    self._woken.clear()
                    try:
                        async with asyncio.timeout(_LOOK_SECONDS if self._has_work() else _NOTHING_SECONDS):
                            await self._woken.wait()
                    except TimeoutError:
                        continue
        finally:
            await to_its_end(self._yard.rental.close(), "close-account")

    def _has_work(self) -> bool:
        return bool(self._book.all()) or any(not job.ended for job in self._jobs())

    async def _carry_out_wishes(self) -> None:
        for pod in self._book.all():
            try:
                if pod.asked is PodWish.START:
                    await self._start_as_asked(pod)
                elif pod.asked:
                    await self._end_as_asked(pod, pod.asked)
            except Overtaken:
                continue  # the wish is on the disk still; the next round sees how things stand

    async def _start_as_asked(self, pod: Pod) -> None:
        if pod.state is not PodState.STOPPED:
            await self._book.note(pod, granted=PodWish.START)
        elif not self._tasks.doing(pod):  # the wish stays until it is known what came of it
            self._tasks.wake(await self._book.note(pod, for_jobs=False))

    async def _end_as_asked(self, pod: Pod, wish: PodWish) -> None:
        if refusal := self._needs.against_ending(pod, wish):  # a job may have got it since the wish was written down
            self._yard.tell(refusal)
            await self._book.note(pod, granted=wish)
            return
        await self._tasks.break_off(pod)
        pod = self._book.get(pod.id) or pod
        way = PodState.STOPPING if wish is PodWish.STOP and pod.pod_id else PodState.TERMINATING
        asleep = pod.state is PodState.STOPPED and not pod.resumed  # nor may it have been woken without a word
        if pod.state in (way, PodState.TERMINATING, PodState.GONE) or (asleep and wish is PodWish.STOP):
            await self._book.note(pod, granted=wish)
        else:
            await self._book.move(pod, way, granted=wish, note="")

    def _look_if_due(self, group: asyncio.TaskGroup) -> None:
        """Begin a look at the account when it is time; an account that hangs holds up nothing else."""
        now = self._yard.around.monotonic()
        rented = [pod for pod in self._book.all() if pod.kind is PodKind.RUNPOD]
        # Reckoned anew each time: a pod that begins to cost money is not left alone until a look set long before.
        if self._looked_at is not None and now - self._looked_at < self._look_period(rented):
            return
        if self._looking is not None and not self._looking.done():
            return
        first, self._looked_at = self._looked_at is None, now
        if not self._yard.rental.has_key or not (first or rented or self._desk.waiting() or self._book.doubtful()):
            return
        self._looking = group.create_task(self._look_at_account(), name="look")

    async def _look_at_account(self) -> None:
        try:
            await self._watch.look()
            await self._idle.learn_balance()
            self._idle.relieved()
        except OavrError as error:
            if isinstance(error, NoKey):
                self._yard.rental.was_refused()
            self._idle.worry(error)
        # Also when the account cannot be looked at: what is idle is stopped as soon as it can be reached again.
        self._to_decide = True
        self.wake()

    def _look_period(self, rented: Sequence[Pod]) -> float:
        """Seconds between two looks, while these pods are there."""
        period = min(_WATCH_SECONDS, max(self._plan.idle_minutes * 60 / 4, _LOOK_SECONDS))
        often = self._book.doubtful() or any(pod.billed for pod in rented)
        return period if often else max(period, _REST_SECONDS)

    async def _attend(self) -> None:
        """See to it that every pod on its way has a task, and that one whom nobody waits for turns back."""
        for pod in self._book.all():
            doing = self._tasks.doing(pod)
            if pod.state in (PodState.STOPPING, PodState.TERMINATING):
                if not doing:
                    self._tasks.end(pod)
            elif pod.starting and pod.for_jobs and not self._needs.wanted(pod):
                with contextlib.suppress(Overtaken):  # then it is on its way out already
                    await self._turn_back(pod)
            elif pod.starting and not doing:
                self._tasks.start(pod)
            elif pod.state is PodState.READY and pod.kind is PodKind.RUNPOD:
                await self._tasks.logs.of(pod)

    async def _turn_back(self, pod: Pod) -> None:
        await self._tasks.break_off(pod)
        pod = self._book.get(pod.id) or pod
        if not pod.starting:
            return
        if not pod.cloud_name:
            await self._book.move(pod, PodState.GONE, note="Nobody waited for it any more.")
            return
        self._yard.tell(f"Nobody waits for {pod.name} any more: it is {'stopped' if pod.resumed else 'terminated'}.")
        await self._book.move(pod, pod.way_out, note="Nobody waited for it any more.")

    async def _provide(self) -> None:
        """Start what the waiting jobs need, within what the person allows."""
        for pod in self._book.all():
            if pod.state is PodState.STOPPED and self._desk.waiting(pod.id) and not self._tasks.doing(pod):
                await self._rouse(pod)
        waiting = self._desk.waiting()
        if not waiting or self._idle.hold:
            return
        mine = [pod for pod in self._book.all() if pod.kind is PodKind.RUNPOD and not pod.found]
        live = [pod for pod in mine if pod.starting or pod.state is PodState.READY or self._tasks.doing(pod) == "wake"]
        free = [pod for pod in live if self._desk.holder(pod.id) is None]
        if len(free) >= len(waiting) or len(live) >= self._plan.most or not self._plan.auto_start:
            return
        now = self._yard.around.monotonic()
        if now < self._next_start:
            return
        for pod in mine:
            may_wake = pod.state is PodState.STOPPED and self._asleep_until.get(pod.id, 0.0) <= now
            if may_wake and not self._tasks.doing(pod):
                await self._rouse(pod)
                return
        first = next((job for job in self._jobs() if job.id == waiting[0].job_id), None)
        await self.want(for_jobs=True, tries=first.avoid if first is not None else ())

    async def _rouse(self, pod: Pod) -> None:
        self._tasks.wake(await self._book.note(pod, for_jobs=True))

    def _settle(self) -> None:
        self._look_after_the_pinned()
        self._desk.put_in_order({job.id: job.turn for job in self._jobs() if not job.ended})
        ready = [pod for pod in self._book.all() if pod.state is PodState.READY and not pod.asked]
        if self._idle.hold:
            # Money runs out: only jobs that are on a pod already go on there, to be brought home.
            ready = [pod for pod in ready if self._desk.waiting(pod.id) or pod.kind is PodKind.ADDRESS]
        self._desk.settle(ready, [] if self._idle.hold else [pod for pod in ready if self._needs.may_take_any(pod)])

    def _look_after_the_pinned(self) -> None:
        """Nobody waits for a pod that does not come back; but its name may have passed on to another machine."""
        for pod_id in self._desk.pins():
            pod = self._book.get(pod_id)
            if pod is not None and pod.state not in (PodState.TERMINATING, PodState.GONE):
                continue
            following = None if pod is None else self._book.named(pod.name)
            if following is not None and following.state is not PodState.TERMINATING:
                self._desk.follow(pod_id, following.id)
            name = "its studio" if pod is None else pod.name
            self._desk.refuse(PodLost(f"{name} does not run any more"), pod_id)

    # --- what the tasks report

    def _stepped(self, step: PodStepped) -> None:
        self._desk.tell(step)
        self._passed_on(step)

    def _start_failed(self, pod: Pod, error: OavrError) -> None:
        from oavr_tui.pods.provider import NotNow

        self._asleep_until[pod.id] = self._yard.around.monotonic() + _WAKE_AGAIN_SECONDS
        self._desk.refuse(error, pod.id)
        if isinstance(error, NotNow):
            self._yard.tell(f"{pod.name} cannot be started now: {error.message}")
            return  # another one may do for those who have no wish
        others = [other for other in self._book.all() if other.id != pod.id and self._needs.may_take_any(other)]
        if pod.for_jobs and not others:
            self._desk.refuse(error)
        elif pod.for_jobs:  # those who wait get one of the others in the end; asking again at once would help nobody
            self._next_start = self._yard.around.monotonic() + _START_AGAIN_SECONDS
        elif not isinstance(error, PodLost):  # of which the watch has told
            self._yard.tell(f"{pod.name}: {error.message}")

    def _lost(self, pod: Pod) -> None:
        self._tasks.died(pod)
        if pod.starting:
            return  # whoever starts it judges that, and another machine may follow
        was_starting = self._tasks.doing(pod) in ("start", "wake")
        self._tasks.logs.close(pod)
        self._seating.lost(pod)
        if was_starting:  # at once: else another would be started before those who wait have heard
            self._start_failed(pod, PodLost(f"{pod.name} stopped while it was starting"))
