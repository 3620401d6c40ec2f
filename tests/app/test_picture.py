"""Pictures and waveforms on the screen: what each cell shows, with and without color, at any size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual.app import App, ComposeResult
from textual.strip import Strip

from oavr_tui.app.widgets.picture import Picture, half_blocks, in_color, shades
from oavr_tui.app.widgets.waveform import Waveform, bars
from oavr_tui.media.types import Raster

RED, GREEN, BLUE, WHITE = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\xff\xff\xff"
BASE = Style.parse("grey50 on #102030")
FOUR = Raster(2, 2, RED + GREEN + BLUE + WHITE)


def raster(width: int, height: int) -> Raster:
    return Raster(width, height, bytes(at * 7 % 256 for at in range(3 * width * height)))


def colors(strip: Strip) -> list[tuple[str, str, str]]:
    """Each cell: its character, its color and its ground, as #rrggbb."""
    found = []
    for segment in strip:
        style = segment.style or Style()
        pair = [color.get_truecolor().hex if color else "" for color in (style.color, style.bgcolor)]
        found += [(character, pair[0], pair[1]) for character in segment.text]
    return found


# --- drawing


def test_two_pixels_a_cell() -> None:
    (strip,) = half_blocks(FOUR, 2, 1, BASE)
    assert colors(strip) == [("▀", "#ff0000", "#0000ff"), ("▀", "#00ff00", "#ffffff")]


def test_a_small_picture_stands_in_the_middle() -> None:
    strips = half_blocks(FOUR, 6, 3, BASE)
    blank = (" ", BASE.color.get_truecolor().hex if BASE.color else "", "#102030")
    assert colors(strips[0]) == colors(strips[2]) == [blank] * 6
    assert [cell[0] for cell in colors(strips[1])] == list("  ▀▀  ")


def test_the_lower_half_of_an_odd_end_is_ground() -> None:
    (strip,) = half_blocks(Raster(1, 1, RED), 1, 1, BASE)
    assert colors(strip) == [("▀", "#ff0000", "#102030")]


def test_neighbors_of_one_color_are_one_segment() -> None:
    (strip,) = half_blocks(Raster(30, 2, RED * 20 + GREEN * 10 + RED * 20 + BLUE * 10), 30, 1, BASE)
    assert [segment.text for segment in strip] == [" " * 20, "▀" * 10]


sides = st.integers(1, 24)


@given(sides, sides, sides, sides)
def test_any_picture_fills_any_place_exactly(width: int, height: int, columns: int, lines: int) -> None:
    for strips in (
        half_blocks(raster(width, height), columns, lines, BASE),
        shades(raster(width, height), columns, lines, BASE, dark=True),
    ):
        assert len(strips) == lines
        for strip in strips:
            assert strip.cell_length == columns == sum(segment.cell_length for segment in strip)


def test_shades_are_dense_where_it_shines_on_a_dark_ground_and_the_other_way_round() -> None:
    ramp = Raster(10, 2, b"".join(bytes([round(at * 25.5)] * 3) for at in range(10)) * 2)
    assert shades(ramp, 10, 1, BASE, dark=True)[0].text == " .:-=+*#%@"
    assert shades(ramp, 10, 1, BASE, dark=False)[0].text == "@%#*+=-:. "
    plain = Raster(3, 3, WHITE * 9)
    assert [strip.text for strip in shades(plain, 3, 2, BASE, dark=True)] == ["   ", "   "]


@pytest.mark.parametrize(
    ("peaks", "width", "height", "lines"),
    [
        ([0.0, 1.0], 4, 1, ["▁▁██"]),
        ([0.0, 1.0, 0.0, 0.0], 2, 1, ["█▁"]),
        ([1.0, 0.0], 2, 2, ["█ ", "█▁"]),
        ([0.5], 1, 2, ["▃", "█"]),
        ([0.1, 0.9], 1, 1, ["█"]),
        ([1.0], 0, 1, [""]),
    ],
)
def test_bars(peaks: list[float], width: int, height: int, lines: list[str]) -> None:
    assert bars(peaks, width, height) == lines


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(0, 80), st.integers(1, 4))
def test_any_peaks_fill_any_place_exactly(peaks: list[float], width: int, height: int) -> None:
    assert [len(line) for line in bars(peaks, width, height)] == [width] * height


# --- on the screen


class Wall(App[None]):
    CSS = """
    Picture { width: 12; height: 5; border: round $primary; }
    Waveform { width: 20; height: 2; }
    """

    def compose(self) -> ComposeResult:
        yield Picture("No portrait\n[bold]안나")
        yield Waveform()


def seen(app: App[None], widget: type[Picture] | type[Waveform]) -> list[Strip]:
    found = app.query_one(widget)
    return [found.render_line(y) for y in range(found.size.height)]


@pytest.fixture(params=["truecolor", "16", "none"])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "linux" if request.param == "16" else "xterm-256color")
    if request.param == "truecolor":
        monkeypatch.setenv("COLORTERM", "truecolor")
    if request.param == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    yield request.param


async def test_a_terminal_gets_what_it_can_show(terminal: str) -> None:
    async with Wall().run_test(size=(40, 12)) as pilot:
        picture = pilot.app.query_one(Picture)
        assert in_color(pilot.app) == (terminal == "truecolor")
        picture.show(raster(10, 6))
        characters = {cell[0] for strip in seen(pilot.app, Picture) for cell in colors(strip)}
        assert ("▀" in characters) == (terminal == "truecolor")
        assert terminal == "truecolor" or characters & set(":-=+*#%")
        pilot.app.query_one(Waveform).show([0.0, 0.5, 1.0])
        blocks = "█" in seen(pilot.app, Waveform)[1].text
        assert blocks == (terminal != "16")


async def test_words_are_shown_where_there_is_no_picture() -> None:
    async with Wall().run_test(size=(40, 12)) as pilot:
        picture = pilot.app.query_one(Picture)
        assert [strip.text for strip in seen(pilot.app, Picture)] == ["No portrai", "[bold]안나", " " * 10]
        picture.show(FOUR)
        assert picture.raster is FOUR
        assert "No" not in seen(pilot.app, Picture)[0].text
        picture.show(None, "Gone")
        assert seen(pilot.app, Picture)[1].text == "   Gone   "


async def test_another_size_or_theme_draws_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with Wall().run_test(size=(40, 12)) as pilot:
        picture = pilot.app.query_one(Picture)
        picture.show(Raster(2, 2, RED + GREEN + RED + GREEN))
        dark = seen(pilot.app, Picture)[1].text
        pilot.app.theme = "textual-light"
        await pilot.pause()
        light = seen(pilot.app, Picture)[1].text
        assert dark != light and len(dark) == len(light) == 10
        picture.styles.width, picture.styles.height = 4, 3
        await pilot.pause()
        assert [strip.cell_length for strip in seen(pilot.app, Picture)] == [2]


async def test_a_waveform_is_empty_without_a_voice() -> None:
    async with Wall().run_test(size=(40, 12)) as pilot:
        waveform = pilot.app.query_one(Waveform)
        assert [strip.text for strip in seen(pilot.app, Waveform)] == [" " * 20] * 2
        waveform.show([1.0])
        assert [strip.text for strip in seen(pilot.app, Waveform)] == ["█" * 20] * 2
        waveform.show(None)
        assert [strip.text for strip in seen(pilot.app, Waveform)] == [" " * 20] * 2


async def test_no_size_at_all_is_survived() -> None:
    async with Wall().run_test(size=(40, 12)) as pilot:
        picture, waveform = pilot.app.query_one(Picture), pilot.app.query_one(Waveform)
        picture.show(raster(10, 6))
        waveform.show([0.5])
        for size in ((1, 1), (2, 2), (40, 3), (3, 12), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        picture.styles.width = picture.styles.height = 2  # the border alone
        await pilot.pause()
        assert picture.size.area == 0
        assert pilot.app.is_running
