"""The text field for a file: completing, pasting, and names that mean harm."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Button, Input

from oavr_tui.app.outside.listing import PICTURES, in_thread, list_folder, listed
from oavr_tui.app.widgets.path_field import PathField

WAIT_SECONDS = 20.0


class Form(App[None]):
    def compose(self) -> ComposeResult:
        yield PathField(suffixes=PICTURES, id="field")
        yield Button("Next")

    @property
    def field(self) -> PathField:
        return self.query_one(PathField)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one and the home."""
    for name in ("anna.png", "anton.JPG", "notes.txt", ".hidden.png", "Zoë 日本.webp", "a\x1b[31mb.png", "a\nc.png"):
        (tmp_path / name).touch()
    for name in ("albums", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "albums" / "one.png").touch()
    os.mkfifo(tmp_path / "afifo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    waited = 0.0
    while not condition():
        assert waited < WAIT_SECONDS
        await pilot.pause(0.02)
        waited += 0.02


async def type_(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*("space" if ch == " " else "full_stop" if ch == "." else ch for ch in text))


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("an", "anna.png"), ("AN", "anna.png"), ("ant", "anton.JPG"), ("al", "albums/"), ("albums/", "albums/one.png")],
)
async def test_what_is_typed_is_completed(folder: Path, typed: str, suggested: str) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        await type_(pilot, typed)
        await until(pilot, lambda: app.field.suggestion == suggested)
        await pilot.press("tab")
        assert app.field.value == suggested
        assert app.focused is app.field


async def test_tab_by_tab_into_a_folder_and_on(folder: Path) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field.value = f"{folder}/al"
        app.field.cursor_position = len(app.field.value)
        for path in (f"{folder}/albums/", f"{folder}/albums/one.png"):
            await until(pilot, lambda path=path: app.field.suggestion == path)  # type: ignore[misc]
            await pilot.press("tab")
        await pilot.pause()
        assert app.field.given == f"{folder}/albums/one.png"
        await pilot.press("tab")
        assert isinstance(app.focused, Button)


async def test_enter_takes_what_is_suggested_for_half_a_name_and_is_done_with_a_whole_one(folder: Path) -> None:
    app = Form()
    submitted: list[str] = []
    async with app.run_test(size=(80, 24), message_hook=lambda message: _noted(message, submitted)) as pilot:
        app.field.value = f"{folder}/ann"
        app.field.cursor_position = len(app.field.value)
        await until(pilot, lambda: app.field.suggestion == f"{folder}/anna.png")
        await pilot.press("enter")
        await until(pilot, lambda: app.field.given == f"{folder}/anna.png")
        assert not submitted
        await pilot.press("enter")
        await until(pilot, lambda: submitted == [f"{folder}/anna.png"])


def _noted(message: Message, submitted: list[str]) -> None:
    if isinstance(message, Input.Submitted):
        submitted[:] = [message.value]


async def test_down_shows_what_else_could_be_meant(folder: Path) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        await type_(pilot, "a")
        await until(pilot, lambda: bool(app.field.suggestion))
        seen = []
        for _ in range(4):
            seen.append(app.field.suggestion)
            await pilot.press("down")
        assert seen == ["albums/", "anna.png", "anton.JPG", "albums/"]


@pytest.mark.parametrize(
    ("typed", "suggested"), [("~", "~/"), ("~/ann", "~/anna.png"), (".", ".cache/"), ("Zo", "Zoë 日本.webp")]
)
async def test_home_hidden_and_foreign_names(folder: Path, typed: str, suggested: str) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field.value = typed
        await until(pilot, lambda: app.field.suggestion == suggested)


@pytest.mark.parametrize(
    "value", ["https://example.com/a", "'an", "", "nobody/", "~nobodyatall/", "note", "afi", "a\x00/"]
)
async def test_where_nothing_is_suggested(folder: Path, value: str) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)):
        suggester = app.field.suggester
        assert suggester is not None
        assert await suggester.get_suggestion(value) is None


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("", "'/a/b c.png'", "/a/b c.png"),
        ("/old/path.png", "file:///a/b%20c.png\r\n/d.png", "/a/b c.png"),
        ("/old/", "new.png", "/old/new.png"),
        ("/old/x.png", "https://example.com/p.png ", "https://example.com/p.png"),
        ("/old/x.png", " \n", "/old/x.png"),
        ("", "/a/Screenshot at 3.04\u202fPM.png", "/a/Screenshot at 3.04\u202fPM.png"),
        ("", "a\x1b]0;t\x07b.png", "a]0;tb.png"),
    ],
)
async def test_what_is_pasted_or_dropped(before: str, text: str, after: str) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field.value = before
        app.field.cursor_position = len(before)
        app.field.post_message(events.Paste(text))
        await pilot.pause()
        assert app.field.value == after


async def test_no_command_to_the_terminal_is_drawn(folder: Path) -> None:
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field.value = "/a\x1b[31m[red]\u202egnp.\udcff日本\n.png"
        await pilot.pause()
        drawn = app.field.render_line(0).text
        assert "/a�[31m[red]�gnp.�日本�.png" in drawn


async def test_the_cursor_stands_still() -> None:
    app = Form()
    async with app.run_test():
        assert not app.field.cursor_blink


def test_a_huge_folder_is_read_to_a_bound(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.png").touch()
    listing = list_folder(tmp_path, PICTURES, most=100)
    assert (len(listing.entries), listing.more, listing.wrong) == (100, True, "")


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing", "not there"), ("a.txt", "not a folder"), ("x" * 300, "file name too long"), ("\0", ".")],
)
async def test_a_folder_that_cannot_be_read_is_a_sentence(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "a.txt").touch()
    assert words in (await listed(tmp_path / name, PICTURES)).wrong


async def test_a_disk_that_does_not_answer_is_given_up() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        await in_thread(lambda: release.wait(WAIT_SECONDS), 0.05)
    release.set()


async def test_what_goes_wrong_in_the_thread_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0, 5.0)


@pytest.mark.parametrize("no_color", [False, True])
async def test_a_suggestion_is_not_taken_for_what_is_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    app = Form()
    async with app.run_test(size=(80, 24)) as pilot:
        await type_(pilot, "ann")
        await until(pilot, lambda: app.field.suggestion == "anna.png")
        strip = app.field.render_line(0)
        assert strip.text.rstrip() == ("ann[a.png]  → takes it" if no_color else "anna.png  → takes it")
        assert all(segment.style is not None and segment.style.italic for segment in strip.crop(4, 8))
        await pilot.press("right")
        assert app.field.value == "anna.png"
        assert app.field.render_line(0).text.rstrip() == "anna.png"


async def test_of_a_long_suggestion_the_end_is_seen(folder: Path) -> None:
    (folder / f"ben{'_very' * 20}_07.png").touch()
    app = Form()
    async with app.run_test(size=(40, 24)) as pilot:
        await type_(pilot, "ben")
        await until(pilot, lambda: bool(app.field.suggestion))
        assert app.field.render_line(0).text.rstrip().endswith("_07.png")
