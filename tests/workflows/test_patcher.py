"""Filling graphs in: by class and link, for the server at hand, and leaving the rest as it was."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput, Rejected
from oavr_tui.models import Quality
from oavr_tui.workflows.block_swap import BLOCKS, blocks_to_swap
from oavr_tui.workflows.combos import choices, match_file
from oavr_tui.workflows.graph import Graph, load_graph, nodes_of
from oavr_tui.workflows.patcher import Fill, Patched, patch
from tests.workflows.test_graph import FOREIGN

GIB = 1 << 30


def inputs(patched: Patched, class_name: str) -> dict[str, Any]:
    (node_id,) = nodes_of(patched.graph, class_name)
    found: dict[str, Any] = patched.graph[node_id]["inputs"]
    return found


def without_files(object_info: dict[str, Any], class_name: str, name: str, files: list[str]) -> dict[str, Any]:
    changed = copy.deepcopy(object_info)
    changed[class_name]["input"]["required"][name] = [files, {}]
    return changed


def test_everything_is_filled_in(fill: Fill, object_info: dict[str, Any]) -> None:
    ours = load_graph(None)
    before = copy.deepcopy(ours)
    patched = patch(ours, fill, object_info)
    assert ours == before, "the graph that was given stays as it is"
    assert inputs(patched, "LoadImage")["image"] == "oavr-j1/portrait.png"
    assert inputs(patched, "LoadAudio")["audio"] == "oavr-j1/voice.wav"
    assert inputs(patched, "WanVideoTextEncodeCached")["positive_prompt"] == "a woman is telling a story"
    resize = inputs(patched, "ImageResizeKJv2")
    assert (resize["width"], resize["height"]) == (640, 640)
    length = inputs(patched, "WanVideoImageToVideoMultiTalk")
    assert (length["width"], length["height"]) == (["281", 1], ["281", 2]), "the size still comes from the picture"
    embeds = inputs(patched, "MultiTalkWav2VecEmbeds")
    assert (embeds["num_frames"], embeds["audio_scale"], embeds["audio_cfg_scale"]) == (250, 1.25, 1)
    sampler = inputs(patched, "WanVideoSampler")
    assert (sampler["seed"], sampler["steps"]) == (2**63 - 1, 10)
    assert inputs(patched, "WanVideoBlockSwap")["blocks_to_swap"] == 15
    combine = inputs(patched, "VHS_VideoCombine")
    assert (combine["filename_prefix"], combine["trim_to_audio"]) == ("oavr/j1", True)
    assert (patched.output_node, patched.sampler, patched.steps, patched.windows) == ("317", "128", 10, 4)
    assert patched.notes == ()


@pytest.mark.parametrize(("quality", "steps"), [(Quality.DRAFT, 4), (Quality.STANDARD, 6), (Quality.HIGH, 10)])
def test_steps_by_quality(fill: Fill, object_info: dict[str, Any], quality: Quality, steps: int) -> None:
    patched = patch(load_graph(None), replace(fill, quality=quality), object_info)
    assert inputs(patched, "WanVideoSampler")["steps"] == patched.steps == steps


@settings(deadline=None, max_examples=30)
@given(st.randoms(use_true_random=False))
def test_no_node_is_known_by_its_number(chance: random.Random) -> None:
    """Renumbered and reordered, the graph is filled in all the same."""
    fill = Fill("i.png", "a.wav", "p", 480, 832, 100, 5, 0.5, Quality.DRAFT, 0, "x/y")
    plain = patch(load_graph(None), fill, {})
    ours = load_graph(None)
    names = [str(number) for number in range(1000, 1000 + len(ours))]
    chance.shuffle(names)
    new_name = dict(zip(ours, names, strict=True))
    order = list(ours)
    chance.shuffle(order)
    patched = patch({new_name[key]: _renamed(ours[key], new_name) for key in order}, fill, {})
    assert patched.graph == {new_name[key]: _renamed(node, new_name) for key, node in plain.graph.items()}
    assert (patched.output_node, patched.sampler) == (new_name["317"], new_name["128"])


def _renamed(node: dict[str, Any], new_name: dict[str, str]) -> dict[str, Any]:
    links = {
        name: [new_name[value[0]], value[1]] if isinstance(value, list) else value
        for name, value in node["inputs"].items()
    }
    return {"class_type": node["class_type"], "inputs": links}


# --- the server's files


def test_models_are_found_wherever_the_server_keeps_them(fill: Fill, object_info: dict[str, Any]) -> None:
    flat = "Wan2_1-InfiniteTalk-Multi_fp8_e4m3fn_scaled_KJ.safetensors"
    for listed in (flat, f"other\\place\\{flat}", f"x/{flat.upper()}"):
        known = without_files(object_info, "MultiTalkModelLoader", "model", ["a.safetensors", listed])
        assert inputs(patch(load_graph(None), fill, known), "MultiTalkModelLoader")["model"] == listed


def test_the_same_path_goes_before_the_same_name() -> None:
    assert match_file("a/b/m.pt", ["m.pt", "x/b/m.pt", "a/b/m.pt"]) == "a/b/m.pt"
    assert match_file("a/b/m.pt", ["m.pt", "z/m.pt", "x\\B\\M.pt"]) == "x\\B\\M.pt"
    assert match_file("m.pt", ["z/m.pt", "b/m.pt"]) == "b/m.pt", "any is as good: always the same one"
    assert match_file("m.pt", ["mm.pt", "m.ptx", ""]) is None


def test_a_model_that_is_not_there_is_named(fill: Fill, object_info: dict[str, Any]) -> None:
    known = without_files(object_info, "WanVideoVAELoader", "model_name", ["other.safetensors"])
    with pytest.raises(Rejected, match=r"lacks the model Wan2_1_VAE_bf16\.safetensors"):
        patch(load_graph(None), fill, known)


def test_an_empty_list_says_nothing(fill: Fill, object_info: dict[str, Any]) -> None:
    known = without_files(object_info, "WanVideoVAELoader", "model_name", [])
    assert inputs(patch(load_graph(None), fill, known), "WanVideoVAELoader")["model_name"].startswith("wanvideo/")


def test_modes_are_not_files(fill: Fill, object_info: dict[str, Any]) -> None:
    known = copy.deepcopy(object_info)
    known["WanVideoModelLoader"]["input"]["optional"]["attention_mode"] = [["sageattn"]]
    assert inputs(patch(load_graph(None), fill, known), "WanVideoModelLoader")["attention_mode"] == "sdpa"


def test_both_ways_of_writing_choices() -> None:
    old = {"LoadAudio": {"input": {"required": {"audio": [["a.wav"], {"audio_upload": True}]}}}}
    new = {"LoadAudio": {"input": {"required": {"audio": ["COMBO", {"options": ["a.wav", 5]}]}}}}
    assert choices(old, "LoadAudio", "audio") == choices(new, "LoadAudio", "audio") == ("a.wav",)


@pytest.mark.parametrize(
    "spec",
    [["INT", {}], ["COMBO"], ["COMBO", {}], ["COMBO", {"options": 3}], [], "x", None, ["COMFY_DYNAMICCOMBO_V3", {}]],
)
def test_what_is_no_list_of_choices(spec: Any) -> None:
    assert choices({"A": {"input": {"required": {"x": spec}}}}, "A", "x") is None
    strange: list[dict[str, Any]] = [
        {},
        {"A": None},
        {"A": {}},
        {"A": {"input": []}},
        {"A": {"input": {"required": 3}}},
    ]
    for info in strange:
        assert choices(info, "A", "x") is None


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=20), st.lists(st.text(max_size=20)))
def test_a_match_is_offered_and_has_the_name(wanted: str, offered: list[str]) -> None:
    found = match_file(wanted, offered)
    assert found is None or found in offered
    if wanted in offered:
        assert found == wanted


def test_a_missing_node_is_named_with_its_pack(fill: Fill, object_info: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="VHS_VideoCombine: install ComfyUI-VideoHelperSuite"):
        patch(load_graph(None), fill, object_info | {"VHS_VideoCombine": None})
    with pytest.raises(Rejected, match="WanVideoPassImagesFromSamples: install ComfyUI-WanVideoWrapper"):
        patch(load_graph(None), fill, object_info | {"WanVideoPassImagesFromSamples": None})


# --- wav2vec


def test_the_local_file_where_it_is_listed(fill: Fill, object_info: dict[str, Any]) -> None:
    patched = patch(load_graph(None), fill, object_info)
    assert inputs(patched, "Wav2VecModelLoader")["model"] == "wav2vec2-chinese-base_fp16.safetensors"


@pytest.mark.parametrize("listed", ["sub/TencentGameMate_wav2vec2.safetensors", "sub\\wav2vec2-CHINESE-base.bin"])
def test_another_usable_local_file(fill: Fill, object_info: dict[str, Any], listed: str) -> None:
    known = without_files(object_info, "Wav2VecModelLoader", "model", ["wav2vec2-base-960h.safetensors", listed])
    assert inputs(patch(load_graph(None), fill, known), "Wav2VecModelLoader")["model"] == listed


@pytest.mark.parametrize("listed", [[], ["wav2vec2-base-960h.safetensors"]])
def test_else_the_server_downloads_the_right_one(fill: Fill, object_info: dict[str, Any], listed: list[str]) -> None:
    patched = patch(load_graph(None), fill, without_files(object_info, "Wav2VecModelLoader", "model", listed))
    found = inputs(patched, "DownloadAndLoadWav2VecModel")
    assert found["model"] == "TencentGameMate/chinese-wav2vec2-base"
    assert (found["base_precision"], found["load_device"]) == ("fp16", "main_device")
    assert any("downloads" in note for note in patched.notes)


def test_a_server_with_neither_loader(fill: Fill, object_info: dict[str, Any]) -> None:
    known = object_info | {"Wav2VecModelLoader": None, "DownloadAndLoadWav2VecModel": None}
    with pytest.raises(Rejected, match="lacks the node DownloadAndLoadWav2VecModel"):
        patch(load_graph(None), fill, known)


def test_a_downloading_graph_takes_the_local_file(fill: Fill, object_info: dict[str, Any]) -> None:
    graph = load_graph(None)
    (loader,) = nodes_of(graph, "Wav2VecModelLoader")
    graph[loader] = {
        "class_type": "DownloadAndLoadWav2VecModel",
        "inputs": {"model": "facebook/wav2vec2-base-960h", "base_precision": "fp16", "load_device": "main_device"},
    }
    patched = patch(graph, fill, object_info)
    assert inputs(patched, "Wav2VecModelLoader")["model"] == "wav2vec2-chinese-base_fp16.safetensors"


# --- memory


@pytest.mark.parametrize(
    ("vram", "least", "most"),
    [
        (0, 10, 20),
        (25_393_692_672, 10, 20),  # 24 GB
        (12 * GIB, 30, 40),
        (16 * GIB, 25, 40),
        (48 * GIB, 0, 10),
        (80 * GIB, 0, 0),
    ],
)
def test_block_swap_by_memory(vram: int, least: int, most: int) -> None:
    assert least <= blocks_to_swap(vram) <= most


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 200 * GIB), st.integers(1, 50), st.integers(0, 100 * GIB))
def test_more_memory_never_swaps_more_and_extra_never_less(vram: int, extra: int, more: int) -> None:
    assert blocks_to_swap(vram, extra) >= blocks_to_swap(vram)
    assert blocks_to_swap(vram, extra) <= BLOCKS
    if vram > 0:
        assert blocks_to_swap(vram + more) <= blocks_to_swap(vram)


def test_extra_swap_reaches_the_graph(fill: Fill, object_info: dict[str, Any]) -> None:
    patched = patch(load_graph(None), replace(fill, extra_swap=10), object_info)
    assert inputs(patched, "WanVideoBlockSwap")["blocks_to_swap"] == 25


# --- other people's graphs


def test_a_graph_of_other_nodes_gets_what_it_has_a_place_for(fill: Fill) -> None:
    patched = patch(FOREIGN, fill, {})
    assert patched.graph["a"]["inputs"]["image"] == fill.image
    assert patched.graph["b"]["inputs"]["audio"] == fill.audio
    assert patched.graph["c"] == FOREIGN["c"]
    assert patched.graph["d"]["inputs"]["filename_prefix"] == fill.filename_prefix
    assert (patched.output_node, patched.sampler, patched.steps, patched.windows) == ("d", None, 0, 1)
    assert len(patched.notes) == 1 and "decides these itself" in patched.notes[0]


def test_every_node_with_a_seed_gets_the_jobs(fill: Fill) -> None:
    own = copy.deepcopy(FOREIGN)
    own["c"]["inputs"] |= {"noise_seed": 1, "seed": True}
    small = {own["c"]["class_type"]: {"input": {"required": {"noise_seed": ["INT", {"default": 0, "max": 99}]}}}}
    assert patch(own, fill, {}).graph["c"]["inputs"]["noise_seed"] == fill.seed
    patched = patch(own, fill, small)
    assert patched.graph["c"]["inputs"]["noise_seed"] == fill.seed % 100
    assert patched.graph["c"]["inputs"]["seed"] is True
    assert "seed" not in patched.notes[0]


def with_changes(graph: Graph, changes: dict[str, dict[str, Any]], **more: dict[str, Any]) -> Graph:
    changed = copy.deepcopy(graph)
    for key, values in changes.items():
        changed[key]["inputs"] |= values
    return {**more, **changed}


def test_the_picture_that_the_video_starts_from(fill: Fill) -> None:
    style = {"class_type": "LoadImage", "inputs": {"image": "style.png"}}
    unused = {"class_type": "LoadAudio", "inputs": {"audio": "unused.wav"}}
    graph = with_changes(load_graph(None), {"309": {"overlay": ["style", 0]}}, style=style, unused=unused)
    patched = patch(graph, fill, {})
    assert patched.graph["style"]["inputs"]["image"] == "style.png"
    assert patched.graph["unused"]["inputs"]["audio"] == "unused.wav"
    assert patched.graph["313"]["inputs"]["image"] == fill.image


def test_constants_are_replaced_and_not_changed(fill: Fill) -> None:
    one = {"class_type": "INTConstant", "inputs": {"value": 480}}
    graph = with_changes(
        load_graph(None),
        {"281": {"width": ["one", 0], "height": ["one", 0]}, "194": {"num_frames": ["one", 0]}},
        one=one,
    )
    patched = patch(graph, replace(fill, width=832, height=480), {})
    resize = patched.graph["281"]["inputs"]
    assert (resize["width"], resize["height"]) == (832, 480)
    assert patched.graph["194"]["inputs"]["num_frames"] == 250
    assert patched.graph["one"]["inputs"]["value"] == 480


def test_a_size_that_is_not_the_pictures(fill: Fill) -> None:
    graph = with_changes(load_graph(None), {"192": {"width": 100, "height": 100, "start_image": ["313", 0]}})
    length = patch(graph, fill, {}).graph["192"]["inputs"]
    assert (length["width"], length["height"]) == (640, 640)


def test_another_rate_and_other_windows(fill: Fill) -> None:
    graph = with_changes(load_graph(None), {"194": {"fps": 50}, "192": {"motion_frame": 25}})
    patched = patch(graph, fill, {})
    assert patched.graph["194"]["inputs"]["num_frames"] == 500
    assert patched.windows == 1 + -(-(500 - 81) // 56)
    many = patch(graph, replace(fill, frames=10_000), {})
    assert many.graph["194"]["inputs"]["num_frames"] == 10_000


@pytest.mark.parametrize(("loader", "word"), [("a", "picture has no place"), ("b", "voice has no place")])
def test_a_loader_that_leads_nowhere(fill: Fill, loader: str, word: str) -> None:
    graph = copy.deepcopy(FOREIGN)
    graph["c"]["inputs"] = {name: value for name, value in graph["c"]["inputs"].items() if value != [loader, 0]}
    with pytest.raises(BadInput, match=word):
        patch(graph, fill, {})


def test_a_graph_without_an_output(fill: Fill) -> None:
    graph = {key: node for key, node in FOREIGN.items() if key != "d"}
    with pytest.raises(BadInput, match="saves a video"):
        patch(graph, fill, {})
