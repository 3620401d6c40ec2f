"""Docs: every guide and every key can be found and read."""

from __future__ import annotations

import re
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Markdown

from oavr_tui.app.actions import ACTIONS
from oavr_tui.app.app import OavrApp
from oavr_tui.app.screens.docs import Docs, guides, sections
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.paths import Paths
from oavr_tui.pods.cost import USUAL_RENT, storage_per_hour
from oavr_tui.settings import load_settings
from tests.app.studios import app, until


async def opened(pilot: Pilot[None]) -> Docs:
    assert isinstance(pilot.app, OavrApp)
    await pilot.press("escape", "5")
    await until(pilot, lambda: pilot.app.screen_stack[0].query("#guide"))
    return pilot.app.screen.query_one(Docs)


def page(docs: Docs) -> str:
    return docs.query_one("#guide", Markdown).source


def test_the_keys_page_has_every_action() -> None:
    keys = guides()[-1]
    for action in ACTIONS:
        assert f"| {action.label} | {action.help} |" in keys, action.id


def test_each_guide_begins_with_its_title_and_names_no_key_that_there_is_not() -> None:
    known = {key for action in ACTIONS for key in action.keys.split(",")}
    for text in guides()[:-1]:
        assert text.startswith("# ")
        for control in re.findall(r"`\^(\w)`", text):
            assert f"ctrl+{control}" in known, control


def test_the_guides_name_the_prices_that_the_app_reckons_with() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    for text in (next(text for text in guides() if text.startswith("# Money")), readme.read_text("utf-8")):
        money = " ".join(text.split())
        assert f"usually {USUAL_RENT}" in money
        assert f"about ${storage_per_hour(100):.2f} an hour for 100 GB" in money


async def test_the_contents_lead_to_the_text(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        docs = await opened(pilot)
        await until(pilot, lambda: page(docs).startswith("# Quick start"))
        wanted = next(n for n, each in enumerate(sections(guides())) if each.title == "How the app watches it")
        docs.query_one("#contents", LineList).move_to(wanted)
        await until(pilot, lambda: page(docs).startswith("# Money"))
        await until(pilot, lambda: docs.query_one("#page").scroll_offset.y > 0)


async def test_search_finds_sections_and_escape_shows_all_again(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        docs = await opened(pilot)
        contents = docs.query_one("#contents", LineList)
        everything = contents.count
        await pilot.press("slash", *"network", "space", *"volume")
        assert docs.query_one("#docs-search", Input).value == "network volume"
        await until(pilot, lambda: 0 < contents.count < everything)
        await pilot.press("enter")
        assert contents.has_focus
        await until(pilot, lambda: "network volume" in page(docs).lower())
        await pilot.press("slash", "escape")
        assert contents.count == everything


async def test_the_place_is_found_again(home: Paths) -> None:
    async with app(home).run_test(size=(100, 30)) as pilot:
        docs = await opened(pilot)
        await pilot.press("down", "down")
        chosen = docs.query_one("#contents", LineList).index
    again = OavrApp(home, load_settings(home, {}))
    async with again.run_test(size=(100, 30)) as pilot:
        await again.go("docs")
        await until(pilot, lambda: again.query("#contents"))
        await until(pilot, lambda: again.query_one("#contents", LineList).index == chosen)
    assert chosen == 2
