"""The outbox: done once, by one of several workers; later again when it fails; aside when it fails for good."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from license_server.kv.interface import Put
from license_server.outbox import (
    FIRST_WAIT,
    HELD_FOR,
    LONGEST_WAIT,
    MOST_TRIES,
    Later,
    Never,
    Task,
    Then,
    Worker,
    due,
    fail,
    finish,
    put_in,
    take,
    wait,
)
from tests.license_server.stores import World, ops, world


def worker(here: World, do: Callable[[Task], Awaitable[Then | None]], holder: str = "one") -> Worker:
    return Worker(here.store, lambda: here.now, holder, {"mail": do})


def test_what_is_done_changes_what_it_should_and_is_gone() -> None:
    async def do(task: Task) -> Then:
        return lambda: ops(Put("meta", task.of, b"done"))

    with world() as here:
        here.do(put_in("mail", "a/b", here.now))
        here.do(put_in("other", "c", here.now))
        working = worker(here, do)
        assert here.runner.run(working.round("mail")) == 1
        assert here.runner.run(working.round("mail")) == 0
        assert here.rows("meta") == {"a/b": b"done"} and list(here.rows("outbox")) == ["other/c"]
        assert working.done == {"mail": 1}


def test_several_workers_do_each_task_once() -> None:
    did: list[str] = []

    async def do(task: Task) -> None:
        did.append(task.of)

    with world() as here:
        for n in range(30):
            here.do(put_in("mail", f"{n:02}", here.now))
        workers = [worker(here, do, holder) for holder in "abc"]

        async def all_of_them() -> list[int]:
            import asyncio

            return await asyncio.gather(*(working.round("mail") for working in workers))

        assert sum(here.runner.run(all_of_them())) == 30
        assert sorted(did) == [f"{n:02}" for n in range(30)]
        assert here.rows("outbox") == {}


def test_a_worker_that_died_is_followed_by_another_and_cannot_undo_what_that_did() -> None:
    with world() as here:
        here.do(put_in("mail", "a", here.now))
        first = here.do(take("mail/a", "dead", here.now))
        assert first is not None
        assert here.do(take("mail/a", "other", here.now)) is None and here.look(due("mail", here.now)) == []
        here.now += HELD_FOR
        second = here.do(take("mail/a", "other", here.now))
        assert second is not None
        assert here.do(finish(first, lambda: ops(Put("meta", "x", b"1")))) is False
        assert here.do(fail(first, "late", True, here.now)) is False
        assert here.rows("meta") == {} and len(here.rows("outbox")) == 1 and here.rows("aside") == {}
        assert here.do(finish(second, None)) is True


def test_what_fails_is_tried_later_and_later_then_put_aside() -> None:
    async def do(task: Task) -> None:
        raise ConnectionResetError("a word about somebody@example.com")

    with world() as here:
        here.do(put_in("mail", "a", here.now))
        working = worker(here, do)
        begun, tried = here.now, 0
        while here.rows("outbox"):
            assert here.runner.run(working.round("mail")) == 1
            tried += 1
            here.now += wait(tried) - 0.5
            assert here.runner.run(working.round("mail")) == 0, "not before its time"
            here.now += 0.5
        assert tried == MOST_TRIES and working.failed == {"mail": MOST_TRIES} and working.aside == {"mail": 1}
        assert here.now - begun > 86_400
        aside = json.loads(here.rows("aside")["mail/a"])
        assert aside["reason"] == "ConnectionResetError", "what others say may hold an address"


@pytest.mark.parametrize(("error", "aside"), [(Later("busy"), 0), (Never("no such box"), 1)])
def test_what_fails_for_good_is_put_aside_at_once(error: Exception, aside: int) -> None:
    async def do(task: Task) -> None:
        raise error

    with world() as here:
        here.do(put_in("mail", "a", here.now))
        here.runner.run(worker(here, do).round("mail"))
        assert len(here.rows("aside")) == aside and len(here.rows("outbox")) == 1 - aside


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"{}", b'{"since": "x", "next": 1, "tries": 1}', b"\xff"])
def test_a_record_that_cannot_be_read_is_put_aside_and_the_rest_goes_on(value: bytes) -> None:
    did: list[str] = []

    async def do(task: Task) -> None:
        did.append(task.of)

    with world() as here:
        here.do(ops(Put("outbox", "mail/a", value)))
        here.do(put_in("mail", "b", here.now))
        here.runner.run(worker(here, do).round("mail"))
        assert did == ["b"] and here.rows("outbox") == {} and list(here.rows("aside")) == ["mail/a"]


def test_many_that_wait_do_not_hide_what_is_due() -> None:
    with world() as here:
        here.do(
            ops(*(Put("outbox", f"mail/{n:03}", Task("mail", "", 0, here.now + 60).to_bytes()) for n in range(250)))
        )
        here.do(put_in("mail", "zzz", here.now))
        assert here.look(due("mail", here.now)) == ["mail/zzz"]


def test_waits_grow_and_end_growing() -> None:
    waits = [wait(tries) for tries in range(1, 60)]
    assert waits[0] == FIRST_WAIT and waits == sorted(waits) and waits[-1] == LONGEST_WAIT
