"""The plain Studio, driven by its keys: what is missing is said, what is made is shown, nothing foreign is markup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, ProgressBar, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.studio import _pasted
from oavr_tui.models import Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from tests.samples import decoded, portrait, voice

WAIT_SECONDS = 90.0


def app(home: Paths, request: Request | None = None, *, at_once: bool = False) -> OavrApp:
    return OavrApp(home, Settings(videos_folder=str(home.videos)), request, at_once=at_once)


def shown(pilot: Pilot[None], name: str) -> str:
    return str(pilot.app.screen.query_one(f"#{name}", Static).render())


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    waited = 0.0
    while not condition():
        assert waited < WAIT_SECONDS, shown(pilot, "message")
        await pilot.pause(0.05)
        waited += 0.05


async def test_what_is_missing_is_said_and_focused(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "portrait" in shown(pilot, "message").lower())
        assert pilot.app.focused is pilot.app.screen.query_one("#image", Input)
        pilot.app.screen.query_one("#image", Input).value = str(portrait())
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "voice" in shown(pilot, "message").lower())
        assert pilot.app.focused is pilot.app.screen.query_one("#audio", Input)


async def test_typing_two_paths_makes_a_video(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        pilot.app.screen.query_one("#image", Input).value = f"'{portrait()}'"
        pilot.app.screen.query_one("#audio", Input).value = str(voice()).replace(" ", "\\ ")
        await pilot.press("enter")
        await until(pilot, lambda: "Done" in shown(pilot, "stage"))
        assert pilot.app.screen.query_one("#bar", ProgressBar).progress == 100
        assert "saved as" in shown(pilot, "message")
    assert decoded(next(home.videos.glob("*.mp4"))).fps == 25


async def test_a_bad_file_is_a_sentence_and_the_next_try_works(home: Paths, tmp_path: Path) -> None:
    bad = tmp_path / "a [red]b[-]\x1b[2J.png"
    bad.write_text("not a picture")
    async with app(home, Request(str(bad), str(voice()))).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Failed" in shown(pilot, "stage"))
        assert "a [red]b[-]" in shown(pilot, "message")
        assert "\x1b" not in shown(pilot, "message")
        assert str(pilot.app.screen.query_one("#generate", Button).label) == "Generate"


async def test_cancelling(home: Paths) -> None:
    async with app(home, Request(str(portrait()), str(voice())), at_once=True).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Making" in shown(pilot, "stage"))
        await pilot.press("escape", "c")
        await until(pilot, lambda: "Cancelled" in shown(pilot, "stage"))
    assert not list(home.videos.glob("*.mp4"))


async def test_leaving_in_the_middle_and_coming_back_finishes_it(home: Paths) -> None:
    async with app(home, Request(str(portrait()), str(voice())), at_once=True).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Making" in shown(pilot, "stage"))
    assert not list(home.videos.glob("*.mp4"))
    async with app(home).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Done" in shown(pilot, "stage"))
    assert len(list(home.videos.glob("*.mp4"))) == 1


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        (" /a/b.png ", "/a/b.png"),
        ("'/a/my file.png'", "/a/my file.png"),
        ("/a/my\\ file.png", "/a/my file.png"),
        ("file:///a/my%20file.png", "/a/my file.png"),
        ("", ""),
        ("'", "'"),
    ],
)
def test_paths_as_terminals_paste_them(pasted: str, path: str) -> None:
    assert _pasted(pasted) == path
