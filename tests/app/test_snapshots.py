"""Every screen and every question as it looks, in several sizes and colors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.activate import Activate
from oavr_tui.app.dialogs.add_address import AddAddress
from oavr_tui.app.dialogs.consent import consent
from oavr_tui.app.dialogs.daily_limit import DailyLimit
from oavr_tui.app.dialogs.devices import Devices
from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.dialogs.job_log import JobLog
from oavr_tui.app.dialogs.move_here import MoveHere
from oavr_tui.app.dialogs.new_pod import NewPod
from oavr_tui.app.dialogs.question import Question
from oavr_tui.app.dialogs.show_address import ShowAddress
from oavr_tui.app.dialogs.sign_out import SignOut
from oavr_tui.app.dialogs.start_studio import start_studio
from oavr_tui.app.dialogs.starting import Starting
from oavr_tui.app.dialogs.terminate import ask_terminate
from oavr_tui.app.dialogs.upgrade import Upgrade
from oavr_tui.app.dialogs.voice_too_long import voice_too_long
from oavr_tui.app.frame import PLACES
from oavr_tui.app.memory import Memory
from oavr_tui.app.screens.videos_export import Export
from oavr_tui.app.themes import CONTRAST, LIGHT
from oavr_tui.models import LicensedDevice, Request
from oavr_tui.paths import Paths
from tests.app.plans import SHOP, licensed
from tests.app.snapshot import snap
from tests.app.still import NOW, calm, furnish, remembered, standing
from tests.app.studios import in_front
from tests.programs_runpod import runpod

NOBODY = "http://127.0.0.1:9"
DEVICES = (
    LicensedDevice("workshop", "1d07f375", NOW - 3600, this=True),
    LicensedDevice("an old laptop [red]x[/red] 日本語", "733cd095", NOW - 5 * 86_400, this=False),
)
SIZES = ((80, 24), (120, 40), (60, 20))


@dataclass
class World:
    """A person's home with something of everything in it; environ: what the app is started with."""

    me: Path
    full: Paths
    environ: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("still")
    (me := folder / "me").mkdir()
    with pytest.MonkeyPatch.context() as patch, runpod(folder / "cloud") as cloud:
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "HOME": str(me), "TZ": "UTC"}
        for name, value in terminal.items():
            patch.setenv(name, value)
        time.tzset()
        account = {name: value for name, value in cloud.env.items() if not name.startswith("OAVR_PODS")}
        # No program can be found, so nothing of this computer is on the screens.
        yield World(me, furnish(me), {**terminal, **account, "PATH": str(me / "nowhere")})
    time.tzset()


def app_of(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


async def shown(pilot: Pilot[None], name: str, place: str = "") -> None:
    """Go to a screen, if one is named, wait until nothing changes any more, and compare."""
    if place:
        await app_of(pilot).go(place)
    await calm(pilot)
    await snap(pilot, name)


async def asked(pilot: Pilot[None], name: str, question: ModalScreen[Any]) -> None:
    """Open a question, compare, and put it away."""
    await pilot.app.push_screen(question)
    await shown(pilot, name)
    await pilot.press("escape")
    await calm(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_screen(world: World, size: tuple[int, int]) -> None:
    async with standing(world.full, remembered(world.me), world.environ, size) as pilot:
        for place in PLACES:
            await shown(pilot, f"{place}-{size[0]}x{size[1]}", place)


@pytest.mark.full
async def test_other_colors(world: World) -> None:
    async with standing(world.full, remembered(world.me), world.environ) as pilot:
        pilot.app.theme = LIGHT
        for place in ("studio", "videos", "pods", "settings"):
            await shown(pilot, f"{place}-light", place)
        for theme, name in ((CONTRAST, "contrast"), ("ansi-dark", "terminal")):
            pilot.app.theme = theme
            for place in ("studio", "pods"):
                await shown(pilot, f"{place}-{name}", place)


async def test_without_any_color(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with standing(world.full, remembered(world.me), {**world.environ, "NO_COLOR": "1"}) as pilot:
        for place in ("studio", "pods"):
            await shown(pilot, f"{place}-no-color", place)


async def test_questions_of_the_studio(world: World) -> None:
    async with standing(world.full, remembered(world.me), world.environ) as pilot:
        await asked(pilot, "ask-key", GetKey())
        await asked(pilot, "ask-consent", consent())
        await asked(pilot, "ask-voice-too-long", voice_too_long(512.0, 400.0, full=True))
        estimate = "Usually 8-20 minutes to start, then about 4 minutes; about $0.10."
        await asked(pilot, "ask-start-a-studio", start_studio("$0.34/h", estimate, 15.0))
        await asked(pilot, "starting", Starting("job-2"))
        await asked(pilot, "starting-failed", Starting("job-7"))
        await asked(pilot, "job-log", JobLog("job-1"))
        await asked(pilot, "job-log-failed", JobLog("job-6"))
        await pilot.press("ctrl+o")
        await shown(pilot, "pick-a-file")
        await pilot.press("escape")
        await app_of(pilot).action_act("studio.more")
        await shown(pilot, "studio-more-options")


async def test_questions_of_the_other_screens(world: World) -> None:
    async with standing(world.full, remembered(world.me), world.environ) as pilot:
        app = app_of(pilot)
        engine = await app.engine_when_open()
        await app.go("pods")
        await asked(pilot, "new-pod", NewPod())
        await asked(pilot, "add-address", AddAddress())
        pod = app.live.pod("pod-1")
        assert pod is not None
        app.run_worker(ask_terminate(app, pod, 0.24), group="asking")
        await shown(pilot, "ask-terminate")
        await pilot.press("escape")
        await app.go("videos")
        await asked(pilot, "export", Export(engine, (await engine.videos())[0], str(world.me)))
        await app.go("settings")
        await asked(pilot, "sign-out", SignOut())
        await app.action_quit()
        await shown(pilot, "ask-leaving")
        await pilot.press("escape")


async def test_help_and_what_is_shown_for_other_devices(world: World) -> None:
    async with standing(world.full, remembered(world.me), world.environ) as pilot:
        app = app_of(pilot)
        app.action_help()
        await shown(pilot, "help")
        await pilot.press("escape")
        app.action_command_palette()
        await shown(pilot, "palette")
        await pilot.press("escape")
        await asked(pilot, "address", ShowAddress("https://console.runpod.io/user/settings", "Your RunPod keys"))


async def test_free_and_pro(world: World, tmp_path: Path) -> None:
    """Today's video is used, and the server of the licenses is out of reach."""
    shop = {"OAVR_LICENSE_URL": NOBODY, "OAVR_CHECKOUT_URL": f"{NOBODY}/pro", "OAVR_DEVICE_ID": "for-snapshots"}
    memory = Memory(draft=remembered(world.me).draft, consented=1.0, welcomed=True)
    async with standing(Paths.under(tmp_path / "home"), memory, {**world.environ, **shop}) as pilot:
        app = app_of(pilot)
        engine = await app.engine_when_open()
        await engine.license.refresh()
        await engine.submit(Request("~/pictures/anna.png", "~/audio/welcome.wav", on=NOBODY))
        await shown(pilot, "limit-studio")
        await asked(pilot, "ask-daily-limit", DailyLimit(engine.license, app.clock))
        await asked(pilot, "upgrade", Upgrade("https://example.com/l/pro?claim=a-word-of-its-own-0123456789", 29))
        await asked(pilot, "activate", Activate("workshop"))
        await app.push_screen(devices := Devices())
        await calm(pilot)
        await shown(pilot, "devices-refused")
        devices._show(DEVICES)
        devices._say("2 devices.", "")
        devices._rows.focus()
        await shown(pilot, "devices")
        await pilot.press("down", "enter")
        await in_front(pilot, Question)
        await shown(pilot, "ask-release")
        await pilot.press("escape")
        await calm(pilot)
        await pilot.press("escape")
        await calm(pilot)
        await shown(pilot, "limit-settings", "settings")
        await pilot.resize_terminal(60, 20)
        await shown(pilot, "limit-settings-60x20", "settings")
        await asked(pilot, "ask-daily-limit-60x20", DailyLimit(engine.license, app.clock))
        await asked(pilot, "activate-60x20", Activate("workshop"))
        await asked(pilot, "upgrade-60x20", Upgrade("https://example.com/l/pro?claim=a-word-of-its-own-0123456789", 29))


@pytest.mark.full
async def test_pro(world: World, tmp_path: Path) -> None:
    """By a token, while the server of the licenses is out of reach."""
    paths = Paths.under(tmp_path / "home")
    memory = Memory(draft=remembered(world.me).draft, consented=1.0, welcomed=True)
    async with standing(paths, memory, {**world.environ, **licensed(paths, NOW)}) as pilot:
        await shown(pilot, "pro-settings", "settings")
        await pilot.resize_terminal(60, 20)
        await shown(pilot, "pro-settings-60x20", "settings")
        await asked(pilot, "move-here-60x20", MoveHere("workshop"))
        await pilot.resize_terminal(120, 40)
        await shown(pilot, "pro-studio-120x40", "studio")


async def test_somebody_new(world: World, tmp_path: Path) -> None:
    without = {name: value for name, value in world.environ.items() if name != "RUNPOD_API_KEY"}
    async with standing(Paths.under(tmp_path / "home"), Memory(), without) as pilot:
        await shown(pilot, "new-studio")
        await shown(pilot, "new-videos", "videos")
        await shown(pilot, "new-pods", "pods")
        await pilot.resize_terminal(120, 40)
        await shown(pilot, "new-studio-120x40", "studio")


async def test_somebody_new_where_pro_is_sold(world: World, tmp_path: Path) -> None:
    without = {name: value for name, value in world.environ.items() if name != "RUNPOD_API_KEY"}
    async with standing(Paths.under(tmp_path / "home"), Memory(), {**without, **SHOP}) as pilot:
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await shown(pilot, f"new-studio-sold-{size[0]}x{size[1]}")
