"""The InfiniteTalk graph on the simulator: the videos it makes, their windows, and their progress."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from oavr_tui.preview.run import render_preview
from oavr_tui.preview.spec import PreviewSpec
from oavr_tui.simulator.talking import MADE_BY, announced_windows, output_frames, windows
from tests.contract.test_ws import until_end
from tests.contract.wire import wav
from tests.samples import Film, decoded
from tests.simulator.conftest import SIDE, Live, Start, still_graph, talking_graph


def film_of(live: Live, entry: dict[str, Any]) -> Film:
    """The video that a finished prompt lists."""
    assert entry["status"]["status_str"] == "success", entry["status"]["messages"][-1]
    listed = entry["outputs"]["317"]["gifs"][0]
    return decoded(live.folder / listed["type"] / listed["subfolder"] / listed["filename"])


@pytest.mark.parametrize(("seconds", "made", "frames"), [(1, 1, 81), (10, 4, 297), (60, 21, 1521)])
def test_windows_of_the_fact_sheet(seconds: int, made: int, frames: int) -> None:
    assert windows(seconds * 25, 81, 9) == made
    assert output_frames(seconds * 25, 81, 9) == frames


@given(st.integers(1, 10_000), st.integers(5, 121), st.data())
def test_whole_windows_hold_all_driven_frames(frames: int, window: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, window - 1))
    made = windows(frames, window, overlap)
    assert output_frames(frames, window, overlap) >= max(frames, window)
    assert made == 1 or output_frames(frames, window, overlap) - (window - overlap) < frames
    assert announced_windows(frames, window, overlap) >= made - math.ceil(overlap / (window - overlap))


@given(st.integers(144, 10_000))
def test_progress_counts_one_window_too_many_just_after_a_whole_one(frames: int) -> None:
    assert announced_windows(frames, 81, 9) - windows(frames, 81, 9) == (1 if frames % 72 <= 9 else 0)


async def test_the_same_duration_and_size_as_a_preview(live: Live, tmp_path: Path) -> None:
    entry = await live.ended(await live.post(talking_graph()))
    through = film_of(live, entry)
    inputs = live.folder / "input"
    spec = PreviewSpec(
        str(inputs / "face.png"), str(inputs / "voice.wav"), str(tmp_path / "preview.mp4"), SIDE, SIDE, seed=2
    )
    result = await render_preview(spec)
    here = decoded(tmp_path / "preview.mp4")
    assert (through.frames, through.width, through.height) == (here.frames, here.width, here.height)
    assert (through.fps, through.sound) == (here.fps, here.sound)
    assert result.frames == through.frames == 50
    assert through.tags["comment"] == MADE_BY
    assert json.loads(through.tags["prompt"])["128"]["inputs"]["seed"] == 2


async def test_without_trimming_the_video_ends_in_silence(live: Live) -> None:
    film = film_of(live, await live.ended(await live.post(talking_graph(trim=False))))
    assert film.frames == 81
    assert film.sound == pytest.approx(81 / 25, abs=0.05)


async def test_trimming_changes_what_is_rendered_even_after_an_untrimmed_run(live: Live) -> None:
    await live.ended(await live.post(talking_graph(trim=False)))
    assert film_of(live, await live.ended(await live.post(talking_graph(trim=True)))).frames == 50


async def test_num_frames_cuts_a_longer_voice(live: Live) -> None:
    (live.folder / "input" / "voice.wav").write_bytes(wav(5.0))
    film = film_of(live, await live.ended(await live.post(talking_graph(num_frames=40))))
    assert film.frames == 81
    assert film.sound == pytest.approx(81 / 25, abs=0.05)


async def test_the_three_files_and_the_entry_of_video_helper_suite(live: Live) -> None:
    first, second = [await live.ended(await live.post(talking_graph(seed=seed))) for seed in (2, 3)]
    folder = live.folder / "output" / "InfiniteTalk"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"InfiniteTalk_0000{n}{end}" for n in (1, 2) for end in ("-audio.mp4", ".mp4", ".png")]
    assert first["outputs"] == {
        "317": {
            "gifs": [
                {
                    "filename": "InfiniteTalk_00001-audio.mp4",
                    "subfolder": "InfiniteTalk",
                    "type": "output",
                    "format": "video/h264-mp4",
                    "frame_rate": 25.0,
                    "workflow": "InfiniteTalk_00001.png",
                    "fullpath": str(folder / "InfiniteTalk_00001-audio.mp4"),
                }
            ]
        }
    }
    assert second["outputs"]["317"]["gifs"][0]["filename"] == "InfiniteTalk_00002-audio.mp4"


async def test_an_unchanged_graph_gives_the_old_file_but_not_after_another_one(live: Live) -> None:
    entries = [await live.ended(await live.post(talking_graph(seed=seed))) for seed in (2, 2, 3, 2)]
    names = [entry["outputs"]["317"]["gifs"][0]["filename"] for entry in entries]
    assert names == [f"InfiniteTalk_0000{n}-audio.mp4" for n in (1, 1, 2, 3)]


async def test_no_audio_and_no_saving(live: Live) -> None:
    graph = talking_graph()
    del graph["317"]["inputs"]["audio"]
    graph["317"]["inputs"]["save_output"] = False
    listed = (await live.ended(await live.post(graph)))["outputs"]["317"]["gifs"][0]
    assert (listed["filename"], listed["type"]) == ("InfiniteTalk_00001.mp4", "temp")


@pytest.mark.parametrize("generation", ["new", "old"])
async def test_progress_counts_steps_over_all_windows_and_then_frames(start: Start, generation: str) -> None:
    async with start(generation=generation) as live, live.socket() as socket:
        (live.folder / "input" / "voice.wav").write_bytes(wav(6.0))
        await live.post(talking_graph(steps=3), client_id="tester")
        messages = await until_end(socket)
    by_node: dict[str, list[tuple[float, float]]] = {}
    for message in messages:
        if message["type"] == "progress":
            by_node.setdefault(message["data"]["node"], []).append((message["data"]["value"], message["data"]["max"]))
    assert set(by_node) == {"128", "317"}
    assert windows(150, 81, 9) == 2
    assert {maximum for _, maximum in by_node["128"]} == {9}  # 150 frames: announced 3 windows, made 2
    values = [value for value, _ in by_node["128"]]
    assert values == sorted(values)
    assert values[-1] <= 6 if generation == "new" else values == [1, 2, 3, 4, 5, 6]
    assert by_node["317"][-1][0] == by_node["317"][-1][1] == 150
    assert len(by_node["317"]) == 150 or generation == "new"


async def test_an_interrupt_ends_the_rendering_at_the_next_tick(start: Start) -> None:
    async with start(step_seconds=0.2) as live, live.socket() as socket:
        prompt_id = await live.post(talking_graph(steps=100), client_id="tester")
        while json.loads(await socket.recv())["type"] != "progress":
            pass
        await live.http.post("/interrupt", json={"prompt_id": prompt_id})
        entry = await live.ended(prompt_id)
        kind, data = entry["status"]["messages"][-1]
        assert (kind, data["node_type"]) == ("execution_interrupted", "WanVideoSampler")
        assert entry["outputs"] == {}
        assert (await live.ended(await live.post(still_graph())))["status"]["completed"]


async def test_an_interrupt_while_a_model_loads_takes_effect_in_that_node(start: Start) -> None:
    async with start(load_seconds=0.3) as live, live.socket() as socket:
        prompt_id = await live.post(talking_graph(), client_id="tester")
        while (message := json.loads(await socket.recv()))["data"].get("node") != "122":
            pass
        assert message["type"] == "executing"
        await live.http.post("/interrupt")
        kind, data = (await live.ended(prompt_id))["status"]["messages"][-1]
        assert (kind, data["node_type"]) == ("execution_interrupted", "WanVideoModelLoader")


async def test_a_picture_the_renderer_refuses_is_an_execution_error(live: Live) -> None:
    graph = talking_graph()
    graph["281"]["inputs"] |= {"width": 16, "height": 16}
    kind, data = (await live.ended(await live.post(graph)))["status"]["messages"][-1]
    assert (kind, data["node_id"], data["exception_type"]) == ("execution_error", "128", "oavr_tui.errors.BadInput")


@pytest.mark.parametrize(
    ("node", "key", "value", "says"),
    [
        ("194", "fps", 24, "25 frames a second"),
        ("317", "frame_rate", 24, "25 frames a second"),
        ("317", "format", "video/webm", "h264-mp4 only"),
        ("192", "motion_frame", 81, "smaller than"),
    ],
)
async def test_what_is_not_simulated_says_so(live: Live, node: str, key: str, value: Any, says: str) -> None:
    graph = talking_graph()
    graph[node]["inputs"][key] = value
    kind, data = (await live.ended(await live.post(graph)))["status"]["messages"][-1]
    assert (kind, data["node_id"]) == ("execution_error", node)
    assert says in data["exception_message"]


async def test_a_bad_branch_beside_a_good_one_is_accepted_and_skipped(live: Live) -> None:
    """The trap of the reference graph: 200 with node_errors, and a success without a video."""
    graph = talking_graph()
    graph["293"] = {"class_type": "PreviewAny", "inputs": {"source": ["194", 2]}}
    graph["129"]["inputs"]["model_name"] = "missing.safetensors"
    response = await live.http.post("/prompt", json={"prompt": graph})
    assert response.status_code == 200
    errors = response.json()["node_errors"]
    assert set(errors) == {"129"}
    assert errors["129"]["dependent_outputs"] == ["317"]
    assert errors["129"]["errors"][0]["type"] == "value_not_in_list"
    entry = await live.ended(response.json()["prompt_id"])
    assert entry["outputs"] == {"293": {"text": ["50"]}}
    refused = await live.http.post("/prompt", json={"prompt": graph, "partial_execution_targets": ["317"]})
    assert refused.status_code == 400
    assert set(refused.json()["node_errors"]) == {"129"}
    none = await live.http.post("/prompt", json={"prompt": graph, "partial_execution_targets": ["nope"]})
    assert none.json()["error"]["type"] == "prompt_no_outputs"


@pytest.mark.parametrize(
    ("mode", "size", "made"),
    [("stretch", (128, 96), (128, 96)), ("pad", (160, 128), (160, 128)), ("resize", (160, 96), (96, 96))],
)
async def test_other_ways_to_fit_the_picture(
    live: Live, mode: str, size: tuple[int, int], made: tuple[int, int]
) -> None:
    graph = talking_graph()
    graph["281"]["inputs"] |= {"width": size[0], "height": size[1], "keep_proportion": mode}
    film = film_of(live, await live.ended(await live.post(graph)))
    assert (film.width, film.height) == made


async def test_a_hub_graph_with_vocals_constants_and_decode(live: Live) -> None:
    """What the graphs in the wild add: separated vocals, linked constants, WanVideoDecode, a size read back."""
    graph = talking_graph()
    graph["245"] = {"class_type": "INTConstant", "inputs": {"value": SIDE}}
    graph["281"]["inputs"] |= {"width": ["245", 0], "height": ["245", 0]}
    graph["301"] = {
        "class_type": "MelBandRoFormerModelLoader",
        "inputs": {"model_name": "MelBandRoformer_fp16.safetensors"},
    }
    graph["302"] = {"class_type": "MelBandRoFormerSampler", "inputs": {"model": ["301", 0], "audio": ["125", 0]}}
    graph["194"]["inputs"]["audio_1"] = ["302", 0]
    graph["291"] = {"class_type": "GetImageSizeAndCount", "inputs": {"image": ["281", 0]}}
    graph["192"]["inputs"] |= {"width": ["291", 1], "height": ["291", 2]}
    tiles = {f"tile_{key}": 272 for key in ("x", "y")} | {f"tile_stride_{key}": 144 for key in ("x", "y")}
    graph["309"] = {
        "class_type": "WanVideoDecode",
        "inputs": {
            "vae": ["129", 0],
            "samples": ["128", 0],
            "enable_vae_tiling": False,
            "normalization": "default",
            **tiles,
        },
    }
    film = film_of(live, await live.ended(await live.post(graph)))
    assert (film.frames, film.width, film.height) == (50, SIDE, SIDE)


async def test_stopping_ends_a_rendering_and_open_sockets(start: Start) -> None:
    async with start(step_seconds=30) as live:
        async with live.socket() as socket:
            await live.post(talking_graph(), client_id="tester")
            while True:
                message = json.loads(await socket.recv())
                if message["type"] == "executing" and message["data"]["node"] == "128":
                    break
            await live.until(lambda: "simulated-render" in {task.get_name() for task in asyncio.all_tasks()})
            await live.simulator.stop()
            with pytest.raises(ConnectionClosed):
                while True:
                    await socket.recv()
        assert not {"simulated-render", "simulator-work", "simulator-publish"} & {
            task.get_name() for task in asyncio.all_tasks()
        }
        with pytest.raises(httpx.ConnectError):
            await live.http.get("/prompt")
        assert not list((live.folder / "temp").glob("*.part.mp4"))
