"""Coming back: what ended meanwhile is told once, whichever process ended it."""

from __future__ import annotations

import asyncio

import pytest

from oavr_tui.engine.away import Meanwhile
from oavr_tui.engine.engine import Engine
from oavr_tui.errors import FailureCode
from oavr_tui.models import Failure, JobState, PodState
from oavr_tui.paths import Paths
from tests.engine.account import Hands, MemoryAccount
from tests.engine.engines import engine_on
from tests.engine.yards import job, pod

FAILED = Failure(FailureCode.LOST, "It was lost.", can_retry=True)


async def some_hours(engine: Engine) -> None:
    """Two videos are finished, one fails, one is cancelled, one goes on; a studio is stopped, another stays."""
    for name, state in (
        ("a", JobState.DONE),
        ("b", JobState.DONE),
        ("c", JobState.FAILED),
        ("d", JobState.CANCELLED),
        ("e", JobState.GENERATING),
    ):
        await engine._around.sleep(60.0)
        failure = FAILED if state is JobState.FAILED else None
        made = job(name, at=engine.now(), state=JobState.FETCHING if state is JobState.DONE else JobState.QUEUED)
        await engine._queue.add(made)
        await engine._queue.move(made, state, failure=failure)
    for name, at in (("p1", PodState.STOPPED), ("p2", PodState.READY)):
        await engine.fleet.book.add(pod(name, at, engine.now(), name=f"studio-{name}", pod_id="m" + name))


async def test_what_ended_meanwhile_is_told_once(home: Paths) -> None:
    account = MemoryAccount(Hands())
    async with engine_on(home, account) as app:
        assert await app.last_seen() is None
        await app.mark_seen()
        assert await app.last_seen() == app.now()
        assert (await app.meanwhile()).sentence() == ""
    async with engine_on(home, account) as keeper:
        await some_hours(keeper)
    async with engine_on(home, account) as app:
        found = await app.meanwhile()
        assert [one.id for one in found.done] == ["a", "b"]
        assert [one.id for one in found.failed] == ["c"]
        assert [one.id for one in found.stopped_pods] == ["p1"]
        assert found.sentence() == "2 videos finished, 1 failed and 1 studio was stopped while you were away."
        await app.mark_seen()
        assert (await app.meanwhile()).sentence() == ""


async def test_the_first_time_nothing_is_told(home: Paths) -> None:
    async with engine_on(home) as engine:
        await some_hours(engine)
        assert await engine.meanwhile() == Meanwhile()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"seen_at": "yesterday"}', '{"seen_at": true}', '{"other": 1}'])
async def test_a_broken_file_is_as_good_as_none(home: Paths, content: str) -> None:
    async with engine_on(home) as engine:
        home.seen_file.write_text(content)
        assert await engine.last_seen() is None
        await engine.mark_seen()
        assert await engine.last_seen() == engine.now()


def test_the_sentence() -> None:
    one, studio = job("a"), pod("p", PodState.GONE, 1.0)
    assert Meanwhile(1.0, done=(one,)).sentence() == "title-a finished while you were away."
    paid = job("a", cost=0.0123)
    assert Meanwhile(1.0, done=(paid,)).sentence() == "title-a (about $0.01) finished while you were away."
    assert Meanwhile(1.0, failed=(one, one)).sentence() == "2 videos failed while you were away."
    both = Meanwhile(1.0, done=(one,), stopped_pods=(studio, studio))
    assert both.sentence() == "title-a finished and 2 studios were stopped while you were away."


async def test_marks_at_the_same_moment_do_not_get_in_each_others_way(home: Paths) -> None:
    async with engine_on(home, MemoryAccount(Hands())) as app:
        await asyncio.gather(*(app.mark_seen() for _ in range(50)))
        assert await app.last_seen() == app.now()
    assert [file.name for file in home.seen_file.parent.glob("*.new")] == []


async def test_where_it_cannot_be_written_nothing_breaks(home: Paths) -> None:
    async with engine_on(home, MemoryAccount(Hands())) as app:
        home.seen_file.mkdir(parents=True)
        await app.mark_seen()
        assert await app.last_seen() is None
    assert [file.name for file in home.seen_file.parent.glob("*.new")] == []
