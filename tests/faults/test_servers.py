"""Servers that misbehave, as `generate` meets them: what still becomes a video, and what is said where nothing does."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Ran, oavr, simulator
from tests.samples import decoded, portrait, voice

OOM = {
    "do": "fail",
    "node": "WanVideoSampler",
    "exception_type": "torch.OutOfMemoryError",
    "message": "CUDA out of memory",
}


def generate(home: Path, url: str, *words: str) -> Ran:
    files = ("--image", str(portrait()), "--audio", str(voice()), "--max-seconds", "1")
    return oavr("generate", *files, "--json", "--on", url, *words, home=home)


FULL = pytest.mark.full
LOST_ANSWER = {"match": {"method": "POST", "path": "/prompt", "nth": 1}, "do": "drop", "when": "after"}
SILENT_SOCKET = {"match": {"path": "/ws"}, "do": "half_open", "after_messages": 2}
CUT_BODY = {"match": {"path": "/view", "nth": 1}, "do": "truncate", "bytes": 4096}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([LOST_ANSWER, SILENT_SOCKET, CUT_BODY], id="lost-answer-then-silence-then-cut-body"),
        pytest.param([LOST_ANSWER], id="lost-answer", marks=FULL),
        pytest.param(
            [{"match": {"path": "/history", "nth": [1, 3]}, "do": "status", "status": 502}], id="502", marks=FULL
        ),
        pytest.param(
            [{"match": {"path": "/ws", "nth": 1}, "do": "drop", "after_messages": 3}], id="socket-dropped", marks=FULL
        ),
        pytest.param([SILENT_SOCKET], id="socket-silent", marks=FULL),
        pytest.param([CUT_BODY], id="body-cut", marks=FULL),
        pytest.param([{"match": {"path": "/queue"}, "do": "latency", "seconds": 0.5}], id="slow-answers", marks=FULL),
    ],
)
def test_hiccups_still_make_one_video(tmp_path: Path, faults: list[dict[str, Any]]) -> None:
    with simulator(tmp_path / "comfy", "--step-seconds", "0.05") as server:
        server.set_faults(faults)
        ran = generate(tmp_path / "home", server.url)
        assert ran.code == 0, ran.err + ran.out
        assert len(server.state()["submissions"]) == 1
    assert decoded(Path(ran.last["video"]["path"])).frames == 25


@pytest.mark.full
def test_out_of_memory_is_tried_once_more_with_less_of_the_model(tmp_path: Path) -> None:
    with simulator(tmp_path / "comfy") as server:
        server.set_faults([{**OOM, "match": {"nth": 1}}])
        ran = generate(tmp_path / "home", server.url)
        assert ran.code == 0, ran.err + ran.out
        first, second = server.state()["submissions"]
        swaps = [_swap(server.get(f"/history/{prompt}")[prompt]["prompt"][2]) for prompt in (first, second)]
        assert swaps[1] > swaps[0]
        server.set_faults([OOM])
        failed = generate(tmp_path / "other", server.url)
        assert (failed.code, failed.last["code"]) == (1, "out_of_memory")
        assert len(server.state()["submissions"]) == 4


def _swap(graph: dict[str, Any]) -> int:
    return next(int(n["inputs"]["blocks_to_swap"]) for n in graph.values() if n["class_type"] == "WanVideoBlockSwap")


@pytest.mark.full
def test_a_server_that_forgets_is_told_as_lost(tmp_path: Path) -> None:
    with simulator(tmp_path / "comfy", "--step-seconds", "0.3") as server:
        server.set_faults([{"match": {"path": "/history", "nth": 1}, "do": "restart", "seconds": 0.5}])
        ran = generate(tmp_path / "home", server.url)
        assert (ran.code, ran.last["code"], ran.last["can_retry"]) == (1, "lost", True), ran.err
        server.set_faults([])
        retried = oavr(
            "jobs", "retry", oavr("jobs", "list", "--json", home=tmp_path / "home").last["id"], home=tmp_path / "home"
        )
        assert retried.code == 0, retried.err


def test_too_large_for_the_server_is_said_before_it_is_sent(tmp_path: Path) -> None:
    with simulator(tmp_path / "comfy", "--max-upload-size", "100000") as server:
        ran = generate(tmp_path / "home", server.url)
        assert ran.code != 0
        assert ran.last["message"].endswith(".")
        assert server.state()["uploads"] == 0


@pytest.fixture
def files() -> Iterator[str]:
    """An http server with the sample files."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(portrait().parent))
    voice()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_picture_and_voice_from_addresses(tmp_path: Path, files: str) -> None:
    words = ("--image", f"{files}/portrait.png", "--audio", f"{files}/voice.wav", "--max-seconds", "0.5", "--json")
    ran = oavr("generate", *words, home=tmp_path)
    assert ran.code == 0, ran.err
    assert Path(ran.last["video"]["path"]).name == "portrait-voice.mp4"
    gone = oavr("generate", "--image", f"{files}/none.png", "--audio", str(voice()), "--json", home=tmp_path)
    assert (gone.code, gone.last["code"]) == (2, "bad_input")


@pytest.mark.full
def test_ones_own_workflow(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(
        json.dumps(
            {
                "a": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
                "b": {"class_type": "LoadAudio", "inputs": {"audio": "x.wav"}},
                "c": {"class_type": "RepeatImageBatch", "inputs": {"image": ["a", 0], "amount": 25}},
                "d": {"class_type": "CreateVideo", "inputs": {"images": ["c", 0], "audio": ["b", 0], "fps": 25}},
                "e": {
                    "class_type": "SaveVideo",
                    "inputs": {"video": ["d", 0], "filename_prefix": "x", "format": "auto", "codec": "auto"},
                },
            }
        )
    )
    drawn = tmp_path / "drawn.json"
    drawn.write_text(json.dumps({"nodes": [], "links": [], "version": 0.4}))
    with simulator(tmp_path / "comfy") as server:
        ran = generate(tmp_path / "home", server.url, "--workflow", str(own))
        assert ran.code == 0, ran.err + ran.out
        own.unlink()
        graph = json.loads(json.loads(decoded(Path(ran.last["video"]["path"])).tags["comment"])["graph"])
        assert graph["c"]["inputs"]["amount"] == 25
        refused = generate(tmp_path / "home", server.url, "--workflow", str(drawn))
        assert (refused.code, refused.last["code"]) == (2, "bad_input")
        assert "Export" in refused.last["message"]
