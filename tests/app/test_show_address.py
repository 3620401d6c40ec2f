"""An address for another device: shown, copied, and as a code that stays within the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from oavr_tui.app.dialogs.show_address import Code, ShowAddress
from oavr_tui.app.talking import Talking
from oavr_tui.paths import Paths

ADDRESS = "https://example.com/checkout/buy?device=a1b2"


class Desk(Talking):
    CSS_PATH = str(Path(__file__).parents[2] / "oavr_tui/app/styles/app.tcss")

    def __init__(self, paths: Paths, address: str = ADDRESS, *, ssh: bool = True) -> None:
        far = {"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.5 22"} if ssh else {}
        super().__init__(paths, {"OAVR_CLIPBOARD": "file", **far})
        self._address = address

    def on_mount(self) -> None:
        self.push_screen(ShowAddress(self._address, "Pro, $29 once"))

    def text(self, name: str) -> str:
        return str(self.screen.query_one(name, Static).render())


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
async def test_it_is_shown_whole_with_a_code_and_copied(home: Paths, size: tuple[int, int]) -> None:
    app = Desk(home)
    async with app.run_test(size=size) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.text("#address") == ADDRESS
        assert "saved in" in app.text("#copied")
        assert (home.state / "copied.txt").read_text() == ADDRESS
        code = app.screen.query_one(Code)
        assert code.display
        window = app.screen.region
        for part in ("#code", "#address", "#close", "#again", "#frame"):
            assert window.contains_region(app.screen.query_one(part).region), part
        assert code.size.width == len(code.render_line(0).text)
        await pilot.press("escape")
        assert not isinstance(app.screen, ShowAddress)


async def test_at_this_computer_it_is_copied_only_when_asked_for(home: Paths) -> None:
    app = Desk(home, ssh=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "y copies it" in app.text("#copied")
        assert not (home.state / "copied.txt").exists()
        await pilot.press("y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert (home.state / "copied.txt").read_text() == ADDRESS


async def test_the_code_follows_the_window(home: Paths) -> None:
    app = Desk(home, ADDRESS * 6)
    async with app.run_test(size=(60, 20)) as pilot:
        code = app.screen.query_one(Code)
        assert not code.display
        await pilot.resize_terminal(140, 50)
        await pilot.pause()
        assert code.display


async def test_an_address_that_means_harm(home: Paths) -> None:
    app = Desk(home, "https://example.com/[@click=app.quit]\x1b[2J\nx")
    async with app.run_test(size=(80, 24)):
        assert app.text("#address") == "https://example.com/[@click=app.quit] x"


async def test_selected_text_is_copied_the_same_way(home: Paths) -> None:
    app = Desk(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        app.copy_to_clipboard("some words")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert (home.state / "copied.txt").read_text() == app.clipboard == "some words"
