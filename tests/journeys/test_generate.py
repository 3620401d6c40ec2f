"""The main job from the command line: a picture and a recording become a video, here and on a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import Ran, command, oavr, simulator
from tests.samples import decoded, portrait, voice

STATES_HERE = ["queued", "checking", "queued", "generating", "fetching", "done"]
STATES_THERE = ["queued", "checking", "queued", "starting", "sending", "generating", "fetching", "done"]


def generate(home: Path, *words: str, image: Path | None = None, audio: Path | None = None) -> Ran:
    return oavr(
        "generate", "--image", str(image or portrait()), "--audio", str(audio or voice()), "--json", *words, home=home
    )


def states(ran: Ran) -> list[str]:
    return [event["state"] for event in ran.events if event["event"] == "job"]


def test_a_preview_on_this_computer(tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    ran = generate(tmp_path / "home", "--seed", "42", "-o", str(copy))
    assert ran.code == 0, ran.err
    assert states(ran) == STATES_HERE
    progress_is_monotonic_and_ends_at_100(ran)
    video = ran.last["video"]
    assert set(video) == {
        "path", "duration", "width", "height", "fps", "bytes", "seed", "made_on", "seconds_taken", "cost",
    }  # fmt: skip
    film = decoded(Path(video["path"]))
    assert (film.video_codec, film.audio_codec, film.fps) == ("h264", "aac", 25.0)
    assert (film.width, film.height) == (video["width"], video["height"]) == (480, 832)
    assert abs(film.frames - film.sound * 25) <= 2
    assert video["seed"] == 42
    assert video["bytes"] == Path(video["path"]).stat().st_size
    assert copy.read_bytes() == Path(video["path"]).read_bytes()
    told = json.loads(film.tags["comment"])
    assert told["seed"] == 42
    assert told["preview"] is True
    assert "PREVIEW" in " ".join(film.tags.values()).upper()


def progress_is_monotonic_and_ends_at_100(ran: Ran) -> None:
    told = [event for event in ran.events if event["event"] == "progress"]
    percents = [event["percent"] for event in told]
    assert percents == sorted(percents)
    assert percents[-1] == 100.0
    assert all(set(event) == {"event", "stage", "percent", "eta_seconds"} for event in told)
    assert [event["event"] for event in ran.events][-1] == "done"


@pytest.mark.parametrize("generation", [pytest.param("old", marks=pytest.mark.full), "new"])
def test_a_server_makes_the_same_length_and_size(tmp_path: Path, generation: str) -> None:
    here = generate(tmp_path / "here", "--max-seconds", "1.3")
    with simulator(tmp_path / "comfy", "--generation", generation) as server:
        there = generate(tmp_path / "there", "--on", server.url, "--seed", "7", "--max-seconds", "1.3")
        state = server.state()
    assert there.code == 0, there.err
    assert states(there) == STATES_THERE
    one, other = here.last["video"], there.last["video"]
    assert (one["width"], one["height"]) == (other["width"], other["height"])
    assert abs(one["duration"] - other["duration"]) <= 0.04
    assert len(state["submissions"]) == 1
    film = decoded(Path(other["path"]))
    told = json.loads(film.tags["comment"])
    assert (told["seed"], told["preview"]) == (7, False)


@pytest.mark.full
def test_plain_lines_without_a_terminal(tmp_path: Path) -> None:
    ran = oavr("generate", "--image", str(portrait()), "--audio", str(voice()), home=tmp_path)
    assert ran.code == 0
    assert Path(ran.out.strip()).is_file()
    assert "Making the video" in ran.err
    assert "\r" not in ran.err
    assert "\x1b" not in ran.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--image", "nowhere.png", "--audio", "nowhere.wav"], "bad_input"),
        (["--image", "/dev/zero", "--audio", "/dev/zero"], "bad_input"),
        (["--image", "PORTRAIT", "--audio", "PORTRAIT"], "bad_input"),
        (["--image", "PORTRAIT", "--audio", "VOICE", "--on", "studio-9"], "bad_input"),
        (["--image", "PORTRAIT", "--audio", "VOICE", "--workflow", "x.json"], "bad_input"),
        (["--image", "PORTRAIT", "--audio", "VOICE", "-o", "/nowhere/at/all.mp4"], "bad_input"),
    ],
)
def test_unusable_input_is_2_and_one_sentence(tmp_path: Path, words: list[str], code: str) -> None:
    known = {"PORTRAIT": str(portrait()), "VOICE": str(voice())}
    ran = oavr("generate", "--json", *(known.get(word, word) for word in words), home=tmp_path)
    assert ran.code == 2, ran.err
    assert ran.last["event"] == "failed"
    assert ran.last["code"] == code
    assert ran.last["message"].endswith(".")
    assert not list((tmp_path / "videos").glob("*.mp4"))


def test_a_copy_never_replaces_what_is_there(tmp_path: Path) -> None:
    own = tmp_path / "own.png"
    own.write_bytes(portrait().read_bytes())
    for target in (own, tmp_path / "home" / "videos" / "other.mp4", tmp_path / ("x" * 300)):
        (tmp_path / "home" / "videos").mkdir(parents=True, exist_ok=True)
        ran = generate(tmp_path / "home", "-o", str(target), image=own)
        assert (ran.code, ran.last["code"]) == (2, "bad_input")
    assert own.read_bytes() == portrait().read_bytes()


@pytest.mark.parametrize("odd", ["~nobody-of-this-name/x.png", "http://[::1/x.png", "a\nb.png"])
def test_odd_paths_are_sentences(tmp_path: Path, odd: str) -> None:
    ran = (
        generate(tmp_path, image=Path(odd))
        if "://" not in odd
        else oavr("generate", "--image", odd, "--audio", str(voice()), "--json", home=tmp_path)
    )
    assert (ran.code, ran.last["code"]) == (2, "bad_input")


@pytest.mark.parametrize(
    "words",
    [
        ["generate"],
        ["generate", "--image", "a", "--audio", "b", "--quality", "best"],
        ["generate", "--image", "a", "--audio", "b", "--on", "ftp://x"],
        ["generate", "--image", "a", "--audio", "b", "--seed", "-1"],
        ["generate", "--image", "a", "--audio", "b", "--max-seconds", "0"],
        ["nonsense"],
    ],
)
def test_wrong_use_is_2(tmp_path: Path, words: list[str]) -> None:
    ran = oavr(*words, home=tmp_path)
    assert ran.code == 2
    assert "usage:" in ran.err


def test_nobody_answers(tmp_path: Path) -> None:
    ran = generate(tmp_path, "--on", "http://127.0.0.1:9")
    assert ran.code == 1
    assert (ran.last["code"], ran.last["can_retry"]) == ("unreachable", True)
    assert "127.0.0.1:9" in ran.last["message"]


@pytest.mark.full
def test_max_seconds_cuts_the_voice_on_both(tmp_path: Path) -> None:
    with simulator(tmp_path / "comfy") as server:
        for on in ("preview", server.url):
            ran = generate(tmp_path / "home", "--max-seconds", "1.5", "--on", on)
            assert ran.code == 0, ran.err
            assert abs(ran.last["video"]["duration"] - 1.5) <= 0.08


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("generate", "--image", str(portrait()), "--audio", str(voice()), "--json", *words),
        env={**os.environ, "OAVR_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_stage(process: subprocess.Popen[str], stage: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        assert event["event"] != "failed", event
        if event["event"] == "progress" and event["stage"] == stage:
            return
    pytest.fail(f"{stage} was never reached: {process.stderr.read() if process.stderr else ''}")


@pytest.mark.full
def test_ctrl_c_cancels_on_the_server_too(tmp_path: Path) -> None:
    with simulator(tmp_path / "comfy", "--step-seconds", "0.5") as server:
        process = start(tmp_path / "home", "--on", server.url)
        until_stage(process, "generating")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=90)
        assert process.returncode == 130, err
        last = json.loads(out.splitlines()[-1])
        assert (last["event"], last["code"]) == ("failed", "cancelled")
        job = oavr("jobs", "list", "--json", home=tmp_path / "home").last
        assert job["state"] == "cancelled"
        history = server.get(f"/history/{job['prompt_id']}")[job["prompt_id"]]
        assert history["status"]["messages"][-1][0] == "execution_interrupted"
        assert history["outputs"] == {}
    assert "Traceback" not in err


def test_ctrl_c_ends_a_preview_and_its_child(tmp_path: Path) -> None:
    process = start(tmp_path / "home")
    until_stage(process, "generating")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert not list((tmp_path / "home" / "videos").glob("*.mp4"))
    assert not list((tmp_path / "home" / "data" / "work").iterdir())


@pytest.mark.parametrize(
    "number", [pytest.param(one, marks=pytest.mark.full) for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)]
)
def test_a_stopped_generate_is_carried_on(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "home"
    with simulator(tmp_path / "comfy", "--step-seconds", "0.15") as server:
        process = start(home, "--on", server.url, "--seed", "5", "--max-seconds", "1")
        until_stage(process, "generating")
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == (-number if number is signal.SIGKILL else 128 + number), err
        watched = oavr("jobs", "watch", "--json", home=home)
        assert watched.code == 0, watched.err
        assert len(server.state()["submissions"]) == 1
    listed = oavr("videos", "list", "--json", home=home).events
    assert [video["seed"] for video in listed] == [5]
    decoded(Path(listed[0]["path"]))


@pytest.mark.full
def test_a_second_generate_waits_its_turn(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = start(home, "--seed", "1"), start(home, "--seed", "2")
    outs = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in (first, second)]
    assert [out["event"] for out in outs] == ["done", "done"], outs
    assert len({out["video"]["path"] for out in outs}) == 2


def test_version_answers(tmp_path: Path) -> None:
    ran = oavr("--version", home=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("oavr-tui 0.")


def test_output_to_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    script = f"{sys.executable} -m oavr_tui config show | head -n 1"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "OAVR_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.full
def test_the_demo_needs_nothing(tmp_path: Path) -> None:
    ran = oavr("demo", home=tmp_path)
    assert ran.code == 0, ran.err
    path = Path(ran.out.strip())
    film = decoded(path)
    assert (film.video_codec, film.audio_codec, film.fps) == ("h264", "aac", 25.0)
    assert abs(film.frames - film.sound * 25) <= 2
    assert not (tmp_path / "videos").exists()  # apart from the person's own data
