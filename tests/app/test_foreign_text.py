"""Foreign text on every screen and in every dialog: shown as it is written, obeyed by nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from oavr_tui.app.app import OavrApp
from oavr_tui.app.outside.terminal import title_sequence
from oavr_tui.app.screens.pods import Pods
from oavr_tui.engine.events import Notice, PodStepped, Step
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from tests.app.hostile import BAD, MARKUP, clean, fill, short, through
from tests.app.shelves import NOW
from tests.app.studios import until

SIZES = [(120, 40), (80, 24)]


@asynccontextmanager
async def opened(home: Paths, folder: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    fill(home, folder / "pictures")
    settings = Settings(videos_folder=str(home.videos), pods_keeper=False)
    app = OavrApp(home, settings, clock=lambda: NOW)
    async with app.run_test(size=size, notifications=True) as pilot:
        await app.engine_when_open()
        await until(pilot, lambda: bool(app.live.jobs))
        yield pilot
        assert app.is_running


async def see(pilot: Pilot[Any], *words: str) -> str:
    """Wait until all these words are on the screen, and look whether it is clean all that time."""
    await until(pilot, lambda: all(word in clean(pilot) for word in words), f"{words}\n{clean(pilot)}")
    return clean(pilot)


@pytest.mark.parametrize("size", [SIZES[0], *(pytest.param(size, marks=pytest.mark.full) for size in SIZES[1:])])
async def test_every_screen(home: Paths, tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(home, tmp_path, size) as pilot:
        await pilot.press("escape")
        await see(pilot, "draft", "failedjob") if size[0] > 80 else await see(pilot, "draft")
        await pilot.press("2")
        await see(pilot, "video0")
        await pilot.press("down", "right")
        await see(pilot, "video1")
        await pilot.press("3")
        await see(pilot, "pod0", "pod1")
        pods = pilot.app.query_one(Pods)
        pods.select("pod-1")
        pods.rows.focus()
        await pilot.press("enter")
        await see(pilot, "first [@click")
        for key in ("w", "t", "v", "end", "home"):
            await pilot.press(key)
            clean(pilot)
        for key in ("4", "5", "1"):
            await pilot.press("escape", key)
            await pilot.pause(0.2)
            clean(pilot)
        await pilot.press("escape", "o")
        await pilot.pause(0.2)
        clean(pilot)


async def test_a_video_asked_about(home: Paths, tmp_path: Path) -> None:
    """Its log, whether to cancel, and what is copied."""
    async with opened(home, tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, OavrApp)
        await until(pilot, lambda: app.query("#queue-rows"))
        app.query_one("#queue-rows").focus()
        await pilot.press("home", "l")
        await see(pilot, MARKUP, "first [@click")
        await pilot.press("escape", "y")
        await pilot.pause(0.2)
        clean(pilot)


DIALOGS: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("2", ("d",), ("in the trash",)),
    ("2", ("e",), ("video1",)),
    ("2", ("slash", *"[/x]"), ("[/x]",)),
    ("2", ("y",), ()),
    ("2", ("c",), ()),
    ("2", ("g",), ("prompt",)),
    ("3", ("x",), ("pod0",)),
    ("3", ("down", "s"), ("pod1",)),
    ("3", ("down", "x"), ("pod1",)),
    ("3", ("o",), ("pod0",)),
    ("3", ("u",), ("pod0",)),
    ("3", ("a",), ()),
    ("5", ("slash", *"[/x]", "enter"), ("[/x]",)),
    ("1", ("ctrl+p", *"[/x]"), ("[/x]",)),
    ("1", ("f1",), ()),
    ("1", ("ctrl+g",), ()),
    ("1", ("ctrl+o",), ("[@click",)),
]
"""A screen's key, the keys pressed there, and what is then seen."""
READY = {"1": "Shape", "2": "video1", "3": "pod0", "5": "Quick start"}
"""What is seen of a screen once it knows what there is."""
SHORT_RUN = [DIALOGS[at] for at in (0, 1, 2, 6, 12, 13, 16)]


@pytest.mark.parametrize("dialogs", [pytest.param(DIALOGS, marks=pytest.mark.full), SHORT_RUN], ids=["all", "some"])
async def test_every_dialog(
    home: Paths, tmp_path: Path, dialogs: list[tuple[str, tuple[str, ...], tuple[str, ...]]]
) -> None:
    async with opened(home, tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, OavrApp)
        for place, keys, words in dialogs:
            await pilot.press("escape", place)
            await see(pilot, READY[place])
            for key in keys:
                await pilot.press({"[": "left_square_bracket", "/": "slash", "]": "right_square_bracket"}.get(key, key))
                clean(pilot)
            await see(pilot, *words)
            await pilot.pause(0.3)
            clean(pilot)
            while len(app.screen_stack) > 1:
                await pilot.press("escape")
            await pilot.press("escape", "escape")
            app.clear_notifications()  # they lie over what the next one is to see


async def test_what_is_said(home: Paths, tmp_path: Path) -> None:
    """Toasts, and the list of them; from our own process and from another one."""
    async with opened(home, tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, OavrApp) and app.engine is not None
        app.say(short("toast"), bad=True)
        app.engine.bus.emit(Notice(short("notice"), "job-0"))
        await see(pilot, "toast [@click", "notice [@click")
        await app.run_action("app.notices")
        await see(pilot, "What was said", "notice [@click")


async def test_how_a_studio_gets_on(home: Paths, tmp_path: Path) -> None:
    from oavr_tui.app.dialogs.starting import Starting

    async with opened(home, tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, OavrApp) and app.engine is not None
        step = PodStepped("pod-1", BAD, Step.FETCHING, short("step"), gpu_name=BAD, per_hour=0.34, done=1, total=3)
        app.engine.bus.emit(step)
        app.push_screen(Starting("job-0"))
        await see(pilot, "Your studio did not start", "The server says [@click")
        await pilot.press("escape", "3")
        await pilot.pause(0.3)
        clean(pilot)


def test_the_terminals_title() -> None:
    inner = title_sequence(BAD).removeprefix("\x1b]2;").removesuffix("\x1b\\")
    assert not through(inner)
    assert "[@click" in inner


def test_the_corpus_would_be_found() -> None:
    """The look itself sees what it is there to see."""
    assert len(through(BAD)) > 20
    assert not through("Ännchen の声 [/x] 👩‍👩‍👧")
