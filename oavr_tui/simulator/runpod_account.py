"""The simulated account: its pods and what may be done with them, its machines left, its money."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from oavr_tui.errors import BadInput, OavrError
from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_catalog import DATA_CENTERS, TEMPLATES, CloudName, GpuType, Template
from oavr_tui.simulator.runpod_faults import Boot, Broken, Faults, PodFault, Vanish
from oavr_tui.simulator.runpod_log import ProviderLog
from oavr_tui.simulator.runpod_money import STORAGE_PER_GB, Meter, Purse
from oavr_tui.simulator.runpod_pod import ACTIONS, RENTED, Machine, Order, SimPod, Status
from oavr_tui.simulator.runpod_refusals import Refusal
from oavr_tui.simulator.runpod_script import Script

MachineFactory = Callable[[str, str, BootScript], Machine]
"""Called with the pod's id, the id of its network volume (or an empty text), and its boot script."""


class Account:
    """Everything behind the APIs. Its methods do the deed at once; machines follow in tasks that it owns.

    now: unix seconds; sleep: takes seconds as the script writes them; new_id: ids of pods and templates.
    """

    def __init__(
        self,
        script: Script,
        machines: MachineFactory,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        new_id: Callable[[], str],
    ) -> None:
        self.script = script
        self.faults = Faults(script.faults)
        self.templates: list[Template] = list(TEMPLATES)
        self.now = now
        self.new_id = new_id
        self._machines = machines
        self._sleep = sleep
        self._left = _capacity(script)
        self._purse = Purse(script.balance, script.time_scale)
        self._pods: dict[str, SimPod] = {}
        self._orders = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    # What there is

    def pods(self) -> list[SimPod]:
        """The pods that exist, oldest first."""
        self.settle()
        return [pod for pod in self._pods.values() if pod.status is not Status.TERMINATED]

    def all_pods(self) -> list[SimPod]:
        """Every pod that was ever made."""
        self.settle()
        return list(self._pods.values())

    def pod(self, pod_id: str) -> SimPod | None:
        """The pod of that id, if it exists."""
        return next((pod for pod in self.pods() if pod.id == pod_id), None)

    def need(self, pod_id: str) -> SimPod:
        """The pod of that id. Raises Refusal where there is none."""
        pod = self.pod(pod_id)
        if pod is None:
            raise Refusal(refusals.NOT_FOUND)
        return pod

    def template(self, template_id: str) -> Template | None:
        """The template of that id, if there is one."""
        return next((each for each in self.templates if each.id == template_id), None)

    def stock(self, gpu: GpuType, clouds: Iterable[CloudName]) -> str | None:
        """What the catalogue claims about a GPU type: NONE, LOW, MEDIUM, HIGH, or None for nothing."""
        offered = [cloud for cloud in clouds if gpu.price(cloud) is not None]
        if not any(self._left.get((gpu.id, cloud), 1) for cloud in offered):
            return "NONE"
        return self.script.stock.get(gpu.id, "HIGH")

    @property
    def balance(self) -> float:
        """Dollars left."""
        self.settle()
        return self.balance_at(self.now())

    def balance_at(self, now: float) -> float:
        """Dollars left at a moment since the last change, in unix seconds."""
        return self._purse.balance(self._meters(), now)

    @property
    def per_hour(self) -> float:
        """What everything costs at present, dollars an hour."""
        return sum(pod.meter.per_hour for pod in self.pods())

    # What may be done

    def create(self, order: Order, dooms: Sequence[PodFault] = ()) -> SimPod:
        """Rent a machine. Raises Refusal without one of that kind, or without credit for an hour."""
        self.settle()
        gpu = self.script.gpu(order.gpu)
        if gpu is None:
            raise Refusal(refusals.INVALID, "Unknown GPU type.")
        cloud, data_center = self._place(order, gpu)
        memory = self._memory(order.min_memory)
        price = (gpu.price(cloud) or 0.0) * order.count
        self._need_credit(price)
        boot = next((each.boot for each in dooms if isinstance(each, Boot)), self.script.boot)
        pod_id = self.new_id()
        now = self.now()
        pod = SimPod(
            id=pod_id,
            order=order,
            gpu=gpu,
            cloud=cloud,
            price=price,
            data_center=data_center,
            memory_gb=memory,
            cuda=self.script.host_cuda,
            boot=boot,
            machine=self._machines(pod_id, order.network_volume, boot),
            meter=Meter(self.script.time_scale),
            created_at=now,
            log=ProviderLog(),
            name=order.name,
            changed_at=now,
        )
        self._orders += 1
        self._pods[pod_id] = pod
        self._take(pod)
        pod.log.add(f"create container {order.image}", now)
        pod.rising = self._own(self._rise(pod), f"rise-{pod_id}")
        self._doomed(pod, dooms)
        return pod

    def stop(self, pod_id: str) -> SimPod:
        """Give the machine back and keep the volume disk. Raises Refusal."""
        pod = self._may(pod_id, "stop")
        self._halt(pod, self.now())
        return pod

    def start(self, pod_id: str, dooms: Sequence[PodFault] = ()) -> SimPod:
        """Switch a stopped pod on again. Raises Refusal, also where its machine is no longer free."""
        pod = self._may(pod_id, "start")
        if not self.script.stop_keeps_gpu and self._left.get((pod.gpu.id, pod.cloud), 1) < 1:
            raise Refusal(refusals.NOT_FREE)
        self._need_credit(pod.price)
        self._take(pod)
        pod.move(Status.PROVISIONING if pod.cold else Status.STARTING, self.now())
        pod.rising = self._own(self._rise(pod), f"rise-{pod.id}")
        self._doomed(pod, dooms)
        return pod

    def restart(self, pod_id: str) -> SimPod:
        """Begin anew with an empty container disk, on the same machine. Raises Refusal."""
        pod = self._may(pod_id, "restart")
        self._cancel_rise(pod)
        pod.move(Status.STARTING, self.now())
        pod.rising = self._own(self._again(pod), f"again-{pod.id}")
        return pod

    def terminate(self, pod_id: str) -> None:
        """Delete a pod. Raises Refusal where there is none."""
        self._end(self._may(pod_id, "terminate"), self.now(), "terminated")

    def vanish(self, pod_id: str) -> None:
        """The host dies and takes the pod with it. Raises Refusal where there is none."""
        self._end(self.need(pod_id), self.now(), "vanished")

    def fail(self, pod_id: str) -> None:
        """The container cannot be run; the pod is ERROR, and costs on. Raises Refusal."""
        pod = self.need(pod_id)
        if pod.status in RENTED and pod.status is not Status.ERROR:
            self._cancel_rise(pod)
            pod.move(Status.ERROR, self.now())
            pod.log.add("container failed: exited with code 1", self.now())
            self._own(self._down(pod, wipe=False), f"fail-{pod.id}")

    def set_balance(self, dollars: float) -> None:
        """Pay in or out, so that this is left."""
        self.settle()
        self._purse.set_balance(dollars, self._meters(), self.now())
        self._note_change()

    def replace_script(self, script: Script) -> None:
        """Go on under another script; faults count from the start. Raises BadInput for another time scale."""
        if "time_scale" in script.model_fields_set and script.time_scale != self.script.time_scale:
            raise BadInput("The time scale cannot be changed while the account runs.")
        self.script = script.model_copy(update={"time_scale": self.script.time_scale})
        self.faults = Faults(script.faults)
        self._left = _capacity(script)
        self._orders = 0
        if "balance" in script.model_fields_set:
            self.set_balance(script.balance)

    # Its money over time

    def settle(self) -> None:
        """Where the credit is used up: stop what keeps its files on a network volume, terminate all else."""
        empty = self._purse.empty_at(self._meters(), self.now())
        if empty is None or empty > self.now():
            return
        for pod in self._pods.values():
            if pod.status is Status.TERMINATED:
                continue
            if not pod.order.network_volume:
                self._end(pod, empty, "no_funds")
            elif pod.status in RENTED:
                self._halt(pod, empty)

    async def watch(self) -> None:
        """Settle at the moment the credit is used up; for ever."""
        while True:
            self._changed.clear()
            empty = self._purse.empty_at(self._meters(), self.now())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if empty is None else max(0.0, empty - self.now()))
            self.settle()

    async def close(self) -> None:
        """End everything that goes on, and switch all machines off."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        machines = [pod.machine for pod in self._pods.values()]
        await asyncio.gather(*(machine.close() for machine in machines), return_exceptions=True)

    # How it is done

    def _meters(self) -> list[Meter]:
        return [pod.meter for pod in self._pods.values()]

    def _may(self, pod_id: str, action: str) -> SimPod:
        pod = self.need(pod_id)
        if action not in ACTIONS[pod.status]:
            raise Refusal(refusals.NOT_ALLOWED, f"cannot {action} a pod that is {pod.status}")
        return pod

    def _need_credit(self, price: float) -> None:
        if self.balance < price:
            raise Refusal(refusals.NO_FUNDS)

    def _place(self, order: Order, gpu: GpuType) -> tuple[CloudName, str]:
        """Cloud and data center. Raises Refusal."""
        wanted = order.data_centers
        clouds = order.clouds
        if order.network_volume:
            volume = next((each for each in self.script.volumes if each.id == order.network_volume), None)
            if volume is None:
                raise Refusal(refusals.BROKEN_RULE, "network volume not found")
            if "secure" not in clouds:
                raise Refusal(refusals.BROKEN_RULE, "network volumes are only available in Secure Cloud")
            if wanted and volume.data_center not in wanted:
                raise Refusal(refusals.BROKEN_RULE, "the network volume is in another data center")
            wanted, clouds = (volume.data_center,), ("secure",)
        unfit = order.cuda and not any(_version(each) <= _version(self.script.host_cuda) for each in order.cuda)
        if not unfit and _version(order.min_cuda) <= _version(self.script.host_cuda):
            for cloud in clouds:
                if gpu.price(cloud) is not None and self._left.get((gpu.id, cloud), 1) > 0:
                    centers = [each for each in DATA_CENTERS if not wanted or each in wanted]
                    if centers or wanted == ():
                        return cloud, centers[0]
        raise Refusal(refusals.NO_CAPACITY)

    def _memory(self, least: float) -> float:
        """The memory of the next host that has enough. Raises Refusal where none has."""
        hosts = self.script.host_memory_gb
        row = hosts if isinstance(hosts, list) else [hosts]
        while row[min(self._orders, len(row) - 1)] < least:
            if self._orders >= len(row) - 1:
                raise Refusal(refusals.NO_CAPACITY)
            self._orders += 1
        return row[min(self._orders, len(row) - 1)]

    def _take(self, pod: SimPod) -> None:
        self._shift(pod, -1)
        pod.meter.turn("gpu", pod.price, self.now())
        self._note_change()

    def _shift(self, pod: SimPod, by: int) -> None:
        place = (pod.gpu.id, pod.cloud)
        if place in self._left:
            self._left[place] = max(0, self._left[place] + by)

    def _halt(self, pod: SimPod, at: float) -> None:
        self._cancel_rise(pod)
        if not self.script.stop_keeps_gpu:
            self._shift(pod, +1)
        pod.move(Status.EXITED, at)
        pod.meter.turn("storage", pod.order.volume * STORAGE_PER_GB, at)
        pod.log.add("stop container", at)
        pod.cold = pod.cold or not pod.keeps_disk
        self._own(self._down(pod, wipe=not pod.keeps_disk), f"stop-{pod.id}")
        self._note_change()

    def _end(self, pod: SimPod, at: float, how: str) -> None:
        self._cancel_rise(pod)
        if pod.status in RENTED and how != "vanished":
            self._shift(pod, +1)
        pod.move(Status.TERMINATED, at)
        pod.ended_at, pod.end = at, how
        pod.meter.off(at)
        pod.log.add("remove container", at)
        self._own(self._down(pod, wipe=not pod.order.network_volume, close=True), f"end-{pod.id}")
        self._note_change()

    def _doomed(self, pod: SimPod, dooms: Sequence[PodFault]) -> None:
        for doom in dooms:
            if isinstance(doom, Vanish):
                self._own(self._later(doom.seconds, self.vanish, pod), f"vanish-{pod.id}")
            elif isinstance(doom, Broken):
                self._own(self._later(doom.seconds, self.fail, pod), f"fail-{pod.id}")

    async def _later(self, seconds: float, deed: Callable[[str], None], pod: SimPod) -> None:
        await self._sleep(seconds)
        with contextlib.suppress(Refusal):  # it may be gone by then
            deed(pod.id)

    async def _rise(self, pod: SimPod) -> None:
        if pod.status is Status.PROVISIONING:
            if pod.boot.boot.hang_in == "pull":
                return
            await self._sleep(self.script.pull_seconds)
            pod.move(Status.STARTING, self.now())
        await self._sleep(self.script.start_seconds)
        async with pod.lock:
            cold, pod.cold = pod.cold, False
            try:
                await pod.machine.power_on(cold=cold)
            except (OavrError, OSError):
                pod.rising = None
                self.fail(pod.id)
                return
            pod.log.add("start container", self.now())
            pod.move(Status.RUNNING, self.now())

    async def _again(self, pod: SimPod) -> None:
        await self._down(pod, wipe=not pod.keeps_disk)
        await self._rise(pod)

    async def _down(self, pod: SimPod, *, wipe: bool, close: bool = False) -> None:
        async with pod.lock:
            pod.log.follow(pod.machine.log_text, self.now())
            await pod.machine.power_off(wipe=wipe)
            pod.log.follow(pod.machine.log_text, self.now())
            if close:
                await pod.machine.close()

    def _cancel_rise(self, pod: SimPod) -> None:
        if pod.rising is not None:
            pod.rising.cancel()
            pod.rising = None

    def _note_change(self) -> None:
        self._changed.set()

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"runpod-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _capacity(script: Script) -> dict[tuple[str, CloudName], int]:
    return {(gpu, cloud): left for gpu, clouds in script.capacity.items() for cloud, left in clouds.items()}


def _version(text: str) -> tuple[int, ...]:
    """ "12.8" as numbers that compare; what cannot be read is no demand."""
    parts = text.split(".")
    return tuple(int(part) for part in parts) if text and all(part.isdecimal() for part in parts) else ()
