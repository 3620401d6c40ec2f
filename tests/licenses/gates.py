"""A gate for tests: the real one on a folder of its own, with a clock by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

from oavr_tui.clients.device import Device
from oavr_tui.engine.events import Bus
from oavr_tui.engine.gate import Gate, GateSetup
from oavr_tui.engine.license_commands import LicenseCommands
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.errors import LimitReached
from oavr_tui.paths import Paths
from oavr_tui.vendor import Vendor

HERE = "d1" + "a" * 64
"""The fingerprint of the tests' machine."""


class Hands:
    """A clock that is moved by hand; waiting moves it too."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.passed = 0.0

    def move(self, seconds: float) -> None:
        """Time passes; the other clock never goes back."""
        self.now += seconds
        self.passed += abs(seconds)

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)
        await asyncio.sleep(0)

    def around(self) -> Surroundings:
        return Surroundings(lambda: self.now, lambda: self.passed, self.sleep)


def gate_on(
    home: Path,
    url: str,
    hands: Hands,
    *,
    device: str = HERE,
    given: str = "",
    previous: str = "",
    keys: tuple[str, ...] = (),
    checkout: str = "",
    seconds: float = 6.0,
) -> Gate:
    """A gate, not opened yet. given: the fingerprint where the environment says another one."""
    found = Device(given or device, "given" if given else "machine", device, previous)
    vendor = Vendor(license_url=url, checkout_url=checkout, public_keys=keys)
    setup = GateSetup(vendor, find_device=lambda: found, seconds=seconds)
    return Gate(setup, Paths.under(home), Bus(), hands.around())


def commands(gate: Gate) -> LicenseCommands:
    return LicenseCommands(gate)


async def may(gate: Gate, job: str) -> bool:
    """Whether the gate lets a job through."""
    try:
        await gate.reserve(job)
    except LimitReached:
        return False
    return True
