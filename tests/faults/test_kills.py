"""kill -9 at random moments of `generate`: the next start finishes or explains every job, and nothing is made twice.

Each round starts `generate` against the simulator and kills it after a random time, or at its first sign of fetching.
Nothing is tidied in between. At the end one `jobs watch` brings home what is left.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.programs import command, oavr, simulator
from tests.samples import decoded, portrait, voice


def wish(url: str, seed: int) -> tuple[str, ...]:
    files = ("--image", str(portrait()), "--audio", str(voice()), "--max-seconds", "1")
    return ("generate", *files, "--json", "--seed", str(seed), "--on", url)


def kill_once(home: Path, url: str, seed: int, dice: random.Random, longest: float) -> str:
    """One `generate`, killed within so many seconds; returns the last stage that it told of, or "ended" when it was
    through before."""
    process = subprocess.Popen(
        command(*wish(url, seed)),
        env={**os.environ, "OAVR_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    stage = "starting up"
    at_fetching = dice.random() < 0.3
    timer = threading.Timer(dice.uniform(0.05, longest), process.kill)
    timer.start()
    for line in process.stdout:
        if not line.endswith("\n"):
            break  # killed in the middle of a line
        event = json.loads(line)
        stage = event.get("stage", stage)
        if at_fetching and stage == "fetching":
            process.kill()
    timer.cancel()
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors
    return stage if process.returncode == -9 else "ended"


def torture(tmp_path: Path, kills: int, seed: int) -> Counter[str]:
    home, dice, where = tmp_path / "home", random.Random(seed), Counter[str]()
    # Slow bytes on the way home, so that some kills fall into the fetching.
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"match": {"path": "/view"}, "do": "slow", "bytes_per_second": 120_000}]))
    options = ("--step-seconds", "0.02", "--faults", str(faults), "--generation", dice.choice(["old", "new"]))
    with simulator(tmp_path / "comfy", *options) as server:
        begun = time.monotonic()
        assert oavr(*wish(server.url, 999), home=home, timeout=600).code == 0
        whole = time.monotonic() - begun  # how long it takes here and now
        for number in range(kills):
            where[kill_once(home, server.url, 1000 + number, dice, 1.2 * whole)] += 1
        settled = oavr("jobs", "watch", home=home, timeout=600)
        assert "Traceback" not in settled.err
        executed = Counter(server.state()["executed"])
    jobs = oavr("jobs", "list", "--json", home=home).events
    videos = oavr("videos", "list", "--json", home=home).events
    assert all(job["state"] in ("done", "failed") for job in jobs), jobs
    assert all(job["failure"]["message"].endswith(".") for job in jobs if job["state"] == "failed")
    made = Counter(video["seed"] for video in videos)
    assert set(made.values()) <= {1}, made
    assert set(made) == {job["seed"] for job in jobs if job["state"] == "done"}
    assert set(executed.values()) <= {1}, executed
    on_disk = sorted(path.name for path in (home / "videos").glob("*.mp4"))
    assert len(on_disk) == len(videos), on_disk
    for video in videos:
        assert decoded(Path(video["path"])).frames == 25
    verdicts = {row["name"]: row["verdict"] for row in oavr("doctor", "--json", home=home).events}
    assert verdicts["store"] == "ok"
    assert not list((home / "data" / "work").iterdir())
    return where


def test_a_few_kills(tmp_path: Path) -> None:
    torture(tmp_path, 2, seed=1)


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_fifty_kills(tmp_path: Path) -> None:
    where = torture(tmp_path, 50, seed=20261123)
    print(dict(where))
    assert where["fetching"] > 0, where
    assert where["generating"] > 0, where
