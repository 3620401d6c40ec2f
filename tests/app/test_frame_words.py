"""What the frame and the questions say: it fits, and it is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.app.dialogs.leaving import Going, farewell
from oavr_tui.app.dialogs.starting import usual
from oavr_tui.app.frame import headline
from oavr_tui.app.live import Live
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.app.widgets.sidebar import Entry, Sidebar
from oavr_tui.models import AUTO, Job, JobState, Pod, PodKind, PodState, Request
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

        def lines() -> list[str]:
            return [sidebar.query_one(name, OneLine).render_line(0).text.strip() for name in ("#cost", "#since")]

        await until(pilot, lambda: sidebar.query_one("#since", OneLine).size.width > 0)
        sidebar.show([], "studio", ("$10.34/h", "3h 05m"))  # the app may have drawn its own in between
        assert lines() == ["$10.34", "/h"]


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
    pod = Pod("p", "studio-1", PodKind.RUNPOD, PodState.READY, 0.0, 0.0, per_hour=0.34)
    job = Job("j", "anna", Request("a.png", "a.wav", on=AUTO), JobState.GENERATING, 0.0, 0.0, seed=1)
    away = Going(away=(job,), given_up=(job,))
    assert [answer.id for answer in away.answers()] == ["leave", "stay"]
    idle, busy = Going((pod,)), Going((pod,), (job,), (), (job,))
    assert [answer.id for answer in idle.answers()] == ["stop", "leave", "stay"]
    assert idle.answers()[0].label == "Stop it and quit"
    assert busy.answers()[0].label == "Cancel the video, stop it and quit"
    assert Going((pod, pod), (job, job), (), (job, job)).answers()[0].label == "Cancel the videos, stop them and quit"
    assert (idle.focus, busy.focus, away.focus) == ("stop", "leave", "leave")
    assert not Going().something
    assert Going().lines() == ["Nothing is being made any more, and nothing costs money."]


def test_who_stops_a_studio_that_is_left_running() -> None:
    pod = Pod("p", "studio-1", PodKind.RUNPOD, PodState.READY, 0.0, 0.0, per_hour=0.34)
    assert (
        "stopped after 15 minutes without work, also when this is closed" in Going((pod,), idle_minutes=15).lines()[1]
    )
    assert "nobody stops it while this is closed" in Going((pod,)).lines()[1]


def test_nothing_is_said_at_the_shell_where_nothing_was_made(tmp_path: Path) -> None:
    assert farewell(Live(), str(tmp_path), 0.0, 15.0, demo=False) == []


def test_at_the_shell_it_is_said_what_goes_on_and_when_it_ends() -> None:
    live = Live()
    live.pods = (Pod("p", "studio-1", PodKind.RUNPOD, PodState.READY, 0.0, 0.0, per_hour=0.34),)
    assert farewell(live, "/v", 0.0, 15.0, demo=False) == [
        "1 studio is running ($0.34/h); it stops by itself after 15 minutes without work. Your videos are in /v"
    ]
    assert "nothing stops it while the app is closed" in farewell(live, "/v", 0.0, None, demo=False)[0]
    assert "make-believe" in farewell(live, "/v", 0.0, 2.0, demo=True)[0]
    live.jobs = (Job("j", "anna", Request("a.png", "a.wav", on=AUTO), JobState.GENERATING, 0.0, 0.0, seed=1),)
    assert farewell(live, "/v", 0.0, 15.0, demo=False)[0].startswith("1 full video is being made; it goes on. 1 studio")


@pytest.mark.parametrize(("narrow", "drawn"), [(False, ["(3)", "(2 ●)"]), (True, ["·3", "2●"])])
def test_a_count_in_the_sidebar_does_not_look_like_a_key(narrow: bool, drawn: list[str]) -> None:
    sidebar = Sidebar()
    sidebar.set_class(narrow, "narrow")
    sidebar._entries = (Entry("videos", "▤", "Videos", "3"), Entry("pods", "☁", "Pods", "2 ●"))
    width = 6 if narrow else 17
    badges = [sidebar._draw(row, 0, width)[1] for row in range(2)]
    assert [(text.strip(), look) for text, look in badges] == [(text, "dim") for text in drawn]
