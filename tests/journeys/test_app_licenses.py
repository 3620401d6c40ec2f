"""Free and Pro in the app, before a real license server: the day's video, the limit, the purchase, keys and devices."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from oavr_tui.app.dialogs.activate import Activate
from oavr_tui.app.dialogs.devices import Devices
from oavr_tui.app.dialogs.upgrade import Upgrade
from oavr_tui.app.license_words import UNLOCKED
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.models import JobState
from oavr_tui.paths import Paths, private_dir
from oavr_tui.secrets_file import save_license_key
from tests.app.hostile import BAD, clean
from tests.app.snapshot import text_of
from tests.app.studios import all_made, app, dialog, in_front, jobs, until
from tests.journeys.liar import liar
from tests.journeys.seen import ended, oavr, row, rows, said, wish
from tests.journeys.shops import CHECKOUT, Shop, shop
from tests.programs import Simulator, simulator

NOBODY = "http://127.0.0.1:9"
FREE = "Free · 1 full video left today · previews free"
LIMIT = "Daily limit reached"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop(tmp_path / "shop", monkeypatch) as made:
        yield made


@pytest.fixture
def comfy(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "comfy") as made:
        yield made


@asynccontextmanager
async def opened(
    home: Paths, on: str = "http://127.0.0.1:9", size: tuple[int, int] = (100, 36)
) -> AsyncIterator[Pilot[None]]:
    """The app with its form filled in for a full video on this server, and its plan known."""
    running = app(home, wish(on))
    async with running.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: running.live.driving and running.live.license is not None)
        yield pilot


def headline(pilot: Pilot[None]) -> str:
    return pilot.app.screen_stack[0].query_one("#headline", OneLine).plain


async def plan(pilot: Pilot[None], words: str) -> None:
    await until(pilot, lambda: words in headline(pilot), headline(pilot))


async def asked(pilot: Pilot[None], title: str) -> None:
    await until(pilot, lambda: title in dialog(pilot), f"never asked: {title}")


async def made(pilot: Pilot[None], count: int) -> None:
    await until(pilot, lambda: len(jobs(pilot)) == count and all_made(pilot))
    assert [job.state for job in jobs(pilot)] == [JobState.DONE] * count, [job.failure for job in jobs(pilot)]


def word(pilot: Pilot[None], name: str) -> str:
    return str(pilot.app.screen.query_one(name, Static).render())


def answers(pilot: Pilot[None]) -> list[str]:
    return [str(button.label).strip() for button in pilot.app.screen.query(Button) if button.display]


async def press(pilot: Pilot[None], name: str) -> None:
    await until(pilot, lambda: pilot.app.screen.query(name))
    pilot.app.screen.query_one(name, Button).press()


async def enter_key(pilot: Pilot[None], key: str) -> None:
    """Type a license key into the dialog in front."""
    await in_front(pilot, Activate)
    pilot.app.screen.query_one("#license-key", Input).value = key
    await press(pilot, "#license-activate")


async def refused(pilot: Pilot[None], *words: str) -> str:
    """Wait until the dialog in front says why it cannot be, in these words."""
    await until(pilot, lambda: all(each in word(pilot, "#license-word") for each in ("✘", *words)))
    return word(pilot, "#license-word")


async def settings(pilot: Pilot[None], *words: str) -> None:
    """Go to plan and license by the headline, and wait for these words there."""
    await oavr(pilot).action_act("app.license")
    line = oavr(pilot).screen_stack[0].query_one("#license-line", Static)
    await until(pilot, lambda: all(each in str(line.render()) for each in words), str(line.render()))


def told_nowhere(home: Paths, secret: str) -> None:
    """Nothing that is written down holds it, but the file of keys."""
    files = [file for file in home.config.parent.rglob("*") if file.is_file() and file != home.secrets_file]
    assert files
    for file in files:
        assert secret.encode() not in file.read_bytes(), file


# --- flow A: somebody new; flow B: the limit; flow C: the purchase


async def test_a_free_video_then_the_limit_then_pro_by_itself(home: Paths, vendor: Shop, comfy: Simulator) -> None:
    async with opened(home, comfy.url) as pilot:
        await plan(pilot, FREE)
        await pilot.press("ctrl+g")
        await made(pilot, 1)
        await plan(pilot, "Free · daily limit reached · next in ")
        await pilot.press("ctrl+g")
        await asked(pilot, LIMIT)
        assert answers(pilot) == ["Upgrade $29", "I have a key", "Wait until tomorrow"]
        assert pilot.app.focused is pilot.app.screen.query_one("#answer-")
        assert "The next one is yours in" in text_of(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: dialog(pilot) == "")
        assert len(jobs(pilot)) == 1, "waiting starts nothing"
        await pilot.press("ctrl+g")
        await asked(pilot, LIMIT)
        await press(pilot, "#answer-upgrade")
        await in_front(pilot, Upgrade)
        offer = pilot.app.screen
        assert isinstance(offer, Upgrade)
        assert offer.address.startswith(f"{CHECKOUT}?claim=")
        vendor.sell(offer.address)
        await made(pilot, 2)  # what was asked for when the limit came in between
        await plan(pilot, "Pro")
        assert [each.text for each in oavr(pilot).said].count(UNLOCKED) == 1
        await settings(pilot, "Pro: as many full videos as you like.", "1 of 3 devices")
    async with opened(home, comfy.url) as pilot:
        await plan(pilot, "Pro")
        assert UNLOCKED not in [each.text for each in oavr(pilot).said]


async def test_a_video_of_the_day_is_one_video_however_it_is_asked_for(
    home: Paths, vendor: Shop, comfy: Simulator
) -> None:
    async with opened(home, comfy.url) as pilot:
        for _click in range(20):
            await pilot.press("ctrl+g")
        await until(pilot, lambda: len(jobs(pilot)) >= 1)
        await until(pilot, lambda: all_made(pilot) or dialog(pilot) == LIMIT)
        await pilot.press("escape")
        await made(pilot, 1)
        await plan(pilot, "daily limit reached")
    async with opened(home, comfy.url) as pilot:
        await plan(pilot, "daily limit reached")


@pytest.mark.full
async def test_a_failed_video_is_given_back_and_tried_again_only_within_the_limit(
    home: Paths, vendor: Shop, comfy: Simulator
) -> None:
    async with opened(home, NOBODY) as pilot:
        await pilot.press("ctrl+g")
        await ended(pilot)
        await plan(pilot, FREE)
        engine = await oavr(pilot).engine_when_open()
        await engine.submit(wish(comfy.url))
        await plan(pilot, "daily limit reached")
        await until(pilot, lambda: all_made(pilot))
        rows(pilot).focus()
        await until(pilot, lambda: rows(pilot).index >= 0)
        await pilot.press("end")
        await until(pilot, lambda: "Failed" in row(pilot, rows(pilot).index), row(pilot, rows(pilot).index))
        await pilot.press("r")
        await asked(pilot, LIMIT)
        await pilot.press("escape")
        await until(pilot, lambda: dialog(pilot) == "")
        assert sorted(job.state for job in jobs(pilot)) == [JobState.DONE, JobState.FAILED]
        await settings(pilot, "Free: 1 full video a day")
        usage = pilot.app.screen.query_one("#usage", Static)
        await until(pilot, lambda: "Full videos today: 1 of 1, the next day begins in" in str(usage.render()))


async def test_a_refund_ends_pro_and_says_so(home: Paths, vendor: Shop) -> None:
    async with opened(home) as pilot:
        await oavr(pilot).action_act("app.upgrade")
        await in_front(pilot, Upgrade)
        offer = pilot.app.screen
        assert isinstance(offer, Upgrade)
        vendor.sell(offer.address)
        await plan(pilot, "Pro")
        await until(pilot, lambda: dialog(pilot) == "")
        vendor.refund()
        await oavr(pilot).action_act("app.check_license")
        await plan(pilot, FREE)
        await until(pilot, lambda: "refunded" in said(pilot), said(pilot))
        await settings(pilot, "Free: 1 full video a day", "refunded")


async def test_over_ssh_the_address_is_copied_and_drawn(
    home: Paths, vendor: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.5 22")
    monkeypatch.setenv("OAVR_CLIPBOARD", "file")
    async with opened(home, size=(120, 40)) as pilot:
        await oavr(pilot).action_act("app.upgrade")
        await in_front(pilot, Upgrade)
        offer = pilot.app.screen
        assert isinstance(offer, Upgrade)
        await until(pilot, lambda: "saved in" in word(pilot, "#copied"))
        assert (home.state / "copied.txt").read_text() == offer.address
        assert offer.query_one("#code").display
        assert "Waiting for your purchase" in word(pilot, "#upgrade-word")
        await pilot.press("escape")
        await until(pilot, lambda: dialog(pilot) == "")


# --- keys


async def test_each_refusal_of_a_key_is_said_in_plain_words(home: Paths, vendor: Shop) -> None:
    suspended, revoked, good = (vendor.license() for _ in range(3))
    vendor.owner("license", "suspend", suspended)
    vendor.owner("license", "revoke", revoked)
    async with opened(home) as pilot:
        await oavr(pilot).action_act("app.activate")
        await in_front(pilot, Activate)
        await press(pilot, "#license-activate")
        await until(pilot, lambda: "Paste your key" in word(pilot, "#license-word"))
        for key, words in (
            ("hello", "no license key"),
            ("OAVR-AAAA-BBBB-CCCC-DDDD", "not known"),
            (suspended, "suspended at the moment"),
            (revoked, "withdrawn"),
        ):
            await enter_key(pilot, key)
            shown = await refused(pilot, words)
            assert key not in shown and key not in text_of(pilot.app)
            assert not [code for code in ("NOT_FOUND", "SUSPENDED", "REVOKED", "403", "404") if code in shown]
        vendor.server.kill()
        await enter_key(pilot, good)
        await refused(pilot, "Nothing was changed. Try again when there is a connection.")
        assert "Free" in headline(pilot)
        told_nowhere(home, good)


@pytest.mark.full
async def test_a_key_is_shown_only_when_asked_and_kept_nowhere_else(home: Paths, vendor: Shop) -> None:
    key = vendor.license()
    async with opened(home) as pilot:
        await settings(pilot, "Free: 1 full video a day")
        await press(pilot, "#license-activate")
        await in_front(pilot, Activate)
        pilot.app.screen.query_one("#license-key", Input).value = key
        await pilot.pause()
        assert key not in text_of(pilot.app)
        await press(pilot, "#license-show")
        await until(pilot, lambda: key in text_of(pilot.app))
        await enter_key(pilot, f"  {key.lower().replace('-', ' ')} ")
        await until(pilot, lambda: dialog(pilot) == "")
        await plan(pilot, "Pro")
        await settings(pilot, f"****-{key[-4:]}")
        assert key not in text_of(pilot.app)
    told_nowhere(home, key)


async def test_too_many_devices_one_is_released_and_this_one_takes_its_place(home: Paths, vendor: Shop) -> None:
    key = vendor.license(devices=2)
    vendor.activate(key, "old-laptop")
    vendor.activate(key, f"bob {BAD}"[:40])
    async with opened(home) as pilot:
        await oavr(pilot).action_act("app.activate")
        await enter_key(pilot, key)
        await in_front(pilot, Devices)
        await until(pilot, lambda: "old-laptop" in clean(pilot) and "bob" in clean(pilot))
        assert "Release one of them, and this computer takes its place." in word(pilot, "#devices-word")
        await pilot.press("escape")
        await in_front(pilot, Activate)
        await refused(pilot, "on 2 devices already")
        await press(pilot, "#license-activate")
        await in_front(pilot, Devices)
        await until(pilot, lambda: "old-laptop" in clean(pilot))
        rows = pilot.app.screen.query_one("#devices-rows")
        rows.focus()
        lines = text_of(pilot.app).splitlines()
        first = next(line for line in lines if "last seen" in line)
        if "old-laptop" not in first:
            await pilot.press("down")
        await pilot.press("enter")
        await asked(pilot, "Release old-laptop?")
        await pilot.press("enter")
        await plan(pilot, "Pro")
        await until(pilot, lambda: dialog(pilot) == "")
        await oavr(pilot).action_act("app.devices")
        await until(pilot, lambda: "this computer" in clean(pilot))
        assert "old-laptop" not in clean(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: dialog(pilot) == "")
        await oavr(pilot).action_act("app.release_license")
        await asked(pilot, "Release this device?")
        await pilot.press("enter")
        await plan(pilot, FREE)


async def test_a_license_moves_from_the_computer_that_this_one_was(home: Paths, vendor: Shop) -> None:
    key, before = vendor.license(devices=1), "d1" + "0a" * 32
    vendor.activate(key, "before", before)
    private_dir(home.data)
    (home.data / "device.json").write_text(
        json.dumps({"fingerprint": before, "kind": "machine", "previous": before}), encoding="ascii"
    )
    save_license_key(home, key)
    async with opened(home) as pilot:
        await plan(pilot, FREE)
        await settings(pilot, "Free: 1 full video a day")
        await until(pilot, lambda: pilot.app.screen.query_one("#license-move_license").display)
        await press(pilot, "#license-move_license")
        await asked(pilot, "Move your license here?")
        await pilot.press("enter")
        await plan(pilot, "Pro")
        assert before not in text_of(pilot.app)


# --- without a server, without a shop, and with a server that lies


@pytest.mark.full
async def test_where_nothing_is_sold_nothing_is_offered(
    home: Paths, tmp_path: Path, comfy: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop(tmp_path / "shop", monkeypatch, sells=False):
        async with opened(home, comfy.url) as pilot:
            await pilot.press("ctrl+g")
            await made(pilot, 1)
            await plan(pilot, "daily limit reached")
            await pilot.press("ctrl+g")
            await asked(pilot, LIMIT)
            assert answers(pilot) == ["I have a key", "Wait until tomorrow"]
            assert "$29" not in text_of(pilot.app)
            await pilot.press("escape")
            await settings(pilot, "Free: 1 full video a day")
            assert not pilot.app.screen.query_one("#license-upgrade").display
            assert "$29" not in text_of(pilot.app)
            titles = [command.title for command in oavr(pilot).get_system_commands(pilot.app.screen)]
            assert "Activate a license" in titles and "Upgrade to Pro" not in titles


async def test_pro_goes_on_when_the_server_is_gone_and_that_is_said(home: Paths, vendor: Shop) -> None:
    key = vendor.license()
    async with opened(home) as pilot:
        await oavr(pilot).action_act("app.activate")
        await enter_key(pilot, key)
        await plan(pilot, "Pro")
        await until(pilot, lambda: dialog(pilot) == "")
        vendor.server.kill()
        await oavr(pilot).action_act("app.check_license")
        await plan(pilot, "Pro · offline, good until ")
        await settings(pilot, "The license server is out of reach; Pro goes on without it until ")


async def test_free_by_this_computers_count_when_the_server_is_gone(home: Paths, vendor: Shop) -> None:
    vendor.server.kill()
    async with opened(home) as pilot:
        await plan(pilot, "Free · offline · 1 full video left today")
        await oavr(pilot).action_act("app.activate")
        await enter_key(pilot, "OAVR-AAAA-BBBB-CCCC-DDDD")
        await refused(pilot, "Try again when there is a connection")


@pytest.mark.parametrize("size", [(60, 20), pytest.param((120, 40), marks=pytest.mark.full)])
async def test_a_server_that_means_harm(home: Paths, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    with liar(BAD) as url:
        monkeypatch.setenv("OAVR_LICENSE_URL", url)
        monkeypatch.setenv("OAVR_CHECKOUT_URL", CHECKOUT)
        async with opened(home, size=size) as pilot:
            clean(pilot)
            await oavr(pilot).action_act("app.check_license")
            await oavr(pilot).action_act("app.activate")
            await enter_key(pilot, "OAVR-AAAA-BBBB-CCCC-DDDD")
            await until(pilot, lambda: isinstance(pilot.app.screen, Devices) or "✘" in clean(pilot))
            await pilot.pause(0.5)
            clean(pilot)
            while len(pilot.app.screen_stack) > 1:
                await pilot.press("escape")
                await pilot.pause()
            await settings(pilot, "Free")
            clean(pilot)
