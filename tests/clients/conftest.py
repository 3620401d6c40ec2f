"""A scripted server of either generation, and a client with short pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from oavr_tui.clients.comfyui import ComfyUI
from tests.clients.scripted import FAST, Scripted, running


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with running(Scripted()) as scripted:
        yield scripted


@pytest.fixture(params=["old", "new"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Scripted]:
    async with running(Scripted(new=request.param == "new")) as scripted:
        yield scripted


@pytest.fixture
async def comfy(server: Scripted) -> AsyncIterator[ComfyUI]:
    async with ComfyUI(server.base, client_id="c1", timings=FAST) as client:
        yield client


@pytest.fixture
async def comfy_either(either: Scripted) -> AsyncIterator[ComfyUI]:
    async with ComfyUI(either.base, client_id="c1", timings=FAST) as client:
        yield client
