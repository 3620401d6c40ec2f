"""Plan and license on the screens: nothing of it is cut off in a small window, and nothing secret is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.upgrade import Upgrade
from oavr_tui.app.license_words import plan_lines
from oavr_tui.app.memory import Memory
from oavr_tui.app.screens.settings_license import LicenseBox
from oavr_tui.clients.device import find_device
from oavr_tui.engine.events import Bus
from oavr_tui.engine.gate import Gate, GateSetup
from oavr_tui.engine.license_commands import LicenseCommands
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.models import Pod, PodKind, PodState, Spell, SpellKind
from oavr_tui.paths import Paths
from oavr_tui.store.store import Store
from oavr_tui.vendor import Vendor
from tests.app.plans import KEY, SHOP, copied, licensed
from tests.app.snapshot import text_of
from tests.app.still import NOW, calm, standing
from tests.app.studios import until

SIZES = ((60, 20), *(pytest.param(size, marks=pytest.mark.full) for size in ((80, 24), (120, 40))))
ADDRESS = "https://openavathar.gumroad.com/l/pro?claim=NOcx7ykX1h0Zq2c8GgTq8O0dBAAk2m0T"
HOMES: dict[str, tuple[Callable[[Paths], Mapping[str, str]], tuple[str, ...]]] = {
    "free": (lambda _home: SHOP, ("Upgrade $29", "I have a key", "Check now")),
    "copied": (copied, ("Upgrade $29", "I have a key", "Move it here", "Check now")),
    "pro": (lambda home: licensed(home, NOW), ("Devices…", "Release this device…", "Check now")),
}
"""What a home holds, and which buttons its license has."""


@asynccontextmanager
async def opened(
    home: Paths, environ: Mapping[str, str], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pilot[None]]:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    terminal = {"TERM": "xterm-256color", "PATH": str(home.data / "nowhere"), **environ}
    async with standing(home, Memory(consented=1.0, welcomed=True), terminal, size) as pilot:
        yield pilot


def oavr(pilot: Pilot[None]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


def whole(pilot: Pilot[None]) -> list[str]:
    """The buttons of the license from left to right and from above, each with all of its label in the window."""
    box = pilot.app.screen.query_one(LicenseBox)
    buttons = [each for each in box.query(Button) if each.display]
    for each in buttons:
        shown, label = each.region, str(each.label)
        assert box.region.contains_region(shown), label
        assert shown.width >= len(label) + 2, label
        assert not any(shown.overlaps(other.region) for other in buttons if other is not each)
    return [str(each.label) for each in sorted(buttons, key=lambda each: (each.region.y, each.region.x))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", HOMES)
async def test_every_button_of_the_license_is_whole(
    home: Paths, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], name: str
) -> None:
    fill, labels = HOMES[name]
    async with opened(home, fill(home), size, monkeypatch) as pilot:
        await oavr(pilot).action_act("app.license")
        await until(pilot, lambda: whole(pilot) == list(labels), str(labels))
        await calm(pilot)
        shown = text_of(pilot.app)
        assert all(label in shown for label in labels), shown
        assert KEY not in shown


@pytest.mark.parametrize("size", SIZES)
async def test_an_offer_shows_that_it_waits_and_every_way_on(
    home: Paths, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with opened(home, SHOP, size, monkeypatch) as pilot:
        offer = Upgrade(ADDRESS, 29)
        await pilot.app.push_screen(offer)
        await calm(pilot)
        seen = offer.query_one("#words").content_region
        assert pilot.app.screen.region.contains_region(offer.query_one("#frame").region)
        for name in ("#upgrade-word", "#address", "#again", "#upgrade-key", "#close"):
            assert seen.contains_region(offer.query_one(name).region), name
        assert "Waiting for your purchase" in str(offer.query_one("#upgrade-word", Static).render())
        shown = text_of(pilot.app).replace("\n", "")
        assert "Copy" in shown and "I have a key" in shown
        assert offer.query_one("#code").display == (size[0] >= 80), "a small window has the address alone"


def shown_license(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#license-line", Static).render())


async def test_the_settings_name_this_device_and_never_its_fingerprint(
    home: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(home, licensed(home, NOW), (80, 24), monkeypatch) as pilot:
        plan = (await oavr(pilot).engine_when_open()).license
        await oavr(pilot).action_act("app.license")
        await until(pilot, lambda: f"This device: {plan.device_shown}." in shown_license(pilot))
        assert len(plan.device_shown) == 8
        assert "2 of 3 devices" in shown_license(pilot) and f"****-{KEY[-4:]}" in shown_license(pilot)
        fingerprint = find_device(home).fingerprint
        assert fingerprint[2:] not in text_of(pilot.app)


async def test_a_device_that_lives_in_a_folder_says_which(home: Paths, tmp_path: Path) -> None:
    """As in a container, which has no machine of its own."""
    vendor = Vendor(license_url=SHOP["OAVR_LICENSE_URL"])
    for root, kept in ((tmp_path / "container", True), (tmp_path / "machine", False)):
        (root / "etc").mkdir(parents=True)
        (root / "etc" / "machine-id").write_text("0123456789abcdef" * 2)
        if kept:
            (root / ".dockerenv").touch()
        found = partial(find_device, home, {}, root=root, platform="linux")
        gate = Gate(GateSetup(vendor, find_device=found), home, Bus(), Surroundings())
        await gate.open()
        told = plan_lines(gate.status, LicenseCommands(gate), NOW, demo=False)
        await gate.close()
        hint = f"{found().shown}. It lives in {home.data}; keep that folder if you use containers."
        assert any(hint in line for line in told) == kept, told
        assert any(f"This device: {found().shown}." in line for line in told), told


async def test_usage_tells_how_long_graphics_cards_ran(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(home.store_file)
    pod = Pod("pod-1", "studio-1", PodKind.RUNPOD, PodState.STOPPED, NOW - 9e5, NOW, per_hour=0.34)
    began = (NOW - 2 * 86_400, NOW - 3600)
    store.put_pod(
        pod,
        [Spell(f"spell-{at}", pod.id, pod.name, "RTX 4090", SpellKind.RUNNING, 0.34, at, at + 1500) for at in began],
    )
    store.close()
    async with opened(home, SHOP, (80, 24), monkeypatch) as pilot:
        await oavr(pilot).go("settings")
        usage = pilot.app.screen.query_one("#usage", Static)
        await until(pilot, lambda: "GPU time: 25m today, 50m in thirty days." in str(usage.render()))
        assert "$0.14 of at most" in str(usage.render())
