"""Pods that are at work, several at once, their ComfyUI, and a log in the person's pager."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.app.dialogs.show_address import ShowAddress
from oavr_tui.models import JobState, PodState, Request
from tests.app.test_pods import account, desk
from tests.programs_runpod import QUICK, SLOW_WORK
from tests.samples import portrait, voice


@pytest.mark.full
async def test_a_pod_at_work_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path, SLOW_WORK) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.state(PodState.READY)
            engine = await at.app.engine_when_open()
            job = await engine.submit(Request(str(portrait()), str(voice()), on="studio-1", max_seconds=1))
            await at.until(lambda: "Busy · 1 video" in at.seen(), "it is at work")
            for key in ("s", "x"):
                await at.keys(key)
                await at.until(lambda: "is being made on studio-1, and would be lost" in at.says(), "a refusal")
                assert len(at.app.screen_stack) == 1
            assert cloud.statuses() == ["RUNNING"]
            await engine.cancel(job.id)
            await at.until(lambda: all(job.state is JobState.CANCELLED for job in at.app.live.jobs), "cancelled")
            await at.until(lambda: "Idle · stops in" in at.seen(), "idle again")


@pytest.mark.full
async def test_two_pods_and_the_cursor_stays_with_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch, size=(80, 24)) as at:
            await at.deploy()
            await at.keys("escape")
            await at.deploy()
            await at.state(PodState.READY, PodState.READY)
            assert at.under_cursor() == "studio-2"
            assert "Log: studio-2" in at.seen()
            await at.keys("escape", "up")
            assert at.under_cursor() == "studio-1"
            await at.keys("x")
            await at.asked()
            await at.keys("left", "enter")
            await at.state(PodState.READY)
            assert at.under_cursor() == "studio-2"


@pytest.mark.full
async def test_comfyui_over_ssh_is_an_address_to_take_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.1 22")
    monkeypatch.delenv("BROWSER", raising=False)
    slow = {"boot": {**QUICK["boot"], "warm_seconds": 6}}  # it is asked before it runs, on a slow computer too
    with account(tmp_path, slow) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.keys("o")
            await at.until(lambda: "only while studio-1 is running" in at.says(), "not yet")
            await at.state(PodState.READY)
            await at.keys("o")
            await at.asked()
            assert "pass it on to nobody" in at.reads()
            await at.keys("enter")
            await at.asked(ShowAddress)
            await at.keys("escape")
            assert len(at.app.screen_stack) == 1


@pytest.mark.full
async def test_the_next_video_is_made_on_a_chosen_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.state(PodState.READY)
            await at.keys("u")
            await at.until(lambda: at.app.place == "studio", "the Studio")
            await at.until(lambda: at.app.memory.draft.on == "studio-1" and at.app.memory.draft.full, "it is kept")
            await at.keys("escape", "3")
            await at.until(lambda: "▸ next video" in at.seen(), "it is marked")


@pytest.mark.full
async def test_what_was_in_front_is_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.state(PodState.READY)
            await at.until(lambda: "Log: studio-1" in at.seen(), "its log")
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.until(lambda: "Log: studio-1" in at.seen() and "Running" in at.seen(), "as it was")


@pytest.mark.full
async def test_a_pager_that_there_is_not_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with account(tmp_path) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.state(PodState.READY)
            await at.keys("enter", "vertical_line")
            await at.until(lambda: "There is no pager here" in at.says(), "it is said")
