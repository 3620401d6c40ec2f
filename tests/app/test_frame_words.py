"""What the frame and the questions say: it fits, and it is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.app.dialogs.leaving import _answers, farewell
from oavr_tui.app.dialogs.starting import usual
from oavr_tui.app.frame import headline
from oavr_tui.app.live import Live
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.app.widgets.sidebar import Sidebar
from oavr_tui.paths import Paths
from tests.app.studios import app, until


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("demo", [True, False])
@pytest.mark.parametrize("ready", [True, False])
def test_the_headline_fits(narrow: bool, demo: bool, ready: bool) -> None:
    live = Live()
    live.ready = ready
    left, right = headline(live, 60.0, demo=demo, narrow=narrow)
    assert sum(len(text) for text, _look, _wanted in (*left, *right)) <= (60 if narrow else 90)


async def test_a_price_fits_into_a_narrow_sidebar(home: Paths) -> None:
    async with app(home).run_test(size=(60, 20)) as pilot:
        sidebar = pilot.app.query_one(Sidebar)
        await until(pilot, lambda: sidebar.has_class("narrow"))
        sidebar.show([], "studio", ("$10.34/h", "3h 05m"))
        lines = [sidebar.query_one(name, OneLine).render_line(0).text for name in ("#cost", "#since")]
        assert [line.strip() for line in lines] == ["$10.34", "/h"]


async def test_ctrl_c_says_how_to_leave_and_a_small_window_how_large_it_should_be(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        await pilot.press("escape", "ctrl+c")
        await until(pilot, lambda: any("^q quits" in each.message for each in pilot.app._notifications))
        await pilot.resize_terminal(40, 10)
        too_small = pilot.app.query_one("#too-small")
        await until(pilot, lambda: too_small.display)
        drawn = " ".join(too_small.render_line(y).text.strip() for y in range(too_small.size.height))
        assert "it is 40x10, and 60x20 is enough." in " ".join(drawn.split())


def test_how_long_a_start_takes() -> None:
    assert usual(0, waking=False) == "usually 8-20 minutes the first time"
    assert usual(0, waking=True) == "usually a few minutes"
    assert usual(40, waking=True) == "usually 1 minute"
    assert usual(400, waking=False) == "usually 7 minutes"


def test_stopping_is_offered_as_what_it_is() -> None:
    assert [answer.id for answer in _answers(0, 1)] == ["stay", "leave"]
    assert _answers(1, 0)[1].label == "Stop it and quit"
    assert _answers(1, 1)[1].label == "Cancel the video, stop it and quit"
    assert _answers(2, 2)[1].label == "Cancel the videos, stop them and quit"


def test_nothing_is_said_at_the_shell_where_nothing_was_made(tmp_path: Path) -> None:
    assert farewell(Live(), str(tmp_path), 0.0) == []
