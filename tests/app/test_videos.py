"""The screen Videos: what it shows, what can be done there, and that nothing foreign does harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button, Input

from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.memory import load_memory
from oavr_tui.app.screens.studio import Studio
from oavr_tui.app.screens.videos_details import GONE, Details
from oavr_tui.app.widgets.gallery import Gallery
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.media.types import Raster
from oavr_tui.paths import Paths
from oavr_tui.store.store import Store
from tests.app.shelves import keep, named, opened, pane, said, screen, until, video
from tests.app.studios import in_front


async def test_without_videos_it_leads_to_the_studio(home: Paths) -> None:
    async with opened(home, (80, 24)) as pilot:
        assert "No videos yet" in screen(pilot)
        assert isinstance(pilot.app.focused, Button)
        await pilot.press("enter")
        await until(pilot, lambda: bool(pilot.app.query(Studio)))
        assert "New video" in screen(pilot)


async def test_what_is_known_of_a_video_is_shown(home: Paths) -> None:
    keep(home, [video(home, 0, "anna-welcome", preview=False), video(home, 1, "anna-intro")])
    async with opened(home) as pilot:
        seen = screen(pilot)
        for words in ("Videos  2", "newest first", "anna-welcome", "anna-intro", "480x832 · 25 fps", "2.1 MB · "):
            assert words in seen
        assert "made on RTX 4090 in 3:58 · about $0.04" in seen
        assert "a person is speaking" in seen and "42" in seen and "0.mp4" in seen
        await pilot.press("right")
        await until(pilot, lambda: "Make the full video" in screen(pilot))
        assert pilot.app.live.video_count == 2  # type: ignore[attr-defined]


async def test_the_pictures_follow(home: Paths) -> None:
    keep(home, named(home, "one", "two"))
    Path(home.videos / "1.mp4").unlink()
    async with opened(home) as pilot:
        await until(pilot, lambda: "file gone" in screen(pilot))
        assert isinstance(pane(pilot)._picture(0), Raster)


@pytest.mark.parametrize(
    "size", [(60, 20), (120, 40), *(pytest.param(size, marks=pytest.mark.full) for size in ((80, 24), (160, 50)))]
)
async def test_it_fits_and_survives_resizing(home: Paths, size: tuple[int, int]) -> None:
    keep(home, named(home, *(f"number {each}" for each in range(30))), files=False)
    async with opened(home, size) as pilot:
        await pilot.press("end")
        await until(pilot, lambda: "number 29" in screen(pilot))
        assert pilot.app.screen.query_one(Gallery).display == (size[0] >= 80)
        for other in ((60, 20), (160, 50), size):
            await pilot.resize_terminal(*other)
            await until(pilot, lambda: "number 29" in pilot.app.screen.query_one(Details).plain)
            await until(pilot, lambda: screen(pilot).count("number 29") == 2)
            assert pane(pilot).selected is not None


async def test_without_pictures_it_is_a_list(home: Paths) -> None:
    keep(home, named(home, "one", "two"), files=False)
    async with opened(home, pictures=False) as pilot:
        assert pilot.app.focused is pilot.app.screen.query_one("#videos-list", LineList)
        await pilot.press("down")
        assert pane(pilot).selected == video(home, 1, "two")


async def test_searching_filters_while_it_is_typed(home: Paths) -> None:
    keep(
        home,
        [
            video(home, 0, "Grüße", prompt="a WOMAN smiles"),
            video(home, 1, "team", preview=False),
            video(home, 2, "promo"),
        ],
        files=False,
    )
    async with opened(home) as pilot:
        await pilot.press("slash", *"woman")
        await until(pilot, lambda: "1 of 3" in screen(pilot))
        pilot.app.screen.query_one("#videos-search", Input).value = "GRÜSSE"
        await until(pilot, lambda: "1 of 3" in screen(pilot))
        pilot.app.screen.query_one("#videos-search", Input).value = "preview"
        await until(pilot, lambda: "2 of 3" in screen(pilot))
        pilot.app.screen.query_one("#videos-search", Input).value = "nothing [/x]"
        await until(pilot, lambda: "No video has “nothing [/x]”" in screen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Videos  3" in screen(pilot))
        assert isinstance(pilot.app.focused, Gallery)


async def test_sorting_keeps_the_selected_one_and_all_is_found_again(home: Paths) -> None:
    keep(home, named(home, "b", "c", "a"), files=False)
    async with opened(home) as pilot:
        await pilot.press("right", "s", "s")
        assert "by name" in screen(pilot)
        assert [each.title for each in pane(pilot)._shelf.shown] == ["a", "b", "c"]
        assert pane(pilot).selected == video(home, 1, "c")
        await pilot.press("s")
        assert [each.title for each in pane(pilot)._shelf.shown] == ["a", "c", "b"]
        await pilot.press("slash", *"person", "enter")
    assert load_memory(home.app_memory).views["videos.search"] == "person"
    async with opened(home) as pilot:
        await until(pilot, lambda: "3 of 3" in screen(pilot))
        assert "longest first" in screen(pilot)
        assert pane(pilot).selected == video(home, 1, "c")


async def test_deleting_can_be_undone(home: Paths) -> None:
    keep(home, named(home, "one", "two", "three"))
    async with opened(home) as pilot:
        await pilot.press("right", "d")
        await until(pilot, lambda: "Videos  2" in screen(pilot))
        assert "u brings it back" in said(pilot)
        assert not (home.videos / "1.mp4").exists()
        assert pane(pilot).selected == video(home, 2, "three")
        await pilot.press("u")
        await until(pilot, lambda: "Videos  3" in screen(pilot))
        await until(pilot, lambda: pane(pilot).selected == video(home, 1, "two"))
        assert (home.videos / "1.mp4").exists()
        await pilot.press("u")
        await until(pilot, lambda: "trash is empty" in said(pilot))


async def test_a_file_that_is_gone_is_said_and_can_be_taken_off(home: Paths) -> None:
    keep(home, named(home, "one"), files=False)
    async with opened(home) as pilot:
        await until(pilot, lambda: "no longer there" in pilot.app.screen.query_one(Details).plain)
        for key in ("enter", "c", "e"):
            pilot.app.clear_notifications()
            await pilot.press(key)
            await until(pilot, lambda: GONE in said(pilot))
        await pilot.press("d")
        await until(pilot, lambda: "No videos yet" in screen(pilot))


async def test_copying_says_what_was_copied(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAVR_CLIPBOARD", "file")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5000 10.0.0.2 22")
    keep(home, named(home, "one"))
    copied = home.state / "copied.txt"
    async with opened(home) as pilot:
        await pilot.press("y")
        await until(pilot, copied.exists)
        assert copied.read_text() == str(home.videos / "0.mp4")
        for key in ("c", "enter"):
            copied.unlink()
            await pilot.press(key)
            await until(pilot, copied.exists)
            assert copied.read_text().startswith("scp ") and "@10.0.0.2:" in copied.read_text()


async def test_where_nothing_can_show_a_video_its_path_is_said_and_nothing_copied(
    home: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"OAVR_CLIPBOARD": "file", "OAVR_SSH": "0", "PATH": str(tmp_path / "nowhere")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    keep(home, named(home, "one"))
    async with opened(home) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: str(home.videos / "0.mp4") in said(pilot) and "y copies" in said(pilot))
        assert not (home.state / "copied.txt").exists()
        await pilot.press("y")
        await until(pilot, (home.state / "copied.txt").exists)


async def test_without_ssh_there_is_no_scp_line(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAVR_SSH", "0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    keep(home, named(home, "one"))
    async with opened(home) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: "y copies the path" in said(pilot))


async def test_exporting(home: Paths, tmp_path: Path) -> None:
    keep(home, named(home, "one"))
    target = tmp_path / "copies"
    target.mkdir()
    (target / "0.mp4").write_text("something else")
    async with opened(home, (60, 20)) as pilot:
        await pilot.press("e")
        await in_front(pilot)
        pilot.app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.query_one("#export-replace").display)
        assert "already" in screen(pilot)
        assert (target / "0.mp4").read_text() == "something else"
        pilot.app.screen.query_one(Input).value = f"'{target / 'other.mp4'}'"
        pilot.app.screen.query_one(Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert (target / "other.mp4").read_bytes() == (home.videos / "0.mp4").read_bytes()
        assert "Copied to" in said(pilot)
        await pilot.press("e")
        await in_front(pilot)
        assert pilot.app.screen.query_one(Input).value == str(target / "0.mp4")
        await pilot.press("escape")
        assert len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize(("key", "full"), [("g", False), ("f", True)])
async def test_making_again_fills_the_form_in(home: Paths, key: str, full: bool) -> None:
    keep(home, [video(home, 7, "anna", prompt="she nods")], files=False)
    async with opened(home) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: bool(pilot.app.query(Studio)))
        form = pilot.app.query_one(Studio).form
        await until(pilot, lambda: form.draft.prompt == "she nods")
        assert (form.draft.image, form.draft.audio, form.draft.full) == ("/p/7.png", "/v/7.wav", full)
        if full:  # a full video needs a key, which is asked for, and the question takes notices away
            await until(pilot, lambda: isinstance(pilot.app.screen, GetKey))
        else:
            assert "The form is filled in" in said(pilot)


async def test_a_full_video_is_not_made_full_again(home: Paths) -> None:
    keep(home, [video(home, 0, "anna", preview=False)], files=False)
    async with opened(home) as pilot:
        await pilot.press("f")
        assert "a full video already" in said(pilot)
        assert not pilot.app.query(Studio)


async def test_the_offer_of_a_full_video_can_be_clicked(home: Paths) -> None:
    keep(home, named(home, "anna"))
    async with opened(home) as pilot:
        details = pilot.app.screen.query_one(Details)
        line = next(y for y, text in enumerate(details.plain.split("\n")) if "Make the full" in text)
        await pilot.click(Details, offset=(4, line))
        await until(pilot, lambda: bool(pilot.app.query(Studio)))
        assert pilot.app.query_one(Studio).form.draft.full


HOSTILE = (
    "[red]markup[/red] [@click=app.quit]x[/] [/x]",
    "\x1b[2J\x1b]0;title\x07 control \x00 bytes \x9b31m",
    "日本語のとても長い題名" * 20,
    "👩‍👩‍👧‍👦 ☀️ 🇩🇪 family",
    "مرحبا \u202e override",
    "x" * 100_000,
    "",
)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
async def test_foreign_text_does_no_harm(home: Paths, size: tuple[int, int]) -> None:
    keep(home, [video(home, n, text, prompt=text) for n, text in enumerate(HOSTILE)], files=False)
    async with opened(home, size) as pilot:
        for _ in HOSTILE:
            seen = screen(pilot)
            assert all(line.isprintable() for line in seen.split("\n"))
            assert "\u202e" not in seen and "\u200d" not in seen
            for strip in pilot.app.screen._compositor.render_strips():
                assert strip.cell_length == size[0]
            await pilot.press("right" if size[0] >= 80 else "down")
        await pilot.press("home")
        assert "[red]markup" in screen(pilot)
        await pilot.press("g")
        await until(pilot, lambda: "[red]markup[/red]" in said(pilot))


async def test_a_video_that_comes_is_shown_and_the_selection_stays(home: Paths) -> None:
    keep(home, named(home, "one", "two"), files=False)
    async with opened(home) as pilot:
        await until(pilot, lambda: "two" in screen(pilot))
        await pilot.press("right")
        assert pane(pilot).selected == video(home, 1, "two")
        engine = await pane(pilot).engine()
        await engine._record(replace(video(home, 5, "new one"), created_at=2e9))
        await until(pilot, lambda: "new one" in screen(pilot))
        assert pane(pilot).selected == video(home, 1, "two")
        await until(pilot, lambda: pilot.app.live.video_count == 3)  # type: ignore[attr-defined]


@pytest.mark.full
async def test_thousands(home: Paths) -> None:
    store = Store(home.store_file)
    for number in range(2000):
        store.put_video(video(home, number, f"number {number}"))
    store.close()
    async with opened(home) as pilot:
        assert "Videos  2,000" in screen(pilot)
        await pilot.press("end")
        await until(pilot, lambda: "number 1999" in screen(pilot))
        await pilot.press("slash", *"1998")
        await until(pilot, lambda: "1 of 2,000" in screen(pilot))
        assert len(list(pane(pilot).query("*"))) < 20


async def test_whoever_comes_after_a_video_was_finished_sees_that_one(home: Paths) -> None:
    old = named(home, "a", "b", "c")
    keep(home, old[1:])
    async with opened(home) as pilot:
        await pilot.press("end")
        assert pane(pilot).selected == old[2]
        await pilot.press("5")
        keep(home, old[:1])
        await pilot.press("2")
        await until(pilot, lambda: pane(pilot).selected == old[0])
        await pilot.press("end", "5", "2")
        await pilot.pause()
        assert pane(pilot).selected == old[2]
