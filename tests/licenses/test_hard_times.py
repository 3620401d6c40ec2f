"""The gate when only some answers of the license server arrive, when it is killed in between, and when files go."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from oavr_tui.engine.gate import Gate
from oavr_tui.engine.license_commands import POLL_SECONDS
from oavr_tui.engine.tending import Tending
from oavr_tui.errors import LicenseUnreachable
from oavr_tui.models import Job, JobState, Request, Source
from oavr_tui.models.ledger import DAY, EntryState
from tests.licenses.between import BROKEN, TOO_MANY, between, json_answer
from tests.licenses.gates import HERE, Hands, commands, gate_on, may
from tests.licenses.server import LicenseServer, license_server

CHECKOUT = "https://example.com/l/pro"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LicenseServer]:
    with license_server(tmp_path) as running:
        yield running


@pytest.fixture
def hands() -> Hands:
    """The real time, since the server has no other."""
    return Hands(time.time())


@asynccontextmanager
async def opened(gate: Gate) -> AsyncIterator[Gate]:
    await gate.open()
    try:
        yield gate
    finally:
        await gate.close()


def forget(home: Path) -> None:
    (home / "state" / "license.json").unlink()


def made(job_id: str, at: float, *, on: str = "auto", state: JobState = JobState.DONE) -> Job:
    return Job(job_id, job_id, Request("a.png", "a.wav", on=on), state, at, at, 1)


# --- Pro is what the server says, whatever else it does not say


@pytest.mark.parametrize(
    "said",
    [TOO_MANY, BROKEN, json_answer(404, b'{"valid":false,"error":"x","code":"NOT_FOUND"}')],
    ids=["429", "500", "404"],
)
async def test_what_a_check_says_holds_though_no_fact_of_the_key_can_be_had(
    server: LicenseServer, hands: Hands, tmp_path: Path, said: bytes
) -> None:
    home = tmp_path / "a"
    async with opened(gate_on(home, server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
    forget(home)
    async with between(server.url) as here:
        here.said = {"/validate": said}
        async with opened(gate_on(home, here.url, hands)) as gate:
            status = await commands(gate).refresh()
            assert (status.is_pro, status.source, status.trouble) == (True, Source.SERVER, "")
        server.kill()
        async with opened(gate_on(home, here.url, hands)) as gate:
            assert (await commands(gate).refresh()).is_pro  # by the token, which was kept


async def test_what_a_check_says_is_kept_before_the_facts_of_the_key_arrive(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    home = tmp_path / "a"
    async with opened(gate_on(home, server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
    forget(home)
    async with between(server.url) as here:
        here.late = ("/validate",)
        async with opened(gate_on(home, here.url, hands)) as gate:
            looking = asyncio.create_task(gate.look(now=True))
            await here.held.wait()
            assert gate.status.is_pro
            looking.cancel()
            await asyncio.wait([looking])
    server.kill()
    async with opened(gate_on(home, server.url, hands)) as gate:
        assert gate.status.is_pro


async def test_an_activation_is_pro_though_every_later_call_fails(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    home = tmp_path / "a"
    async with between(server.url) as here:
        here.said = {"/check": BROKEN, "/track": BROKEN, "/validate": BROKEN}
        async with opened(gate_on(home, here.url, hands)) as gate:
            status = await commands(gate).activate(server.new_key())
            assert (status.is_pro, status.devices_used, status.max_devices) == (True, 1, 3)
            assert gate.memory.token
            assert await may(gate, "one")
            assert await may(gate, "two")
            assert gate.status.is_pro
        async with opened(gate_on(home, here.url, hands)) as again:
            assert (await commands(again).refresh()).is_pro
            assert again.status.source is Source.OFFLINE


async def test_an_activation_is_pro_though_the_public_key_cannot_be_had_yet(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with between(server.url) as here:
        here.said = {"/public-key": BROKEN}
        async with opened(gate_on(tmp_path / "a", here.url, hands)) as gate:
            status = await commands(gate).activate(server.new_key())
            assert (status.is_pro, status.trouble, gate.memory.token) == (True, "", "")
            here.said = {}
            await gate.look(now=True)
            assert gate.memory.token


async def test_the_name_of_the_computer_is_told_only_where_a_person_gives_it(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    key = server.new_key()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        await commands(gate).activate(key)
        assert [one.name for one in await commands(gate).devices()] == ["unnamed"]
    async with opened(gate_on(tmp_path / "b", server.url, hands, device="d1" + "b" * 64)) as gate:
        await commands(gate).activate(key, "the blue laptop")
        assert [one.name for one in await commands(gate).devices() if one.this] == ["the blue laptop"]


# --- a reservation that nobody waits for any more


async def test_a_kill_while_a_video_is_reserved_costs_none(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    home = tmp_path / "a"
    async with between(server.url) as here:
        here.late = ("/track",)
        async with opened(gate_on(home, here.url, hands)) as gate:
            asking = asyncio.create_task(gate.reserve("lost"))
            await here.held.wait()
            asking.cancel()  # as a kill: what a gate that goes on living would do is not done
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            entry = gate.memory.entry("lost")
            assert entry is not None and entry.asked
            assert gate.held == ()
    async with opened(gate_on(home, server.url, hands)) as again:
        Tending(again, list, lambda: True)
        assert (await again.look(now=True)).used == 1  # whoever asked may still be there
        hands.move(30)
        assert (await again.look(now=True)).used == 0
        assert await may(again, "another")


async def test_what_a_job_in_the_queue_had_asked_for_is_kept(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    home, jobs = tmp_path / "a", [made("lost", hands.now, state=JobState.QUEUED)]
    async with between(server.url) as here:
        here.late = ("/track",)
        async with opened(gate_on(home, here.url, hands)) as gate:
            asking = asyncio.create_task(gate.reserve("lost"))
            await here.held.wait()
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
    hands.move(30)
    async with opened(gate_on(home, server.url, hands)) as again:
        tending = Tending(again, lambda: jobs, lambda: True)
        await tending.reconcile()
        assert (await again.look(now=True)).used == 1
        assert not await may(again, "another")
        assert await may(again, "lost")
        await again.commit("lost")
        assert (await again.look(now=True)).used == 1


async def test_a_video_that_is_given_up_while_it_is_reserved_is_given_back(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with between(server.url) as here:
        here.late = ("/track",)
        async with opened(gate_on(tmp_path / "a", here.url, hands)) as gate:
            asking = asyncio.create_task(gate.reserve("lost"))
            await here.held.wait()
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            here.go.set()
            await gate.release("lost")
            assert (await gate.look(now=True)).used == 0


async def test_what_the_server_may_hold_is_given_back_when_this_computer_says_no(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    home = tmp_path / "a"
    async with between(server.url) as here, opened(gate_on(home, here.url, hands, device="d1" + "9" * 64)) as gate:
        await gate.look(now=True)
        here.said = {"/track": BROKEN, "/check": BROKEN}
        assert await may(gate, "one")  # by the own count
        await gate.commit("one")
        hands.move(60)
        assert not await may(gate, "two")
        entry = gate.memory.entry("two")
        assert entry is None or entry.state is EntryState.RELEASE
        here.said = {}
        assert (await gate.look(now=True)).used == 1


# --- files that go


@pytest.mark.parametrize("how", ["gone", "damaged", "gone in another process"])
async def test_a_video_counts_though_its_entry_went_while_it_was_made(
    server: LicenseServer, hands: Hands, tmp_path: Path, how: str
) -> None:
    home = tmp_path / "a"
    async with opened(gate_on(home, server.url, hands)) as gate:
        assert await may(gate, "one")
        if how == "damaged":
            (home / "state" / "license.json").write_text("{")
        else:
            forget(home)
        if how != "gone in another process":
            await gate.commit("one")
    async with opened(gate_on(home, server.url, hands)) as other:
        if how == "gone in another process":
            await other.commit("one")
        assert other.memory.entry("one") is not None
    async with opened(gate_on(tmp_path / "elsewhere", server.url, Hands(hands.now + 7 * 3600))) as later:
        assert (await later.look(now=True)).used == 1
        assert not await may(later, "two")


async def test_a_full_video_of_today_without_an_entry_is_counted_at_the_next_start(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    home, jobs = (
        tmp_path / "a",
        [made("one", hands.now), made("old", hands.now - 2 * DAY), made("p", hands.now, on="preview")],
    )
    async with opened(gate_on(home, server.url, hands)) as gate:
        assert await may(gate, "one")
    forget(home)
    async with opened(gate_on(home, server.url, hands)) as again:
        await Tending(again, lambda: jobs, lambda: True).reconcile()
        assert [one.job for one in again.memory.entries] == ["one"]
        assert again.memory.entries[0].told
        assert not await may(again, "two")


async def test_what_pro_let_through_is_not_counted_later(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    home, key = tmp_path / "a", server.new_key()
    jobs = [made("by pro", hands.now), made("offline by pro", hands.now), made("given back", hands.now)]
    async with opened(gate_on(home, server.url, hands)) as gate:
        assert await may(gate, "given back")
        await gate.release("given back")
        await commands(gate).activate(key)
        assert await may(gate, "by pro")
        gate.desk.failed(LicenseUnreachable("It is away."))
        assert await may(gate, "offline by pro")
        server.own("license", "revoke", key)
        assert not (await gate.look(now=True)).is_pro
        await gate.commit("by pro")
        await Tending(gate, lambda: jobs, lambda: True).reconcile()
        assert gate.status.used == 0


async def test_a_video_of_the_demo_is_counted_by_nobody(hands: Hands, tmp_path: Path) -> None:
    gate = gate_on(tmp_path / "demo", "", hands)
    gate._rented = lambda job: job.request.on == "auto"
    async with opened(gate):
        await Tending(gate, lambda: [made("one", hands.now)], lambda: True).reconcile()
        assert gate.status.used == 0
        await Tending(gate, lambda: [made("two", hands.now, on="http://10.0.0.1:8188")], lambda: True).reconcile()
        assert gate.status.used == 1


# --- asking too often


async def test_an_open_offer_asks_once_every_five_seconds(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    gate_ = partial(gate_on, tmp_path / "a", hands=hands, checkout=CHECKOUT)
    async with between(server.url) as here, opened(gate_(url=here.url)) as gate:
        for _closed in range(3):
            await commands(gate).upgrade()
        assert len(gate.memory.claims) == 3
        began, here.asked = hands.passed, []
        assert not await commands(gate).wait_for_purchase()
        minutes = (hands.passed - began) / 60
        assert len(here.asked) <= minutes * (60 / POLL_SECONDS + 2)
        newest = gate.memory.claims[-1][0]
        assert sum(newest in one for one in here.asked) >= 0.9 * minutes * 60 / POLL_SECONDS


async def test_a_pause_that_the_server_wants_is_kept_and_is_no_outage(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with between(server.url) as here, opened(gate_on(tmp_path / "a", here.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
        await gate.look(now=True)
        here.said, here.asked = {"/check": TOO_MANY}, []
        for _look in range(5):
            status = await gate.look(now=True)
            assert (status.source, status.is_pro, status.trouble) == (Source.SERVER, True, "")
            hands.move(7)
        assert here.count("/check") == 1
        hands.move(10)
        here.said = {}
        await gate.look(now=True)
        assert here.count("/check") == 2
        here.said = {"/check": TOO_MANY}
        hands.move(DAY / 2)
        status = await gate.look(now=True)
        assert (status.source, status.is_pro) == (Source.OFFLINE, True)


# --- what is said


async def test_one_sentence_that_fits(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    refusal = json_answer(404, b'{"valid":false,"error":"License key not found","code":"NOT_FOUND"}')
    async with between(server.url) as here:
        here.said = {"/check": refusal}
        async with opened(gate_on(tmp_path / "a", here.url, hands)) as gate:
            told = (await gate.look(now=True)).trouble
            assert "key" not in told and "free meanwhile" in told
            assert told.count(". ") == 0
        here.said, here.late = {}, ("/activate",)
        async with opened(gate_on(tmp_path / "b", here.url, hands, seconds=0.3)) as gate:
            with pytest.raises(LicenseUnreachable, match="may have been done"):
                await commands(gate).activate(server.new_key())


async def test_the_end_of_pro_is_told_for_a_day_and_only_to_who_had_it(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    key = server.new_key()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        await commands(gate).activate(key)
        server.own("license", "revoke", key)
        assert "withdrawn" in (await commands(gate).refresh()).trouble
        hands.move(2 * DAY)
        assert gate.status.trouble == ""
    async with opened(gate_on(tmp_path / "b", server.url, hands, keys=("A" * 43 + "=",))) as gate:
        await gate.desk.change(lambda memory: replace(memory, pro=True, device=HERE))
        assert (await commands(gate).refresh()).trouble == ""


async def test_a_copied_home_is_told_that_its_license_can_be_moved(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    home, new = tmp_path / "a", "d1" + "c" * 64
    async with opened(gate_on(home, server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
    async with opened(gate_on(home, server.url, hands, device=new, previous=HERE)) as moved:
        told = (await commands(moved).refresh()).trouble
        assert "Move it here" in told and "not on a license" not in told
        assert (await commands(moved).move_here()).trouble == ""


async def test_a_release_that_worked_is_none_that_failed(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    key = server.new_key()
    async with opened(gate_on(tmp_path / "b", server.url, hands, device="d1" + "b" * 64)) as gate:
        await commands(gate).activate(key)
    async with between(server.url) as here, opened(gate_on(tmp_path / "a", here.url, hands)) as gate:
        await commands(gate).activate(key)
        listed = await commands(gate).devices()
        other = next(one.shown for one in listed if not one.this)
        here.late = ("/deactivate",)  # from then on the list cannot be had
        releasing = asyncio.create_task(commands(gate).release_device(other))
        await here.held.wait()
        here.said = {"/devices": BROKEN}
        here.go.set()
        assert [one.this for one in await releasing] == [True]


# --- clocks


async def test_a_clock_set_back_by_an_hour_ends_pro_without_the_server(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
        server.kill()
        hands.move(2 * 3600)
        assert (await gate.look(now=True)).is_pro
        hands.move(-300)
        assert (await gate.look(now=True)).is_pro  # a correction
        hands.move(-3600)
        status = await gate.look(now=True)
        assert not status.is_pro
        assert "Check now" in status.trouble
        server.start()
        assert (await gate.look(now=True)).is_pro


async def test_a_clock_set_back_brings_no_day_back(tmp_path: Path) -> None:
    hands = Hands(20_000 * DAY + 3600.0)
    async with opened(gate_on(tmp_path / "a", "", hands)) as gate:
        assert await may(gate, "one")
        await gate.commit("one")
        for hours in (2, 25, 49):
            hands.move(-3600 * hours)
            assert not await may(gate, f"back-{hours}")
            hands.move(3600 * hours)
        hands.move(DAY)
        await gate.desk.change()
        hands.move(-DAY)  # the new day has been seen, and its video is still there
        assert await may(gate, "two")
        assert gate.memory.entries[-1].day == 20_001


async def test_the_day_of_the_server_holds_for_what_was_made_with_the_clock_ahead(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    server.kill()
    hands.move(27 * 3600)
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        await gate.commit("one")
        hands.move(-27 * 3600)
        server.start()
        status = await gate.look(now=True)
        assert (status.used, status.limit, status.source) == (1, 1, Source.SERVER)
        assert status.resets_at - hands.now <= DAY
