"""The Studio by its keys: what is missing is said, what is found is shown, what is made lands in the queue."""

from __future__ import annotations

from pathlib import Path

from oavr_tui.app.screens.studio_words import SPEED
from oavr_tui.models import JobState
from oavr_tui.paths import Paths
from tests.app.studios import app, field, jobs, label, text, until
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
        assert float(pilot.app.memory.views[SPEED]) > 0  # type: ignore[attr-defined]
    assert decoded(made(home)[0]).fps == 25


async def test_what_files_are_is_said_at_once(home: Paths) -> None:
    async with app(home).run_test(size=(120, 40)) as pilot:
        field(pilot, "image").value = str(portrait())
        field(pilot, "audio").value = str(voice())
        await until(pilot, lambda: "480x640" in text(pilot, "found-image"))
        assert "cropped" in text(pilot, "found-image")
        await until(pilot, lambda: "frames" in text(pilot, "found-audio"))
        field(pilot, "image").value = ""
        await until(pilot, lambda: "face" in text(pilot, "found-image"))
