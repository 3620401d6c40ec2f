"""The person's RunPod account as the app uses it: whichever way of asking RunPod works, behind one interface.

RunPod has two ways to be asked: its REST API (runpod_v2), and its older GraphQL, which its Python package speaks
(runpod_sdk). Rules:
1. A question that one way cannot get answered is asked the other way; what answered is asked first from then on.
2. A change is asked for twice only where the first way no longer exists, and so cannot have done anything.
3. Balance and spend are told by the package alone; the memory of a host too, where the REST API does not say.

Nothing heavy is loaded by importing this; both ways are loaded when they are first needed, aside from the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from oavr_tui.errors import BadInput, NoFunds, NoKey, OavrError, Unreachable
from oavr_tui.pods.provider import Account, ApiGone, Bill, CloudPod, CloudState, Offer, Provider, Slower, Volume, Wish
from oavr_tui.pods.runpod_address import DEFAULT_BASE, RunPodAddress, checked_base, runpod_address
from oavr_tui.pods.runpod_sdk import RunPodSdk

if TYPE_CHECKING:
    from oavr_tui.pods.runpod_v2 import RunPodV2

__all__ = ["Control", "RunPod", "RunPodAddress", "runpod_address"]

AWAY_FOR = 300.0
"""Seconds that a way which did not answer, while the other did, is asked only where the other does not answer."""

GONE_FOR = 3600.0
"""The same for one that is said to exist no more: a mistaken proxy may have said so."""

MEMORY_WITHIN = 5.0
"""Seconds; the memory of hosts is worth no longer wait."""

_MEMORY_PAUSE = 60.0

_UP = (CloudState.COMING, CloudState.RUNNING)

T = TypeVar("T")


class Control(StrEnum):
    """How RunPod is asked for machines. AUTO: V2 first, SDK where that does not work."""

    AUTO = "auto"
    V2 = "v2"
    SDK = "sdk"


class RunPod:
    """A person's RunPod account; a Provider."""

    def __init__(
        self,
        key: str,
        *,
        base: str = DEFAULT_BASE,
        control: str = Control.AUTO,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        memory_within: float = MEMORY_WITHIN,
    ) -> None:
        """base: the address of RunPod's API. control: auto, v2 or sdk. sleep, clock: seconds; the clock never
        goes back. memory_within: seconds that telling the hosts' memory may take.

        Raises BadInput for an address or a control that is none. A key that is none is heard of at the first call.
        """
        self._key, self._base, self._sleep, self._clock = key, checked_base(base), sleep, clock
        self._ways = _ways(control)
        self._sdk = RunPodSdk(key, base=base)
        self._v2: RunPodV2 | None = None
        self._avoided: dict[Control, float] = {}
        self._accepted_by_v2 = False
        self._memory_within = memory_within
        self._memory: dict[str, float] = {}
        self._memory_again = clock()

    @property
    def way(self) -> Control:
        """The way that is asked first at present: V2 or SDK."""
        return self._order()[0]

    async def offers(self) -> tuple[Offer, ...]:
        """The catalogue: every GPU type in every cloud, with price and stock."""
        return await self._ask(lambda way: way.offers())

    async def volumes(self) -> tuple[Volume, ...]:
        """The account's network volumes."""
        return await self._ask(lambda way: way.volumes())

    async def pods(self) -> tuple[CloudPod, ...]:
        """All pods of the account, with their hosts' memory as far as RunPod tells it in time."""
        return await self._with_memory(await self._ask(lambda way: way.pods()))

    async def pod(self, pod_id: str) -> CloudPod | None:
        """One pod, or None when there is none of this id any more."""
        found = await self._ask(lambda way: way.pod(pod_id))
        return None if found is None else (await self._with_memory((found,)))[0]

    async def create(self, wish: Wish) -> CloudPod:
        """Rent a machine. Raises NoGpu where there is none of this kind, Unclear where it may have been done."""
        return await self._change(lambda way: way.create(wish))

    async def start(self, pod_id: str) -> None:
        """Wake a stopped pod. Raises NotNow where its host has no GPU free, Unclear where it may be starting."""
        await self._change(lambda way: way.start(pod_id))

    async def stop(self, pod_id: str) -> None:
        """Stop a pod, which keeps its volume disk. Raises Rejected where it cannot be, Unclear where it may be."""
        await self._change(lambda way: way.stop(pod_id))

    async def terminate(self, pod_id: str) -> None:
        """Delete a pod and everything on it; one that is gone already is fine. Raises Unclear where it may be there."""
        await self._change(lambda way: way.terminate(pod_id))

    async def account(self) -> Account | None:
        """Balance and spend; None where they cannot be had at present. Raises NoKey and NoFunds.

        A key that the REST API accepts may still be kept from this: then the balance is not available, no more.
        """
        try:
            return await self._sdk.account()
        except NoKey:
            if self._accepted_by_v2:
                return None
            raise
        except NoFunds:
            raise
        except OavrError:
            return None

    async def bills(self, since: float) -> tuple[Bill, ...] | None:
        """What was billed since a time (unix seconds), or None where only the package is asked at present."""
        if self.way is not Control.V2:
            return None
        try:
            return await (await self._provider(Control.V2)).bills(since)
        except ApiGone:
            self._avoid(Control.V2, GONE_FOR)
            return None

    def log(self, pod_id: str, after: str) -> AsyncIterator[tuple[str, str]] | None:
        """The pod's log from after the line of id `after`, or None where only the package is asked at present."""
        return self._rest().log(pod_id, after) if self.way is Control.V2 else None

    async def close(self) -> None:
        """Close the connections; fine when closed already."""
        await self._sdk.close()
        if self._v2 is not None:
            await self._v2.close()

    async def _ask(self, ask: Callable[[Provider], Awaitable[T]]) -> T:
        """The answer of the first way that gives one. Raises what the first way said, unless that way is gone."""
        trouble: OavrError | None = None
        silent: list[Control] = []
        for way in self._order():
            try:
                found = await ask(await self._provider(way))
            except OavrError as error:
                if trouble is None or isinstance(trouble, ApiGone):
                    trouble = error
                if isinstance(error, ApiGone):
                    self._avoid(way, GONE_FOR)
                elif isinstance(error, Unreachable) and not isinstance(error, Slower):
                    silent.append(way)
                else:
                    break
            else:
                for other in silent:
                    self._avoid(other, AWAY_FOR)
                self._accepted_by_v2 = self._accepted_by_v2 or way is Control.V2
                return found
        assert trouble is not None
        raise trouble

    async def _change(self, change: Callable[[Provider], Awaitable[T]]) -> T:
        """What the first way that exists makes of it. Whatever else it raises may have been done: never asked again."""
        gone: ApiGone | None = None
        for way in self._order():
            try:
                return await change(await self._provider(way))
            except ApiGone as error:
                self._avoid(way, GONE_FOR)
                gone = gone or error
        assert gone is not None
        raise gone

    def _order(self) -> list[Control]:
        """The ways as they are to be tried: those that are avoided at present come last."""
        now = self._clock()
        return sorted(self._ways, key=lambda way: self._avoided.get(way, now) > now)

    def _avoid(self, way: Control, seconds: float) -> None:
        self._avoided[way] = self._clock() + seconds

    async def _provider(self, way: Control) -> Provider:
        if way is Control.SDK:
            return self._sdk
        if self._v2 is None:
            await asyncio.to_thread(_rest_class)
        return self._rest()

    def _rest(self) -> RunPodV2:
        if self._v2 is None:
            self._v2 = _rest_class()(self._key, base=self._base, sleep=self._sleep, clock=self._clock)
        return self._v2

    async def _with_memory(self, pods: tuple[CloudPod, ...]) -> tuple[CloudPod, ...]:
        wanted = {pod.id for pod in pods if pod.memory_gb is None and pod.state in _UP}
        if wanted - self._memory.keys() and self.way is Control.V2 and self._clock() >= self._memory_again:
            self._memory_again = self._clock() + _MEMORY_PAUSE
            await self._learn_memory()
        return tuple(
            replace(pod, memory_gb=self._memory[pod.id]) if pod.id in wanted & self._memory.keys() else pod
            for pod in pods
        )

    async def _learn_memory(self) -> None:
        """Ask the package; without an answer in time it stays unknown, which no caller may fail of."""
        try:
            async with asyncio.timeout(self._memory_within):
                told = await self._sdk.pods()
        except (OavrError, TimeoutError):
            self._memory_again = self._clock() + AWAY_FOR
            return
        self._memory = {pod.id: pod.memory_gb for pod in told if pod.memory_gb is not None}


def _ways(control: str) -> tuple[Control, ...]:
    try:
        wanted = Control(control)
    except ValueError:
        raise BadInput("The way to ask RunPod is none. It is auto, v2 or sdk.") from None
    return (Control.V2, Control.SDK) if wanted is Control.AUTO else (wanted,)


def _rest_class() -> type[RunPodV2]:
    from oavr_tui.pods.runpod_v2 import RunPodV2

    return RunPodV2
