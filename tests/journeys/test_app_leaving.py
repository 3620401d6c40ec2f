"""Leaving while a full video is being made: it is offered as what it is, and then really done."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.models import AUTO, JobState, Request
from oavr_tui.paths import Paths
from tests.app.studios import app, dialog, jobs, until
from tests.faults.account import account
from tests.samples import portrait, voice

SIZE = (120, 40)


async def test_a_video_is_canceled_and_its_studio_stopped_before_the_app_goes(
    home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with account(tmp_path / "account") as cloud:
        monkeypatch.setenv("RUNPOD_API_BASE_URL", cloud.base_url)
        monkeypatch.setenv("OAVR_RUNPOD_PROXY", cloud.proxy_template)
        monkeypatch.setenv("RUNPOD_API_KEY", cloud.account.script.keys.full)
        made = app(home, pods_keeper=False, pods_idle_minutes=15)
        async with made.run_test(size=SIZE) as pilot:
            engine = await made.engine_when_open()
            await until(pilot, lambda: made.live.driving)
            await engine.submit(Request(str(portrait()), str(voice()), on=AUTO))
            await until(pilot, lambda: made.live.running_pods and jobs(pilot)[0].pod)
            await until(pilot, lambda: jobs(pilot)[0].state is not JobState.QUEUED)
            while dialog(pilot):
                await pilot.press("escape")
            await pilot.press("ctrl+q")
            await until(pilot, lambda: "Leave" in dialog(pilot))
            answer = pilot.app.screen.query_one("#answer-stop")
            assert "Cancel the video, stop it and quit" in str(answer.render())
            await pilot.click("#answer-stop")
            await until(pilot, lambda: not made.is_running)
            assert not made.live.running_pods
            assert jobs(pilot)[0].cancel_asked
        assert all(pod["status"] in ("EXITED", "TERMINATED") for pod in cloud.books()["pods"])
