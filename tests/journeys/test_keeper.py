"""The keeper: whoever drives may go for any reason, and somebody goes on until nothing is left to do."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from oavr_tui.engine.lock import FileLock
from oavr_tui.paths import Paths
from tests.programs import simulator
from tests.programs_runpod import QUICK, RunPod, runpod, until, wished
from tests.samples import decoded


def driver(cloud: RunPod) -> int | None:
    """The process id of whoever drives, None when nobody does."""
    lock = FileLock(Paths.find({"OAVR_HOME": str(cloud.home)}).driver_lock)
    return None if lock.is_free() else lock.holder()


@pytest.mark.full
def test_a_person_takes_over_from_the_keeper_and_leaves_again(tmp_path: Path) -> None:
    slow = {"boot": {**QUICK["boot"], "comfy": {"step_seconds": 2}}}
    with runpod(tmp_path, slow) as cloud:
        running = cloud.start(*wished("--on", "auto", "--seed", "7"))
        running.until(event="progress", stage="generating")
        keeper = cloud.keeper()
        assert keeper is not None
        running.signal(signal.SIGKILL)
        running.ran()
        until(lambda: driver(cloud) == keeper, "the keeper drives")
        told = cloud.oavr("keeper", "status", "--json").last
        assert told == {"running": True, "pid": keeper, "jobs": 1, "pods": ["studio-1"]}

        watching = cloud.start("jobs", "watch", "--json")
        until(lambda: driver(cloud) == watching.process.pid, "the keeper makes way")
        watching.signal(signal.SIGTERM)
        assert watching.ran().code == 128 + signal.SIGTERM
        until(lambda: driver(cloud) == keeper, "the keeper goes on")

        until(lambda: cloud.statuses() == ["EXITED"], "the keeper stops the idle studio")
        assert cloud.keeper() == keeper
        videos = cloud.videos()
        assert [video["seed"] for video in videos] == [7]
        assert decoded(Path(videos[0]["path"])).frames == 25
        assert cloud.books()["creates"] == 1


@pytest.mark.full
def test_a_keeper_that_is_sent_away_says_what_goes_on_costing(tmp_path: Path) -> None:
    with runpod(tmp_path, OAVR_PODS_IDLE_MINUTES="60") as cloud:
        idle = cloud.oavr("keeper", "status")
        assert (idle.code, idle.out) == (0, "No keeper is running, and none is needed.\n")
        assert cloud.oavr("pods", "deploy").code == 0
        keeper = cloud.keeper()
        assert f"A keeper is running (process {keeper}): 0 unfinished videos, 1 studio." in (
            cloud.oavr("keeper", "status").out
        )
        gone = cloud.oavr("keeper", "stop")
        assert gone.code == 0
        assert "Nobody watches studio-1 now, and it costs $0.34/h" in gone.err
        assert cloud.keeper() is None
        assert cloud.oavr("keeper", "stop", "--json").last == {"running": False, "jobs": 0, "pods": ["studio-1"]}
        assert cloud.statuses() == ["RUNNING"]
        assert cloud.oavr("pods", "terminate", "studio-1", "--yes").code == 0
        until(lambda: cloud.keeper() is None, "a keeper with nothing to keep ends")


@pytest.mark.full
@pytest.mark.timeout(400)
def test_a_stopped_studio_is_terminated_in_time(tmp_path: Path) -> None:
    """Stopped studios are looked at every two minutes only, so this takes as long."""
    with runpod(tmp_path, OAVR_PODS_TERMINATE_AFTER_HOURS="0.001") as cloud:
        assert cloud.oavr(*wished("--on", "auto")).code == 0
        until(lambda: cloud.statuses() == ["EXITED"], "the keeper stops the idle studio")
        until(lambda: cloud.statuses() == ["TERMINATED"], "some time later it is terminated", 240)
        until(lambda: cloud.keeper() is None, "the keeper has nothing left to do")


@pytest.mark.full
def test_who_has_no_key_leaves_the_studios_to_the_keeper(tmp_path: Path) -> None:
    slow = ("--step-seconds", "5")
    with runpod(tmp_path) as cloud, simulator(tmp_path / "comfy", *slow) as server:
        assert cloud.oavr("pods", "deploy").code == 0
        running = cloud.start(*wished("--on", server.url), RUNPOD_API_KEY="")
        running.until(event="job", state="generating")
        until(lambda: cloud.statuses() == ["EXITED"], "the keeper stops the studio all the same")
        assert running.process.poll() is None
        running.signal(signal.SIGINT)
        assert running.ran().code == 130


@pytest.mark.full
def test_without_a_keeper_it_is_said_that_nobody_watches_and_watching_brings_one(tmp_path: Path) -> None:
    with runpod(tmp_path) as cloud:
        ran = cloud.oavr(*wished("--on", "auto"), OAVR_PODS_KEEPER="no")
        assert ran.code == 0
        assert "Nobody watches studio-1 now, at $0.34/h: 'oavr-tui pods stop studio-1' stops it." in ran.err
        assert cloud.keeper() is None and cloud.statuses() == ["RUNNING"]
        assert "studio-1 is ready for more at $0.34/h" in cloud.oavr("jobs", "watch").err
        until(lambda: cloud.statuses() == ["EXITED"], "the keeper that this brought stops the studio")
