"""Stopping and terminating: not believed before the provider itself says so, and never given up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.engine.end_pod import EndPod
from oavr_tui.engine.rent_pod import RentPod
from oavr_tui.models import Pod, PodState, SpellKind
from oavr_tui.pods.provider import CloudState
from tests.engine.account import Hands, Machine, MemoryAccount
from tests.engine.yards import Place, place


def account() -> MemoryAccount:
    return MemoryAccount(Hands())


async def running(here: Place, **facts: Any) -> tuple[Pod, Machine]:
    pod = await RentPod(here.yard, await here.add(**facts)).rent()
    return await here.book.move(pod, PodState.READY), here.account.alive()[-1]


async def ended(here: Place, pod: Pod, way: PodState) -> Pod:
    pod = await here.book.move(pod, way)
    async with asyncio.timeout(30):
        await EndPod(here.yard, pod).run()
    return await here.on_disk(pod.id)


async def test_a_stopped_pod_costs_its_disk_from_the_moment_it_stopped(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod, machine = await running(here)
        pod = await ended(here, pod, PodState.STOPPING)
        assert pod.state is PodState.STOPPED
        assert machine.pod.state is CloudState.STOPPED
        run, rest = await here.book.spells()
        assert run.ended is not None and rest.began == run.ended
        assert 0 <= run.ended - (machine.bill[0][2] or 0) <= here.account.call_seconds
        assert (rest.kind, rest.ended, rest.per_hour) == (SpellKind.STORAGE, None, pod.storage_per_hour)


async def test_a_terminated_pod_is_gone_and_costs_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod, _machine = await running(here)
        assert (await ended(here, pod, PodState.TERMINATING)).state is PodState.GONE
        assert here.account.alive() == []
        assert [spell.ended is None for spell in await here.book.spells()] == [False]


@pytest.mark.parametrize("way", [PodState.STOPPING, PodState.TERMINATING])
async def test_a_deed_that_is_only_promised_is_done_again(tmp_path: Path, way: PodState) -> None:
    class Promising(MemoryAccount):
        """Says yes and does nothing, as it has been seen to do."""

        async def stop(self, pod_id: str) -> None:
            if len(self.asked("stop")) < 2:
                self.calls.append(("stop", pod_id))
            else:
                await super().stop(pod_id)

        async def terminate(self, pod_id: str) -> None:
            if len(self.asked("terminate")) < 2:
                self.calls.append(("terminate", pod_id))
            else:
                await super().terminate(pod_id)

    async with place(tmp_path, Promising(Hands())) as here:
        pod, machine = await running(here)
        after = await ended(here, pod, way)
        assert after.state is (PodState.STOPPED if way is PodState.STOPPING else PodState.GONE)
        assert machine.pod.state in (CloudState.STOPPED, CloudState.GONE)
        assert len([1 for name, _about in here.account.calls if name in ("stop", "terminate")]) == 3


@pytest.mark.parametrize("fault", ["unreachable", "lost", "lost_done", "slower"])
@pytest.mark.parametrize("way", [PodState.STOPPING, PodState.TERMINATING])
async def test_an_account_that_does_not_answer_is_asked_until_it_does_and_that_is_said_once(
    tmp_path: Path, way: PodState, fault: str
) -> None:
    async with place(tmp_path, account()) as here:
        pod, machine = await running(here)
        here.heard()
        here.account.faults["stop"] = here.account.faults["terminate"] = [fault] * 12
        await ended(here, pod, way)
        assert machine.pod.state in (CloudState.STOPPED, CloudState.GONE)
        (said,) = here.notices()
        assert "may go on costing $0.34/h" in said
        assert "tried again" in said


async def test_a_pod_on_a_network_volume_that_cannot_be_stopped_goes(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod, _machine = await running(here, volume="models")
        here.account.faults["stop"] = ["rejected"]
        assert (await ended(here, pod, PodState.STOPPING)).state is PodState.GONE
        assert here.account.alive() == []


async def test_a_pod_that_cannot_be_stopped_goes_on_as_if_just_used_and_the_price_is_said(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod, _machine = await running(here)
        here.hands.now += 3600
        here.heard()
        here.account.faults["stop"] = ["rejected"]
        after = await ended(here, pod, PodState.STOPPING)
        assert after.state is PodState.READY
        assert after.last_used == here.hands.now
        assert "goes on costing $0.34/h" in here.notices()[0]
        (spell,) = await here.book.spells()
        assert spell.ended is None


@pytest.mark.parametrize("way", [PodState.STOPPING, PodState.TERMINATING])
async def test_who_was_there_before_does_no_harm(tmp_path: Path, way: PodState) -> None:
    async with place(tmp_path, account()) as here:
        pod, machine = await running(here)
        here.account.delete_by_hand(machine)
        assert (await ended(here, pod, way)).state is PodState.GONE


async def test_an_end_that_somebody_else_takes_over_is_left_to_them(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod, _machine = await running(here)
        stopping = await here.book.move(pod, PodState.STOPPING)
        here.account.gates["stop"] = asyncio.Event()
        ending = asyncio.create_task(EndPod(here.yard, stopping).run())
        async with asyncio.timeout(30):
            await here.account.reached["stop"].wait()
            await here.book.move(stopping, PodState.TERMINATING)
            here.account.gates["stop"].set()
            await ending
        assert (await here.on_disk(pod.id)).state is PodState.TERMINATING


async def test_a_wish_without_a_machine_ends_without_asking(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        assert (await ended(here, await here.add(), PodState.TERMINATING)).state is PodState.GONE
        assert here.account.calls == []


async def test_a_machine_whose_answer_nobody_lived_to_see_is_found_and_paid_from_its_beginning(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add(cloud_name="oavr-studio-1-x", per_hour=0.34)
        here.hands.now += 1
        machine = here.account.put("oavr-studio-1-x", price=0.36)
        machine.unlisted = 3
        here.hands.now += 60
        assert (await ended(here, pod, PodState.TERMINATING)).state is PodState.GONE
        assert here.account.alive() == []
        (spell,) = await here.book.spells()
        assert (spell.began, spell.per_hour) == (machine.pod.created_at, 0.36)


async def test_a_name_under_which_nothing_is_found_is_given_up_and_remembered(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add(cloud_name="oavr-studio-1-x", abandoned=("oavr-studio-1-w",))
        await ended(here, pod, PodState.TERMINATING)
        assert here.book.given_up() == {"oavr-studio-1-w", "oavr-studio-1-x"}
        assert len(here.account.asked("pods")) > 3
        assert here.book.doubtful()
