"""A seat: work is done as long as its pod is there, and broken off in the moment in which it is not."""

from __future__ import annotations

import asyncio

import pytest

from oavr_tui.engine.seats import PodLost, Seat
from oavr_tui.errors import BadInput, Lost, Unreachable
from oavr_tui.models import Pod, PodState
from tests.engine.yards import pod

POD = pod("p1", PodState.READY, 1.0)


def seat(*, lost: bool | None = None) -> Seat:
    """lost: what the provider says of the pod; None where nobody can be asked."""

    async def is_lost(asked: Pod) -> bool:
        assert asked == POD
        assert lost is not None
        return lost

    return Seat("studio-1", "http://127.0.0.1:9", None, POD, None if lost is None else is_lost)


async def done() -> str:
    return "video"


async def fails(error: Exception) -> str:
    raise error


async def test_what_the_work_brings_is_returned_and_nothing_stays_behind() -> None:
    before = asyncio.all_tasks()
    assert await seat().hold(done()) == "video"
    assert asyncio.all_tasks() == before


async def test_a_pod_that_vanishes_breaks_the_work_off() -> None:
    here, broken_off = seat(), asyncio.Event()
    begun = asyncio.Event()

    async def long_work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    async def vanish() -> None:
        await begun.wait()
        here.lost.set()

    async with asyncio.timeout(30):
        vanishing = asyncio.create_task(vanish())
        with pytest.raises(PodLost, match="studio-1 does not run any more"):
            await here.hold(long_work())
        await vanishing
    assert broken_off.is_set()


async def test_work_that_was_done_in_that_very_moment_counts() -> None:
    here = seat()
    here.lost.set()
    assert await here.hold(done()) == "video"
    with pytest.raises(PodLost):
        await here.hold(asyncio.sleep(3600, "too late"))


@pytest.mark.parametrize("error", [Unreachable("It does not answer."), Lost("It knows nothing of it.")])
async def test_a_server_that_fails_is_asked_about_at_the_provider(error: Exception) -> None:
    with pytest.raises(PodLost):
        await seat(lost=True).hold(fails(error))
    for here in (seat(lost=False), seat(), Seat("address", "http://127.0.0.1:9")):
        with pytest.raises(type(error)) as raised:
            await here.hold(fails(error))
        assert raised.value is error


async def test_other_failures_are_nobodys_business_but_the_jobs() -> None:
    with pytest.raises(BadInput):
        await seat(lost=True).hold(fails(BadInput("It is no picture.")))


async def test_cancelling_ends_the_work_before_it_is_passed_on() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long_work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    holding = asyncio.create_task(seat().hold(long_work()))
    await begun.wait()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert ended.is_set()
