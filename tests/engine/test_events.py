"""The bus: everybody hears everything in order, and a slow listener never piles up progress."""

from __future__ import annotations

import asyncio

from oavr_tui.engine.events import Bus, JobProgressed, Notice
from oavr_tui.models import Progress


def progress(job_id: str, percent: float) -> JobProgressed:
    return JobProgressed(Progress(job_id, "generating", percent))


async def test_all_listeners_hear_in_order() -> None:
    bus = Bus()
    with bus.listen() as first, bus.listen() as second:
        bus.emit(Notice("one"))
        bus.emit(Notice("two"))
        for listener in (first, second):
            assert [await listener.next(), await listener.next()] == [Notice("one"), Notice("two")]


async def test_unread_progress_of_the_same_job_is_replaced() -> None:
    bus = Bus()
    with bus.listen() as listener:
        for percent in range(1000):
            bus.emit(progress("a", percent))
        bus.emit(progress("b", 1.0))
        bus.emit(Notice("end"))
        heard = [await listener.next() for _ in range(3)]
    assert heard == [progress("a", 999), progress("b", 1.0), Notice("end")]


async def test_waiting_for_an_event_that_comes_later() -> None:
    bus = Bus()
    with bus.listen() as listener:
        waiting = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        bus.emit(Notice("late"))
        assert await asyncio.wait_for(waiting, 5) == Notice("late")


async def test_nobody_listens_after_leaving() -> None:
    bus = Bus()
    with bus.listen() as listener:
        pass
    bus.emit(Notice("unheard"))
    waiting = asyncio.create_task(listener.next())
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    waiting.cancel()
