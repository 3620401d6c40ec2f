"""A live simulator of either generation, with the files that the recordings refer to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.node_info import Generation
from tests.contract.wire import Recorded, png, wav, with_ids

DEADLINE = 30.0
PICTURE, VOICE = "a_70212e.png", "s_70212e.wav"


@dataclass
class Server:
    """A running simulator and an HTTP client of it. ids: recorded prompt ids to those of this run."""

    simulator: ComfySimulator
    http: httpx.AsyncClient
    generation: Generation
    ids: dict[str, str] = field(default_factory=dict)

    async def replay(self, recorded: Recorded) -> httpx.Response:
        """Send one recorded request as it was, with this run's prompt ids."""
        target = with_ids(recorded.target, self.ids)
        headers = {
            k: v.replace("127.0.0.1:18189", self.http.base_url.netloc.decode()) for k, v in recorded.headers.items()
        }
        if isinstance(recorded.body, str):
            content: bytes | None = recorded.body.encode()
        else:
            content = None if recorded.body is None else json.dumps(with_ids(recorded.body, self.ids)).encode()
        response = await self.http.request(recorded.method, target, headers=headers, content=content)
        if isinstance(recorded.answer, dict) and "prompt_id" in recorded.answer and response.status_code == 200:
            self.ids[recorded.answer["prompt_id"]] = response.json()["prompt_id"]
        return response

    @asynccontextmanager
    async def socket(self, client_id: str | None = None) -> AsyncIterator[ClientConnection]:
        """A WebSocket of this client."""
        address = self.simulator.base_url.replace("http", "ws", 1) + "/ws"
        if client_id is not None:
            address += f"?clientId={client_id}"
        async with connect(address, proxy=None, max_size=1 << 24) as socket:
            yield socket

    async def post(self, graph: dict[str, Any], **more: Any) -> str:
        """Submit a graph and return its prompt id."""
        response = await self.http.post("/prompt", json={"prompt": graph, **more})
        assert response.status_code == 200, response.text
        prompt_id: str = response.json()["prompt_id"]
        return prompt_id


@pytest.fixture(params=["new", "old"])
def generation(request: pytest.FixtureRequest) -> Generation:
    value: Generation = request.param
    return value


@pytest.fixture
async def server(tmp_path: Path, generation: Generation) -> AsyncIterator[Server]:
    async with (
        ComfySimulator(tmp_path / "server", generation=generation, vram=0) as simulator,
        httpx.AsyncClient(base_url=simulator.base_url, trust_env=False, timeout=DEADLINE) as http,
    ):
        yield Server(simulator, http, generation)


@pytest.fixture
async def ready(server: Server, tmp_path: Path) -> Server:
    """The server with the picture and the voice that the recorded graphs name."""
    folder = tmp_path / "server" / "input"
    (folder / PICTURE).write_bytes(png())
    (folder / VOICE).write_bytes(wav())
    (folder / "bad_audio.wav").write_bytes(b"not a recording at all")
    (folder / "bad_img.png").write_bytes(b"not a picture at all")
    return server
