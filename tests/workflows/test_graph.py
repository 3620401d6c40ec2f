"""Reading graphs: ours, anyone's, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.workflows.graph import (
    LARGEST_FILE,
    classes_in,
    is_link,
    linked,
    load_graph,
    nearest,
    output_nodes,
    upstream,
)

FOREIGN: dict[str, Any] = {
    "a": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
    "b": {"class_type": "LoadAudio", "inputs": {"audio": "x.wav"}},
    "c": {"class_type": "CreateVideo", "inputs": {"images": ["a", 0], "audio": ["b", 0], "fps": 25}},
    "d": {"class_type": "SaveVideo", "inputs": {"video": ["c", 0], "filename_prefix": "v"}},
}
ALLOWED_DIFFERENCES = {
    ("LoadImage", "image"),
    ("LoadAudio", "audio"),
    ("WanVideoTextEncodeCached", "positive_prompt"),
    ("WanVideoTextEncodeCached", "negative_prompt"),
    ("VHS_VideoCombine", "trim_to_audio"),
    ("VHS_VideoCombine", "filename_prefix"),
}


def write(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "workflow.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_ours_differs_from_the_accepted_one_only_where_it_should(recorded_graph: dict[str, Any]) -> None:
    ours = load_graph(None)
    assert {key: node["class_type"] for key, node in ours.items()} == {
        key: node["class_type"] for key, node in recorded_graph.items()
    }
    assert len(ours) == 17 and "PreviewAny" not in classes_in(ours)
    differences = set()
    for key, node in ours.items():
        theirs = recorded_graph[key]["inputs"]
        assert node["inputs"].keys() == theirs.keys()
        differences |= {(node["class_type"], name) for name, value in node["inputs"].items() if value != theirs[name]}
    assert differences == ALLOWED_DIFFERENCES
    combine = ours[output_nodes(ours)[0]]["inputs"]
    assert combine["trim_to_audio"] is True and combine["frame_rate"] == 25


def test_every_input_of_ours_is_one_that_the_server_knows(object_info: dict[str, Any]) -> None:
    of_the_format = {"pix_fmt", "crf", "save_metadata", "trim_to_audio"}
    for node in load_graph(None).values():
        declared = object_info[node["class_type"]]["input"]
        known = declared["required"].keys() | declared.get("optional", {}).keys()
        assert node["inputs"].keys() - known <= of_the_format
        assert declared["required"].keys() <= node["inputs"].keys()


def test_both_loaders_of_wav2vec_are_asked_about() -> None:
    classes = classes_in(load_graph(None))
    assert {"Wav2VecModelLoader", "DownloadAndLoadWav2VecModel"} <= set(classes)
    assert len(classes) == 18 and list(classes) == sorted(classes)
    assert classes_in(FOREIGN) == ("CreateVideo", "LoadAudio", "LoadImage", "SaveVideo")


def test_anyones_graph(tmp_path: Path) -> None:
    assert load_graph(write(tmp_path, FOREIGN)) == FOREIGN
    assert load_graph(write(tmp_path, {"prompt": FOREIGN, "client_id": "x"})) == FOREIGN
    assert load_graph(write(tmp_path, "\ufeff" + json.dumps(FOREIGN))) == FOREIGN


def without(key: str) -> dict[str, Any]:
    return {name: node for name, node in FOREIGN.items() if name != key}


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"nodes": [], "links": [], "version": 0.4}, "Export (API)"),
        ({"nodes": [{"id": 1}], "links": []}, "Export (API)"),
        ("not json", "is not a JSON file"),
        ("", "is not a JSON file"),
        ('{"a": NaN}', "is not a JSON file"),
        ("[" * 200_000, "is not a JSON file"),
        ([1], "not a ComfyUI graph"),
        ("7", "not a ComfyUI graph"),
        ({}, "0 nodes"),
        ({"a": 1}, "a is not a node"),
        ({"a": {"class_type": "LoadImage"}}, "is not a node"),
        ({"a": {"inputs": {}}}, "is not a node"),
        ({"\x1b[2J": []}, "is not a node"),
        (without("a"), "no LoadImage"),
        (without("b"), "no LoadAudio"),
        (without("d"), "no node that saves a video"),
    ],
)
def test_what_is_refused(tmp_path: Path, document: Any, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_graph(write(tmp_path, document))
    assert word in caught.value.message and caught.value.message.isprintable()


def test_files_that_cannot_be(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(BadInput, match="cannot be read"):
            load_graph(path)
    with pytest.raises(BadInput, match="over 4 MB"):
        load_graph(write(tmp_path, " " * (LARGEST_FILE + 1)))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a JSON file"):
        load_graph(tmp_path / "bytes.json")


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=100))
def test_any_text_is_a_graph_or_refused(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workflow.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        with pytest.raises(BadInput):
            load_graph(path)


def test_the_way_upstream_ends_in_circles_and_at_loose_links() -> None:
    graph = {
        "1": {"class_type": "A", "inputs": {"x": ["2", 0], "y": ["9", 0], "z": ["3"], "w": [3, 0], "v": ["3", "0"]}},
        "2": {"class_type": "B", "inputs": {"x": ["1", 0]}},
        "3": {"class_type": "C", "inputs": {}},
    }
    assert list(upstream(graph, "1")) == ["1", "2"]
    assert nearest(graph, "1", "x", "C") is None
    assert nearest(graph, "1", "x", "A") == "1"
    assert linked(graph, "1", "y") is None and linked(graph, "1", "z") is None
    assert not is_link([3, 0]) and is_link(["3", 0])


def test_the_best_output_goes_first() -> None:
    graph = {
        "1": {"class_type": "VHS_VideoCombine", "inputs": {"save_output": False, "filename_prefix": "x"}},
        "2": {"class_type": "SomeVideoWriter", "inputs": {"filename_prefix": "x"}},
        "3": {"class_type": "SaveVideo", "inputs": {"filename_prefix": "x"}},
        "4": {"class_type": "VHS_VideoCombine", "inputs": {"save_output": True}},
        "5": {"class_type": "PreviewAny", "inputs": {}},
    }
    assert output_nodes(graph) == ("4", "3", "2", "1")
