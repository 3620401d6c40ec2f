"""A simulated pod from being switched on to being deleted, and a video made through its proxy."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from websockets.asyncio.client import connect

from oavr_tui.clients.comfyui import ComfyUI, choose_video
from tests.clients.scripted import FAST
from tests.contract.wire import png, wav
from tests.simulator.conftest import talking_graph
from tests.simulator.pods import FILES, a_pod


async def test_it_starts_in_order(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        assert pod.machine.log_text.splitlines()[:9] == [
            "--- [SYSTEM] Container Started ---",
            "--- [PROCESS] Starting Wan 2.1 Setup ---",
            *(line for name in FILES for line in (f"🚀 [STARTING] {name}", f"🎉 [COMPLETE] {name}")),
            "--- [SYSTEM] Starting ComfyUI ---",
        ]
        stats = (await pod.get(8188, "/system_stats")).json()
        assert stats["system"]["comfyui_version"] == "0.33.0"


async def test_a_video_through_the_proxy(tmp_path: Path) -> None:
    picture, voice, target = tmp_path / "face.png", tmp_path / "voice.wav", tmp_path / "video.mp4"
    picture.write_bytes(png())
    voice.write_bytes(wav(2.0))
    async with a_pod(tmp_path / "pod") as pod:
        await pod.up()
        async with ComfyUI(pod.url(8188), client_id="me", timings=FAST) as comfy:
            for path in (picture, voice):
                await comfy.upload(path, name=path.name, subfolder="job")
            graph = talking_graph()
            graph["313"]["inputs"]["image"] = "job/face.png"
            graph["125"]["inputs"]["audio"] = "job/voice.wav"
            prompt_id = str(uuid.uuid4())
            await comfy.submit(graph, prompt_id)
            output = choose_video(await comfy.follow(prompt_id))
            assert output is not None
            await comfy.fetch(output, target)
        assert (
            target.read_bytes()
            == (tmp_path / "pod" / "container" / "comfyui" / "output" / output.subfolder / output.filename).read_bytes()
        )
        await pod.logged("Prompt executed in")


async def test_a_socket_through_the_proxy(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        async with connect(pod.url(8188, "/ws?clientId=me").replace("http", "ws", 1), proxy=None) as socket:
            hello = json.loads(await socket.recv())
            assert hello["data"]["sid"] == "me"
            await (await socket.ping())
