"""Rented studios from the command line, against a simulated account: its books say what was really made and spent."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.pods.cost import total
from tests.programs import Ran, command, simulator
from tests.programs_guard import guarded
from tests.programs_runpod import QUICK, SLOW_WORK, Running, RunPod, runpod, until, wished
from tests.samples import decoded

STEPS = ["asked", "found", "booting", "fetching", "warming", "ready"]
KEPT = {"stop_keeps_gpu": True}
LONG = pytest.mark.full


def boot(**more: Any) -> dict[str, Any]:
    """A script with a boot of its own."""
    return {"boot": {**QUICK["boot"], **more}}


def steps(running: Running) -> list[str]:
    """The steps of a start that a command told of, each once."""
    return list(dict.fromkeys(event["step"] for event in running.events() if event["event"] == "pod"))


def plain(*words: str) -> tuple[str, ...]:
    """The same command, telling a person rather than a script."""
    return tuple(word for word in words if word != "--json")


def estimate(ran: Ran) -> dict[str, Any]:
    return next(event for event in ran.events if event["event"] == "estimate")


def video_is_whole(video: dict[str, Any], seconds: float = 1) -> None:
    film = decoded(Path(video["path"]))
    assert (film.video_codec, film.audio_codec, film.frames) == ("h264", "aac", round(seconds * 25))


def test_without_a_key_nothing_is_started(tmp_path: Path) -> None:
    with runpod(tmp_path, RUNPOD_API_KEY="") as cloud:
        for words in (wished("--on", "auto"), ("pods", "deploy", "--json"), ("pods", "gpus", "--json")):
            ran = cloud.oavr(*words)
            assert (ran.code, ran.last["event"], ran.last["code"]) == (1, "failed", "no_key")
            assert "RUNPOD_API_KEY" in ran.last["message"]
        assert cloud.books()["requests"] == []
        assert cloud.jobs() == []


@pytest.mark.parametrize("control", ["v2", pytest.param("sdk", marks=LONG)])
def test_from_a_key_to_a_video_to_the_idle_stop(tmp_path: Path, control: str) -> None:
    with runpod(tmp_path, {**KEPT, **boot(seconds_per_file=0.1, warm_seconds=2)}, OAVR_PODS_CONTROL=control) as cloud:
        first = cloud.start(*wished("--on", "auto"))
        ran = first.ran()
        assert ran.code == 0, ran.err
        assert steps(first) == STEPS
        guess = estimate(ran)
        assert (guess["learned"], guess["start_seconds"], guess["make_seconds"]) == (False, 840, 60)
        video_is_whole(ran.last["video"])
        assert ran.last["video"]["made_on"] == "RTX 4090"
        assert 0 < ran.last["video"]["cost"] <= cloud.books()["dollars"]
        until(lambda: cloud.statuses() == ["EXITED"], "the idle studio is stopped")
        asked = {request["api"] for request in cloud.books()["requests"] if request["deed"] in ("create", "stop")}
        assert asked == {"graphql" if control == "sdk" else "v2"}
        studio = cloud.pods()["studio-1"]
        assert (studio["state"], studio["per_hour"], studio["storage_per_hour"] > 0) == ("stopped", 0.0, True)
        assert "idle" in studio["note"]

        if control == "sdk":
            return
        again = cloud.oavr(*plain(*wished("--on", "auto")))
        assert again.code == 0, again.err
        assert "Roughly 4 min this time (starting 3, making 1)" in again.err
        assert "studio-1: studio-1 is ready." in again.err
        assert cloud.books()["creates"] == 1
        assert len(cloud.videos()) == 2


@pytest.mark.parametrize("control", ["v2", pytest.param("sdk", marks=LONG)])
def test_killed_midway_the_keeper_brings_the_video_home(tmp_path: Path, control: str) -> None:
    with runpod(tmp_path, SLOW_WORK, OAVR_PODS_CONTROL=control, OAVR_PODS_TERMINATE_AFTER_HOURS="0") as cloud:
        running = cloud.start(*wished("--on", "auto", "--seed", "5"))
        running.until(event="progress", stage="generating")
        prompt = cloud.jobs()[0]["prompt_id"]
        running.signal(signal.SIGKILL)
        assert running.ran().code == -signal.SIGKILL
        until(lambda: cloud.statuses() == ["EXITED"], "the keeper stops the studio")
        until(lambda: cloud.keeper() is None, "a studio that may stay stopped needs no keeper")
        assert [(job["state"], job["prompt_id"]) for job in cloud.jobs()] == [("done", prompt)]
        videos = cloud.videos()
        assert [video["seed"] for video in videos] == [5]
        video_is_whole(videos[0])
        assert cloud.books()["creates"] == 1


@pytest.mark.parametrize("keeper", ["yes", "no"])
@pytest.mark.full
def test_killed_while_the_machine_is_asked_for(tmp_path: Path, keeper: str) -> None:
    """The machine comes to be after the kill: whoever goes on finds it by its name and asks for no other."""
    slow = {"faults": [{"match": {"deed": "create"}, "do": "latency", "seconds": 4}]}
    with runpod(tmp_path, slow, OAVR_PODS_KEEPER=keeper) as cloud:
        running = cloud.start(*wished("--on", "auto"))
        until(lambda: cloud.books()["creates"] == 1, "the machine is asked for")
        running.signal(signal.SIGKILL)
        assert running.ran().code == -signal.SIGKILL
        assert cloud.statuses() == []
        if keeper == "no":
            assert cloud.oavr("jobs", "watch").code == 0
        until(lambda: [job["state"] for job in cloud.jobs()] == ["done"], "the video is made")
        assert (cloud.books()["creates"], len(cloud.books()["pods"])) == (1, 1)
        assert len(cloud.videos()) == 1


HELD: dict[str, dict[str, Any]] = {
    "asked": {"faults": [{"match": {"deed": "create"}, "do": "latency", "seconds": 3}]},
    "booting": {"pull_seconds": 120},
    "fetching": boot(seconds_per_file=20),
    "warming": boot(warm_seconds=120),
}
"""Scripts under which a start stays at a step."""


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("asked", marks=LONG),
        pytest.param("booting", marks=LONG),
        pytest.param("fetching", marks=LONG),
        pytest.param("warming", marks=LONG),
    ],
)
def test_cancelling_a_start_leaves_no_machine_behind(tmp_path: Path, step: str) -> None:
    with runpod(tmp_path, HELD[step]) as cloud:
        running = cloud.start(*wished("--on", "auto"))
        running.until(event="pod", step=step)
        until(lambda: cloud.books()["creates"] == 1, "the machine is asked for")
        running.signal(signal.SIGINT)
        ran = running.ran()
        assert (ran.code, ran.last["code"]) == (130, "cancelled")
        assert cloud.statuses() == ["TERMINATED"]
        assert cloud.books()["per_hour"] == 0
        assert cloud.pods() == {}
        until(lambda: cloud.keeper() is None, "the keeper has nothing left to do")


@pytest.mark.full
def test_cancelling_while_it_is_made_stops_the_studio_in_time(tmp_path: Path) -> None:
    with runpod(tmp_path, SLOW_WORK) as cloud:
        running = cloud.start(*wished("--on", "auto"))
        running.until(event="progress", stage="generating")
        running.signal(signal.SIGINT)
        ran = running.ran()
        assert (ran.code, ran.last["code"]) == (130, "cancelled")
        until(lambda: cloud.statuses() == ["EXITED"], "the keeper stops the studio")
        assert cloud.videos() == []


def test_ctrl_c_turns_a_deploy_back(tmp_path: Path) -> None:
    with runpod(tmp_path, {"pull_seconds": 120}) as cloud:
        running = cloud.start("pods", "deploy", "--json")
        running.until(event="pod", step="booting")
        running.signal(signal.SIGINT)
        ran = running.ran()
        assert (ran.code, ran.last) == (130, {"name": "studio-1", "state": "gone", "note": None})
        assert "Turning back" in ran.err
        assert cloud.statuses() == ["TERMINATED"]


def running_on(cloud: RunPod) -> list[str]:
    """Ids of the pods that make a video right now, by their own queues."""
    return [
        pod["id"]
        for pod in cloud.books()["pods"]
        if pod["status"] == "RUNNING" and cloud.queue(pod["id"]).get("queue_running")
    ]


@pytest.mark.full
def test_six_videos_on_three_studios_of_which_one_vanishes(tmp_path: Path) -> None:
    with runpod(tmp_path, {**SLOW_WORK, **KEPT}, OAVR_PODS_MOST="3") as cloud:
        commands = [cloud.start(*wished("--on", "auto", "--seed", str(seed))) for seed in range(6)]
        until(lambda: len(running_on(cloud)) >= 2, "several studios are at work")
        lost = running_on(cloud)[0]
        cloud.post(f"/simulator/vanish/{lost}")
        ran = [one.ran(300) for one in commands]
        assert [one.code for one in ran] == [0] * 6, [one.err for one in ran]
        assert sorted(one.last["video"]["seed"] for one in ran) == list(range(6))
        for one in ran:
            video_is_whole(one.last["video"])
        assert len({one.last["video"]["path"] for one in ran}) == 6
        assert sorted(video["seed"] for video in cloud.videos()) == list(range(6))
        moved = [job for job in cloud.jobs() if job["moved"]]
        assert len(moved) == 1
        assert f": {moved[0]['title']} goes to another one." in "".join(one.err for one in ran), [
            one.err for one in ran
        ]
        assert cloud.books()["creates"] <= 4

        until(lambda: cloud.books()["per_hour"] < 0.2, "all studios are stopped")
        until(lambda: not any(pod["per_hour"] for pod in cloud.pods().values()), "and that is written down")
        the_cost_is_the_bill(cloud)


def the_cost_is_the_bill(cloud: RunPod) -> None:
    """What is told to have been spent is what the account has billed, to within one second of each machine's price."""
    books = cloud.books()
    pods, spells = cloud.kept()
    names = {pod.pod_id: pod.id for pod in pods}
    for pod in books["pods"]:
        own = [spell for spell in spells if spell.pod == names[pod["id"]]]
        assert abs(total(own, books["now"]) - pod["dollars"]) <= pod["price"] / 3600, (own, pod)
    told = cloud.oavr("pods", "cost", "--json").last
    prices = sum(pod["price"] for pod in books["pods"])
    assert abs(sum(told["studios"].values()) - books["dollars"]) <= prices / 3600


@pytest.mark.full
def test_a_wish_for_one_studio_waits_until_it_is_free(tmp_path: Path) -> None:
    with runpod(tmp_path, SLOW_WORK, OAVR_PODS_MOST="3", OAVR_PODS_IDLE_MINUTES="60") as cloud:
        first = cloud.start(*wished("--on", "auto"))
        first.until(event="progress", stage="generating")
        pod = cloud.books()["pods"][0]["id"]
        second = cloud.start(*wished("--on", "studio-1"))
        refused = cloud.oavr("pods", "terminate", "studio-1", "--yes", "--json")
        assert (refused.code, refused.last["code"]) == (2, "bad_input")
        assert "would be lost" in refused.last["message"]

        def both_have_ended() -> bool:
            queue = cloud.queue(pod)
            assert len(queue.get("queue_running", [])) + len(queue.get("queue_pending", [])) <= 1
            return first.process.poll() is not None and second.process.poll() is not None

        until(both_have_ended, "both videos")
        for one in (first, second):
            assert one.ran().code == 0, one.text()
        assert cloud.books()["creates"] == 1
        third = cloud.oavr(*wished("--on", "studio-1"))
        assert third.code == 0, third.err
        learned = estimate(third)
        assert (learned["learned"], learned["start_seconds"]) == (True, 0)
        assert 0 < learned["make_seconds"] < 60
        unknown = cloud.oavr(*wished("--on", "studio-7"))
        assert (unknown.code, unknown.last["code"]) == (2, "bad_input")


@pytest.mark.full
def test_a_stopped_studio_whose_machine_was_given_away(tmp_path: Path) -> None:
    taken = {"faults": [{"match": {"deed": "start"}, "do": "not_free"}]}
    with runpod(tmp_path, taken) as cloud:
        first = cloud.oavr(*plain(*wished("--on", "auto")))
        assert first.code == 0, first.err
        assert "Usually 8-20 minutes the first time to start, then roughly 1 min to make it" in first.err
        until(lambda: cloud.statuses() == ["EXITED"], "the idle studio is stopped")
        pinned = cloud.oavr(*wished("--on", "studio-1"))
        assert (pinned.code, pinned.last["code"], pinned.last["can_retry"]) == (1, "rejected", True)
        assert "GPU" in pinned.last["message"]
        started = cloud.oavr("pods", "start", "studio-1", "--json")
        assert (started.code, started.last["state"]) == (1, "stopped")
        assert "GPU" in started.last["note"]
        other = cloud.start(*wished("--on", "auto"))
        assert other.ran().code == 0, other.text()
        assert other.until(event="pod", step="ready")["name"] == "studio-2"
        assert cloud.books()["creates"] == 2


@pytest.mark.full
def test_every_command_about_studios(tmp_path: Path) -> None:
    volume = {"id": "vol1", "name": "models", "size": 100, "data_center": "US-KS-2"}
    with runpod(tmp_path, {**KEPT, "volumes": [volume]}, OAVR_PODS_IDLE_MINUTES="60") as cloud:
        empty = cloud.oavr("pods", "list", "--json")
        assert (empty.code, empty.out) == (0, "")
        assert "No studios." in empty.err
        assert cloud.oavr("pods", "volumes", "--json").last == {
            "id": "vol1", "name": "models", "size_gb": 100, "data_center": "US-KS-2",
        }  # fmt: skip
        offers = cloud.oavr("pods", "gpus", "--json").events
        assert [set(offer) for offer in offers] == [
            {"gpu", "name", "vram_gb", "cloud", "per_hour", "stock", "allowed"}
        ] * len(offers)
        assert (offers[0]["name"], offers[0]["per_hour"], offers[0]["allowed"]) == ("RTX 4090", 0.34, True)
        assert not [offer for offer in offers if offer["allowed"] and offer["per_hour"] > 1]
        assert cloud.oavr("pods", "deploy", "--gpu", "GTX 5", "--json").code == 2

        deployed = cloud.oavr("pods", "deploy", "--name", "alpha", "--json")
        assert (deployed.code, deployed.last) == (0, {"name": "alpha", "state": "ready", "note": None})
        full = cloud.books()["pods"][0]["id"]
        studio = cloud.pods()["alpha"]
        assert set(studio) == {
            "name", "kind", "state", "pod_id", "address", "gpu", "cloud", "per_hour", "storage_per_hour",
            "running_seconds", "cost", "jobs", "started_here", "note",
        }  # fmt: skip
        assert (studio["state"], studio["pod_id"], studio["per_hour"]) == ("ready", f"{full[:4]}…", 0.34)
        assert "alpha" in cloud.oavr("pods", "list").out
        lines = cloud.oavr("pods", "logs", "alpha", "-n", "3", "--json").events
        assert [set(line) for line in lines] == [{"line"}] * 3
        cost = cloud.oavr("pods", "cost", "--json").last
        assert set(cost) == {
            "per_hour", "storage_per_hour", "today", "day_cap", "month", "studios", "jobs", "balance",
            "balance_lasts_seconds",
        }  # fmt: skip
        assert (cost["per_hour"], cost["day_cap"], round(cost["balance"])) == (0.34, 5.0, 25)
        assert cloud.oavr("pods", "deploy", "--name", "alpha", "--json").code == 2

        for words in (["start", "alpha"], ["forget", "alpha"], ["stop", "beta"], ["terminate", "alpha"]):
            refused = cloud.oavr("pods", *words, "--json")
            assert (refused.code, refused.last["code"]) == (2, "bad_input"), words
            assert refused.last["message"].endswith(".")
        stopped = cloud.oavr("pods", "stop", "alpha", "--json")
        assert (stopped.code, stopped.last["state"], cloud.statuses()) == (0, "stopped", ["EXITED"])
        assert cloud.oavr("pods", "stop", "alpha", "--json").code == 2
        started = cloud.oavr("pods", "start", "alpha", "--json")
        assert (started.code, started.last["state"], cloud.statuses()) == (0, "ready", ["RUNNING"])
        assert asked_on_a_terminal(cloud, "n") == 1
        assert cloud.statuses() == ["RUNNING"]
        assert asked_on_a_terminal(cloud, "y") == 0
        assert cloud.statuses() == ["TERMINATED"]
        assert cloud.books()["per_hour"] == 0
        assert cloud.pods() == {}


def asked_on_a_terminal(cloud: RunPod, answer: str) -> int:
    """`pods terminate` with a terminal to answer on; returns its exit code."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            command("pods", "terminate", "alpha"),
            env={**os.environ, "OAVR_HOME": str(cloud.home), **cloud.env},
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    cloud.told += [done.stdout, done.stderr]
    assert "Terminate alpha? Everything on it is deleted. [y/N]" in done.stderr
    return done.returncode


@pytest.mark.full
def test_a_log_is_followed_as_it_comes(tmp_path: Path) -> None:
    with runpod(tmp_path, boot(seconds_per_file=0.5)) as cloud:
        deploy = cloud.start("pods", "deploy", "--json")
        deploy.until(event="pod", step="fetching")
        following = cloud.start("pods", "logs", "studio-1", "-f")
        until(lambda: "Starting ComfyUI" in following.text(), "the last line before it is ready")
        following.signal(signal.SIGINT)
        ran = following.ran()
        assert ran.code == 130, ran.err
        assert len([line for line in ran.out.splitlines() if "[COMPLETE]" in line]) == 17
        assert deploy.ran().code == 0


@pytest.mark.full
def test_an_own_server_that_wants_a_token(tmp_path: Path) -> None:
    token = "a-token-of-our-own"
    with (
        simulator(tmp_path / "comfy") as server,
        guarded(server.url, token) as guard,
        runpod(tmp_path / "cloud") as cloud,
    ):
        added = cloud.oavr("pods", "add", guard.url, "--name", "mine", "--token", token, "--json")
        assert added.code == 0
        assert "mine answers: ComfyUI" in added.err
        assert (added.last["kind"], added.last["state"], added.last["address"]) == ("address", "ready", guard.url)
        made = cloud.oavr(*wished("--on", "mine"))
        assert made.code == 0, made.err
        video_is_whole(made.last["video"])
        assert (guard.refused, guard.sockets > 0) == (0, True)
        assert made.last["video"]["cost"] == 0

        stop = cloud.oavr("pods", "stop", "mine", "--json")
        assert (stop.code, stop.last["code"]) == (2, "bad_input")
        assert cloud.oavr("pods", "forget", "mine", "--json").last == {"name": "mine", "state": "gone"}
        without = cloud.oavr("pods", "add", guard.url, "--name", "mine")
        assert "does not answer now" in without.err
        failed = cloud.oavr(*wished("--on", "mine"))
        assert (failed.code, failed.last["code"]) == (1, "rejected")
        assert "token" in failed.last["message"]
        said = "".join((*cloud.told, *(one.text() for one in cloud.started)))
        assert token not in said
        assert cloud.books()["creates"] == 0
