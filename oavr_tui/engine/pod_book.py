"""The one owner of the pods' states and of the time that is paid for: their persistence, and who is told.

Every change is on the disk before anybody hears of it, and a change of state is written together with the beginning
or the end of what it costs, so that no money is spent unseen. Other processes write to the same store (a stop asked
for elsewhere), so a change is made to the pod as it is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from oavr_tui.engine.events import Bus, PodChanged
from oavr_tui.engine.storage import StoreThread
from oavr_tui.models import Measure, Pod, PodState, PodWish, Spell, SpellKind

_KEPT_GONE = 20
"""Pods that are gone stay in the list of the store until so many newer ones are gone: their last words are there."""

_DOUBT_SECONDS = 900.0
"""How long a machine may take to be listed whose creation got no answer: seconds as a rule, so this is ample."""


class Overtaken(Exception):
    """A pod was to be moved on, and had been moved by somebody else meanwhile. Nothing was changed."""


class PodBook:
    """All pods, oldest first. clock: unix seconds. new_id: a new identity each time."""

    def __init__(self, store: StoreThread, bus: Bus, clock: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._new_id = new_id
        self._pods: dict[str, Pod] = {}
        self._spells: list[Spell] = []
        self._seen: object = None

    def all(self) -> list[Pod]:
        """Every pod that is not gone, oldest first."""
        return [pod for pod in self._in_order() if pod.state is not PodState.GONE]

    def get(self, pod_id: str) -> Pod | None:
        """The pod of this id of ours, gone or not."""
        return self._pods.get(pod_id)

    def gone(self) -> list[Pod]:
        """Those that are gone and remembered still, oldest first."""
        return [pod for pod in self._in_order() if pod.state is PodState.GONE]

    def named(self, name: str) -> Pod | None:
        """The pod that a person means by a name; one that is on its way out only when there is no other."""
        alike = [pod for pod in self.all() if pod.name == name]
        return min(alike, key=lambda pod: pod.state is PodState.TERMINATING, default=None)

    def given_up(self) -> frozenset[str]:
        """Names at the provider that were asked for in vain: nothing may live under them."""
        return frozenset(name for pod in self._pods.values() for name in pod.abandoned)

    def doubtful(self) -> bool:
        """Whether a machine may yet turn up that was given up a short while ago."""
        lately = self._clock() - _DOUBT_SECONDS
        return any(pod.abandoned and pod.updated_at > lately for pod in self._pods.values())

    def rented_here(self, cloud_name: str) -> bool:
        """Whether a pod of this name at the provider was once started here."""
        return any(pod.cloud_name == cloud_name and not pod.found for pod in self._pods.values())

    def _in_order(self) -> list[Pod]:
        return sorted(self._pods.values(), key=lambda pod: (pod.created_at, pod.id))

    async def load(self) -> None:
        """Read every pod, without telling: what was there before is no news."""
        self._seen, pods, self._spells = await self._store.do(
            lambda store: (store.change_counter(), store.pods(), store.spells())
        )
        self._pods = {pod.id: pod for pod in pods}

    async def refresh(self) -> None:
        """Take in what other processes wrote. Costs next to nothing when nobody did."""

        def read(store: Any) -> tuple[object, tuple[list[Pod], list[Spell]] | None]:
            mark = store.change_counter()
            return mark, (None if mark == self._seen else (store.pods(), store.spells()))

        mark, found = await self._store.do(read)
        if found is None:
            return
        self._seen = mark
        pods, self._spells = found
        for pod in pods:
            self._tell(pod)
        for gone in self._pods.keys() - {pod.id for pod in pods}:
            self._strike(gone)

    async def add(self, pod: Pod) -> Pod:
        """Write down a new pod; what it costs begins when it is known to exist."""
        now = self._clock()
        spells = self._paid(pod, [], now)

        def put(store: Any) -> list[Spell]:
            store.put_pod(pod, spells)
            found: list[Spell] = store.spells()
            return found

        self._spells = await self._store.do(put)
        self._tell(pod)
        await self._forget_old()
        return pod

    async def note(self, pod: Pod, *, at: float | None = None, granted: PodWish = PodWish.NOTHING, **facts: Any) -> Pod:
        """Write down facts about a pod without moving it. at: since when a change of price holds, unix seconds.

        granted: the wish that is done with; one that came after it stays.
        """
        now = self._clock()

        def change(old: Pod) -> Pod:
            return replace(_without(old, granted), updated_at=now, **facts)

        return await self._change(pod.id, change, at)

    async def move(
        self,
        pod: Pod,
        state: PodState,
        *,
        at: float | None = None,
        granted: PodWish = PodWish.NOTHING,
        **facts: Any,
    ) -> Pod:
        """Move a pod from the state that it is known to be in to another.

        at: when that happened, unix seconds, where it was not just now: what it costs is counted from or to then.
        granted: the wish that this carries out; one that came after it stays. Raises Overtaken where the pod was moved
        by somebody else meanwhile, IllegalStep where the table does not allow it.
        """
        now = self._clock()

        def change(old: Pod) -> Pod:
            if old.state is not pod.state:
                raise Overtaken(f"{old.state}, no longer {pod.state}")
            return replace(_without(old, granted).moved_to(state, at=now), **facts)

        return await self._change(pod.id, change, at)

    @property
    def paid(self) -> Sequence[Spell]:
        """All paid time as last seen, oldest first."""
        return self._spells

    async def spells(self) -> list[Spell]:
        """All paid time, oldest first."""
        return await self._store.do(lambda store: store.spells())

    async def remembered(self) -> list[Pod]:
        """Every pod that is remembered, those that are gone included."""
        return await self._store.do(lambda store: store.pods())

    async def measures(self) -> list[Measure]:
        """All that was learned about how long things take, oldest first."""
        return await self._store.do(lambda store: store.measures())

    async def measured(self, what: str, gpu: str, seconds: float, *, count: int = 0) -> None:
        """Remember how long something took; nothing is learned from what took no time."""
        if seconds > 0:
            measure = Measure(self._new_id(), what, gpu, round(seconds, 3), self._clock(), count)
            await self._store.do(lambda store: store.put_measure(measure))

    async def forget_measures(self) -> None:
        """Forget how long things took; what they cost stays."""
        await self._store.do(lambda store: store.remove_measures())

    async def forget(self, pod: Pod) -> None:
        """Strike a pod off the list; what it cost stays."""
        await self._store.do(lambda store: store.remove_pod(pod.id))
        self._strike(pod.id)

    async def _change(self, pod_id: str, change: Callable[[Pod], Pod], at: float | None) -> Pod:
        when = self._clock() if at is None else at

        def both(pod: Pod, spells: list[Spell]) -> tuple[Pod, Sequence[Spell]]:
            after = change(pod)
            return after, self._paid(after, spells, when)

        pod, self._spells = await self._store.do(lambda store: (store.update_pod(pod_id, both), store.spells()))
        self._tell(pod)
        return pod

    def _paid(self, pod: Pod, spells: Sequence[Spell], at: float) -> list[Spell]:
        """The spells that change now that the pod is as it is: at most one ends and one begins."""
        price = _price_of(pod)
        current = next((spell for spell in spells if spell.ended is None), None)
        if current is not None and price == (current.kind, current.per_hour):
            return []
        # No second is paid for twice; but a clock that was set back does not put the beginning off.
        now = self._clock()
        known = (spell.began if spell.ended is None else spell.ended for spell in spells)
        at = max([at, *(moment for moment in known if moment <= now)])
        changed = [] if current is None else [replace(current, ended=max(at, current.began))]
        if price is not None:
            kind, per_hour = price
            changed.append(Spell(self._new_id(), pod.id, pod.name, pod.gpu_name, kind, per_hour, began=at))
        return changed

    async def _forget_old(self) -> None:
        for pod in self.gone()[:-_KEPT_GONE]:
            await self.forget(pod)

    def _strike(self, pod_id: str) -> None:
        pod = self._pods.pop(pod_id, None)
        if pod is not None:
            self._bus.emit(PodChanged(replace(pod, state=PodState.GONE)))

    def _tell(self, pod: Pod) -> None:
        if self._pods.get(pod.id) != pod:
            self._pods[pod.id] = pod
            self._bus.emit(PodChanged(pod))


def _without(pod: Pod, granted: PodWish) -> Pod:
    return replace(pod, asked=PodWish.NOTHING) if granted and pod.asked is granted else pod


def _price_of(pod: Pod) -> tuple[SpellKind, float] | None:
    """What a pod costs in the state it is in; nothing is counted before the provider has given it an id."""
    if pod.billed and pod.pod_id and pod.per_hour > 0:
        return SpellKind.RUNNING, pod.per_hour
    if pod.state is PodState.STOPPED and pod.storage_per_hour > 0:
        return SpellKind.STORAGE, pod.storage_per_hour
    return None
