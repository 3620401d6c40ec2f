"""Programs that are ended at the worst moment, with the real license server: nobody loses a video, nobody gets two."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from oavr_tui.clients.device import find_device
from oavr_tui.clients.license_api import LicenseApi
from oavr_tui.models.ledger import EntryState, LicenseMemory
from oavr_tui.paths import Paths
from tests.licenses.between import between
from tests.licenses.gates import Hands, gate_on
from tests.licenses.server import LicenseServer, license_server
from tests.programs import command, oavr, simulator
from tests.samples import portrait, voice

PATIENCE = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LicenseServer]:
    with license_server(tmp_path) as running:
        yield running


def wish(on: str) -> tuple[str, ...]:
    files = ("--image", str(portrait()), "--audio", str(voice()))
    return ("generate", *files, "--on", on, "--max-seconds", "1", "--json")


@asynccontextmanager
async def started(home: Path, url: str, on: str) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, "OAVR_HOME": str(home), "OAVR_LICENSE_URL": url}
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command(*wish(on)), env=env, stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def held(home: Path, url: str) -> int:
    """How many videos the server counts for the device of this home."""
    api = LicenseApi(url)
    try:
        return (await api.check(find_device(Paths.under(home)).fingerprint)).used
    finally:
        await api.close()


async def looked(home: Path, url: str, later: float) -> LicenseMemory:
    """What is remembered in this home after a look, so many seconds later."""
    device = find_device(Paths.under(home))
    gate = gate_on(home, url, Hands(time.time() + later), device=device.own, given=device.fingerprint)
    await gate.open()
    try:
        await gate.look(now=True)
        return gate.memory
    finally:
        await gate.close()


@pytest.mark.parametrize(("number", "later"), [(signal.SIGKILL, 30.0), (signal.SIGINT, 0.0)])
async def test_who_goes_while_a_video_is_reserved_has_lost_none(
    server: LicenseServer, tmp_path: Path, number: signal.Signals, later: float
) -> None:
    home = tmp_path / "home"
    async with between(server.url) as here, started(home, here.url, "http://127.0.0.1:9") as process:
        here.late = ("/track",)
        async with asyncio.timeout(PATIENCE):
            await here.held.wait()
            here.late = ()  # only that answer never comes
            assert await held(home, server.url) == 1
            process.send_signal(number)
            await process.wait()
        await looked(home, server.url, later)
        assert await held(home, server.url) == 0


@pytest.mark.full
async def test_a_video_counts_though_the_file_went_while_it_was_made(server: LicenseServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with simulator(tmp_path / "comfy") as comfy:
        async with between(server.url) as here, started(home, here.url, comfy.url) as process:
            here.late = ("/track",)
            async with asyncio.timeout(PATIENCE):
                await here.held.wait()
                (home / "state" / "license.json").unlink()
                here.late = ()
                here.go.set()
                assert await process.wait() == 0
        assert oavr(*wish(comfy.url), home=home, env=server.environ).code == 3
    counted = [(one.state, one.told) for one in (await looked(home, server.url, 0.0)).entries]
    assert counted == [(EntryState.COMMIT, True)]
