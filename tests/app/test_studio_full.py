"""The way to a full video: the key, what it will take, which studio, and what is asked before money is spent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.live import Live
from oavr_tui.app.screens.studio_more import places
from oavr_tui.models import AUTO, Pod, PodKind, PodState, Request
from oavr_tui.paths import Paths
from tests.app.studios import all_made, app, dialog, field, jobs, studio, text, until
from tests.media.makers import save_wav, tone
from tests.programs_runpod import KEY, RunPod, runpod
from tests.samples import portrait, voice


@pytest.fixture
def account(home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPod]:
    """An account whose address everybody knows, and whose key nobody has yet."""
    with runpod(tmp_path / "account") as cloud:
        for name in ("RUNPOD_API_BASE_URL", "OAVR_RUNPOD_PROXY"):
            monkeypatch.setenv(name, cloud.env[name])
        monkeypatch.delenv("RUNPOD_API_KEY", raising=False)
        yield cloud


def word(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#key-word", Static).render())


def kinds(pilot: Pilot[None]) -> str:
    """What is said of the full video, at length."""
    make = studio(pilot).query_one("#make")
    return "".join(segment.text for segment in make.render_line(1))


async def test_choosing_a_full_video_asks_for_a_key_and_esc_is_the_preview(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        assert isinstance(pilot.app, OavrApp)
        await pilot.app.engine_when_open()
        studio(pilot).query_one("#make").focus()
        await pilot.press("down")
        await until(pilot, lambda: "key" in dialog(pilot))
        await until(pilot, lambda: pilot.app.focused is pilot.app.screen.query_one("#key", Input))
        await pilot.press("enter")
        await until(pilot, lambda: "first" in word(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: not studio(pilot).form.draft.full)


async def test_enter_in_a_field_begins_no_full_video(home: Paths) -> None:
    request = Request(str(portrait()), str(voice()), on="http://127.0.0.1:9")
    async with app(home, request).run_test(size=(80, 24)) as pilot:
        assert isinstance(pilot.app, OavrApp)
        engine = await pilot.app.engine_when_open()
        await until(pilot, lambda: "frames" in text(pilot, "found-audio"))
        assert studio(pilot).form.draft.full
        for name in ("image", "prompt"):
            field(pilot, name).focus()
            await pilot.press("enter")
            await until(pilot, lambda: pilot.app.focused is studio(pilot).form.go_button)
        assert not engine.jobs()


@pytest.mark.full
async def test_a_key_is_tried_before_it_is_kept_and_then_the_estimate_is_there(home: Paths, account: RunPod) -> None:
    request = Request(str(portrait()), str(voice()))
    async with app(home, request).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "frames" in text(pilot, "found-audio"))
        studio(pilot).query_one("#make").focus()
        await pilot.press("down")
        await until(pilot, lambda: "key" in dialog(pilot))
        pilot.app.screen.query_one("#key", Input).value = "rpa_NOBODYKNOWSTHISONE0000"
        await pilot.press("enter")
        await until(pilot, lambda: "✘" in word(pilot))
        pilot.app.screen.query_one("#key", Input).value = KEY
        await pilot.press("enter")
        await until(pilot, lambda: not dialog(pilot))
        assert studio(pilot).form.draft.full
        await until(pilot, lambda: "$" in kinds(pilot) and "key" not in kinds(pilot))
        assert isinstance(pilot.app, OavrApp) and pilot.app.engine is not None
        assert (await pilot.app.engine.key_origin()).kind == "file"


@pytest.mark.full
async def test_a_studio_is_not_started_unasked(home: Paths, account: RunPod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    request = Request(str(portrait()), str(voice()), on=AUTO)
    async with app(home, request, pods_start_by_itself=False).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Start a studio? $" in dialog(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing" in text(pilot, "status"))
        assert not jobs(pilot)
    assert not account.statuses()


@pytest.mark.full
async def test_a_voice_that_is_too_long_is_cut_only_by_consent(home: Paths, tmp_path: Path) -> None:
    long = save_wav(tmp_path / "long.wav", tone(1810, rate=8000), rate=8000)
    async with app(home, Request(str(portrait()), str(long))).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "longer" in text(pilot, "found-audio"))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "too long" in dialog(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing" in text(pilot, "status"))
        assert not jobs(pilot)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "too long" in dialog(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: jobs(pilot))
        assert jobs(pilot)[0].request.max_seconds == 1800
        assert isinstance(pilot.app, OavrApp) and pilot.app.engine is not None
        await pilot.app.engine.cancel(jobs(pilot)[0].id)
        await until(pilot, lambda: all_made(pilot))


def pod(name: str, kind: PodKind, state: PodState = PodState.READY) -> Pod:
    return Pod(id=name, name=name, kind=kind, state=state, created_at=0, updated_at=0)


def test_studios_are_offered_only_where_there_is_a_choice() -> None:
    live = Live()
    live.pods = (pod("studio-1", PodKind.RUNPOD),)
    assert places(live, "", has_key=True) == []
    live.pods += (pod("studio-2", PodKind.RUNPOD, PodState.BOOTING), pod("studio-3", PodKind.RUNPOD, PodState.STOPPED))
    offered = places(live, "", has_key=True)
    assert [pick.id for pick in offered] == ["", "studio-1", "studio-2"]
    assert [pick.hints[0] for pick in offered[1:]] == ["Idle", "Starting"]


def test_an_own_address_is_offered_and_needs_no_key() -> None:
    live = Live()
    live.pods = (pod("mine", PodKind.ADDRESS),)
    assert [pick.id for pick in places(live, "", has_key=True)] == ["", "mine"]
    assert [pick.id for pick in places(live, "", has_key=False)] == ["mine"]
    assert [pick.label for pick in places(Live(), "http://me:pw@host:8188/?t=x", has_key=False)] == ["http://host:8188"]


async def test_a_field_that_is_empty_says_which(home: Paths) -> None:
    async with app(home, Request(str(portrait()), "")).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "480x640" in text(pilot, "found-image"))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: pilot.app.focused is field(pilot, "audio"))
