"""Money: what is spent, what runs, and what the next video will take, also when the account says nothing."""

from __future__ import annotations

import pytest

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.spending import spending_of
from oavr_tui.errors import NoKey
from oavr_tui.models import AUTO, PREVIEW, Pod, PodKind, PodState, Quality
from oavr_tui.paths import Paths
from oavr_tui.pods.provider import Account
from tests.engine.account import OFFERS, Hands, MemoryAccount
from tests.engine.engines import engine_on
from tests.engine.yards import job, pod

GPU = OFFERS[0].gpu
MIDNIGHT = 1_800_000_000.0 // 86400 * 86400


async def spent_an_hour(engine: Engine, hands: Hands) -> None:
    """Two hours around midnight at $0.36/h, then half an hour of another one that still runs at $0.60/h."""
    hands.now = MIDNIGHT - 3600
    first = await engine.fleet.book.add(
        pod("p1", PodState.READY, hands.now, pod_id="m1", gpu=GPU, per_hour=0.36, storage_per_hour=0.01)
    )
    hands.now = MIDNIGHT + 3600
    await engine.fleet.book.move(first, PodState.STOPPING)
    await engine.fleet.book.move(remembered(engine, "p1"), PodState.STOPPED)
    await engine.fleet.book.add(
        pod("p2", PodState.READY, hands.now, name="studio-2", pod_id="m2", gpu=GPU, per_hour=0.6)
    )
    hands.now += 1800


def remembered(engine: Engine, pod_id: str) -> Pod:
    found = engine.fleet.book.get(pod_id)
    assert found is not None
    return found


async def test_what_is_spent(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as engine:
        await spent_an_hour(engine, account.hands)
        await engine._queue.add(job("j1", cost=0.25))
        told = await engine.spending()
        assert told.per_hour_now == pytest.approx(0.6)
        assert told.storage_per_hour == pytest.approx(0.01)
        assert told.today == pytest.approx(0.36 + 0.30 + 0.005, abs=0.001)
        assert told.month == pytest.approx(0.72 + 0.30 + 0.005, abs=0.001)
        assert dict(told.per_pod) == pytest.approx({"studio-1": 0.725, "studio-2": 0.3}, abs=0.001)
        assert told.per_job == (("j1", 0.25),)
        assert (told.balance, told.day_cap) == (20.0, 5.0)
        assert told.runway_seconds == pytest.approx(20.0 / 0.6 * 3600)  # the account has not heard of it yet


@pytest.mark.parametrize(("state", "lasts"), [(PodState.READY, 20.0 / 0.4 * 3600), (PodState.STOPPED, None)])
def test_what_the_account_said_a_moment_ago_counts_only_while_something_runs(
    state: PodState, lasts: float | None
) -> None:
    studio = pod("p1", state, 1.0, per_hour=0.34)
    told = spending_of([studio], [], [], Account(balance=20.0, per_hour=0.4), 5.0, 2.0)
    assert told.runway_seconds == lasts


async def test_a_balance_that_is_not_told_takes_nothing_else_away(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account, key=None) as engine:
        await spent_an_hour(engine, account.hands)
        told = await engine.spending()
        assert (told.balance, told.note) == (None, "")
        assert told.today > 0
        assert not account.calls


async def test_what_runs_is_told_without_asking_anybody(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as engine:
        assert engine.running_cost() is None
        await spent_an_hour(engine, account.hands)
        running = engine.running_cost()
        assert running is not None
        assert (running.per_hour, running.since, running.number) == (0.6, MIDNIGHT + 3600, 1)
        assert running.spent == pytest.approx(0.3)
        asleep, awake = (engine.pod_cost(remembered(engine, name)) for name in ("p1", "p2"))
        assert (asleep.per_hour, asleep.uptime(engine.now())) == (0.01, 0.0)
        assert (awake.per_hour, awake.uptime(engine.now())) == (0.6, 1800.0)
        assert awake.spent == pytest.approx(0.3)
        assert not account.calls


async def test_another_process_sees_what_is_paid(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as engine, engine_on(home, account) as other:
        await spent_an_hour(engine, account.hands)
        await other.refresh()
        assert other.running_cost() == engine.running_cost()


async def test_before_anything_is_known_a_guess_is_told_without_a_price(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account, key=None) as engine:
        told = await engine.quick_estimate(AUTO, 20.0, Quality.STANDARD)
        assert told is not None
        assert (told.brief, told.dollars, told.learned) == ("usually 8-20 minutes the first time", 0.0, False)
        assert not account.calls
        with pytest.raises(NoKey):
            await engine.estimate(AUTO, 20.0, Quality.STANDARD)


async def test_prices_are_asked_for_once_a_minute_and_then_known_at_once(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as engine:
        asked = await engine.estimate(AUTO, 20.0, Quality.STANDARD)
        assert asked is not None
        assert asked.gpu_name == "RTX 4090"
        assert asked.per_hour == 0.34
        assert asked.brief.startswith("usually 8-20 minutes the first time · roughly $0.")
        assert await engine.estimate(AUTO, 20.0, Quality.STANDARD) == asked
        assert await engine.quick_estimate(AUTO, 20.0, Quality.STANDARD) == asked
        assert len(account.asked("offers")) == 1
        account.hands.now += 61
        await engine.estimate(AUTO, 20.0, Quality.STANDARD)
        assert len(account.asked("offers")) == 2


async def test_what_was_learned_is_told(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as engine:
        await engine.fleet.book.measured("start", GPU, 480.0)
        await engine.fleet.book.measured("window", GPU, 40.0)
        await engine.estimate(AUTO, 18.0, Quality.STANDARD)
        told = await engine.quick_estimate(AUTO, 18.0, Quality.STANDARD)
        assert told is not None
        assert told.learned
        assert told.brief == "about 13 min this time (starting 8, making 5) · about $0.07"


async def test_a_studio_that_is_there_needs_no_start_and_no_question(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account, key=None) as engine:
        await engine.fleet.book.add(pod("p1", PodState.READY, engine.now(), pod_id="m1", gpu=GPU, per_hour=0.4))
        told = await engine.estimate("studio-1", 20.0, Quality.DRAFT)
        assert told is not None
        assert (told.start_seconds, told.per_hour) == (0.0, 0.4)


async def test_the_price_of_the_last_one_does_until_there_is_a_newer(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine.fleet.book.add(pod("p1", PodState.GONE, engine.now(), pod_id="m1", gpu=GPU, per_hour=0.4))
        told = await engine.quick_estimate(AUTO, 20.0, Quality.STANDARD)
        assert told is not None
        assert told.per_hour == 0.4


async def test_what_costs_nothing_has_no_estimate(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine.fleet.book.add(pod("p1", PodState.READY, engine.now(), name="box", kind=PodKind.ADDRESS))
        for on in (PREVIEW, "http://127.0.0.1:8188", "box"):
            assert await engine.estimate(on, 20.0, Quality.STANDARD) is None
            assert await engine.quick_estimate(on, 20.0, Quality.STANDARD) is None


async def test_a_studio_on_its_way_is_reckoned_with_as_it_is(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as engine:
        await engine.fleet.book.measured("start", GPU, 480.0)
        coming = pod("p1", PodState.FETCHING, engine.now(), pod_id="m1", gpu=GPU, per_hour=0.4)
        await engine.fleet.book.add(coming)
        told = await engine.estimate(AUTO, 20.0, Quality.STANDARD)
        assert told is not None
        assert (told.start_seconds, told.per_hour) == (480.0, 0.4)
        assert not account.calls
