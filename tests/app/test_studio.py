"""The Studio by its keys: what is missing is said, what is found is shown, what is made lands in the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.app.app import OavrApp
from oavr_tui.app.memory import Draft, Memory, load_memory
from oavr_tui.app.screens.studio_words import SPEED
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.models import JobState, Request, Shape
from oavr_tui.paths import Paths
from tests.app.studios import all_made, app, dialog, field, in_front, jobs, label, studio, text, until
from tests.samples import decoded, portrait, voice


def made(home: Paths) -> list[Path]:
    return list(home.videos.glob("*.mp4"))


async def test_what_is_missing_is_said_and_focused(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "portrait" in text(pilot, "status"))
        assert pilot.app.focused is field(pilot, "image")
        field(pilot, "image").value = str(portrait())
        await pilot.press("enter")
        await until(pilot, lambda: "voice" in text(pilot, "status"))
        assert pilot.app.focused is field(pilot, "audio")
        assert not jobs(pilot)


async def test_two_paths_and_enter_make_a_preview(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        field(pilot, "image").value = f"'{portrait()}'"
        field(pilot, "audio").value = f"file://{voice()}"
        await pilot.press("enter")
        await until(pilot, lambda: "Added to the queue" in text(pilot, "status"))
        assert label(pilot) in ("Generate", "Add to queue")
        await until(pilot, lambda: jobs(pilot) and jobs(pilot)[0].state is JobState.DONE)
        await until(pilot, lambda: label(pilot) == "Generate")
        assert field(pilot, "image").value == f"'{portrait()}'", "the form stays as it is"
        assert isinstance(pilot.app, OavrApp)
        assert float(pilot.app.memory.views[SPEED]) > 0
    assert decoded(made(home)[0]).fps == 25


@pytest.mark.full
async def test_what_files_are_is_said_at_once(home: Paths) -> None:
    async with app(home).run_test(size=(120, 40)) as pilot:
        field(pilot, "image").value = str(portrait())
        field(pilot, "audio").value = str(voice())
        await until(pilot, lambda: "480x640" in text(pilot, "found-image"))
        assert "cropped" in text(pilot, "found-image")
        await until(pilot, lambda: "frames" in text(pilot, "found-audio"))
        field(pilot, "image").value = ""
        await until(pilot, lambda: "face" in text(pilot, "found-image"))


@pytest.mark.full
async def test_a_bad_file_is_refused_in_place_and_the_next_try_works(home: Paths, tmp_path: Path) -> None:
    bad = tmp_path / "a [red]b[-]\x1b[2J.png"
    bad.write_text("not a picture")
    async with app(home, Request(str(bad), str(voice()), max_seconds=1)).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "a [red]b[-]" in text(pilot, "status"))
        assert "\x1b" not in text(pilot, "status") + text(pilot, "found-image")
        assert pilot.app.focused is field(pilot, "image")
        assert not jobs(pilot)
        field(pilot, "image").value = str(portrait())
        await pilot.press("ctrl+g")
        await until(pilot, lambda: all_made(pilot))
    assert len(made(home)) == 1


async def test_a_path_that_is_being_typed_is_not_scolded(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        field(pilot, "image").value = "/nowhere/at/all.png"
        await until(pilot, lambda: "so far" in text(pilot, "found-image"))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "voice" in text(pilot, "status"))


@pytest.mark.full
async def test_consent_is_asked_once(home: Paths) -> None:
    request = Request(str(portrait()), str(voice()), max_seconds=1)
    async with app(home, request, agreed=False).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "make videos" in dialog(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing" in text(pilot, "status"))
        assert not jobs(pilot)
        await pilot.press("ctrl+g")
        await in_front(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(jobs(pilot)) == 1)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: len(jobs(pilot)) == 2 and all_made(pilot))
    assert load_memory(home.app_memory).consented > 0


@pytest.mark.full
async def test_what_is_given_begins_at_once(home: Paths) -> None:
    request = Request(str(portrait()), str(voice()), max_seconds=1)
    async with app(home, request, at_once=True, agreed=False).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: jobs(pilot) and jobs(pilot)[0].state is JobState.DONE)
    assert len(made(home)) == 1


@pytest.mark.full
async def test_more_options_reach_the_video_and_wrong_ones_are_said(home: Paths) -> None:
    async with app(home, Request(str(portrait()), str(voice()))).run_test(size=(80, 24)) as pilot:
        await pilot.press("o")
        await until(pilot, lambda: studio(pilot).form.more_shown)
        field(pilot, "seed").value = "-1"
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Seed" in text(pilot, "status"))
        assert pilot.app.focused is field(pilot, "seed")
        field(pilot, "seed").value = "42"
        field(pilot, "max_seconds").value = "0:01"
        field(pilot, "workflow").value = "mine.json"
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "workflow" in text(pilot, "status"))
        field(pilot, "workflow").value = ""
        await pilot.press("ctrl+g")
        await until(pilot, lambda: all_made(pilot))
        request = jobs(pilot)[0].request
        assert (request.seed, request.max_seconds, request.shape) == (42, 1.0, Shape.AUTO)


async def test_escape_leaves_a_field_and_single_keys_act(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: pilot.app.focused is field(pilot, "image"))
        await pilot.press("o")
        assert field(pilot, "image").value == "o"
        assert not studio(pilot).form.more_shown
        await pilot.press("escape", "o")
        await until(pilot, lambda: studio(pilot).form.more_shown)


async def test_the_draft_is_as_it_was_at_the_next_start(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        field(pilot, "prompt").value = "sie [b]lächelt[/b]"
        await until(pilot, lambda: load_memory(home.app_memory).draft.prompt == "sie [b]lächelt[/b]")
    kept = load_memory(home.app_memory)
    async with app(home, memory=kept).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: field(pilot, "prompt").value == "sie [b]lächelt[/b]")


@pytest.mark.full
async def test_settings_fill_an_empty_form(home: Paths) -> None:
    async with app(home, shape=Shape.SQUARE, prompt="she nods").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: field(pilot, "prompt").value == "she nods")
        assert studio(pilot).form.draft.shape == "square"


async def test_a_remembered_draft_goes_before_the_settings(home: Paths) -> None:
    memory = Memory(draft=Draft(prompt="he sings", max_seconds="5"))
    async with app(home, memory=memory, prompt="she nods").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: field(pilot, "prompt").value == "he sings")
        assert studio(pilot).form.more_shown, "an unusual length must be seen"


@pytest.mark.full
async def test_the_shape_by_arrows_and_by_mouse(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        studio(pilot).query_one("#shape").focus()
        await pilot.press("right", "right")
        assert studio(pilot).form.draft.shape == "landscape"
        await pilot.click("#shape", offset=(1, 0))
        assert studio(pilot).form.draft.shape == "auto"
        await pilot.click("#make", offset=(1, 1))
        await until(pilot, lambda: "key" in dialog(pilot))


async def test_browsing_puts_the_file_in_and_goes_on_to_what_is_missing(home: Paths) -> None:
    memory = Memory(folders=(str(portrait().parent),))
    async with app(home, memory=memory).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "portrait" in dialog(pilot))
        await until(pilot, lambda: pilot.app.screen.query_one(LineList).count > 1)
        await pilot.press(*"portrait")
        await pilot.press("enter")
        await until(pilot, lambda: field(pilot, "image").value == str(portrait()))
        await until(pilot, lambda: pilot.app.focused is field(pilot, "audio"))
