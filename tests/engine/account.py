"""An account at a provider of machines, in memory: it keeps books of its own, and fails where a script says so.

It does what `Provider` promises and no more. Time passes only while it answers, or when a test says so.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from oavr_tui.errors import NoFunds, NoGpu, OavrError, Rejected, Unreachable
from oavr_tui.pods.provider import (
    Account,
    Bill,
    Cloud,
    CloudPod,
    CloudState,
    NotNow,
    Offer,
    Slower,
    Stock,
    Unclear,
    Volume,
    Wish,
)

T = TypeVar("T")

OFFERS = (
    Offer("NVIDIA GeForce RTX 4090", "RTX 4090", 24, Cloud.COMMUNITY, 0.34, Stock.HIGH),
    Offer("NVIDIA GeForce RTX 4090", "RTX 4090", 24, Cloud.SECURE, 0.69, Stock.HIGH),
    Offer("NVIDIA L40S", "L40S", 48, Cloud.COMMUNITY, 0.79, Stock.LOW),
)
VOLUME_GB = 40.0
STORAGE_PER_HOUR = VOLUME_GB * 0.20 / 730


class Killed(BaseException):
    """The process is gone from one moment to the next; nothing catches this."""


class Doom:
    """Kills at the n-th of the moments at which a process may be killed, and at every one after that."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.struck = False

    def strike_after(self, moments: int | None) -> None:
        self.left, self.struck = moments, False

    def moment(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.struck = True
            raise Killed
        self.left -= 1


class Hands:
    """A clock whose hands are moved by hand, and by sleeping, which takes no time outside."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Machine:
    """A pod on the account, and what it was billed for: (price an hour, from, to or None while it lasts)."""

    pod: CloudPod
    bill: list[tuple[float, float, float | None]] = field(default_factory=list)
    unlisted: int = 0

    @property
    def alive(self) -> bool:
        return self.pod.state is not CloudState.GONE

    def dollars(self, now: float) -> float:
        return sum(price * ((now if end is None else end) - began) / 3600 for price, began, end in self.bill)

    def turn(self, state: CloudState, price: float, now: float) -> None:
        """Go over to another state, at another price."""
        if self.bill and self.bill[-1][2] is None:
            self.bill[-1] = (*self.bill[-1][:2], now)
        if price:
            self.bill.append((price, now, None))
        running = state in (CloudState.RUNNING, CloudState.COMING)
        self.pod = replace(
            self.pod,
            state=state,
            per_hour=price if running else 0.0,
            started_at=now if running and self.pod.state is not state else self.pod.started_at,
        )


class MemoryAccount:
    """Provider and its books. call_seconds: what an answer takes, by the hands; half before it is done, half after.

    faults[name of a method]: what goes wrong with its next calls, in order; "" is nothing. "unreachable", "slower",
    "rejected", "no_gpu", "no_funds": not done. "lost": not done, and it is not said. "lost_done": done, and not said.
    gate: awaited by each call before it is done, with the method's name.
    """

    def __init__(self, hands: Hands, doom: Doom | None = None, *, call_seconds: float = 1.0) -> None:
        self.hands = hands
        self.doom = doom or Doom()
        self.call_seconds = call_seconds
        self.offered: tuple[Offer, ...] = OFFERS
        self.volume_gb = VOLUME_GB
        self.balance: float | None = 20.0
        self.machines: dict[str, Machine] = {}
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.calls: list[tuple[str, str]] = []
        self.wishes: list[Wish] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.reached: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.late = 0
        self.closed = 0

    # --- by hand, as in the provider's console

    def put(self, name: str, *, price: float = 0.34, state: CloudState = CloudState.RUNNING) -> Machine:
        """A machine that nobody here asked for."""
        number = len(self.machines) + 1
        gpu = "NVIDIA GeForce RTX 4090"
        made = CloudPod(
            f"pod{number:03}", name, CloudState.GONE, gpu, volume_gb=self.volume_gb, created_at=self.hands.now
        )
        machine = self.machines[made.id] = Machine(made)
        machine.turn(state, price if state is not CloudState.STOPPED else STORAGE_PER_HOUR, self.hands.now)
        return machine

    def stop_by_hand(self, machine: Machine) -> None:
        machine.turn(CloudState.STOPPED, machine.pod.volume_gb * 0.20 / 730, self.hands.now)

    def start_by_hand(self, machine: Machine, price: float = 0.34) -> None:
        machine.turn(CloudState.RUNNING, price, self.hands.now)

    def delete_by_hand(self, machine: Machine) -> None:
        machine.turn(CloudState.GONE, 0.0, self.hands.now)

    def alive(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.alive]

    def asked(self, method: str) -> list[str]:
        """What a method was called with, in order."""
        return [about for name, about in self.calls if name == method]

    # --- as a Provider

    async def offers(self) -> tuple[Offer, ...]:
        return await self._answer("offers", "", lambda: self.offered)

    async def volumes(self) -> tuple[Volume, ...]:
        return await self._answer("volumes", "", lambda: (Volume("vol1", "models", 100, "EU-1"),))

    async def pods(self) -> tuple[CloudPod, ...]:
        def listed() -> tuple[CloudPod, ...]:
            found = [machine.pod for machine in self.alive() if not machine.unlisted]
            for machine in self.machines.values():
                machine.unlisted = max(0, machine.unlisted - 1)
            return tuple(found)

        return await self._answer("pods", "", listed)

    async def pod(self, pod_id: str) -> CloudPod | None:
        def one() -> CloudPod | None:
            machine = self.machines.get(pod_id)
            return machine.pod if machine is not None and machine.alive else None

        return await self._answer("pod", pod_id, one)

    async def create(self, wish: Wish) -> CloudPod:
        def made() -> CloudPod:
            self.wishes.append(wish)
            offer = next(one for one in self.offered if (one.gpu, one.cloud) == (wish.gpu, wish.cloud))
            machine = self.put(wish.name, price=offer.per_hour or 0.0, state=CloudState.COMING)
            machine.pod = replace(machine.pod, gpu=wish.gpu, cloud=wish.cloud, volume=wish.volume)
            machine.unlisted, self.late = self.late, 0
            return machine.pod

        return await self._answer("create", wish.name, made)

    async def start(self, pod_id: str) -> None:
        def started() -> None:
            machine = self._alive(pod_id)
            if machine.pod.state is not CloudState.STOPPED:
                raise Rejected("It is not stopped.")
            machine.turn(CloudState.COMING, 0.34, self.hands.now)

        await self._answer("start", pod_id, started)

    async def stop(self, pod_id: str) -> None:
        def stopped() -> None:
            machine = self._alive(pod_id)
            if machine.pod.state is not CloudState.STOPPED:
                self.stop_by_hand(machine)

        await self._answer("stop", pod_id, stopped)

    async def terminate(self, pod_id: str) -> None:
        def ended() -> None:
            machine = self.machines.get(pod_id)
            if machine is not None and machine.alive:
                self.delete_by_hand(machine)

        await self._answer("terminate", pod_id, ended)

    async def account(self) -> Account | None:
        def told() -> Account:
            spend = sum(price for machine in self.alive() for price, _began, end in machine.bill if end is None)
            return Account(self.balance, spend)

        return await self._answer("account", "", told)

    async def bills(self, since: float) -> tuple[Bill, ...] | None:
        return await self._answer("bills", str(since), lambda: None)

    def log(self, pod_id: str, after: str) -> AsyncIterator[tuple[str, str]] | None:
        return None

    async def close(self) -> None:
        self.closed += 1

    def _alive(self, pod_id: str) -> Machine:
        machine = self.machines.get(pod_id)
        if machine is None or not machine.alive:
            raise Rejected("There is no such pod.")
        return machine

    async def _answer(self, method: str, about: str, work: Callable[[], T]) -> T:
        self.calls.append((method, about))
        fault = self.faults[method].pop(0) if self.faults[method] else ""
        await self._half()
        self.reached[method].set()
        if method in self.gates:
            await self.gates[method].wait()
        if fault and fault != "lost_done":
            raise _error(fault, method)
        answer = work()
        await self._half()
        if fault:
            raise Unclear("No answer came.")
        return answer

    async def _half(self) -> None:
        self.doom.moment()
        self.hands.now += self.call_seconds / 2
        await asyncio.sleep(0)
        self.doom.moment()


def _error(fault: str, method: str) -> OavrError:
    match fault:
        case "unreachable":
            return Unreachable("It does not answer.")
        case "lost":
            return Unclear("No answer came.")
        case "slower":
            return Slower("Asked too often.", seconds=30.0)
        case "no_gpu":
            return NotNow("Its host has no GPU free.") if method == "start" else NoGpu("There is none of this kind.")
        case "no_funds":
            return NoFunds("There is no money.")
        case "rejected":
            return Rejected("It may not be done.")
    raise ValueError(fault)
