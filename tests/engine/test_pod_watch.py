"""What the account says, against what is remembered: whoever changed it, and however late the answer comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.engine.end_pod import EndPod
from oavr_tui.engine.pod_watch import PodWatch
from oavr_tui.engine.rent_pod import RentPod
from oavr_tui.errors import Unreachable
from oavr_tui.models import Pod, PodState, PodWish, SpellKind
from oavr_tui.pods.provider import CloudState
from tests.engine.account import Doom, Hands, Killed, Machine, MemoryAccount
from tests.engine.yards import Place, place


def account() -> MemoryAccount:
    return MemoryAccount(Hands())


class Watched:
    """A watch, and the pods of which it said that they are lost."""

    def __init__(self, here: Place) -> None:
        self.lost: list[Pod] = []
        self.watch = PodWatch(here.yard, self.lost.append)
        self.look = self.watch.look


async def running(here: Place, state: PodState = PodState.READY, **facts: Any) -> tuple[Pod, Machine]:
    pod = await RentPod(here.yard, await here.add(**facts)).rent()
    machine = here.account.alive()[-1]
    machine.turn(CloudState.RUNNING, 0.34, here.hands.now)
    if state is not pod.state:
        pod = await here.book.move(pod, state)
    if state is PodState.STOPPED:
        here.account.stop_by_hand(machine)
    here.hands.now += 100
    here.heard()
    return pod, machine


async def test_nothing_new_is_no_news(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        await running(here)
        await watched.look()
        await watched.look()
        assert (here.heard(), watched.lost, here.account.asked("pod")) == ([], [], [])


@pytest.mark.parametrize("state", [PodState.BOOTING, PodState.FETCHING, PodState.WARMING, PodState.READY])
async def test_a_pod_that_was_deleted_elsewhere_costs_nothing_any_more(tmp_path: Path, state: PodState) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here, state)
        here.account.delete_by_hand(machine)
        await watched.look()
        assert (await here.on_disk(pod.id)).state is PodState.GONE
        assert [one.id for one in watched.lost] == [pod.id]
        assert "no longer on your RunPod account" in here.notices()[0]
        assert all(spell.ended for spell in await here.book.spells())


@pytest.mark.parametrize("state", [PodState.BOOTING, PodState.READY])
async def test_a_pod_that_was_stopped_elsewhere_costs_its_disk(tmp_path: Path, state: PodState) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here, state)
        here.account.stop_by_hand(machine)
        await watched.look()
        assert (await here.on_disk(pod.id)).state is PodState.STOPPED
        assert [one.id for one in watched.lost] == [pod.id]
        assert here.notices() == ["studio-1 was stopped, and not by this app."]
        assert [spell.kind for spell in await here.book.spells() if spell.ended is None] == [SpellKind.STORAGE]


async def test_a_stopped_pod_that_was_deleted_elsewhere_is_told_to_whoever_waits_for_it(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here, PodState.STOPPED)
        here.account.delete_by_hand(machine)
        await watched.look()
        assert [one.id for one in watched.lost] == [pod.id]


async def test_a_pod_that_was_started_elsewhere_is_shown_with_its_price_and_left_alone(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here, PodState.STOPPED)
        here.account.start_by_hand(machine, 0.44)
        here.hands.now += 30
        await watched.look()
        found = await here.on_disk(pod.id)
        assert (found.state, found.found, found.per_hour) == (PodState.BOOTING, True, 0.44)
        assert "was started, and not by this app: it costs $0.44/h" in here.notices()[0]
        assert (await here.book.spells())[-1].began == machine.pod.started_at


async def test_a_pod_that_was_woken_here_though_nobody_lived_to_see_it_is_looked_after(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here, PodState.STOPPED)
        await here.book.note(pod, resumed=True)
        here.account.start_by_hand(machine)
        await watched.look()
        found = await here.on_disk(pod.id)
        assert (found.state, found.found, found.resumed) == (PodState.BOOTING, False, True)
        assert here.notices() == []


async def test_a_machine_that_broke_while_starting_is_given_up_and_a_ready_one_is_stopped(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here, PodState.FETCHING)
        machine.turn(CloudState.BROKEN, 0.34, here.hands.now)
        await watched.look()
        assert [one.id for one in watched.lost] == [pod.id]
        await here.book.move(pod, PodState.READY)
        await watched.look()
        ended = here.book.get(pod.id)
        assert ended is not None and ended.state is PodState.STOPPING
        assert len(watched.lost) == 2 and "broke down" in here.notices()[-1]


async def test_a_machine_that_broke_down_and_cannot_be_stopped_is_not_tried_at_each_look(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here)
        machine.turn(CloudState.BROKEN, 0.34, here.hands.now)
        here.account.faults["stop"] = ["rejected"]
        for _look in range(3):
            await watched.look()
            stopping = here.book.get(pod.id)
            assert stopping is not None
            if stopping.state is PodState.STOPPING:
                await EndPod(here.yard, stopping).run()
        assert (await here.on_disk(pod.id)).state is PodState.READY
        assert len(here.account.asked("stop")) == 1
        assert len(here.notices()) == 2
        machine.turn(CloudState.RUNNING, 0.34, here.hands.now)
        await watched.look()
        machine.turn(CloudState.BROKEN, 0.34, here.hands.now)
        await watched.look()
        assert (await here.on_disk(pod.id)).state is PodState.STOPPING


async def test_a_price_that_changed_counts_from_when_it_was_seen(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        _pod, machine = await running(here)
        machine.turn(CloudState.RUNNING, 0.5, here.hands.now)
        await watched.look()
        assert [spell.per_hour for spell in await here.book.spells()] == [0.34, 0.5]


async def test_an_account_that_cannot_be_looked_at_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here)
        here.account.delete_by_hand(machine)
        for method in ("pods", "pod"):
            here.account.faults[method] = ["unreachable"]
            with pytest.raises(Unreachable):
                await watched.look()
            assert (await here.on_disk(pod.id)).state is PodState.READY
        await watched.look()
        assert (await here.on_disk(pod.id)).state is PodState.GONE


async def test_a_list_that_lags_behind_is_not_believed(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here)
        machine.unlisted = 1
        await watched.look()
        assert await here.on_disk(pod.id) == pod
        assert here.account.asked("pod") == [machine.pod.id]


# --- while the account answers, things go on


async def answers_late(here: Place, watched: Watched, method: str) -> asyncio.Task[None]:
    """A look whose answer is on its way; open the gate to let it arrive."""
    here.account.gates[method] = asyncio.Event()
    here.account.reached[method].clear()
    look = asyncio.create_task(watched.look())
    async with asyncio.timeout(30):
        await here.account.reached[method].wait()
    return look


@pytest.mark.parametrize("method", ["pods", "pod"])
@pytest.mark.parametrize("way", [PodState.STOPPING, PodState.TERMINATING])
async def test_a_pod_that_is_ended_while_the_account_answers_is_left_to_who_ends_it(
    tmp_path: Path, way: PodState, method: str
) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here)
        here.account.delete_by_hand(machine)
        look = await answers_late(here, watched, method)
        await here.book.move(pod, way)
        here.account.gates.pop(method).set()
        await look
        assert (await here.on_disk(pod.id)).state is way
        assert watched.lost == []


async def test_a_pod_that_goes_while_the_account_answers_does_not_come_back(tmp_path: Path) -> None:
    class Old(MemoryAccount):
        """Its list is as old as the question."""

        async def pods(self) -> Any:
            seen = tuple(machine.pod for machine in self.alive())
            await super().pods()
            return seen

    async with place(tmp_path, Old(Hands())) as here:
        watched = Watched(here)
        pod, machine = await running(here)
        look = await answers_late(here, watched, "pods")
        leaving = await here.book.move(pod, PodState.TERMINATING)
        here.account.delete_by_hand(machine)
        await here.book.move(leaving, PodState.GONE)
        here.account.gates.pop("pods").set()
        await look
        assert here.book.all() == []


async def test_a_pod_that_is_being_rented_is_no_stranger(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        await here.add(cloud_name="oavr-studio-1-x")
        here.account.put("oavr-studio-1-x")
        await watched.look()
        assert len(here.book.all()) == 1


async def test_two_looks_at_a_time_see_a_stranger_once(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        here.account.put("oavr-elsewhere-1")
        await asyncio.gather(watched.look(), watched.look(), watched.look())
        assert len(here.book.all()) == 1
        assert len(here.notices()) == 1


async def test_a_clock_that_is_set_back_keeps_nobody_from_looking(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, machine = await running(here)
        here.hands.now -= 5000
        here.account.delete_by_hand(machine)
        await watched.look()
        assert (await here.on_disk(pod.id)).state is PodState.GONE


# --- pods that are not in the book


async def test_a_pod_of_another_program_is_none_of_ours(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.put("somebody's")
        await Watched(here).look()
        assert (here.book.all(), here.heard()) == ([], [])


@pytest.mark.parametrize("state", [CloudState.COMING, CloudState.RUNNING, CloudState.STOPPED])
async def test_a_pod_of_another_computer_is_shown_and_left_alone(tmp_path: Path, state: CloudState) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        here.account.put("oavr-studio-1-abc", state=state)
        await here.add(name="studio-1-found")
        await watched.look()
        (found,) = [pod for pod in here.book.all() if pod.pod_id]
        assert (found.found, found.asked, found.name) == (True, PodWish.NOTHING, "studio-1-found-2")
        assert "was not started here" in here.notices()[0]
        assert len(await here.book.spells()) == 1
        await watched.look()
        assert here.heard() == []
        assert {name for name, _about in here.account.calls} == {"pods", "pod"}


async def test_a_name_that_was_given_up_is_terminated_when_it_turns_up(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        await here.add(PodState.GONE, cloud_name="oavr-studio-1-x", abandoned=("oavr-studio-1-x",))
        here.account.put("oavr-studio-1-x")
        await Watched(here).look()
        (found,) = here.book.all()
        assert (found.asked, found.found) == (PodWish.TERMINATE, False)
        assert "given up: it is terminated" in here.notices()[0]


@pytest.mark.parametrize("moments", range(10))
async def test_who_dies_while_such_a_pod_is_taken_in_leaves_it_to_be_terminated(tmp_path: Path, moments: int) -> None:
    doom, mine = Doom(), account()
    async with place(tmp_path, mine, doom=doom) as here:
        await here.add(PodState.GONE, cloud_name="oavr-studio-1-x", abandoned=("oavr-studio-1-x",))
        mine.put("oavr-studio-1-x")
        mine.doom = doom
        doom.strike_after(moments)
        try:
            await Watched(here).look()
        except Killed:
            doom.strike_after(None)
    async with place(tmp_path, mine) as there:
        await Watched(there).look()
        assert [(pod.asked, pod.found) for pod in there.book.all()] == [(PodWish.TERMINATE, False)]


async def test_a_pod_that_was_thought_gone_is_looked_after_again(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        watched = Watched(here)
        pod, _machine = await running(here)
        await here.book.move(pod, PodState.GONE)
        await watched.look()
        (back,) = here.book.all()
        assert (back.found, back.pod_id) == (False, pod.pod_id)
        assert "is back" in here.notices()[0]


@pytest.mark.parametrize(
    ("silent", "ended"), [(None, 20.0), (12.0, 12.0), (3.0, 10.0), (500.0, 20.0)], ids=["heard", "fell", "long", "odd"]
)
async def test_what_vanished_costs_nothing_since_it_fell_silent(
    tmp_path: Path, silent: float | None, ended: float
) -> None:
    async with place(tmp_path, account()) as here:
        began = here.hands.now
        watch = PodWatch(here.yard, lambda _pod: None, lambda _pod: None if silent is None else start + silent)
        pod, machine = await running(here)
        start = here.hands.now
        assert start > began
        here.hands.now = start + 10
        await watch.look()
        here.hands.now = start + 20
        here.account.delete_by_hand(machine)
        await watch.look()
        (spell,) = [one for one in await here.book.spells() if one.pod == pod.id and one.kind is SpellKind.RUNNING]
        assert spell.ended is not None and spell.ended - start == pytest.approx(ended)
