"""What the account says, held against what is remembered: one look at all pods, and what follows from it.

Nothing is believed for ever: a pod may be stopped or deleted in the provider's console, run out of money, fall to
another computer of the same person, or come to light after its creation had been given up. And nothing surprising is
believed of a list alone: it may lag behind, and is a moment old; a question about the one pod settles it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.rent_pod import PREFIX
from oavr_tui.engine.yard import Yard
from oavr_tui.models import Pod, PodKind, PodState, PodWish
from oavr_tui.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from oavr_tui.pods.provider import CloudPod, Provider

_SURE_PRICE = 0.0005
"""Dollars an hour by which a price must differ to count as another one."""


class PodWatch:
    """Compares. lost(pod): told of each pod that does not run any more though it was thought to.

    silent_since(pod): since when whoever works there has heard nothing (unix seconds), None where it is heard.
    """

    def __init__(
        self,
        yard: Yard,
        lost: Callable[[Pod], None],
        silent_since: Callable[[Pod], float | None] = lambda _pod: None,
    ) -> None:
        self._yard = yard
        self._lost = lost
        self._silent_since = silent_since
        self._asked_at = 0.0
        self._alive_at: dict[str, float] = {}
        self._broken: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> None:
        """Take in the account's own list. Raises OavrError when the account cannot be looked at."""
        from oavr_tui.pods.provider import CloudState

        async with self._one_at_a_time:
            provider = await self._yard.rental.provider()
            self._asked_at = self._yard.around.clock()
            before = {pod.id: (pod.state, pod.state_since) for pod in self._ours()}
            seen = {pod.id: pod for pod in await provider.pods()}
            for pod in self._ours():
                if before.get(pod.id) != (pod.state, pod.state_since):
                    continue  # it changed while the account was answering
                current = seen.get(pod.pod_id)
                if _surprising(pod, current):
                    current = await provider.pod(pod.pod_id)
                if current is not None and current.state is CloudState.RUNNING:
                    self._alive_at[pod.id] = self._asked_at
                    self._broken.discard(pod.id)
                try:
                    await self._compare(pod, current)
                except Overtaken:
                    continue  # it changed during the question, so that the answer is old
            await self._strangers(provider, list(seen.values()))

    def _ours(self) -> list[Pod]:
        book = self._yard.book
        return [pod for pod in book.all() if pod.kind is PodKind.RUNPOD and pod.pod_id]

    async def _compare(self, pod: Pod, seen: CloudPod | None) -> None:
        from oavr_tui.pods.cost import storage_per_hour
        from oavr_tui.pods.provider import CloudState

        if pod.state in (PodState.STOPPING, PodState.TERMINATING):
            return  # whoever ends it looks for itself
        storage = storage_per_hour(seen.volume_gb) if seen is not None else 0.0
        if storage > 0 and abs(storage - pod.storage_per_hour) > _SURE_PRICE:
            pod = await self._yard.book.note(pod, storage_per_hour=storage)
        if seen is None or seen.state is CloudState.GONE:
            await self._gone(pod)
        elif seen.state is CloudState.STOPPED and pod.billed:
            sentence = f"{pod.name} was stopped, and not by this app."
            at = self._ended_at(pod)
            stopped = await self._yard.book.move(pod, PodState.STOPPED, at=at, note=sentence, resumed=False)
            self._yard.tell(sentence)
            self._lost(stopped)
        elif seen.state is CloudState.BROKEN and pod.starting:
            self._lost(pod)
        elif seen.state is CloudState.BROKEN and pod.state is PodState.READY:
            await self._broke_down(pod)
        elif seen.state in (CloudState.RUNNING, CloudState.COMING) and pod.state is PodState.STOPPED:
            await self._awake(pod, seen)
        elif abs(seen.per_hour - pod.per_hour) > _SURE_PRICE and seen.per_hour > 0:
            await self._yard.book.note(pod, per_hour=seen.per_hour)

    async def _broke_down(self, pod: Pod) -> None:
        """Its container failed while it was ready: nothing answers there, and it goes on costing its price."""
        if (
            pod.found or pod.id in self._broken
        ):  # one that cannot be stopped is left to the idle stop, not tried each look
            self._lost(pod)
            return
        self._broken.add(pod.id)
        sentence = f"{pod.name} broke down, as RunPod says; it is stopped."
        stopping = await self._yard.book.move(pod, PodState.STOPPING, note=sentence)
        self._yard.tell(sentence)
        self._lost(stopping)

    async def _awake(self, pod: Pod, seen: CloudPod) -> None:
        """A stopped pod runs: woken here, though nobody lived to see it, or by somebody else."""
        now = self._yard.around.clock()
        since = seen.started_at if seen.started_at and pod.state_since <= seen.started_at <= now else now
        price = seen.per_hour or pod.per_hour
        ours = pod.resumed
        await self._yard.book.move(
            pod, PodState.BOOTING, at=since, found=not ours, resumed=True, per_hour=price, tries=()
        )
        if not ours:
            self._yard.tell(f"{pod.name} was started, and not by this app: it costs ${price:.2f}/h.")

    async def _gone(self, pod: Pod) -> None:
        sentence = f"{pod.name} is no longer on your RunPod account; it costs nothing any more."
        gone = await self._yard.book.move(pod, PodState.GONE, at=self._ended_at(pod), note=sentence)
        self._yard.tell(sentence)
        self._lost(gone)

    def _ended_at(self, pod: Pod) -> float:
        """When a pod that does not run any more ended, as far as that can be known: it costs nothing from then on.

        That is when it fell silent; never before the account last showed it running, nor after it was asked now.
        """
        silent = self._silent_since(pod)
        earliest = self._alive_at.get(pod.id, 0.0)
        return self._asked_at if silent is None else min(max(silent, earliest), self._asked_at)

    async def _strangers(self, provider: Provider, seen: list[CloudPod]) -> None:
        """Pods with a name of ours that are not in the book: shown, and ended only if they were given up here."""
        from oavr_tui.pods.provider import CloudState

        for listed in seen:
            if not listed.name.startswith(PREFIX) or listed.state is CloudState.GONE or self._knows(listed):
                continue
            stranger = await provider.pod(listed.id)
            if stranger is None or stranger.state is CloudState.GONE or self._knows(stranger):
                continue
            await self._take_in(stranger)

    def _knows(self, seen: CloudPod) -> bool:
        """Whether a pod of the account is in the book, or is being asked for right now."""
        return any(
            pod.pod_id == seen.id if pod.pod_id else pod.cloud_name == seen.name for pod in self._yard.book.all()
        )

    async def _take_in(self, stranger: CloudPod) -> None:
        book = self._yard.book
        given_up = stranger.name in book.given_up()
        ours = book.rented_here(stranger.name)
        pod = self._as_found(stranger, found=not (ours or given_up))
        if given_up:  # with the wish at once: whoever dies in between would leave it to run for ever
            pod = replace(pod, asked=PodWish.TERMINATE)
        pod = await book.add(pod)
        if given_up:
            self._yard.tell(f"{pod.name} turned up after it had been given up: it is terminated.")
        elif ours:
            self._yard.tell(f"{pod.name} had vanished from your account and is back.")
        else:
            price = f" and costs ${pod.per_hour:.2f}/h" if pod.billed and pod.per_hour else ""
            self._yard.tell(
                f"There is a studio on your account that was not started here: {pod.name}{price}. "
                f"It is left alone; 'oavr-tui pods terminate {pod.name}' ends it."
            )

    def _as_found(self, seen: CloudPod, *, found: bool) -> Pod:
        from oavr_tui.pods.cost import storage_per_hour
        from oavr_tui.pods.provider import CloudState

        now = self._yard.around.clock()
        taken = {pod.name for pod in self._yard.book.all()}
        stem = "-".join(safe(seen.name, 60).removeprefix(PREFIX).split("-")[:-1]) or "found"
        name, number = f"{stem}-found", 1
        while name in taken:
            number += 1
            name = f"{stem}-found-{number}"
        states = {CloudState.STOPPED: PodState.STOPPED, CloudState.COMING: PodState.BOOTING}
        return Pod(
            id=self._yard.around.new_id(),
            name=name,
            kind=PodKind.RUNPOD,
            state=states.get(seen.state, PodState.READY),
            created_at=now,
            updated_at=now,
            cloud_name=seen.name,
            pod_id=seen.id,
            gpu=seen.gpu,
            gpu_name=seen.gpu.removeprefix("NVIDIA ").removeprefix("GeForce "),
            cloud=seen.cloud,
            per_hour=seen.per_hour,
            storage_per_hour=storage_per_hour(seen.volume_gb),
            volume=seen.volume,
            template=seen.template,
            state_since=now,
            progress_at=now,
            last_used=now,
            found=found,
        )


def _surprising(pod: Pod, seen: CloudPod | None) -> bool:
    """Whether a list tells of a pod what nobody here has done."""
    from oavr_tui.pods.provider import CloudState

    if pod.state in (PodState.STOPPING, PodState.TERMINATING):
        return False
    if seen is None or seen.state in (CloudState.GONE, CloudState.BROKEN):
        return True
    return (seen.state is CloudState.STOPPED) is not (pod.state is PodState.STOPPED)
