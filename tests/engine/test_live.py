"""Progress across processes: everybody who listens hears it, and nobody can hold the driver up."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from oavr_tui.engine.events import Bus, JobProgressed, Notice, Subscription
from oavr_tui.engine.live import LiveFeed
from oavr_tui.models import Progress


async def until_served(file: Path) -> None:
    async with asyncio.timeout(10):
        while not file.exists():
            await asyncio.sleep(0.01)


async def heard(events: Subscription, driver: Bus, told: JobProgressed | Notice) -> object:
    """Tell until it arrives: a listener may connect a moment later than it starts."""
    async with asyncio.timeout(10):
        arriving = asyncio.create_task(events.next())
        while not arriving.done():
            driver.emit(told)
            await asyncio.sleep(0.01)
        return arriving.result()


@pytest.fixture
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("l") / "s"


async def test_progress_and_notices_arrive(file: Path) -> None:
    driver, other = Bus(), Bus()
    serving = asyncio.create_task(LiveFeed(file, driver).serve())
    await until_served(file)
    with other.listen() as events:
        hearing = asyncio.create_task(LiveFeed(file, other).hear())
        progress = JobProgressed(Progress("job", "generating", 41.5, 2.8, "part 3 of 4"))
        assert await heard(events, driver, progress) == progress
        serving.cancel()
        await asyncio.wait({hearing}, timeout=10)
        assert hearing.done()
    assert not file.exists()


async def test_a_listener_that_does_not_read_is_dropped(file: Path) -> None:
    driver = Bus()
    serving = asyncio.create_task(LiveFeed(file, driver).serve())
    await until_served(file)
    stuck = socket.socket(socket.AF_UNIX)
    stuck.connect(str(file))
    async with asyncio.timeout(30):
        for _ in range(400):
            driver.emit(Notice("x" * 10_000))
            await asyncio.sleep(0)
    assert not serving.done()
    stuck.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_nonsense_from_the_socket_is_passed_over(file: Path) -> None:
    lines = [b"nonsense\n", b"[]\n", b'{"progress": {"stage": "bogus"}}\n', b'{"notice": "good", "job_id": null}\n']

    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(lines)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(babble, file)
    bus = Bus()
    with bus.listen() as events:
        await asyncio.wait_for(LiveFeed(file, bus).hear(), 10)
        assert await asyncio.wait_for(events.next(), 5) == Notice("good")
    server.close()
    await server.wait_closed()


async def test_nobody_serves(file: Path) -> None:
    await asyncio.wait_for(LiveFeed(file, Bus()).hear(), 5)


async def test_a_path_too_long_for_a_socket_is_no_failure(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120) / "s"
    await asyncio.wait_for(LiveFeed(deep, Bus()).serve(), 5)
    await asyncio.wait_for(LiveFeed(deep, Bus()).hear(), 5)
