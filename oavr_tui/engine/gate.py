"""May this video be made? The one place that knows plan and daily limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oavr_tui.models import LicenseStatus
from oavr_tui.vendor import Vendor

if TYPE_CHECKING:
    from oavr_tui.engine.events import Bus

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class GateSetup:
    """What differs between one installation and another. free_daily: full videos a day where no server says so."""

    vendor: Vendor = field(default_factory=Vendor)
    free_daily: int = 1


class Gate:
    """clock: unix seconds."""

    def __init__(self, setup: GateSetup, bus: Bus, clock: Callable[[], float]) -> None:
        self.vendor = setup.vendor
        self._setup = setup
        self._bus = bus
        self._clock = clock

    @property
    def status(self) -> LicenseStatus:
        """What is known now, without asking anybody."""
        return LicenseStatus(limit=self._setup.free_daily, resets_at=(self._clock() // _DAY + 1) * _DAY)

    async def look(self, *, now: bool = False) -> LicenseStatus:
        """Ask the server, unless it was asked lately."""
        return self.status
