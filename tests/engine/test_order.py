"""The order of the waiting jobs: a person moves one, it is kept, and whoever hands out places obeys."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.engine.dispatch import Desk, Lane
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.line import is_waiting, moved
from oavr_tui.errors import BadInput, FailureCode
from oavr_tui.models import Failure, Job, JobState, Pod, PodState
from oavr_tui.paths import Paths
from tests.engine.yards import job, pod


def line(jobs: list[Job]) -> list[str]:
    return [one.id for one in sorted(jobs, key=lambda one: one.turn)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_moving_one_changes_nothing_else_in_the_line(times: list[int], data: st.DataObject) -> None:
    jobs = {f"j{number}": job(f"j{number}", at=float(1000 + at)) for number, at in enumerate(times)}
    for _move in range(4):
        before = line(list(jobs.values()))
        name, by = data.draw(st.sampled_from(before)), data.draw(st.integers(-9, 9))
        places = moved([jobs[one] for one in before], name, by)
        jobs = {one.id: replace(one, order=places.get(one.id, one.order)) for one in jobs.values()}
        expected = list(before)
        expected.insert(min(max(before.index(name) + by, 0), len(before) - 1), expected.pop(before.index(name)))
        assert line(list(jobs.values())) == expected


def test_what_waits_can_be_moved_and_what_has_its_place_cannot() -> None:
    assert is_waiting(job("a"))
    assert is_waiting(job("a", state=JobState.STARTING))
    assert is_waiting(job("a", on="preview", state=JobState.CHECKING))
    assert not is_waiting(job("a", state=JobState.STARTING, pod="p1"))
    assert not is_waiting(job("a", on="http://127.0.0.1:8188", state=JobState.STARTING))
    assert not is_waiting(job("a", cancel_asked=True))
    assert not any(is_waiting(job("a", state=state)) for state in (JobState.GENERATING, JobState.DONE))


async def three(engine: Engine) -> None:
    for name, at in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        await engine._queue.add(job(name, at=at))


async def test_a_move_is_kept_and_seen_by_other_processes(home: Paths) -> None:
    async with Engine(home) as engine, Engine(home) as other:
        await three(engine)
        assert await engine.reorder("c", -1)
        assert [one.id for one in engine.jobs()] == ["a", "c", "b"]
        assert await engine.reorder("c", -5)
        assert not await engine.reorder("c", -1)
        await other.refresh()
        assert [one.id for one in other.jobs()] == ["c", "a", "b"]
    async with Engine(home) as again:
        assert [one.id for one in again.jobs()] == ["c", "a", "b"]


async def test_going_to_the_front_of_many(home: Paths) -> None:
    async with Engine(home) as engine:
        for number in range(30):
            await engine._queue.add(job(f"j{number:02}", at=1.0))
        assert await engine.reorder("j29", -29)
        assert [one.id for one in engine.jobs()][:2] == ["j29", "j00"]
        kept = await engine._store.do(lambda store: store.jobs())
        assert sorted(kept, key=lambda one: one.turn) == engine.jobs()


async def test_what_is_being_made_or_has_ended_is_not_moved(home: Paths) -> None:
    async with Engine(home) as engine:
        await three(engine)
        await engine._queue.move(job("a"), JobState.GENERATING)
        await engine._queue.move(job("b"), JobState.CANCELLED)
        for name, reason in (("a", "being made already"), ("b", "has ended"), ("x", "no job x")):
            with pytest.raises(BadInput, match=reason):
                await engine.reorder(name, 1)
        assert not await engine.reorder("c", -1)  # it waits alone


async def test_clearing_keeps_what_is_under_way_and_what_may_still_be_brought_home(home: Paths) -> None:
    async with Engine(home) as engine:
        await three(engine)
        unreachable = Failure(FailureCode.UNREACHABLE, "It did not answer.", can_retry=True)
        await engine._queue.add(job("d", sent=True, state=JobState.FAILED, failure=unreachable))
        await engine._queue.add(job("e", state=JobState.FAILED, failure=unreachable))
        await engine._queue.move(job("a"), JobState.CANCELLED)
        assert await engine.clear_finished() == 2
        assert {one.id for one in engine.jobs()} == {"b", "c", "d"}


def test_the_desk_obeys() -> None:
    desk, machine = Desk(), pod("p0", PodState.READY, 1.0)
    first, second = desk.ask(job("a", at=1.0), ""), desk.ask(job("b", at=2.0), "")
    desk.put_in_order({"b": (0.5, "b")})
    desk.settle([machine], [machine])
    assert first.news.empty()
    assert isinstance(second.news.get_nowait(), Pod)


async def test_a_lane_lets_in_whose_turn_it_is_when_it_is_free() -> None:
    turns = {"a": (1.0, "a"), "b": (2.0, "b"), "c": (3.0, "c")}
    lane, entered = Lane(turns.__getitem__), list[str]()
    leave = asyncio.Event()

    async def stay(name: str) -> None:
        async with lane.mine(name):
            entered.append(name)
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for name in turns:
            group.create_task(stay(name))
        await asyncio.sleep(0)
        assert entered == ["a"]
        turns["c"] = (0.0, "c")
        leave.set()
    assert entered == ["a", "c", "b"]


async def test_who_gives_up_in_a_lane_holds_nobody_up() -> None:
    lane, entered = Lane(lambda name: (0.0, name)), list[str]()

    async def stay(name: str) -> None:
        async with lane.mine(name):
            entered.append(name)

    async with lane.mine("a"):
        second, third, last = (asyncio.create_task(stay(name)) for name in "bcd")
        await asyncio.sleep(0)
        third.cancel()
    second.cancel()  # it was given the place just now, and has not noticed yet
    await asyncio.wait_for(last, 30)
    await asyncio.gather(second, third, return_exceptions=True)
    assert entered == ["d"]
    await asyncio.wait_for(stay("e"), 30)
    assert entered == ["d", "e"]
