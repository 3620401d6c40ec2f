"""What the account says, held against what is remembered: one look at all pods, and what follows from it.

Nothing is believed for ever: a pod may be stopped or deleted in the provider's console, run out of money, fall to
another computer of the same person, or come to light after its creation had been given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.engine.rent_pod import PREFIX
from oavr_tui.engine.yard import Yard
from oavr_tui.models import Pod, PodKind, PodState, PodWish
from oavr_tui.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from oavr_tui.pods.provider import CloudPod

_SURE_PRICE = 0.0005
"""Dollars an hour by which a price must differ to count as another one."""


class PodWatch:
    """Compares. lost(pod): told of each pod that does not run any more though it was thought to."""

    def __init__(self, yard: Yard, lost: Callable[[Pod], None]) -> None:
        self._yard = yard
        self._lost = lost

    async def look(self) -> None:
        """Take in the account's own list. Raises OavrError when the account cannot be looked at."""
        provider = await self._yard.rental.provider()
        asked_at = self._yard.around.clock()
        seen = {pod.id: pod for pod in await provider.pods()}
        for pod in self._ours():
            if pod.state_since > asked_at:
                continue  # it changed while the account was answering
            current = seen.get(pod.pod_id)
            if current is None:
                current = await provider.pod(pod.pod_id)  # a list may lag behind; a question about the one does not
            await self._compare(pod, current)
        await self._strangers(list(seen.values()))

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
            self._lost(await self._yard.book.move(pod, PodState.STOPPED, note=sentence))
            self._yard.tell(sentence)
        elif seen.state is CloudState.BROKEN and pod.starting:
            self._lost(pod)
        elif seen.state in (CloudState.RUNNING, CloudState.COMING) and pod.state is PodState.STOPPED:
            self._yard.tell(f"{pod.name} was started, and not by this app: it costs ${pod.per_hour:.2f}/h.")
            await self._yard.book.move(pod, PodState.BOOTING, found=True, resumed=True)
        elif abs(seen.per_hour - pod.per_hour) > _SURE_PRICE and seen.per_hour > 0:
            await self._yard.book.note(pod, per_hour=seen.per_hour)

    async def _gone(self, pod: Pod) -> None:
        stopped = pod.state is PodState.STOPPED
        sentence = f"{pod.name} is no longer on your RunPod account; it costs nothing any more."
        gone = await self._yard.book.move(pod, PodState.GONE, note=sentence)
        self._yard.tell(sentence)
        if not stopped:
            self._lost(gone)

    async def _strangers(self, seen: list[CloudPod]) -> None:
        """Pods with a name of ours that are not in the book: shown, and ended only if they were given up here."""
        from oavr_tui.pods.provider import CloudState

        book = self._yard.book
        known = {pod.pod_id for pod in book.all()}
        awaited = {pod.cloud_name for pod in book.all() if not pod.pod_id}
        given_up = book.given_up()
        for stranger in seen:
            if stranger.id in known or stranger.state is CloudState.GONE or not stranger.name.startswith(PREFIX):
                continue
            if stranger.name in awaited:
                continue
            ours = book.rented_here(stranger.name)
            pod = await book.add(self._as_found(stranger, found=not ours))
            if ours:
                self._yard.tell(f"{pod.name} had vanished from your account and is back.")
            elif stranger.name in given_up:
                self._yard.tell(f"{pod.name} turned up after it had been given up: it is terminated.")
                await book.note(pod, asked=PodWish.TERMINATE)
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
