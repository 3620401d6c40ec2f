"""The Settings screen: what is changed is saved when its field is left, and is in force at once."""

from __future__ import annotations

import stat

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Label, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.dialogs.sign_out import SignOut
from oavr_tui.app.screens.settings_rows import ROWS, SECTIONS
from oavr_tui.app.widgets.choice import Choice
from oavr_tui.paths import Paths
from oavr_tui.secrets_file import runpod_key, save_runpod_key
from oavr_tui.settings import OPTIONS, load_settings
from tests.app.studios import app, in_front, until

KEY = "rpa_FOR0TESTS0ONLY0000"


@pytest.fixture(autouse=True)
def no_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNPOD_API_KEY", raising=False)
    monkeypatch.setenv("RUNPOD_API_BASE_URL", "http://127.0.0.1:9")  # nobody is there, and nobody else is asked


async def opened(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    await pilot.app.engine_when_open()
    await pilot.press("escape", "4")
    await until(pilot, lambda: pilot.app.screen_stack[0].query("#key-line"))
    return pilot.app


def mark(pilot: Pilot[None], name: str) -> str:
    return str(pilot.app.screen.query_one(f"#{name}-mark", Label).render())


def test_every_setting_but_those_of_the_form_has_a_row() -> None:
    shown = {row.option for _title, rows in SECTIONS for row in rows}
    assert set(OPTIONS) - shown == {"generate.on", "generate.prompt"}  # the Studio asks for these each time


async def test_a_text_is_saved_when_its_field_is_left(home: Paths) -> None:
    async with app(home).run_test(size=(100, 40)) as pilot:
        running = await opened(pilot)
        field = pilot.app.screen.query_one("#set-pods-price-cap", Input)
        field.focus()
        field.value = "0.5"
        await pilot.press("tab")
        await until(pilot, lambda: "saved" in mark(pilot, "set-pods-price-cap"))
        assert load_settings(home, {}).pods_price_cap == 0.5
        assert running.engine is not None
        assert running.engine.fleet.plan.price_cap == 0.5


async def test_what_cannot_be_is_said_and_not_saved(home: Paths) -> None:
    async with app(home).run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        field = pilot.app.screen.query_one("#set-pods-most", Input)
        field.focus()
        field.value = "many"
        await pilot.press("enter")
        await until(pilot, lambda: "not saved" in mark(pilot, "set-pods-most"))
        assert load_settings(home, {}).pods_most == 1


async def test_a_choice_is_saved_at_once_and_the_colors_change(home: Paths) -> None:
    async with app(home).run_test(size=(100, 40)) as pilot:
        running = await opened(pilot)
        assert running.theme == "oavr-dark"
        pilot.app.screen.query_one("#set-app-theme", Choice).focus()
        await pilot.press("right")
        await until(pilot, lambda: running.theme == "oavr-light")
        assert load_settings(home, {}).app_theme == "light"


async def test_the_environment_decides_and_that_is_said(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAVR_PODS_MOST", "3")
    running = OavrApp(home, load_settings(home))
    async with running.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "environment" in mark(pilot, "set-pods-most"))


@pytest.mark.full
async def test_every_row_can_be_reached_by_tab(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        reached = set()
        for _step in range(len(ROWS) + 12):
            await pilot.press("tab")
            if pilot.app.focused is not None and pilot.app.focused.id in ROWS:
                reached.add(pilot.app.focused.id)
                assert pilot.app.screen.get_widget_at(*pilot.app.focused.region.offset)[0] is pilot.app.focused
        assert reached == set(ROWS)


async def test_without_a_key_one_can_be_entered(home: Paths) -> None:
    async with app(home).run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "No key yet" in str(pilot.app.screen.query_one("#key-line", Static).render()))
        await pilot.click("#key-enter")
        await in_front(pilot, GetKey)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, GetKey))


async def test_a_key_is_shown_masked_and_signing_out_forgets_it(home: Paths) -> None:
    save_runpod_key(home, KEY)
    async with app(home).run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "rpa_" in str(pilot.app.screen.query_one("#key-line", Static).render()))
        assert KEY not in pilot.app.export_screenshot()
        pilot.app.screen.query_one("#sign-out", Button).press()
        await in_front(pilot, SignOut)
        await until(pilot, lambda: pilot.app.focused is pilot.app.screen.query_one("#back"))
        await pilot.click("#forget")
        await until(pilot, lambda: not isinstance(pilot.app.screen, SignOut))
        assert runpod_key(home, {}) is None
        await until(pilot, lambda: "No key yet" in str(pilot.app.screen.query_one("#key-line", Static).render()))
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600
