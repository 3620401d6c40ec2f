"""The snapshot helper itself: stable, sensitive to text and style, and clear about what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tests.app.snapshot import UPDATING, snap, text_of


class Small(App[None]):
    """A field with a blinking cursor, a text in colors, wide letters."""

    CSS = "Screen { layers: a; } #b { color: red; background: blue; text-style: bold; width: 6; }"
    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield Input("typed", compact=True)
        yield Static("color", id="b")
        yield Static("日本 [b]bold[/b]", id="c")


class Dialog(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Label("Sure?")


async def written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(UPDATING, "update")
    async with Small().run_test(size=(20, 5)) as pilot:
        await snap(pilot, "small", folder=folder)
    monkeypatch.delenv(UPDATING)
    return (folder / "small.txt").read_text(encoding="utf-8")


async def test_a_written_snapshot_holds_lines_and_styles_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = await written(tmp_path, monkeypatch)
    lines, legend, runs = text.rstrip("\n").split("\n\n")
    assert [line.rstrip(" |") for line in lines.splitlines()][:3] == ["|typed", "|color", "|日本 bold"]
    assert "#ff0000 on #0000ff bold" in legend
    assert len(runs.splitlines()) == 4  # the last two are alike
    for _ in range(3):
        async with Small().run_test(size=(20, 5)) as pilot:
            await snap(pilot, "small", folder=tmp_path)


async def test_a_changed_text_or_style_is_told_with_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await written(tmp_path, monkeypatch)
    async with Small().run_test(size=(20, 5)) as pilot:
        pilot.app.query_one("#b", Static).update("Color")
        with pytest.raises(AssertionError, match=r"(?s)-\|color.*\+\|Color.*As a picture: \S+small\.svg"):
            await snap(pilot, "small", folder=tmp_path)
        pilot.app.query_one("#b", Static).update("color")
        pilot.app.query_one("#b").styles.color = "green"
        with pytest.raises(AssertionError, match=r"\+\w = #008000 on #0000ff bold"):
            await snap(pilot, "small", folder=tmp_path)


async def test_a_missing_snapshot_fails(tmp_path: Path) -> None:
    async with Small().run_test(size=(20, 5)) as pilot:
        with pytest.raises(AssertionError, match="no snapshot 'small' yet"):
            await snap(pilot, "small", folder=tmp_path)
    assert not list(tmp_path.iterdir())


async def test_a_dialog_shows_what_is_behind_it() -> None:
    async with Small().run_test(size=(20, 5)) as pilot:
        await pilot.app.push_screen(Dialog())
        await pilot.pause()
        assert "Sure?" in text_of(pilot.app)
        assert "日本 bold" in text_of(pilot.app)
