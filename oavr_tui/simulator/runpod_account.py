"""The simulated account: its pods and what may be done with them, their machines, its money."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from oavr_tui.errors import BadInput
from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_catalog import TEMPLATES, Template
from oavr_tui.simulator.runpod_faults import Boot, Broken, Faults, PodFault, Vanish
from oavr_tui.simulator.runpod_hands import Hands, Sleep
from oavr_tui.simulator.runpod_log import ProviderLog
from oavr_tui.simulator.runpod_market import Market
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
        sleep: Sleep,
        new_id: Callable[[], str],
    ) -> None:
        self.script = script
        self.faults = Faults(script.faults)
        self.templates: list[Template] = list(TEMPLATES)
        self.now = now
        self.new_id = new_id
        self._machines = machines
        self.market = Market(script)
        self._purse = Purse(script.balance, script.time_scale)
        self._pods: dict[str, SimPod] = {}
        self._hands = Hands(now=now, sleep=sleep)
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
        host = self.market.find(order)
        self._need_credit(host.price)
        boot = next((each.boot for each in dooms if isinstance(each, Boot)), self.script.boot)
        pod_id = self.new_id()
        now = self.now()
        pod = SimPod(
            id=pod_id,
            order=order,
            host=host,
            cuda=self.script.host_cuda,
            boot=boot,
            machine=self._machines(pod_id, order.network_volume, boot),
            meter=Meter(self.script.time_scale),
            created_at=now,
            log=ProviderLog(),
            name=order.name,
            changed_at=now,
        )
        self._pods[pod_id] = pod
        self.market.take(host.gpu, host.cloud)
        self._run_meter(pod, now)
        pod.log.add(f"create container {order.image}", now)
        self._hands.rise(pod, self.script, self.fail)
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
        if not self.script.stop_keeps_gpu and not self.market.has(pod.host.gpu, pod.host.cloud):
            raise Refusal(refusals.NOT_FREE)
        self._need_credit(pod.host.price)
        if not self.script.stop_keeps_gpu:
            self.market.take(pod.host.gpu, pod.host.cloud)
        now = self.now()
        self._run_meter(pod, now)
        pod.move(Status.PROVISIONING if pod.cold else Status.STARTING, now)
        self._hands.rise(pod, self.script, self.fail)
        self._doomed(pod, dooms)
        return pod

    def restart(self, pod_id: str) -> SimPod:
        """Begin anew with an empty container disk, on the same machine. Raises Refusal."""
        pod = self._may(pod_id, "restart")
        self._hands.halt(pod)
        pod.move(Status.STARTING, self.now())
        self._hands.again(pod, self.script, self.fail)
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
            self._hands.halt(pod)
            pod.move(Status.ERROR, self.now())
            pod.log.add("container failed: exited with code 1", self.now())
            self._hands.down(pod, wipe=False)

    def set_balance(self, dollars: float) -> None:
        """Pay in or out, so that this is left."""
        self.settle()
        self._purse.set_balance(dollars, self._meters(), self.now())
        self._changed.set()

    def replace_script(self, script: Script) -> None:
        """Go on under another script; faults count from the start. Raises BadInput for another time scale."""
        if "time_scale" in script.model_fields_set and script.time_scale != self.script.time_scale:
            raise BadInput("The time scale cannot be changed while the account runs.")
        self.script = script.model_copy(update={"time_scale": self.script.time_scale})
        self.faults = Faults(script.faults)
        self.market = Market(script)
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
        """End everything that goes on, and switch all machines off. Raises what went wrong in the simulation itself."""
        try:
            await self._hands.close()
        finally:
            closing = [pod.machine.close() for pod in self._pods.values()]
            outcomes = await asyncio.gather(*closing, return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

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

    def _run_meter(self, pod: SimPod, now: float) -> None:
        pod.meter.turn("gpu", pod.host.price, now)
        self._changed.set()

    def _halt(self, pod: SimPod, at: float) -> None:
        self._hands.halt(pod)
        if not self.script.stop_keeps_gpu:
            self.market.give_back(pod.host.gpu, pod.host.cloud)
        pod.move(Status.EXITED, at)
        pod.meter.turn("storage", pod.order.volume * STORAGE_PER_GB, at)
        pod.log.add("stop container", at)
        pod.cold = pod.cold or not pod.keeps_disk
        self._hands.down(pod, wipe=not pod.keeps_disk)
        self._changed.set()

    def _end(self, pod: SimPod, at: float, how: str) -> None:
        self._hands.halt(pod)
        if how != "vanished" and (pod.status in RENTED or self.script.stop_keeps_gpu):
            self.market.give_back(pod.host.gpu, pod.host.cloud)
        pod.move(Status.TERMINATED, at)
        pod.ended_at, pod.end = at, how
        pod.meter.off(at)
        pod.log.add("remove container", at)
        self._hands.down(pod, wipe=not pod.order.network_volume, close=True)
        self._changed.set()

    def _doomed(self, pod: SimPod, dooms: Sequence[PodFault]) -> None:
        for doom in dooms:
            if isinstance(doom, Vanish):
                self._hands.later(doom.seconds, self.vanish, pod)
            elif isinstance(doom, Broken):
                self._hands.later(doom.seconds, self.fail, pod)
