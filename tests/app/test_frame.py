"""The frame: going from screen to screen, the palette, the key help, the colors, the mouse, small windows."""

from __future__ import annotations

import re
from functools import partial

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._toast import Toast

from oavr_tui.app.actions import ACTIONS, BY_ID, OWNERS, Action
from oavr_tui.app.app import OavrApp
from oavr_tui.app.demo import Demo
from oavr_tui.app.dialogs.help import Help
from oavr_tui.app.dialogs.notices import Notices
from oavr_tui.app.dialogs.pick_one import PickOne
from oavr_tui.app.frame import PLACES, foot
from oavr_tui.app.live import Live
from oavr_tui.app.widgets.key_bar import KeyBar
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.app.widgets.sidebar import Sidebar
from oavr_tui.models import PodState
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from tests.app.studios import app, in_front, until
from tests.engine.yards import pod


def _is_at(running: OavrApp, place: str) -> bool:
    return running.place == place


async def opened(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    await pilot.app.engine_when_open()
    return pilot.app


def test_ids_are_unique_and_every_owner_has_a_name() -> None:
    assert len(BY_ID) == len(ACTIONS)
    assert {action.owner for action in ACTIONS} == set(OWNERS)


def test_no_two_names_in_the_palette_are_equal() -> None:
    titles = [action.title.casefold() for action in ACTIONS]
    assert sorted(titles) == sorted(set(titles))


async def test_an_action_of_a_log_says_to_open_one_first(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        for action in (action for action in ACTIONS if action.owner == "log"):
            await running.action_act(action.id)
            assert running.place == "pods"
            assert running.said[-1].text == f"{action.title}: open a log first; choose a pod here and press enter."


def test_no_key_means_two_things_at_one_place() -> None:
    for owner in OWNERS:
        keys = [key for action in ACTIONS if action.owner in (owner, "app") for key in action.keys.split(",") if key]
        assert len(keys) == len(set(keys)), owner


@pytest.mark.parametrize(
    "bad", ["ctrl+b", "ctrl+a", "ctrl+s", "ctrl+z", "ctrl+j", "ctrl+h", "ctrl+i", "ctrl+m", "alt+"]
)
def test_nothing_is_bound_to_keys_that_terminals_and_multiplexers_take(bad: str) -> None:
    assert not [action.id for action in ACTIONS if any(key.startswith(bad) for key in action.keys.split(","))]


async def test_digits_go_to_the_screens_when_no_field_has_the_focus(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        await pilot.press("2")
        assert running.place == "studio"  # typed into a field
        await pilot.press("escape")
        for number, place in enumerate(PLACES, 1):
            await pilot.press(str(number))
            await until(pilot, partial(_is_at, running, place))
            if place == "studio":
                await pilot.press("escape")


async def test_a_click_goes_there_too(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        await pilot.click(Sidebar, offset=(4, 2))
        await until(pilot, lambda: running.place == "pods")
        await pilot.click(Sidebar, offset=(4, 5))
        await until(pilot, lambda: running.place == "docs")


@pytest.mark.parametrize(("key", "left", "begun"), [("2", "videos", "videos"), ("5", "docs", "studio")])
async def test_one_comes_back_to_what_one_did_but_not_to_what_one_looked_up(
    home: Paths, key: str, left: str, begun: str
) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        await pilot.press("escape", key)
        await until(pilot, lambda: running.place == left)
    again = OavrApp(home, load_settings(home, {}))
    async with again.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: again.place == begun)


async def test_the_palette_knows_every_action(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        commands = {command.title: command.help for command in running.get_system_commands(running.screen)}
        # Nothing is sold here.
        assert {action.title for action in ACTIONS} - {"Commands", "Upgrade to Pro"} == set(commands)
        assert commands["Log of this video"].startswith("enter l · Queue · ")
        assert commands["Quit"].startswith("^q · ")
        await pilot.press("ctrl+p")
        await in_front(pilot, CommandPalette)
        await pilot.press(*"docs")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: running.place == "docs")


@pytest.mark.parametrize("action", [action for action in ACTIONS if action.owner != "app"], ids=lambda each: each.id)
def test_every_action_has_somebody_who_carries_it_out(action: Action) -> None:
    from importlib import import_module

    if action.owner in PLACES:
        module, _, name = PLACES[action.owner].partition(":")
    else:
        module, name = {
            "queue": ("oavr_tui.app.widgets.queue", "Queue"),
            "log": ("oavr_tui.app.widgets.log_pane", "LogPane"),
        }[action.owner]
    assert callable(getattr(getattr(import_module(module), name), f"action_{action.name}", None))


async def test_help_shows_the_keys_of_the_place_first(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("escape", "2")
        await until(pilot, lambda: pilot.app.query("Videos"))
        await pilot.press("question_mark")
        await in_front(pilot, Help)
        rows = pilot.app.screen.query_one(LineList)
        first = "".join(text for text, _look in rows._draw(0, 0, 90))
        assert first == "Videos"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Help))


async def test_the_bar_of_keys_follows_the_focus(home: Paths) -> None:
    async with app(home).run_test(size=(120, 30)) as pilot:
        await opened(pilot)
        bar = pilot.app.query_one(KeyBar)
        assert "Generate" in bar.plain
        assert "New pod" not in bar.plain
        await pilot.press("escape", "3")
        await until(pilot, lambda: "New pod" in bar.plain)


async def test_colors_are_tried_while_choosing_and_kept_by_enter(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        await running.action_act("app.theme")
        await in_front(pilot, PickOne)
        await pilot.press("down")
        await until(pilot, lambda: running.theme == "oavr-light")
        await pilot.press("escape")
        await until(pilot, lambda: running.theme == "oavr-dark")
        await running.action_act("app.theme")
        await in_front(pilot, PickOne)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: load_settings(home, {}).app_theme == "contrast")


async def test_a_window_that_is_too_small_says_so_and_recovers(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: pilot.app.query_one("#too-small").display)
        assert re.search("larger", pilot.app.export_screenshot().replace("&#160;", " "))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not pilot.app.query_one("#too-small").display)


async def test_keys_of_what_lies_beneath_do_nothing_while_a_question_is_open(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        await pilot.press("escape", "question_mark")
        await in_front(pilot, Help)
        await pilot.press("3", "ctrl+g")
        await pilot.pause(0.2)
        assert running.place == "studio"
        assert isinstance(pilot.app.screen, Help)
        assert not running.live.jobs


async def test_what_is_said_anew_of_a_thing_takes_the_place_of_what_was_said_before(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)

        def said() -> list[str]:
            return [notice.message for notice in running._notifications]

        running.say("Something else.")
        running.say("It is in the trash.", about="video")
        await until(pilot, lambda: "It is in the trash." in said())
        running.say("It is back.", about="video")
        await until(pilot, lambda: "It is back." in said())
        assert "Something else." in said()
        assert "It is in the trash." not in said()


async def test_what_is_said_covers_the_headline_alone_and_is_kept(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24), notifications=True) as pilot:
        running = await opened(pilot)
        for number in range(5):
            running.say(f"[{number}] is said.")
        await until(pilot, lambda: len(pilot.app.screen.query(Toast)) == 2)
        await pilot.pause()
        shown = pilot.app.screen.query(Toast)
        assert [toast.region.y for toast in shown] == [0, 1], "the headline, and the heading of the screen"
        assert [str(toast.render()) for toast in shown] == ["[3] is said.", "[4] is said."]
        running.say("Something is wrong.", bad=True)
        await until(pilot, lambda: len(pilot.app.screen.query(Toast)) == 3)
        running.action_notices()
        await in_front(pilot, Notices)
        listed = "".join(str(each.render()) for each in running.screen.query(Static))
        assert all(f"[{number}] is said." in listed for number in range(5))
        assert "Something is wrong." in listed


def test_every_explanation_of_a_key_has_room_in_a_usual_window() -> None:
    assert [action.id for action in ACTIONS if len(action.help) > 60] == []


def test_a_restarted_studio_counts_from_its_restart() -> None:
    live = Live()
    assert foot(live, 1000.0, None) == ("", "")
    live.pods = (pod("p1", PodState.READY, 0.0, pod_id="m1", per_hour=0.34),)
    assert foot(live, 1000.0, 820.0) == ("$0.34/h", "3m")
    assert foot(live, 1000.0, None) == ("$0.34/h", "16m")


async def test_the_headline_says_all_again_when_the_window_is_large_again(home: Paths) -> None:
    made = app(home)
    made.demo = Demo("rpa_demo", lambda: None)
    async with made.run_test(size=(100, 30)) as pilot:
        running = await opened(pilot)
        whole = running._headline.plain
        assert "nothing here costs money" in whole
        await pilot.press("ctrl+p")
        await in_front(pilot, CommandPalette)
        await pilot.resize_terminal(20, 3)
        await until(pilot, lambda: running._headline.plain.endswith("DEMO"))
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: running._headline.plain == whole)
