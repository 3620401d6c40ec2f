"""The client and the graph against the simulated server of either generation, from upload to video, with things going
wrong on the way."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from oavr_tui.clients.comfyui import ComfyUI, FollowUpdate, choose_video
from oavr_tui.errors import Cancelled, Lost, OutOfMemory
from oavr_tui.models import OutputFile, Quality
from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.faults import Faults
from oavr_tui.workflows.graph import classes_in, load_graph
from oavr_tui.workflows.patcher import Fill, Patched, patch
from oavr_tui.workflows.progress import GraphProgress
from oavr_tui.workflows.windows import frames_for, windows
from tests.clients.scripted import FAST
from tests.contract.wire import png, wav

Generation = Literal["old", "new"]
GENERATIONS: list[Generation] = ["old", "new"]
SECONDS = 3.5  # two windows
SLOW_STEP = 0.3


class Made:
    """A server, a client and the files of one job."""

    def __init__(self, simulator: ComfySimulator, comfy: ComfyUI, folder: Path) -> None:
        self.simulator = simulator
        self.comfy = comfy
        self.folder = folder
        self.prompt_id = str(uuid.uuid4())
        self.heard: list[FollowUpdate] = []

    async def patched(self) -> Patched:
        info = await self.comfy.info()
        picture, voice = self.folder / "face.png", self.folder / "voice.wav"
        picture.write_bytes(png())
        voice.write_bytes(wav(SECONDS))
        graph = load_graph(None)
        known = {name: await self.comfy.object_info(name) for name in classes_in(graph)}
        fill = Fill(
            image=(await self.comfy.upload(picture, name="face.png", subfolder="oavr-j1")).reference,
            audio=(await self.comfy.upload(voice, name="voice.wav", subfolder="oavr-j1")).reference,
            prompt="a person is speaking",
            width=128,
            height=128,
            frames=frames_for(SECONDS),
            seed=7,
            audio_strength=1.0,
            quality=Quality.DRAFT,
            vram=info.vram_total,
            filename_prefix="oavr/j1",
        )
        return patch(graph, fill, known)

    async def submitted(self) -> Patched:
        patched = await self.patched()
        await self.comfy.submit(patched.graph, self.prompt_id)
        return patched

    async def followed(self) -> OutputFile:
        outputs = await self.comfy.follow(self.prompt_id, on_update=self.heard.append)
        chosen = choose_video(outputs)
        assert chosen is not None
        return chosen

    async def video(self) -> Path:
        target = self.folder / "video.part"
        await self.comfy.fetch(await self.followed(), target)
        return target

    async def begins(self) -> None:
        while (await self.comfy.find(self.prompt_id)).kind != "running":
            await asyncio.sleep(0.02)


@asynccontextmanager
async def made(
    folder: Path, generation: Generation, *faults: dict[str, Any], timings: Any = FAST, **options: Any
) -> AsyncIterator[Made]:
    script = Faults.from_json(json.dumps(faults))
    async with (
        ComfySimulator(folder / "server", generation=generation, faults=script, **options) as simulator,
        ComfyUI(simulator.base_url, client_id=uuid.uuid4().hex, timings=timings) as comfy,
    ):
        yield Made(simulator, comfy, folder)


def is_whole(made: Made, video: Path, output: str = "server/output/oavr/j1_00001-audio.mp4") -> bool:
    return video.read_bytes() == (made.folder / output).read_bytes() and video.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_a_video_from_end_to_end(tmp_path: Path, generation: Generation) -> None:
    async with made(tmp_path, generation, step_seconds=0.05) as job:
        assert (await job.comfy.info()).has_jobs_api is (generation == "new")
        patched = await job.submitted()
        assert patched.windows == windows(frames_for(SECONDS)) == 2
        video = await job.video()
        assert is_whole(job, video)
        progress = GraphProgress(patched)
        seen = [
            progress.update(each.kind, node=each.node, value=each.value, maximum=each.max, nodes=each.nodes)
            for each in job.heard
        ]
    percents = [percent for percent, _ in seen]
    details = [detail for _, detail in seen if detail.startswith("part")]
    assert percents == sorted(percents) and percents[-1] > 80
    assert details[0].startswith("part 1 of 2 · step") and details[-1] == "part 2 of 2 · step 4 of 4"


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_one_job_however_much_gets_lost(tmp_path: Path, generation: Generation) -> None:
    faults = (
        {"match": {"method": "POST", "path": "/prompt", "nth": 1}, "do": "drop", "when": "after"},
        {"match": {"path": "/ws", "nth": 1}, "do": "drop", "after_messages": 4},
        {"match": {"path": "/ws", "nth": 2}, "do": "half_open", "after_messages": 2},
        {"match": {"method": "GET", "path": "/queue", "nth": [4, 8]}, "do": "status", "status": 502},
        {"match": {"method": "GET", "path": "/history/*", "nth": 1}, "do": "drop"},
        {"match": {"method": "GET", "path": "/view", "nth": 1}, "do": "truncate", "bytes": 5000},
        {"match": {"method": "GET", "path": "/view", "nth": 2}, "do": "status", "status": 504},
    )
    timings = replace(FAST, socket_silence=0.5)
    async with made(tmp_path, generation, *faults, timings=timings, step_seconds=0.1) as job:
        await job.submitted()
        video = await job.video()
        assert is_whole(job, video)
        assert job.simulator.submissions == [job.prompt_id]
        assert job.simulator.executed == [job.prompt_id]
    assert [each.ok for each in job.heard if each.kind == "connection"][:2] == [False, True]


async def test_a_question_lost_on_its_way_is_asked_once_more(tmp_path: Path) -> None:
    fault = {"match": {"method": "POST", "path": "/prompt", "nth": 1}, "do": "drop", "when": "before"}
    async with made(tmp_path, "new", fault) as job:
        await job.submitted()
        await job.followed()
        assert job.simulator.submissions == [job.prompt_id]


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_out_of_memory(tmp_path: Path, generation: Generation) -> None:
    async with made(tmp_path, generation, {"do": "fail", "node": "WanVideoSampler", "match": {"nth": 1}}) as job:
        await job.submitted()
        with pytest.raises(OutOfMemory, match="WanVideoSampler"):
            await job.followed()


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_a_restart_loses_the_job(tmp_path: Path, generation: Generation) -> None:
    fault = {"match": {"method": "GET", "path": "/queue", "nth": 3}, "do": "restart", "seconds": 0.2}
    async with made(tmp_path, generation, fault, step_seconds=SLOW_STEP) as job:
        await job.submitted()
        with pytest.raises(Lost):
            await job.followed()


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_cancel_takes_only_ours(tmp_path: Path, generation: Generation) -> None:
    async with made(tmp_path, generation, step_seconds=SLOW_STEP) as job:
        patched = await job.submitted()
        waiting = str(uuid.uuid4())
        await job.comfy.submit(patched.graph, waiting)
        third = str(uuid.uuid4())
        await job.comfy.submit(patched.graph, third)
        await job.begins()
        following = asyncio.create_task(job.followed())
        assert await job.comfy.cancel(third)
        assert (await job.comfy.find(waiting)).kind == "pending"
        assert await job.comfy.cancel(job.prompt_id)
        with pytest.raises(Cancelled):
            await following
        assert (await job.comfy.find(waiting)).kind in ("pending", "running")
        assert await job.comfy.cancel(waiting)
        assert third not in job.simulator.executed


@pytest.mark.full
@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("first", range(1, 13))
async def test_any_stretch_of_lost_answers(tmp_path: Path, generation: Generation, first: int) -> None:
    """Three answers in a row are lost, beginning anywhere, whatever they were to: one job, one video."""
    async with made(tmp_path, generation, step_seconds=0.05) as job:
        patched = await job.patched()
        fault = {"match": {"path": "/", "nth": [first, first + 2]}, "do": "drop", "when": "after"}
        job.simulator.core.faults.replace(Faults.from_json(json.dumps([fault])))
        await job.comfy.submit(patched.graph, job.prompt_id)
        assert is_whole(job, await job.video())
        assert job.simulator.submissions == [job.prompt_id]
