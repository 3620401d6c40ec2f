"""What is asked before money is spent, and how every question is answered: the order, the focus, F1, and what changes
while it is open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from oavr_tui.app.app import OavrApp
from oavr_tui.app.demo import Demo
from oavr_tui.app.dialogs.consent import consent
from oavr_tui.app.dialogs.help import Help
from oavr_tui.app.dialogs.leaving import Going, Leaving
from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.app.dialogs.start_studio import start_studio
from oavr_tui.app.dialogs.start_video import start_video
from oavr_tui.app.dialogs.voice_too_long import voice_too_long
from oavr_tui.app.live import EVERYTHING
from oavr_tui.app.memory import Draft, Memory
from oavr_tui.app.screens.studio_words import key_works
from oavr_tui.engine.events import Estimated
from oavr_tui.models import AUTO, PREVIEW, Pod, PodKind, PodState, Request
from oavr_tui.paths import Paths
from oavr_tui.pods.cost import lasting
from tests.app.snapshot import text_of
from tests.app.studios import WAIT_SECONDS, all_made, app, dialog, in_front, jobs, studio, text, until
from tests.programs_runpod import KEY, RunPod, runpod
from tests.samples import portrait, voice

SIZE = (80, 24)


@pytest.fixture
def account(home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPod]:
    """An account whose key is in the environment."""
    with runpod(tmp_path / "account") as cloud:
        for name in ("RUNPOD_API_BASE_URL", "OAVR_RUNPOD_PROXY"):
            monkeypatch.setenv(name, cloud.env[name])
        monkeypatch.setenv("RUNPOD_API_KEY", KEY)
        yield cloud


def oavr(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


def request(on: str = AUTO) -> Request:
    return Request(str(portrait()), str(voice()), max_seconds=1, on=on)


def focused(pilot: Pilot[None]) -> str:
    return (pilot.app.focused.id or "") if pilot.app.focused is not None else ""


async def test_a_full_video_from_another_screen_names_its_price_first(home: Paths, account: RunPod) -> None:
    async with app(home, request(), pods_keeper=False).run_test(size=SIZE) as pilot:
        await oavr(pilot).engine_when_open()
        await oavr(pilot).go("docs")
        await pilot.press("ctrl+g")
        await in_front(pilot, Question)
        assert "Make the full video, about $0." in dialog(pilot)
        assert "speaks 0:01 of" in text_of(pilot.app)
        await until(pilot, lambda: focused(pilot) == "answer-")
        assert oavr(pilot).place == "studio"
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing was started" in text(pilot, "status"))
        assert not dialog(pilot)
        assert not jobs(pilot)
    assert not account.statuses()


async def test_a_preview_from_another_screen_starts_at_once(home: Paths) -> None:
    async with app(home, request(PREVIEW)).run_test(size=SIZE) as pilot:
        await oavr(pilot).engine_when_open()
        await oavr(pilot).go("docs")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: all_made(pilot))
        assert not dialog(pilot)


async def test_what_was_chosen_while_the_app_loads_stays_chosen(home: Paths) -> None:
    made = app(home, memory=Memory(draft=Draft(image=str(portrait()), audio=str(voice()))))
    chosen = threading.Event()
    made.demo = Demo("rpa_SIMULATED0FULL", lambda: assert_told(chosen))
    async with made.run_test(size=SIZE) as pilot:
        studio(pilot).query_one("#make").focus()
        await pilot.press("down")
        assert made.engine is None
        chosen.set()
        await until(pilot, lambda: "^g asks for it" in text(pilot, "status"))
        await pilot.press("escape")
        assert studio(pilot).draft.full
        assert not dialog(pilot)


def assert_told(event: threading.Event) -> None:
    assert event.wait(WAIT_SECONDS)


@pytest.mark.full
async def test_after_a_key_was_taken_it_is_said_what_to_press(home: Paths, account: RunPod) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RUNPOD_API_KEY")
        async with app(home, request(PREVIEW), pods_keeper=False).run_test(size=SIZE) as pilot:
            await until(pilot, lambda: "used" in text(pilot, "found-audio"))
            await oavr(pilot).engine_when_open()
            studio(pilot).query_one("#make").focus()
            await pilot.press("down")
            await until(pilot, lambda: focused(pilot) == "key")
            pilot.app.screen.query_one("#key", Input).value = KEY
            await pilot.press("enter")
            await until(pilot, lambda: "Press ^g to make the full video, about $0." in text(pilot, "status"))
            assert not jobs(pilot)


def test_the_words_after_a_key() -> None:
    told = Estimated("", 840, 180, 0.021, True, "", "about 4 min · about $0.02")
    assert key_works(told) == "Your key works. Press ^g to make the full video, about $0.02."
    assert key_works(None) == "Your key works. Press ^g to make the full video."
    assert "Choose a portrait" in key_works(None, ready=False)
    assert "Choose Full video" in key_works(None, full=False)


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        (lambda: start_studio("$0.34/h", "", 15), "answer-"),
        (lambda: start_video("a.png", "b.wav", 12.0, "about $0.10", "About 4 min."), "answer-"),
        (lambda: Question("Delete?", [], [Answer("yes", "Delete", "error"), BACK]), "answer-"),
        (consent, "answer-agree"),
        (lambda: voice_too_long(500, 400, full=True), "answer-cut"),
    ],
)
async def test_enter_spends_and_destroys_nothing_and_the_way_back_is_last(
    home: Paths,
    question: Callable[[], Question],
    focus: str,
) -> None:
    async with app(home).run_test(size=SIZE) as pilot:
        await pilot.app.push_screen(question())
        await until(pilot, lambda: focused(pilot) == focus)
        assert pilot.app.screen.query(Button).last().id == "answer-"


async def test_f1_tells_the_keys_of_a_question(home: Paths) -> None:
    async with app(home).run_test(size=SIZE) as pilot:
        await pilot.app.push_screen(consent())
        await pilot.press("f1")
        await in_front(pilot, Help)
        await until(pilot, lambda: "Esc" in text_of(pilot.app) and "Back" in text_of(pilot.app))
        told = text_of(pilot.app).split("This window")[1]
        assert "Pods" not in told
        assert "Focus" not in told
        await pilot.press("escape")
        await in_front(pilot, Question)


async def test_the_question_at_the_door_follows_what_happens(home: Paths) -> None:
    pod = Pod("p", "studio-1", PodKind.RUNPOD, PodState.READY, 0.0, 0.0, per_hour=0.34)
    async with app(home).run_test(size=SIZE) as pilot:
        await oavr(pilot).engine_when_open()
        asked = Leaving(Going((pod,), idle_minutes=15), "")
        await pilot.app.push_screen(asked)
        await until(pilot, lambda: focused(pilot) == "answer-stop")
        assert "1 studio is running ($0.34/h)." in text_of(pilot.app)
        asked.draw(EVERYTHING)  # in truth nothing runs
        await until(pilot, lambda: "Nothing is being made any more" in text_of(pilot.app))
        assert not asked.query_one("#answer-stop").display
        # What is gone must not be answered by the next key.
        await until(pilot, lambda: focused(pilot) == "answer-stay")


def test_how_long_money_lasts_is_told_in_words() -> None:
    days = 86_400
    seconds = (0, 40 * 60, 5 * 3600, 912 * 3600, 400 * days)
    assert [lasting(each) for each in seconds] == [
        "about 1 minute",
        "about 40 minutes",
        "about 5 hours",
        "about 38 days",
        "over a year",
    ]
