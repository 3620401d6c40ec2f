"""What a person may ask about plan and license. A whole key or fingerprint is never part of an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oavr_tui.errors import BadInput

if TYPE_CHECKING:
    from oavr_tui.engine.gate import Gate
    from oavr_tui.models import LicensedDevice, LicenseStatus

NO_SERVER = "No license server is configured here, so there is nothing to activate: one full video a day is free."


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where Pro is bought: an address that knows this device by a word of its own, and whole dollars.

    url is empty where nothing is sold.
    """

    url: str
    price: int


class LicenseCommands:
    """`engine.license`."""

    def __init__(self, gate: Gate, wake: Callable[[], None]) -> None:
        self._gate = gate
        self._wake = wake

    @property
    def status(self) -> LicenseStatus:
        """What is known now, without asking anybody; a new day shows by itself."""
        return self._gate.status

    @property
    def configured(self) -> bool:
        """Whether there is a license server to ask."""
        return bool(self._gate.vendor.license_url)

    @property
    def sells(self) -> bool:
        """Whether there is a Pro to offer."""
        return self._gate.vendor.sells

    @property
    def price(self) -> int:
        """What Pro costs, whole dollars, once."""
        return self._gate.vendor.price

    async def refresh(self) -> LicenseStatus:
        """Ask the server now. Raises nothing: `trouble` says why an older answer holds."""
        return await self._gate.look(now=True)

    async def activate(self, key: str) -> LicenseStatus:
        """Use a license on this device, and keep its key. Raises OavrError: LicenseRefused, LicenseUnreachable,
        BadInput for what cannot be a key."""
        raise BadInput(NO_SERVER)

    async def release_this_device(self) -> LicenseStatus:
        """Take this device off its license, and forget the key. Raises OavrError."""
        raise BadInput(NO_SERVER)

    async def devices(self, key: str = "") -> list[LicensedDevice]:
        """The devices of the license, this one first. key: of which; the kept one where none is given. Raises
        OavrError."""
        raise BadInput(NO_SERVER)

    async def release_device(self, shown: str, key: str = "") -> list[LicensedDevice]:
        """Take the device with this `shown` off the license; returns those that are left. Raises OavrError."""
        raise BadInput(NO_SERVER)

    @property
    def can_move_here(self) -> bool:
        """Whether this computer was another one before, as after a copy of the home, whose license can be moved."""
        return False

    async def move_here(self) -> LicenseStatus:
        """Release the device that this one was before, and activate the kept key here. Raises OavrError."""
        raise BadInput(NO_SERVER)

    async def upgrade(self) -> Checkout:
        """Where to buy, with a fresh word in the address by which the purchase unlocks this device."""
        return Checkout("", self._gate.vendor.price)

    async def wait_for_purchase(self) -> bool:
        """Ask the server again and again whether the purchase has arrived, for as long as the offer is open.

        Returns True when Pro is unlocked, False after half an hour. To be cancelled when the offer is closed.
        """
        return False
