"""What people stumbled over in the Studio: answers that vanish, keys that do nothing, lines out of sight."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from oavr_tui.app.app import OavrApp
from oavr_tui.app.demo import Demo
from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.screens.studio_first import FirstSteps
from oavr_tui.app.screens.studio_words import full_words, sentence
from oavr_tui.app.widgets.path_field import PathField
from oavr_tui.app.widgets.queue import Queue
from oavr_tui.engine.events import Estimated
from oavr_tui.models import JobState, Request
from oavr_tui.paths import Paths
from tests.app.studios import app, field, in_front, jobs, sample_files, studio, text, until
from tests.samples import portrait, voice


def oavr(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


def request() -> Request:
    return Request(str(portrait()), str(voice()), max_seconds=1)


async def test_an_answer_stays_that_was_asked_for_at_once_after_a_change(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        field(pilot, "image").value = str(portrait())
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "480x640" in text(pilot, "found-image"))
        await until(pilot, lambda: text(pilot, "status").startswith("✘"))
        field(pilot, "prompt").value = "she nods"
        await until(pilot, lambda: text(pilot, "status") == "")


async def test_a_key_after_a_picker_that_was_left_changes_no_field(home: Paths) -> None:
    async with app(home, request()).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+o")
        await in_front(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.focused is studio(pilot).form.go_button)
        folded = studio(pilot).form.more_shown
        await pilot.press("o")
        await until(pilot, lambda: studio(pilot).form.more_shown is not folded)
        assert field(pilot, "image").value == str(portrait())
        field(pilot, "image").focus()
        await pilot.press("x")
        assert field(pilot, "image").value == str(portrait()) + "x", "nothing was selected"


async def test_the_samples_can_be_had_at_any_time(home: Paths) -> None:
    async with app(home, request()).run_test(size=(80, 24)) as pilot:
        field(pilot, "image").value = ""
        await oavr(pilot).action_act("studio.samples")
        await until(pilot, lambda: field(pilot, "image").value == str(sample_files()[0]))


@pytest.mark.full
async def test_r_tries_again_from_the_button_and_the_steps_give_way(home: Paths) -> None:
    async with app(home, Request(str(portrait()), str(voice()))).run_test(size=(60, 20)) as pilot:
        await oavr(pilot).engine_when_open()
        first, rows = studio(pilot).query_one(FirstSteps), studio(pilot).query_one(Queue).rows
        await until(pilot, lambda: first.display)
        field(pilot, "prompt").focus()
        await pilot.press("ctrl+g")
        await until(pilot, lambda: not first.display and 0 < rows.region.y < 19)
        await until(pilot, lambda: pilot.app.focused is studio(pilot).form.go_button)
        await pilot.press("c")
        await until(pilot, lambda: jobs(pilot)[0].state is JobState.CANCELLED)
        await pilot.press("r")
        await until(pilot, lambda: jobs(pilot)[0].state is JobState.DONE)
        await pilot.press("l")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def test_the_name_of_a_file_is_seen_while_its_field_is_left_alone(home: Paths, tmp_path: Path) -> None:
    far = tmp_path / ("folder" * 20) / "anna.png"
    far.parent.mkdir()
    far.write_bytes(portrait().read_bytes())
    async with app(home, Request(str(far), str(voice()))).run_test(size=(60, 20)) as pilot:
        image = studio(pilot).query_one("#image", PathField)
        await until(pilot, lambda: "anna.png" in image.render_line(0).text)
        image.focus()
        await pilot.press("home")
        await until(pilot, lambda: "anna.png" not in image.render_line(0).text)
        await pilot.press("escape")
        await until(pilot, lambda: "anna.png" in image.render_line(0).text)


async def test_a_window_that_only_begins_says_that_it_loads(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        queue = studio(pilot).query_one(Queue)
        await oavr(pilot).engine_when_open()
        await until(pilot, lambda: not queue.display)
        oavr(pilot).live.ready = False
        studio(pilot).was_shown()
        assert queue.display
        await until(pilot, lambda: "Loading…" in queue.query_one("#queue-head").render_line(0).text)
        await until(pilot, lambda: "Loading…" in studio(pilot).query_one("#make").render_line(1).text)


async def test_what_is_typed_for_the_demo_goes_to_the_field_and_enter_alone_takes_its_key(home: Paths) -> None:
    made = app(home)
    made.demo = Demo("rpa_SIMULATED0FULL", lambda: None)
    async with made.run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(GetKey())
        key = pilot.app.screen.query_one("#key")
        await until(pilot, lambda: pilot.app.focused is key)
        await pilot.press("a", "b")
        assert getattr(key, "value") == "ab"  # noqa: B009


def test_an_estimate_is_told_in_the_same_words_everywhere() -> None:
    told = Estimated("", 840, 180, 0.1, True, "", "about 17 min this time (starting 14, making 3) · about $0.10")
    assert sentence(told) == "About 17 min this time (starting 14, making 3) · about $0.10 this video."
    assert full_words(told)[2:] == (told.brief, "about 17 min · about $0.10", "about 17 min · $0.10", "about 17 min")
    guessed = Estimated("", 840, 180, 0.1, False, "", "usually 8-20 minutes the first time · roughly $0.10")
    assert full_words(guessed)[4:] == ("8-20 min · $0.10", "8-20 min")
    unknown = Estimated("", 0, 6, 0.0, False, "", "roughly 1 min")
    assert {words.removeprefix("your RunPod · ") for words in full_words(unknown)} == {"roughly 1 min"}
