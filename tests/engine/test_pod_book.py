"""The book of the pods: every change with its money, on the disk, whoever else writes and whoever dies."""

from __future__ import annotations

import asyncio
import math
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.models import POD_FOLLOWS, IllegalStep, Pod, PodState, PodWish, SpellKind
from tests.engine.account import Doom, Hands, Killed, MemoryAccount
from tests.engine.yards import Place, changed, place

RENTED: dict[str, Any] = {"pod_id": "m1", "cloud_name": "oavr-studio-1-a", "per_hour": 0.36, "storage_per_hour": 0.01}


def account() -> MemoryAccount:
    return MemoryAccount(Hands())


async def test_money_counts_from_the_state_that_costs_it_to_the_one_that_does_not(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        began = here.hands.now
        rented = await here.add(name="studio-1")
        assert await here.book.spells() == []
        rented = await here.book.move(rented, PodState.BOOTING, at=began - 5, **RENTED)
        here.hands.now += 100
        rented = await here.book.move(rented, PodState.READY)
        rented = await here.book.move(rented, PodState.STOPPING)
        here.hands.now += 10
        stopped = await here.book.move(rented, PodState.STOPPED, at=began + 105)
        here.hands.now += 1000
        await here.book.move(stopped, PodState.TERMINATING, per_hour=0.0)
        running, storage = await here.book.spells()
        assert (running.kind, running.began, running.ended) == (SpellKind.RUNNING, began - 5, began + 105)
        assert (storage.kind, storage.began, storage.ended) == (SpellKind.STORAGE, began + 105, began + 1110)
        assert (running.per_hour, storage.per_hour) == (0.36, 0.01)
        assert running.pod == storage.pod == rented.id


async def test_a_price_that_changes_splits_what_is_paid(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        began = here.hands.now
        rented = await here.add(PodState.READY, **RENTED)
        here.hands.now += 60
        await here.book.note(rented, per_hour=0.72, note="dearer")
        here.hands.now += 60
        await here.book.note(rented, note="not a change of price")
        first, second = await here.book.spells()
        assert (first.per_hour, first.began, first.ended) == (0.36, began, began + 60)
        assert (second.per_hour, second.began, second.ended) == (0.72, began + 60, None)


async def test_nothing_is_paid_before_there_is_a_machine_nor_for_an_own_address(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        await here.add(PodState.ASKED, per_hour=0.36, cloud_name="oavr-x")
        await here.add(PodState.READY, pod_id="m1", per_hour=0.0)
        assert await here.book.spells() == []


@pytest.mark.parametrize("moments", range(4))
async def test_a_kill_leaves_a_pod_and_its_money_both_changed_or_both_not(tmp_path: Path, moments: int) -> None:
    doom, mine = Doom(), account()
    async with place(tmp_path, mine, doom=doom) as here:
        rented = await here.add(PodState.READY, **RENTED)
        doom.strike_after(moments)
        try:
            await here.book.move(rented, PodState.STOPPING)
            await here.book.move(rented, PodState.GONE)
        except (Killed, Overtaken):
            pass
    async with place(tmp_path, mine) as there:
        (current,) = await there.book.remembered()
        open_spells = [spell for spell in await there.book.spells() if spell.ended is None]
        assert len(open_spells) == (0 if current.state is PodState.GONE else 1)


async def test_who_was_overtaken_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        seen = await here.add(PodState.BOOTING, **RENTED)
        await here.book.move(seen, PodState.TERMINATING)
        here.heard()
        with pytest.raises(Overtaken):
            await here.book.move(seen, PodState.READY)
        assert (await here.on_disk(seen.id)).state is PodState.TERMINATING
        assert here.heard() == []


async def test_an_illegal_step_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        gone = await here.add(PodState.GONE)
        with pytest.raises(IllegalStep):
            await here.book.move(gone, PodState.BOOTING)
        assert await here.on_disk(gone.id) == gone


async def test_a_wish_that_came_meanwhile_is_not_wiped_out_by_the_one_before(tmp_path: Path) -> None:
    mine = account()
    async with place(tmp_path, mine) as driver, place(tmp_path, mine) as person:
        asleep = await driver.add(PodState.STOPPED, asked=PodWish.START, **RENTED)
        await person.book.refresh()
        await person.book.note(asleep, asked=PodWish.STOP)
        awake = await driver.book.move(asleep, PodState.BOOTING, granted=PodWish.START)
        assert awake.asked is PodWish.STOP
        assert (await driver.book.note(awake, granted=PodWish.STOP)).asked is PodWish.NOTHING


async def test_what_other_processes_write_is_told_and_facts_of_both_stay(tmp_path: Path) -> None:
    mine = account()
    async with place(tmp_path, mine) as one, place(tmp_path, mine) as other:
        mine_now = await one.add(PodState.READY, **RENTED)
        await other.book.refresh()
        await other.book.note(mine_now, note="from there")
        assert (await one.book.note(mine_now, last_used=5.0)).note == "from there"
        one.heard(), other.heard()
        await other.book.refresh()
        assert [(told.note, told.last_used) for told in changed(other.heard())] == [("from there", 5.0)]
        await other.book.refresh()
        assert other.heard() == []
        await one.book.forget(mine_now)
        await other.book.refresh()
        assert [told.state for told in changed(other.heard())] == [PodState.GONE]
        assert other.book.get(mine_now.id) is None


async def test_a_name_means_the_pod_that_stays(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        leaving = await here.add(PodState.TERMINATING, **RENTED)
        assert here.book.named("studio-1") == leaving
        following = await here.add(PodState.ASKED)
        assert here.book.named("studio-1") == following
        assert here.book.named("studio-2") is None


async def test_those_who_are_long_gone_are_forgotten_and_what_they_cost_is_not(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        for number in range(22):
            here.hands.now += 1
            rented = await here.add(PodState.READY, name=f"studio-{number}", **RENTED)
            await here.book.move(rented, PodState.GONE)
        await here.add(name="last")
        assert len(await here.book.remembered()) == 21
        assert len(await here.book.spells()) == 22


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*PodState, None]),
        st.sampled_from([0.0, 0.34, 0.69]),
        st.sampled_from([0.0, 0.02]),
        st.floats(-50, 0),
        st.floats(0, 30),
    ),
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_nothing_is_ever_paid_twice(steps: list[tuple[PodState | None, float, float, float, float]]) -> None:
    """Whatever states, prices and times follow each other: at most one spell is open, and none overlaps another."""

    async def play(folder: Path) -> None:
        async with place(folder, account()) as here:
            rented = await here.add(PodState.BOOTING, **RENTED)
            for state, price, storage, ago, passes in steps:
                here.hands.now += passes
                at = here.hands.now + ago
                facts: dict[str, Any] = {"per_hour": price, "storage_per_hour": storage}
                if state is None:
                    rented = await here.book.note(rented, at=at, **facts)
                elif state in POD_FOLLOWS[rented.state]:
                    rented = await here.book.move(rented, state, at=at, **facts)
                await holds(here, rented)

    async def holds(here: Place, rented: Pod) -> None:
        spells = sorted(await here.book.spells(), key=lambda spell: (spell.began, spell.ended or math.inf))
        for before, after in pairwise(spells):
            assert before.ended is not None
            assert before.began <= before.ended <= after.began <= here.hands.now
        still = [(spell.kind, spell.per_hour) for spell in spells if spell.ended is None]
        if rented.billed and rented.per_hour:
            assert still == [(SpellKind.RUNNING, rented.per_hour)]
        elif rented.state is PodState.STOPPED and rented.storage_per_hour:
            assert still == [(SpellKind.STORAGE, rented.storage_per_hour)]
        else:
            assert still == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_a_clock_that_is_set_back_hides_no_money(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        rented = await here.add(PodState.READY, **RENTED)
        here.hands.now -= 100_000
        stopped = await here.book.move(rented, PodState.STOPPED)
        here.hands.now += 10
        await here.book.move(stopped, PodState.BOOTING)
        open_ones = [spell for spell in await here.book.spells() if spell.ended is None]
        assert [spell.began for spell in open_ones] == [here.hands.now]
