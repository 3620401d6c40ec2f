"""What the app tells a license server, what it makes of odd answers, and what it says while it waits for one."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.activate import Activate
from oavr_tui.app.dialogs.devices import Devices
from oavr_tui.app.dialogs.move_here import MoveHere
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.paths import Paths
from tests.app.plans import KEY, copied
from tests.app.snapshot import text_of
from tests.app.studios import app, dialog, in_front, until
from tests.journeys.scripted import FREE, Scripted, scripted
from tests.journeys.seen import wish

ON_TWO = {"success": True, "activationsUsed": 2, "maxActivations": 3}
ROWS = [
    {"deviceId": "0123456789ab", "deviceName": "old-laptop", "activatedAt": 1, "lastSeen": 1, "thisDevice": False},
    {"deviceId": "ba9876543210", "deviceName": "attic", "activatedAt": 1, "lastSeen": 1, "thisDevice": False},
]
LISTED = {**ON_TWO, "devices": ROWS, "status": "active"}
NOBODY = "http://127.0.0.1:9"


@asynccontextmanager
async def opened(
    home: Paths, url: str, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    monkeypatch.setenv("OAVR_LICENSE_URL", url)
    monkeypatch.setenv("OAVR_DEVICE_ID", "for-the-answers")
    running = app(home, wish(NOBODY))
    async with running.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: running.live.driving and running.live.license is not None)
        yield pilot


def oavr(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


def headline(pilot: Pilot[None]) -> str:
    return pilot.app.screen_stack[0].query_one("#headline", OneLine).plain


def word(pilot: Pilot[None], name: str) -> str:
    return str(pilot.app.screen.query_one(name, Static).render())


async def ask_for_key(pilot: Pilot[None], computer: str = "workshop") -> Activate:
    pilot.app.push_screen(asking := Activate(computer))
    await in_front(pilot, Activate)
    asking.query_one("#license-key", Input).value = KEY
    return asking


# --- the computer's name


@pytest.mark.parametrize("ticked", [False, True])
async def test_the_computers_name_is_sent_only_if_it_is_ticked(
    home: Paths, monkeypatch: pytest.MonkeyPatch, ticked: bool
) -> None:
    with scripted(activate=(200, ON_TWO), check=(200, {"canGenerate": True, "isPro": True})) as server:
        async with opened(home, server.url, monkeypatch) as pilot:
            asking = await ask_for_key(pilot)
            box = asking.query_one(Checkbox)
            assert not box.value, "off until the person wants it"
            assert "Send this computer's name (workshop)" in str(box.label)
            if ticked:
                await pilot.click(box)
            asking.query_one("#license-activate", Button).press()
            await until(pilot, lambda: dialog(pilot) == "")
            await until(pilot, lambda: "Pro" in headline(pilot), headline(pilot))
        (sent,) = server.told("/activate")
        assert sent.get("deviceName") == ("workshop" if ticked else None)
        assert ticked or "workshop" not in json.dumps(server.asked)


@pytest.mark.parametrize("ticked", [False, True])
async def test_a_license_that_is_moved_asks_for_the_name_as_well(
    home: Paths, monkeypatch: pytest.MonkeyPatch, ticked: bool
) -> None:
    copied(home)
    with scripted(activate=(200, ON_TWO), deactivate=(200, ON_TWO), check=(200, FREE)) as server:
        async with opened(home, server.url, monkeypatch) as pilot:
            await oavr(pilot).action_act("app.move_license")
            await in_front(pilot, MoveHere)
            box = pilot.app.screen.query_one(Checkbox)
            assert not box.value
            if ticked:
                await pilot.click(box)
            pilot.app.screen.query_one("#answer-move", Button).press()
            await until(pilot, lambda: server.told("/activate"))
            await until(pilot, lambda: "Pro" in headline(pilot), headline(pilot))
        assert ("deviceName" in server.told("/activate")[0]) == ticked


async def test_a_computer_without_a_name_is_not_asked_about(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(activate=(200, ON_TWO)) as server:
        async with opened(home, server.url, monkeypatch) as pilot:
            asking = await ask_for_key(pilot, "")
            assert not asking.query_one("#send-name").display
            asking.query_one("#license-activate", Button).press()
            await until(pilot, lambda: server.told("/activate"))
            assert "deviceName" not in server.told("/activate")[0]


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_the_question_about_the_name_is_whole(
    home: Paths, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with opened(home, NOBODY, monkeypatch, size) as pilot:
        asking = await ask_for_key(pilot, "a-computer-with-quite-a-long-name-that-somebody-gave-it")
        await pilot.pause()
        inside = asking.query_one(".dialog").content_region
        for each in (*asking.query(Checkbox), *asking.query(Button), *asking.query(".title")):
            assert inside.contains_region(each.region), each
        assert "so that you recognize it in the list of devices" in text_of(pilot.app)


# --- odd answers


async def test_a_key_that_was_accepted_is_pro_though_nothing_else_is_answered(
    home: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(activate=(200, ON_TWO)) as server:
        async with opened(home, server.url, monkeypatch) as pilot:
            asking = await ask_for_key(pilot)
            asking.query_one("#license-activate", Button).press()
            await until(pilot, lambda: dialog(pilot) == "")
            await until(pilot, lambda: "Pro" in headline(pilot), headline(pilot))


async def test_a_release_that_worked_is_never_a_cross(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list cannot be asked for a second time."""
    copied(home)
    with scripted(deactivate=(200, ON_TWO), devices=(200, LISTED), check=(200, FREE)) as server:
        async with opened(home, server.url, monkeypatch) as pilot:
            pilot.app.push_screen(Devices())
            await in_front(pilot, Devices)
            await until(pilot, lambda: "2 devices." in word(pilot, "#devices-word"))
            await pilot.press("enter")
            await until(pilot, lambda: dialog(pilot).startswith("Release "))
            await _answers_no_more(server, pilot)
            await until(pilot, lambda: isinstance(pilot.app.screen, Devices) and len(server.told("/deactivate")) == 1)
            await until(pilot, lambda: "Asking" not in word(pilot, "#devices-word"))
            assert word(pilot, "#devices-word") == "✔ Released. 1 device left."


async def _answers_no_more(server: Scripted, pilot: Pilot[None]) -> None:
    """From the release on, the list is not answered."""
    asked_before = len(server.told("/devices"))
    await pilot.press("enter")
    await until(pilot, lambda: len(server.told("/devices")) > asked_before)
    del server.answers["/devices"]


# --- while it is waited for


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes every question and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_while_the_license_server_is_waited_for_that_is_said(
    home: Paths, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    async with opened(home, silent, monkeypatch) as pilot:
        status = pilot.app.screen.query_one("#status", Static)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Asking about your plan…" in str(status.render()), str(status.render()))
