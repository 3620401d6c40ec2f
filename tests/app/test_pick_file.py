"""Choosing a file: by keys, by mouse, by path; names that mean harm; folders of any size."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from oavr_tui.app.dialogs.pick_file import PickFile
from oavr_tui.app.outside.listing import PICTURES, VOICES
from oavr_tui.app.screens.studio_pick import _start
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.paths import Paths

WAIT_SECONDS = 30.0
HOSTILE = (
    "a [red]b[].png",
    "[@click=app.quit]x.png",
    "e\x1b[31mvil\x1b]0;t\x07.png",
    "new\nline.png",
    "日本語.png",
    "\u202egnp.exe.png",
)


class Desk(App[None]):
    """Opens the dialog at once and keeps what it returned."""

    CSS_PATH = str(Path(__file__).parents[2] / "oavr_tui/app/styles/app.tcss")

    def __init__(self, start: Path, suffixes: frozenset[str] = PICTURES, recent: tuple[Path, ...] = ()) -> None:
        super().__init__()
        self._dialog = PickFile("Choose a portrait", suffixes, start, recent)
        self.results: list[Path | None] = []

    def on_mount(self) -> None:
        self.push_screen(self._dialog, self.results.append)

    @property
    def rows(self) -> LineList:
        return self.screen.query_one("#rows", LineList)

    def lines(self) -> list[str]:
        """What the rows say, as drawn."""
        return [self.rows.render_line(y).text.strip() for y in range(self.rows.size.height)]

    def state(self) -> str:
        """What is said below the rows, without its hint."""
        return str(self.screen.query_one("#state", Static).render()).partition(" · ")[0]


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    waited = 0.0
    while not condition():
        assert waited < WAIT_SECONDS
        await pilot.pause(0.02)
        waited += 0.02


async def ready(pilot: Pilot[None], app: Desk) -> None:
    await until(
        pilot,
        lambda: isinstance(app.screen, PickFile) and app.screen.is_mounted and app.state() not in ("", "Reading…"),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Named "desk", with a folder, pictures, and what is none."""
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "Albums").mkdir()
    (desk / ".secret").mkdir()
    for name in ("anna.png", "Bob.JPG", "notes.txt", "voice.wav", ".hidden.png", "Albums/one.png"):
        (desk / name).write_bytes(b"x" * 2048)
    return desk


async def test_only_folders_and_usable_files_are_shown(folder: Path) -> None:
    app = Desk(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        lines = app.lines()
        assert lines[0].startswith("..")
        assert lines[1] == "▸ Albums/"
        assert lines[2].startswith("anna.png") and "2.0 kB" in lines[2]
        assert lines[3].startswith("Bob.JPG")
        assert not any(lines[4:])
        assert app.state() == "1 folder, 2 files"


async def test_by_keys_into_a_folder_back_and_to_a_file(folder: Path) -> None:
    app = Desk(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "one.png" in "".join(app.lines()))
        await pilot.press("backspace")
        await until(pilot, lambda: "▸ Albums/" in app.lines())
        await pilot.press("b", "o", "b")
        await until(pilot, lambda: app.rows.count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.results))
    assert app.results == [folder / "Bob.JPG"]


async def test_by_mouse(folder: Path) -> None:
    app = Desk(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        await pilot.click("#hidden")
        await until(pilot, lambda: ".hidden.png" in "".join(app.lines()))
        at = next(y for y, line in enumerate(app.lines()) if "anna.png" in line)
        await pilot.click("#rows", offset=(6, at))
        await pilot.click("#choose")
        await until(pilot, lambda: bool(app.results))
    assert app.results == [folder / "anna.png"]


async def test_hidden_ones_come_with_their_dot(folder: Path) -> None:
    app = Desk(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        await pilot.press("full_stop")
        await until(pilot, lambda: ".hidden.png" in "".join(app.lines()))


async def test_a_path_can_be_pasted(folder: Path) -> None:
    app = Desk(folder / "Albums")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        app.screen.query_one("#filter", Input).post_message(events.Paste(f"'{folder}/anna.png'"))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.results))
    assert app.results == [folder / "anna.png"]


async def test_a_wrong_path_is_said_and_a_folder_s_path_is_gone_to(folder: Path) -> None:
    app = Desk(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        field = app.screen.query_one("#filter", Input)
        field.value = "/nobody/here"
        await pilot.press("enter")
        await until(pilot, lambda: "is not there" in app.state())
        field.value = "../desk/Albums"
        await pilot.press("enter")
        await until(pilot, lambda: "one.png" in "".join(app.lines()))
        assert str(app.screen.query_one("#where", Static).render()).endswith("desk/Albums")


async def test_leaving_chooses_nothing(folder: Path) -> None:
    for leave in ("escape", "#back"):
        app = Desk(folder)
        async with app.run_test(size=(80, 24)) as pilot:
            await ready(pilot, app)
            await (pilot.press(leave) if leave == "escape" else pilot.click(leave))
            await until(pilot, lambda app=app: bool(app.results))  # type: ignore[misc]
        assert app.results == [None]


async def test_recent_folders_and_a_start_that_is_gone(folder: Path) -> None:
    app = Desk(folder / "gone" / "far", VOICES, (folder, folder / "Albums"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        lines = app.lines()
        assert lines[0].startswith("..")
        assert lines[1].startswith("recent ") and lines[1].endswith("desk/Albums")
        assert any(line.startswith("voice.wav") for line in lines)
        await pilot.click("#rows", offset=(6, 1))
        await pilot.click("#rows", offset=(6, 1))
        await until(pilot, lambda: app.state() == "0 folders, 0 files")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
async def test_no_name_does_harm(tmp_path: Path, size: tuple[int, int]) -> None:
    for name in HOSTILE:
        (tmp_path / name).touch()
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.png"))).touch()
    (tmp_path / ("long" * 50 + ".png")).touch()
    app = Desk(tmp_path)
    async with app.run_test(size=size) as pilot:
        await ready(pilot, app)
        shown = "".join(app.lines())
        await pilot.press("pagedown")
        await until(pilot, lambda: app.rows.index > 0)
        shown += "".join(app.lines())
        assert "a [red]b[].png" in shown
        assert "[@click=app.quit]x.png" in shown
        assert "日本語.png" in shown
        assert app.rows.count == 9
        for y in range(size[1]):
            frame = "".join(segment.text for segment in app.screen.render_lines(app.screen.region)[y])
            assert all(ch >= " " and ch != "\x7f" and not "\ud800" <= ch <= "\udfff" for ch in frame)
        await pilot.press("e", "v", "i", "l", "enter")
        await until(pilot, lambda: bool(app.results))
    assert app.results == [tmp_path / HOSTILE[2]]


async def test_ten_thousand_pictures(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"p{number:05}.png").touch()
    app = Desk(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, app)
        assert app.state() == "0 folders, 10,000 files"
        await pilot.press("9", "9", "9", "9", "enter")
        await until(pilot, lambda: bool(app.results))
    assert app.results == [tmp_path / "p09999.png"]


async def test_enter_where_there_is_nothing_says_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with desk.run_test(size=(90, 30)) as pilot:
        await until(pilot, lambda: "Reading" not in desk.state())
        await pilot.press(*"nothing", "enter")
        await until(pilot, lambda: desk.state().startswith("There is nothing here to choose."))
        assert desk.results == []


def test_browsing_does_not_begin_among_the_files_of_the_app(home: Paths, tmp_path: Path) -> None:
    sample, own = home.data / "portrait.png", tmp_path / "pictures" / "anna.png"
    assert _start(str(sample), [], str(sample), home) == Path.home()
    assert _start(str(sample), [own.parent], "", home) == own.parent
    assert _start(str(own), [], "", home) == own


def test_browsing_begins_where_the_person_is_at_home(home: Paths, tmp_path: Path) -> None:
    own, other, last = tmp_path / "pictures" / "anna.png", tmp_path / "audio" / "hello.wav", tmp_path / "last"
    assert _start(str(own), [last], str(other), home) == own
    assert _start("", [last], str(other), home) == last
    assert _start("", [], str(other), home) == other
    assert _start("", [], "https://example.com/hello.wav", home) == Path.home()
    assert _start("~nobody-at-all/anna.png", [], "", home) == Path.home()
