"""Renting one machine: never one that nobody knows of, never two for one wish, and no word is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.engine.rent_pod import PREFIX, RentPod
from oavr_tui.errors import BadInput, NoFunds, NoGpu, NoKey, OavrError, Unreachable
from oavr_tui.models import Pod, PodState
from oavr_tui.pods.provider import Cloud, CloudState, Stock
from tests.engine.account import OFFERS, Doom, Hands, Killed, MemoryAccount
from tests.engine.yards import Place, place


def account(*, call_seconds: float = 1.0) -> MemoryAccount:
    return MemoryAccount(Hands(), call_seconds=call_seconds)


async def rented(here: Place, **facts: Any) -> Pod:
    return await RentPod(here.yard, await here.add(**facts)).rent()


async def test_the_cheapest_machine_of_the_first_kind_is_rented_and_paid_from_the_asking(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await rented(here)
        (machine,) = here.account.alive()
        assert (pod.state, pod.pod_id, pod.cloud_name) == (PodState.BOOTING, machine.pod.id, machine.pod.name)
        assert pod.cloud_name.startswith(f"{PREFIX}studio-1-")
        assert (pod.gpu, pod.cloud, pod.per_hour) == ("NVIDIA GeForce RTX 4090", "community", 0.34)
        assert pod.storage_per_hour == pytest.approx(40 * 0.20 / 730)
        (spell,) = await here.book.spells()
        assert 0 <= machine.bill[0][1] - spell.began <= here.account.call_seconds
        assert await here.on_disk(pod.id) == pod


async def test_the_name_is_on_the_disk_before_the_machine_is_asked_for(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add()
        here.account.gates["create"] = asyncio.Event()
        renting = asyncio.create_task(RentPod(here.yard, pod).rent())
        async with asyncio.timeout(30):
            await here.account.reached["create"].wait()
        stored = await here.on_disk(pod.id)
        assert stored.state is PodState.ASKED
        assert [stored.cloud_name] == here.account.asked("create")
        here.account.gates["create"].set()
        await renting


async def test_where_there_is_none_the_next_kind_is_asked_for_under_another_name(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"] = ["no_gpu", "no_gpu"]
        pod = await rented(here)
        names = here.account.asked("create")
        assert len(set(names)) == 3
        assert (pod.gpu, pod.cloud_name, pod.per_hour) == ("NVIDIA L40S", names[2], 0.79)
        assert pod.tries == ("NVIDIA GeForce RTX 4090|community", "NVIDIA GeForce RTX 4090|secure")
        assert pod.abandoned == ()


async def test_what_a_person_insists_on_is_all_that_is_asked_for(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"] = ["no_gpu"] * 3
        with pytest.raises(NoGpu):
            await rented(here, wish_gpu="NVIDIA GeForce RTX 4090", wish_cloud="secure")
        assert len(here.account.asked("create")) == 1


async def test_after_a_kill_in_the_middle_other_kinds_may_still_be_asked_for(tmp_path: Path) -> None:
    doom, mine = Doom(), account()
    async with place(tmp_path, mine, doom=doom) as here:
        pod = await here.add()
        mine.doom, mine.faults["create"] = doom, ["lost"]
        renting = asyncio.create_task(RentPod(here.yard, pod).rent())
        mine.gates["create"] = asyncio.Event()
        async with asyncio.timeout(30):
            await mine.reached["create"].wait()
            doom.strike_after(0)
            mine.gates.pop("create").set()
            with pytest.raises(Killed):
                await renting
    mine.faults["create"] = ["no_gpu"]
    async with place(tmp_path, mine) as there:
        (found,) = there.book.all()
        assert (await RentPod(there.yard, found).rent()).cloud == "secure"
        assert len(mine.alive()) == 1


async def test_an_answer_that_got_lost_is_looked_up_by_its_name(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"] = ["lost_done"]
        pod = await rented(here)
        (machine,) = here.account.alive()
        assert pod.pod_id == machine.pod.id
        assert len(here.account.asked("create")) == 1
        (spell,) = await here.book.spells()
        assert spell.began == machine.pod.created_at


async def test_a_machine_that_is_listed_late_is_waited_for(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"], here.account.late = ["lost_done"], 4
        await rented(here)
        assert len(here.account.asked("create")) == 1


async def test_a_name_that_brought_nothing_is_remembered_and_another_machine_is_asked_for(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"] = ["lost"]
        pod = await rented(here)
        first, second = here.account.asked("create")
        assert (pod.abandoned, pod.cloud_name) == ((first,), second)
        assert here.book.given_up() == {first}
        assert here.book.doubtful()
        here.hands.now += 10_000
        assert not here.book.doubtful()


async def test_two_lost_answers_are_enough(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"] = ["lost"] * 5
        pod = await here.add()
        with pytest.raises(Unreachable, match="did not say whether it started a studio"):
            await RentPod(here.yard, pod).rent()
        assert len(here.account.asked("create")) == 2
        assert len((await here.on_disk(pod.id)).abandoned) == 2


async def test_an_account_that_cannot_be_looked_at_keeps_the_name_to_be_looked_for(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add()
        here.account.faults["create"], here.account.faults["pods"] = ["lost_done"], ["unreachable"] * 6
        with pytest.raises(Unreachable):
            await RentPod(here.yard, pod).rent()
        waiting = await here.on_disk(pod.id)
        assert [waiting.cloud_name] == here.account.asked("create")
        again = await RentPod(here.yard, waiting).rent()
        assert again.pod_id == here.account.alive()[0].pod.id
        assert len(here.account.alive()) == 1


@pytest.mark.parametrize(
    ("fault", "kind"), [("no_funds", NoFunds), ("rejected", OavrError), ("unreachable", Unreachable)]
)
async def test_what_concerns_the_account_ends_the_asking(tmp_path: Path, fault: str, kind: type[OavrError]) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add()
        here.account.faults["create"] = [fault]
        with pytest.raises(kind):
            await RentPod(here.yard, pod).rent()
        assert len(here.account.asked("create")) == 1
        assert (await here.on_disk(pod.id)).cloud_name == ""


async def test_an_account_that_is_asked_too_often_is_given_time(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        here.account.faults["create"] = ["slower"]
        began = here.hands.now
        pod = await rented(here)
        assert (pod.gpu, pod.tries) == ("NVIDIA GeForce RTX 4090", ())
        assert here.hands.now - began >= 30
        assert len(here.account.alive()) == 1


async def test_no_money_and_no_key_are_said_before_anything_is_asked_for(tmp_path: Path) -> None:
    async with place(tmp_path, account(), day_cap=0.01) as here:
        with pytest.raises(NoFunds):
            await rented(here)
    async with place(tmp_path, account(), key=None) as here:
        with pytest.raises(NoKey):
            await rented(here)
    async with place(tmp_path, account()) as here:
        here.account.balance = 0.1
        with pytest.raises(NoFunds):
            await rented(here)
        assert here.account.asked("create") == []


async def test_a_network_volume_decides_where_the_machine_is(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await rented(here, volume="models")
        (wish,) = here.account.wishes
        assert (wish.volume, wish.data_center, wish.cloud) == ("vol1", "EU-1", Cloud.SECURE)
        assert pod.cloud == "secure"
        with pytest.raises(BadInput):
            await rented(here, volume="nobody's")


async def test_nothing_above_the_cap_or_out_of_stock_is_asked_for(tmp_path: Path) -> None:
    async with place(tmp_path, account(), price_cap=0.5) as here:
        here.account.offered = (replace(OFFERS[0], stock=Stock.NONE), *OFFERS[1:])
        with pytest.raises(NoGpu):
            await rented(here)
        assert here.account.asked("create") == []


async def leave_during_create(here: Place, fault: str) -> Pod:
    """Ask for a machine, end the task while the answer is awaited, and give the answer then."""
    pod = await here.add()
    here.account.faults["create"] = [fault]
    here.account.gates["create"] = asyncio.Event()
    renting = asyncio.create_task(RentPod(here.yard, pod).rent())
    async with asyncio.timeout(30):
        await here.account.reached["create"].wait()
        renting.cancel()
        await asyncio.sleep(0)
        here.account.gates["create"].set()
        with pytest.raises(asyncio.CancelledError):
            await renting
    return await here.on_disk(pod.id)


async def test_who_leaves_while_a_machine_is_being_rented_writes_it_down_first(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await leave_during_create(here, "")
        assert pod.pod_id == here.account.alive()[0].pod.id
        assert pod.state is PodState.BOOTING
        assert len(await here.book.spells()) == 1


@pytest.mark.parametrize("fault", ["no_gpu", "no_funds"])
async def test_who_leaves_asks_for_nothing_more(tmp_path: Path, fault: str) -> None:
    async with place(tmp_path, account()) as here:
        pod = await leave_during_create(here, fault)
        assert (pod.state, pod.cloud_name) == (PodState.ASKED, "")
        assert len(here.account.asked("create")) == 1


async def test_who_leaves_without_an_answer_leaves_the_name_and_does_not_wait(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await leave_during_create(here, "lost_done")
        assert here.account.asked("pods") == []
        assert [pod.cloud_name] == here.account.asked("create")
        assert (await RentPod(here.yard, pod).rent()).pod_id == here.account.alive()[0].pod.id


async def test_a_machine_that_died_at_once_is_not_taken_for_rented(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add(cloud_name="oavr-studio-1-before")
        machine = here.account.put("oavr-studio-1-before")
        machine.turn(CloudState.GONE, 0.0, here.hands.now)
        again = await RentPod(here.yard, pod).rent()
        assert again.pod_id != machine.pod.id
        assert again.abandoned == ("oavr-studio-1-before",)
