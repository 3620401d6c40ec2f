"""The log of a whole journey: what happened is in it, whoever drove, and nothing that is nobody's business."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from oavr_tui.app_log import log_path
from oavr_tui.paths import Paths
from tests.programs_runpod import KEY, SLOW_WORK, RunPod, runpod, until, wished

PROMPT = "an old sailor remembers the storm of his youth"
TOKEN = "token.of.a.box.that.is.not.there"


def text(cloud: RunPod) -> str:
    return log_path(Paths.find({"OAVR_HOME": str(cloud.home)})).read_text("utf-8")


@pytest.mark.full
def test_a_video_made_by_two_drivers_is_in_one_log_without_secrets(tmp_path: Path) -> None:
    with runpod(tmp_path, SLOW_WORK) as cloud:
        cloud.oavr("pods", "add", "http://127.0.0.1:9", "--name", "box", "--token", TOKEN)
        running = cloud.start(*wished("--on", "auto", "--prompt", PROMPT))
        job = running.until(event="job")["id"]
        running.until(event="progress", stage="generating")
        first, keeper = running.process.pid, cloud.keeper()
        running.signal(signal.SIGKILL)
        running.ran()
        until(lambda: f"Job {job}: done" in text(cloud), "the keeper brings it home and tells it")
        until(lambda: cloud.statuses() == ["EXITED"], "the keeper stops the idle studio")
        until(lambda: "studio-1: stopped" in text(cloud), "and tells it")
        assert keeper is not None
        assert cloud.oavr("pods", "terminate", "studio-1", "--yes").code == 0
        until(lambda: cloud.keeper() is None, "the keeper ends")

        told = [line.split(" ", 2)[1:] for line in text(cloud).splitlines()]
        by = {process: [line for teller, line in told if teller == str(process)] for process in (first, keeper)}
        assert f"INFO oavr_tui: Job {job}: generating" in by[first]
        assert f"INFO oavr_tui: Job {job}: done" in by[keeper]
        assert any("studio-1: ready, RTX 4090" in line for line in by[first])
        assert by[keeper][0] == "INFO oavr_tui: The keeper begins."
        assert by[keeper][-1] == "INFO oavr_tui: The keeper ends: nothing is left to do."

        pod_ids = [pod["id"] for pod in cloud.books()["pods"]]
        assert pod_ids
        private = [KEY, TOKEN, *pod_ids, PROMPT[:16], str(cloud.home), str(tmp_path)]
        assert not [one for one in private if one in text(cloud)]
