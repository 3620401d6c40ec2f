"""Our own client and our own graph against the simulator: from the upload to the file at home."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from oavr_tui.clients.comfyui import ComfyUI, FollowUpdate, Timings, choose_video
from oavr_tui.errors import Cancelled, OutOfMemory
from oavr_tui.models import Quality
from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.node_info import Generation
from oavr_tui.workflows.graph import classes_in, load_graph
from oavr_tui.workflows.patcher import Fill, Patched, patch
from tests.contract.wire import png, wav
from tests.samples import decoded

QUICK = Timings(poll=0.2, absent_again=0.2, lookup_again=0.2, cancel_poll=0.1, backoff=0.1, backoff_most=0.5)


async def prepared(client: ComfyUI, tmp_path: Path) -> Patched:
    """Our graph, filled in for a two-second voice and fitted to the server, which has both files."""
    names = {}
    for name, content in (("face.png", png()), ("voice.wav", wav(2.0))):
        (tmp_path / name).write_bytes(content)
        uploaded = await client.upload(tmp_path / name, name=name, subfolder="job1")
        names[name] = uploaded.reference
    graph = load_graph(None)
    infos = {name: info for name in classes_in(graph) if (info := await client.object_info(name)) is not None}
    vram = (await client.info()).vram_total
    fill = Fill(
        image=names["face.png"],
        audio=names["voice.wav"],
        prompt="a person is speaking",
        width=128,
        height=160,
        frames=50,
        seed=7,
        audio_strength=1.0,
        quality=Quality.DRAFT,
        vram=vram,
        filename_prefix="job1/talking",
    )
    return patch(graph, fill, infos)


async def test_our_graph_becomes_a_video(tmp_path: Path, generation: Generation) -> None:
    async with (
        ComfySimulator(tmp_path / "server", generation=generation, step_seconds=0.05) as simulator,
        ComfyUI(simulator.base_url, client_id=uuid.uuid4().hex, timings=QUICK) as client,
    ):
        info = await client.info()
        assert (info.vram_total, info.has_jobs_api) == (24 << 30, generation == "new")
        patched = await prepared(client, tmp_path)
        prompt_id = str(uuid.uuid4())
        await client.submit(patched.graph, prompt_id)
        updates: list[FollowUpdate] = []
        outputs = await client.follow(prompt_id, on_update=updates.append)
        video = choose_video(outputs)
        assert video is not None
        await client.fetch(video, tmp_path / "home.mp4")
        assert simulator.submissions == [prompt_id]
    film = decoded(tmp_path / "home.mp4")
    assert (film.frames, film.width, film.height, film.video_codec) == (50, 128, 160, "h264")
    assert patched.sampler in {update.node for update in updates if update.kind in ("node", "progress")}


async def test_cancelling_is_certain(tmp_path: Path, generation: Generation) -> None:
    async with (
        ComfySimulator(tmp_path / "server", generation=generation, step_seconds=0.2) as simulator,
        ComfyUI(simulator.base_url, client_id=uuid.uuid4().hex, timings=QUICK) as client,
    ):
        patched = await prepared(client, tmp_path)
        running, waiting = str(uuid.uuid4()), str(uuid.uuid4())
        patched.graph[patched.sampler or ""]["inputs"]["steps"] = 500
        for prompt_id in (running, waiting):
            await client.submit(patched.graph, prompt_id)
        assert await client.cancel(waiting)
        follow = asyncio.create_task(client.follow(running))
        assert await client.cancel(running)
        with pytest.raises(Cancelled):
            await follow
        assert simulator.executed == [running]


async def test_memory_running_out_is_told_apart(tmp_path: Path, generation: Generation) -> None:
    faults = Faults.from_json('[{"match": {"nth": 1}, "do": "fail", "node": "WanVideoSampler"}]')
    async with (
        ComfySimulator(tmp_path / "server", generation=generation, faults=faults) as simulator,
        ComfyUI(simulator.base_url, client_id=uuid.uuid4().hex, timings=QUICK) as client,
    ):
        patched = await prepared(client, tmp_path)
        first, second = str(uuid.uuid4()), str(uuid.uuid4())
        await client.submit(patched.graph, first)
        with pytest.raises(OutOfMemory):
            await client.follow(first)
        await client.submit(patched.graph, second)
        assert choose_video(await client.follow(second)) is not None
        assert simulator.submissions == [first, second]


async def test_nothing_is_made_twice_when_answers_and_sockets_get_lost(tmp_path: Path, generation: Generation) -> None:
    faults = Faults.from_json(
        """[
        {"match": {"method": "POST", "path": "/prompt", "nth": 1}, "do": "drop", "when": "after"},
        {"match": {"path": "/ws", "nth": [1, 2]}, "do": "drop", "after_messages": 4},
        {"match": {"path": "/history/*", "nth": 1}, "do": "status"},
        {"match": {"path": "/view", "nth": 1}, "do": "truncate", "bytes": 1500},
        {"match": {"path": "/view", "nth": 2}, "do": "slow", "bytes_per_second": 400000}
        ]"""
    )
    async with (
        ComfySimulator(tmp_path / "server", generation=generation, faults=faults, step_seconds=0.05) as simulator,
        ComfyUI(simulator.base_url, client_id=uuid.uuid4().hex, timings=QUICK) as client,
    ):
        patched = await prepared(client, tmp_path)
        prompt_id = str(uuid.uuid4())
        await client.submit(patched.graph, prompt_id)
        video = choose_video(await client.follow(prompt_id))
        assert video is not None
        await client.fetch(video, tmp_path / "home.mp4")
        assert simulator.submissions == [prompt_id]
        assert simulator.executed == [prompt_id]
    assert decoded(tmp_path / "home.mp4").frames == 50
