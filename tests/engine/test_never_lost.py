"""The promise of renting: whatever is killed whenever, no machine runs that nobody knows of, and no money is unseen.

Any deeds in any order, with an account that fails, and a driver that is killed at any moment at which it waits for
the account or the store. After a restart and one whole round without failures, the book and the account agree.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oavr_tui.engine.end_pod import EndPod
from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.pod_watch import PodWatch
from oavr_tui.engine.rent_pod import PREFIX, RentPod
from oavr_tui.engine.wake_pod import WakePod
from oavr_tui.errors import OavrError
from oavr_tui.models import Pod, PodState, PodWish, Spell, SpellKind
from oavr_tui.pods.provider import CloudState
from tests.engine.account import Doom, Hands, Killed, Machine, MemoryAccount
from tests.engine.yards import Place, identities, place

MOMENTS = st.one_of(st.none(), st.integers(0, 14))
"""When the driver is killed: most deeds have some ten moments at which it waits."""
FAULTS = st.lists(
    st.sampled_from(["", "", "lost", "lost_done", "unreachable", "no_gpu", "rejected", "slower"]), max_size=3
)
PICK = st.integers(0, 3)
_MAY_BE_ENDED = (PodState.ASKED, PodState.BOOTING, PodState.READY, PodState.STOPPED)
_DEAREST = 1.0
"""Dollars an hour that no machine of these tests costs."""


class Fleet(RuleBasedStateMachine):
    """hidden: seconds in which something may have happened that no call could have told yet."""

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.doom = Doom()
        self.account = MemoryAccount(Hands(), self.doom)
        self.new_id = identities()
        self.strangers: set[str] = set()
        self.begun_by_hand: set[str] = set()
        self.hidden = 0.0
        self.since: float | None = None
        self.settled = True
        self._open()

    def _open(self) -> None:
        # Room for everything: caps are tested elsewhere.
        self.opened = place(
            Path(self.folder.name), self.account, doom=self.doom, new_id=self.new_id, day_cap=1e9, price_cap=1.0
        )
        self.here: Place = self.loop.run_until_complete(self.opened.__aenter__())

    def _close(self) -> None:
        self.loop.run_until_complete(self.opened.__aexit__(None, None, None))

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            if not self.doom.struck:
                self.settle()
            self._close()
            self.loop.close()
            self.folder.cleanup()

    def _unsure(self) -> None:
        """From now on until the next whole round, what is paid may differ from what is billed."""
        self.settled = False
        if self.since is None:
            self.since = self.account.hands.now

    def _drive(self, work: Callable[[], Awaitable[object]], moments: int | None) -> None:
        """Let the driver do something, and perhaps kill it meanwhile; then it starts again."""
        if moments is not None or any(any(faults) for faults in self.account.faults.values()) or self.account.late:
            self._unsure()
        self.doom.strike_after(moments)
        try:
            self.loop.run_until_complete(self._watched(work))
        except Killed:
            self.doom.strike_after(None)
            self._close()
            self._open()
        finally:
            self.doom.strike_after(None)

    async def _watched(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except (OavrError, Overtaken):
            return  # the driver tells it, and the pods stay as they are in the book
        finally:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)

    def _pods(self, *states: PodState) -> list[Pod]:
        return [pod for pod in self.here.book.all() if pod.state in states]

    def _pick(self, pick: int, *states: PodState) -> Pod | None:
        pods = self._pods(*states)
        return pods[pick % len(pods)] if pods else None

    def _machine(self, pick: int, *states: CloudState) -> Machine | None:
        machines = [one for one in self.account.alive() if one.pod.state in states]
        return machines[pick % len(machines)] if machines else None

    # --- what the driver does

    @precondition(lambda self: len(self._pods(PodState.ASKED)) < 3)
    @rule()
    def want(self) -> None:
        name = f"studio-{len(self.here.book.all()) + 1}"
        self.loop.run_until_complete(self.here.add(name=name))

    @precondition(lambda self: self._pods(PodState.ASKED))
    @rule(pick=PICK, faults=FAULTS, looks=FAULTS, late=st.sampled_from([0, 2, 9]), moments=MOMENTS)
    def rent(self, pick: int, faults: list[str], looks: list[str], late: int, moments: int | None) -> None:
        pod = self._pick(pick, PodState.ASKED)
        if pod is not None:
            self.account.faults["create"] = list(faults)
            self.account.faults["pods"] = [look for look in looks if look != "no_gpu"]
            self.account.late = late
            self._drive(lambda: RentPod(self.here.yard, pod).rent(), moments)
            self.account.faults.clear()

    @precondition(lambda self: self._pods(PodState.BOOTING))
    @rule(pick=PICK)
    def become_ready(self, pick: int) -> None:
        pod = self._pick(pick, PodState.BOOTING, PodState.FETCHING)
        machine = None if pod is None else self.account.machines.get(pod.pod_id)
        if pod is not None and machine is not None and machine.pod.state is CloudState.COMING:
            machine.turn(CloudState.RUNNING, machine.bill[-1][0], self.account.hands.now)
            self._drive(lambda: self.here.book.move(pod, PodState.READY), None)

    @precondition(lambda self: self._pods(*_MAY_BE_ENDED))
    @rule(
        pick=PICK,
        way=st.sampled_from([PodState.STOPPING, PodState.TERMINATING]),
        faults=FAULTS,
        looks=FAULTS,
        moments=MOMENTS,
    )
    def end(self, pick: int, way: PodState, faults: list[str], looks: list[str], moments: int | None) -> None:
        pod = self._pick(pick, *_MAY_BE_ENDED)
        if pod is None or pod.found:
            return
        way = way if pod.pod_id else PodState.TERMINATING
        refusals = [fault for fault in faults if fault != "no_gpu"]
        self.account.faults["stop"], self.account.faults["terminate"] = list(refusals), list(refusals)
        self.account.faults["pod"] = [look for look in looks if look not in ("no_gpu", "rejected")]

        async def work() -> None:
            await EndPod(self.here.yard, await self.here.book.move(pod, way)).run()

        self._drive(work, moments)
        self.account.faults.clear()

    @precondition(lambda self: self._pods(PodState.STOPPED))
    @rule(pick=PICK, faults=FAULTS, moments=MOMENTS)
    def wake(self, pick: int, faults: list[str], moments: int | None) -> None:
        pod = self._pick(pick, PodState.STOPPED)
        if pod is None or pod.found:
            return
        self.account.faults["start"] = list(faults)
        self._drive(lambda: WakePod(self.here.yard, pod).wake(), moments)
        self.account.faults.clear()

    @rule(faults=FAULTS, moments=MOMENTS)
    def look(self, faults: list[str], moments: int | None) -> None:
        self.account.faults["pods"] = [fault for fault in faults if fault != "no_gpu"]
        self._drive(PodWatch(self.here.yard, lambda _pod: None).look, moments)
        self.account.faults.clear()

    # --- what others do

    @precondition(lambda self: self.account.alive())
    @rule(pick=PICK)
    def stopped_by_hand(self, pick: int) -> None:
        machine = self._machine(pick, CloudState.RUNNING, CloudState.COMING)
        if machine is not None:
            self._unsure()
            self.account.stop_by_hand(machine)

    @precondition(lambda self: self.account.alive())
    @rule(pick=PICK)
    def started_by_hand(self, pick: int) -> None:
        machine = self._machine(pick, CloudState.STOPPED)
        if machine is not None:
            self._unsure()
            self.account.start_by_hand(machine, 0.44)
            self.begun_by_hand.add(machine.pod.id)

    @precondition(lambda self: self.account.alive())
    @rule(pick=PICK)
    def deleted_by_hand(self, pick: int) -> None:
        machine = self._machine(pick, CloudState.RUNNING, CloudState.COMING, CloudState.STOPPED)
        if machine is not None:
            self._unsure()
            self.account.delete_by_hand(machine)

    @precondition(lambda self: self.account.alive())
    @rule(pick=PICK, price=st.sampled_from([0.2, 0.5]))
    def dearer(self, pick: int, price: float) -> None:
        machine = self._machine(pick, CloudState.RUNNING)
        if machine is not None:
            self._unsure()
            machine.turn(CloudState.RUNNING, price, self.account.hands.now)

    @precondition(lambda self: len(self.strangers) < 2)
    @rule(name=st.sampled_from(["oavr-elsewhere", "other-program"]))
    def a_pod_of_somebody_else(self, name: str) -> None:
        self._unsure()
        self.strangers.add(self.account.put(f"{name}-{len(self.strangers)}").pod.id)

    @rule(seconds=st.sampled_from([10.0, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        if seconds > 100 and not self.settled:
            self.settle()  # a day in which nobody looks may cost anything
        self.account.hands.now += seconds

    # --- what must hold

    @rule()
    def settle(self) -> None:
        """A restart and one whole round, as the driver does it; then the book and the account must agree."""
        self._close()
        self._open()
        self.loop.run_until_complete(self._round())
        if self.since is not None:
            self.hidden += self.account.hands.now - self.since
            self.since = None
        self.settled = True
        self._every_machine_is_known_once()
        self._nothing_was_rented_twice()
        self._what_is_others_was_left_alone()
        self._open_spells_are_those_of_what_costs()
        self._what_is_paid_is_what_is_billed()

    async def _round(self) -> None:
        book, yard = self.here.book, self.here.yard
        for pod in book.all():
            if pod.state is PodState.ASKED and pod.cloud_name:
                await RentPod(yard, pod).rent()
        for _look in range(2):
            await PodWatch(yard, lambda _pod: None).look()
            for pod in book.all():
                if pod.asked is PodWish.TERMINATE and pod.state is not PodState.TERMINATING:
                    pod = await book.move(pod, PodState.TERMINATING, granted=PodWish.TERMINATE)
                if pod.state in (PodState.STOPPING, PodState.TERMINATING):
                    await EndPod(yard, pod).run()
            for machine in self.account.alive():
                machine.unlisted = 0  # by the second look everything has turned up

    def _every_machine_is_known_once(self) -> None:
        known = Counter(pod.pod_id for pod in self.here.book.all() if pod.pod_id)
        alive = {one.pod.id for one in self.account.alive() if one.pod.name.startswith(PREFIX)}
        assert known == dict.fromkeys(alive, 1)
        for pod in self.here.book.all():
            if pod.pod_id:
                asleep = self.account.machines[pod.pod_id].pod.state is CloudState.STOPPED
                assert asleep is (pod.state is PodState.STOPPED)

    def _nothing_was_rented_twice(self) -> None:
        names = [wish.name for wish in self.account.wishes]
        assert len(names) == len(set(names))
        given_up = self.here.book.given_up()
        assert not [one for one in self.account.alive() if one.pod.name in given_up]
        for pod in self.here.book.all():
            assert pod.state is not PodState.ASKED or not pod.cloud_name

    def _what_is_others_was_left_alone(self) -> None:
        for method in ("stop", "start", "terminate"):
            assert not self.strangers & set(self.account.asked(method))
        for pod in self.here.book.all():
            assert pod.found or pod.pod_id not in self.strangers
            assert not pod.found or pod.pod_id in self.strangers | self.begun_by_hand

    def _open_spells_are_those_of_what_costs(self) -> None:
        spells = self._spells()
        still = {(spell.pod, spell.kind, spell.per_hour) for spell in spells if spell.ended is None}
        assert len(still) == sum(spell.ended is None for spell in spells)
        expected = set()
        for pod in self.here.book.all():
            if pod.state is PodState.STOPPED:
                expected.add((pod.id, SpellKind.STORAGE, pod.storage_per_hour))
            elif pod.pod_id:
                expected.add((pod.id, SpellKind.RUNNING, pod.per_hour))
        assert still == expected

    def _what_is_paid_is_what_is_billed(self) -> None:
        now, spells = self.account.hands.now, self._spells()
        ours = self.loop.run_until_complete(self.here.book.remembered())
        for machine in self.account.machines.values():
            ids = {pod.id for pod in ours if pod.pod_id == machine.pod.id}
            paid = sum(_dollars(spell, now) for spell in spells if spell.pod in ids)
            if not machine.pod.name.startswith(PREFIX):
                assert paid == 0
                continue
            # Within the time that one call takes for each change; and what happened unseen cannot be told any better.
            changes = (len(machine.bill) + 1) * self.account.call_seconds + self.hidden
            assert abs(paid - machine.dollars(now)) <= changes * _DEAREST / 3600 + 1e-9

    def _spells(self) -> list[Spell]:
        return self.loop.run_until_complete(self.here.book.spells())

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        if not hasattr(self, "loop"):
            return
        of: dict[str, list[Spell]] = {}
        for spell in self._spells():
            of.setdefault(spell.pod, []).append(spell)
        for spells in of.values():
            spells.sort(key=lambda spell: (spell.began, math.inf if spell.ended is None else spell.ended))
            for before, after in pairwise(spells):
                assert before.ended is not None and before.ended <= after.began


def _dollars(spell: Spell, now: float) -> float:
    return spell.per_hour * ((now if spell.ended is None else spell.ended) - spell.began) / 3600


TestNeverLost = Fleet.TestCase
TestNeverLost.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.mark.full
def test_never_lost_for_long() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Fleet, settings=settings(max_examples=400, stateful_step_count=40, deadline=None))
