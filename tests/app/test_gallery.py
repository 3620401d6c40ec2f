"""The gallery alone: how cards lie, how the cursor goes, and what is sent to the terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.geometry import Region, Size
from textual.pilot import Pilot

from oavr_tui.app.widgets.card_grid import Grid
from oavr_tui.app.widgets.gallery import Gallery
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.media.types import Raster

RED = Raster(4, 4, b"\xff\x00\x00" * 16)


class Cards(App[None]):
    """So many cards, each with a picture."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.rested: list[range] = []
        self.stirred = 0
        self.chosen: list[int] = []

    def compose(self) -> ComposeResult:
        yield Gallery(self._caption, lambda index: RED)

    def on_mount(self) -> None:
        self.query_one(Gallery).show_rows(self.count, 0)

    def _caption(self, index: int, line: int, width: int) -> list[Piece]:
        return [(f"card {index}" if line == 0 else f"facts {index}", "dim")]

    def on_gallery_rested(self, event: Gallery.Rested) -> None:
        self.rested.append(event.indexes)

    def on_gallery_stirred(self) -> None:
        self.stirred += 1

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.chosen.append(event.index)


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    waited = 0.0
    while not condition():
        assert waited < 30
        await pilot.pause(0.02)
        waited += 0.02


def dirty(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """The parts of the gallery that are sent from now on; the whole of it as its own region."""
    regions: list[Region] = []
    before = gallery._set_dirty

    def noted(*parts: Region) -> None:
        regions.extend(parts or (gallery.size.region,))
        before(*parts)

    monkeypatch.setattr(gallery, "_set_dirty", noted)
    return regions


@pytest.mark.parametrize("width", [1, 10, 20, 59, 62, 143, 400])
@pytest.mark.parametrize("height", [1, 5, 10, 15, 37, 45, 100])
def test_cards_always_fit(width: int, height: int) -> None:
    grid = Grid.fitting(Size(width, height))
    assert grid.columns >= 1 and grid.tall >= 4 and grid.width >= 4
    if width >= 20:
        assert grid.left(grid.columns - 1) + grid.width <= width
    if height >= 15:
        assert grid.height <= height


async def test_the_cursor_goes_by_keys() -> None:
    app = Cards(11)
    async with app.run_test(size=(70, 20)) as pilot:
        gallery = app.query_one(Gallery)
        columns = gallery.grid.columns
        assert columns == 3
        for key, index in (
            ("right", 1),
            ("down", 4),
            ("left", 3),
            ("up", 0),
            ("up", 0),
            ("left", 0),
            ("end", 10),
            ("down", 10),
            ("right", 10),
            ("up", 7),
            ("right", 8),
            ("down", 10),
            ("home", 0),
            ("pagedown", 3),
            ("pageup", 0),
        ):
            await pilot.press(key)
            assert gallery.index == index, key
            card = gallery.row_region(index)
            top = gallery.scroll_offset.y
            assert top <= card.y and card.bottom <= top + gallery.size.height


async def test_mouse() -> None:
    app = Cards(100)
    async with app.run_test(size=(62, 20)) as pilot:
        gallery = app.query_one(Gallery)
        second = gallery.row_region(1)
        await pilot.click(Gallery, offset=(second.x + 2, 3))
        assert gallery.index == 1 and not app.chosen
        await pilot.click(Gallery, offset=(second.x + 2, 3))
        await until(pilot, lambda: app.chosen == [1])
        await pilot._post_mouse_events([MouseScrollDown], Gallery)
        await until(pilot, lambda: gallery.scroll_offset.y == gallery.grid.height)
        assert gallery.index == 1
        await pilot.click(Gallery, offset=(second.x + 2, 3))
        assert gallery.index == 1 + gallery.grid.columns
        await pilot.click(Gallery, offset=(0, 3))
        assert gallery.index == 1 + gallery.grid.columns


async def test_a_moved_cursor_sends_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Cards(100)
    async with app.run_test(size=(62, 40)) as pilot:
        gallery = app.query_one(Gallery)
        await until(pilot, lambda: bool(app.rested))
        await pilot.press("pagedown")
        await until(pilot, lambda: gallery._still)
        await pilot.pause()
        regions = dirty(gallery, monkeypatch)
        await pilot.press("right")
        await pilot.pause()
        assert regions
        assert sum(region.height for region in regions) <= 8
        tall, top = gallery.grid.tall, gallery.scroll_offset.y
        for region in regions:
            for y in range(region.y, region.bottom):
                assert (y + top) % gallery.grid.height in (0, tall + 1, tall + 2, tall + 3)


async def test_while_it_scrolls_only_lines_that_differ_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Cards(1000)
    async with app.run_test(size=(62, 40)) as pilot:
        gallery = app.query_one(Gallery)
        gallery._moving()
        await pilot.pause()
        gallery.refresh()
        await pilot.pause()
        regions = dirty(gallery, monkeypatch)
        gallery.scroll_to(y=10 * gallery.grid.height, animate=False, immediate=True)
        captions = [y for y in range(40) if y % gallery.grid.height > gallery.grid.tall + 1]
        bars = [0, gallery.grid.tall + 1]  # those of the cursor, which is out of sight now
        assert {region.y for region in regions} <= {*captions, *bars}
        assert {region.y for region in regions} >= set(captions)


async def test_pictures_are_asked_for_once_nothing_scrolls() -> None:
    app = Cards(1000)
    async with app.run_test(size=(62, 40)) as pilot:
        gallery = app.query_one(Gallery)
        await until(pilot, lambda: bool(app.rested))
        assert app.rested[-1] == gallery.in_sight
        asked = len(app.rested)
        for _ in range(5):
            gallery._moving()
            gallery.action_page(1)
        assert not gallery._still
        await until(pilot, lambda: len(app.rested) > asked)
        assert app.stirred == 1
        assert app.rested[-1] == gallery.in_sight
        assert gallery.index in app.rested[-1]
        assert len(gallery._ready) <= 48


async def test_a_list_that_has_scrolled_repaints_its_rows_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows(App[None]):
        def compose(self) -> ComposeResult:
            yield LineList(lambda index, line, width: [(f"row {index}", "")])

        def on_mount(self) -> None:
            self.query_one(LineList).show_rows(1000, 0)

    async with Rows().run_test(size=(30, 10)) as pilot:
        rows = pilot.app.query_one(LineList)
        await pilot.press("end")
        await pilot.pause()
        regions: list[Region] = []
        before = rows._set_dirty

        def noted(*parts: Region) -> None:
            regions.extend(parts)
            before(*parts)

        monkeypatch.setattr(rows, "_set_dirty", noted)
        await pilot.press("up")
        assert {region.y for region in regions} == {8, 9}
