"""A simulated server in this process, and the InfiniteTalk graph made small."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.faults import Faults
from tests.contract.wire import png, wav

DEADLINE = 60.0
SIDE = 128
_GRAPH = json.loads((Path(__file__).parents[1] / "data" / "wire" / "infinitetalk_graph.json").read_text("utf-8"))


def talking_graph(*, seed: int = 2, trim: bool = True, num_frames: int = 250, steps: int = 2) -> dict[str, Any]:
    """The recorded InfiniteTalk graph with our picture and voice, and a size that renders fast."""
    graph: dict[str, Any] = copy.deepcopy(_GRAPH)
    graph["313"]["inputs"]["image"] = "face.png"
    graph["125"]["inputs"]["audio"] = "voice.wav"
    graph["281"]["inputs"] |= {"width": SIDE, "height": SIDE}
    graph["194"]["inputs"]["num_frames"] = num_frames
    graph["128"]["inputs"] |= {"seed": seed, "steps": steps}
    graph["317"]["inputs"]["trim_to_audio"] = trim
    return graph


def still_graph(*, seconds: float = 0.0, prefix: str = "still") -> dict[str, Any]:
    """A graph of ComfyUI's own nodes: a still video, after a pause that can be interrupted."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "face.png"}},
        "3": {"class_type": "RepeatImageBatch", "inputs": {"image": ["1", 0], "amount": 5}},
        "6": {"class_type": "TestSleep", "inputs": {"value": ["3", 0], "seconds": seconds}},
        "4": {"class_type": "CreateVideo", "inputs": {"images": ["6", 0], "fps": 10}},
        "5": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["4", 0], "filename_prefix": prefix, "format": "auto", "codec": "auto"},
        },
    }


@dataclass
class Live:
    """A running simulator, its folder, and a client."""

    simulator: ComfySimulator
    folder: Path
    http: httpx.AsyncClient

    async def post(self, graph: dict[str, Any], **more: Any) -> str:
        response = await self.http.post("/prompt", json={"prompt": graph, **more})
        assert response.status_code == 200, response.text
        assert response.json()["node_errors"] == {}
        prompt_id: str = response.json()["prompt_id"]
        return prompt_id

    async def ended(self, prompt_id: str) -> dict[str, Any]:
        """The history entry, once it is there."""
        found: dict[str, Any] = {}
        async with asyncio.timeout(DEADLINE):
            while not found:
                found = (await self.http.get(f"/history/{prompt_id}")).json()
                await asyncio.sleep(0.01)
        entry: dict[str, Any] = found[prompt_id]
        return entry

    async def runs(self) -> None:
        """Wait until a prompt runs."""
        await self.until(lambda: self.simulator.core.queue.running is not None)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds in the simulator."""
        end = time.monotonic() + DEADLINE
        while not holds():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)

    def socket(self, client_id: str = "tester") -> AbstractAsyncContextManager[ClientConnection]:
        return connect(f"{self.simulator.base_url.replace('http', 'ws', 1)}/ws?clientId={client_id}", proxy=None)

    def script(self, *entries: dict[str, Any]) -> None:
        """Replace the fault script."""
        self.simulator.core.faults.replace(Faults.from_json(json.dumps(entries)))


Start = Callable[..., AbstractAsyncContextManager[Live]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a simulator with any options; its input folder has face.png and voice.wav (2 s)."""

    @asynccontextmanager
    async def started(**options: Any) -> AsyncIterator[Live]:
        folder = tmp_path / "server"
        (folder / "input").mkdir(parents=True, exist_ok=True)
        (folder / "input" / "face.png").write_bytes(png())
        (folder / "input" / "voice.wav").write_bytes(wav(2.0))
        async with (
            ComfySimulator(folder, **options) as simulator,
            httpx.AsyncClient(base_url=simulator.base_url, trust_env=False, timeout=DEADLINE) as http,
        ):
            yield Live(simulator, folder, http)

    return started


@pytest.fixture
async def live(start: Start) -> AsyncIterator[Live]:
    async with start() as live:
        yield live
