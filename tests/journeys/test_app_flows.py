"""The ways of the web app's users, in the app: somebody new, somebody who returns, and somebody with several pods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.dialogs.new_pod import NewPod
from oavr_tui.app.dialogs.starting import Starting
from oavr_tui.app.widgets.choice import Choice
from oavr_tui.models import JobState, PodState
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from tests.app.snapshot import text_of
from tests.app.studios import all_made, dialog, field, in_front, jobs, studio, text, until
from tests.journeys.seen import said
from tests.programs_runpod import KEY, RunPod, runpod
from tests.samples import portrait, voice

ANY = ""
"""The id of "Any idle studio"."""
NO_KEEPER = {"OAVR_PODS_KEEPER": "no", "OAVR_PODS_IDLE_MINUTES": "30"}


@asynccontextmanager
async def opened(cloud: RunPod, patch: pytest.MonkeyPatch, *, key: bool = True) -> AsyncIterator[Pilot[None]]:
    """The app on that account, in its person's home. key: it is in the environment."""
    for name, value in {**cloud.env, "OAVR_HOME": str(cloud.home)}.items():
        patch.setenv(name, value)
    if not key:
        patch.delenv("RUNPOD_API_KEY")
    paths = Paths.find()
    settings = replace(load_settings(paths), videos_folder=str(paths.videos))
    async with OavrApp(paths, settings).run_test(size=(100, 36), notifications=True) as pilot:
        await until(pilot, lambda: live(pilot).live.driving)
        yield pilot


def live(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


async def asked(pilot: Pilot[None], title: str) -> None:
    await until(pilot, lambda: title in dialog(pilot), f"never asked: {title}")


async def fill(pilot: Pilot[None]) -> None:
    """Both files and a length of one second."""
    field(pilot, "image").value = str(portrait())
    field(pilot, "audio").value = str(voice())
    studio(pilot).form.show_more(True)
    await until(pilot, lambda: studio(pilot).query("#max_seconds"))
    field(pilot, "max_seconds").value = "1"
    await until(pilot, lambda: "used" in text(pilot, "found-audio"))


@pytest.mark.full
async def test_flow_a_somebody_new_gets_a_full_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with runpod(tmp_path, None, **NO_KEEPER) as cloud:
        async with opened(cloud, monkeypatch, key=False) as pilot:
            await fill(pilot)
            studio(pilot).form.choose_kind(full=True)
            await in_front(pilot, GetKey)
            pilot.app.screen.query_one("#key", Input).value = KEY
            await pilot.press("enter")
            await until(pilot, lambda: dialog(pilot) == "")
            assert "The key works" in said(pilot)
            assert KEY not in text_of(pilot.app)
            await pilot.press("ctrl+g")
            await asked(pilot, "Before you make videos")
            await pilot.press("enter")
            await in_front(pilot, Starting)
            await until(pilot, lambda: all_made(pilot))
            assert jobs(pilot)[0].state is JobState.DONE, jobs(pilot)[0].failure
            await until(pilot, lambda: "The video is done: 2 shows it." in text(pilot, "status"))
            studio(pilot).form.go_button.focus()
            await pilot.press("2")
            await until(pilot, lambda: "portrait-voice" in text_of(pilot.app) and "RTX 4090" in text_of(pilot.app))
        assert cloud.statuses() == ["RUNNING"]
        assert len(list((cloud.home / "videos").glob("*.mp4"))) == 1


@pytest.mark.full
async def test_flow_b_somebody_who_returns_is_asked_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with runpod(tmp_path, None, **NO_KEEPER) as cloud:
        async with opened(cloud, monkeypatch) as pilot:
            await fill(pilot)
            studio(pilot).form.choose_kind(full=True)
            await pilot.press("ctrl+g")
            await asked(pilot, "Before you make videos")
            await pilot.press("enter")
            await until(pilot, lambda: all_made(pilot))
        async with opened(cloud, monkeypatch) as pilot:
            assert studio(pilot).draft.full
            assert field(pilot, "image").value == str(portrait())
            await until(pilot, lambda: [pod.state for pod in live(pilot).live.pods] == [PodState.READY])
            await pilot.press("ctrl+g")
            await until(pilot, lambda: len(jobs(pilot)) == 2)
            assert dialog(pilot) == ""
            await until(pilot, lambda: all_made(pilot))
            assert [job.state for job in jobs(pilot)] == [JobState.DONE] * 2
        assert cloud.statuses() == ["RUNNING"], "the studio that was there made it"


@pytest.mark.full
async def test_flow_d_somebody_with_two_pods_chooses_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with runpod(tmp_path, None, **NO_KEEPER, OAVR_PODS_MOST="2") as cloud:
        async with opened(cloud, monkeypatch) as pilot:
            await fill(pilot)
            choice = studio(pilot).query_one("#on", Choice)
            studio(pilot).form.go_button.focus()
            await pilot.press("3")
            for number in (1, 2):
                await pilot.press("n")
                await in_front(pilot, NewPod)
                deploy = pilot.app.screen.query_one("#new-deploy", Button)
                await until(pilot, lambda button=deploy: "$" in str(button.label))  # type: ignore[misc]
                await pilot.press("enter", "enter")
                await until(pilot, lambda: dialog(pilot) == "")
                ready = [PodState.READY] * number
                await until(pilot, lambda wanted=ready: [pod.state for pod in live(pilot).live.pods] == wanted)  # type: ignore[misc]
            await until(pilot, lambda: "Log: studio-2" in text_of(pilot.app))
            await pilot.press("escape", "1")
            await until(pilot, lambda: [pick.id for pick in choice.picks] == [ANY, "studio-1", "studio-2"])
            studio(pilot).form.choose_kind(full=True)
            await pilot.press("o")
            choice.focus()
            await pilot.press("down", "down")
            assert choice.value == "studio-2"
            await pilot.press("ctrl+g")
            await asked(pilot, "Before you make videos")
            await pilot.press("enter")
            await until(pilot, lambda: all_made(pilot))
            job = jobs(pilot)[0]
            assert job.state is JobState.DONE, job.failure
            made_by = live(pilot).live.pod(job.pod or "")
            assert made_by is not None
            assert made_by.name == "studio-2"
            studio(pilot).form.go_button.focus()
            await pilot.press("3", "enter")
            await until(pilot, lambda: "got prompt" in text_of(pilot.app))
