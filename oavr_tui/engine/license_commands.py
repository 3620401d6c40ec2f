"""What a person may ask about plan and license. A whole key or fingerprint is never part of an answer."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from oavr_tui.engine import gate_rules as rules
from oavr_tui.errors import BadInput, LicenseUnreachable
from oavr_tui.models import LicensedDevice
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.clients.license_api import OnLicense
    from oavr_tui.engine.gate import Gate
    from oavr_tui.engine.license_asking import Asking
    from oavr_tui.models import LicenseStatus

PURCHASE_SECONDS = 1800.0
"""How long an open offer waits for its purchase."""
POLL_SECONDS = 5.0

_SHORTEST_KEY, _LONGEST_KEY = 8, 128
_NO_SHAPE = "This is no license key. It looks like OAVR-XXXX-XXXX-XXXX-XXXX; copy the whole of it once more."
_NO_SERVER = "No license server is configured here, so there is nothing to activate: one full video a day is free."
_NO_KEY = "The key of the license is not known on this computer. Give it, as it stands in your mail."
_OFFLINE = "{} Nothing was changed. Try again when there is a connection."
_UNSURE = "{} It may have been done all the same: press Check now in Settings, and try again if nothing has changed."


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where Pro is bought: an address that knows this device by a word of its own, and whole dollars.

    url is empty where nothing is sold.
    """

    url: str
    price: int


class LicenseCommands:
    """`engine.license`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    @property
    def _desk(self) -> Asking:
        return self._gate.desk

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

    @property
    def device_shown(self) -> str:
        """8 characters that name this device."""
        return self._desk.device.shown

    @property
    def device_folder(self) -> str:
        """The folder by which alone this device is known again, as in a container; empty where the machine itself, or
        the environment, says which device it is."""
        return str(self._desk.paths.data) if self._desk.is_open and self._desk.device.kind == "random" else ""

    @property
    def device_warning(self) -> str:
        """A sentence where this device is not kept anywhere, and so another one each time; empty where all is well."""
        return self._desk.warning

    async def refresh(self) -> LicenseStatus:
        """Ask the server now. Raises nothing: `trouble` says why an older answer holds."""
        return await self._gate.look(now=True)

    # --- this device

    async def activate(self, key: str, name: str | None = None) -> LicenseStatus:
        """Use a license on this device, and keep its key. Raises OavrError: LicenseRefused, LicenseUnreachable,
        BadInput for what cannot be a key.

        name: how the list of devices shall call this one; nothing but what is given here is told to the server.
        """
        typed, desk = self._key(key), self._desk
        desk.hide(typed)
        async with self._gate.asking:
            try:
                api = await desk.api()
                done = await api.activate(typed, desk.device.fingerprint, safe(name or "", 60))
            except LicenseUnreachable as error:
                raise _in_vain(error) from None
            await desk.take_pro(
                done.token,
                typed,
                done.at,
                lambda memory: replace(memory, devices_used=done.used, max_devices=done.most),
            )
        self._gate.tell()
        return self._gate.status

    async def release_this_device(self) -> LicenseStatus:
        """Take this device off its license, and forget the key. Raises OavrError."""
        from oavr_tui.secrets_file import forget_license_key

        key = self._key()
        await self._off(key, fingerprint=self._desk.device.fingerprint)
        await asyncio.to_thread(forget_license_key, self._desk.paths)
        self._desk.key = ""
        await self._desk.change(
            lambda memory: replace(
                memory, pro=False, token="", key="", purchased_on="", devices_used=0, max_devices=0, ended=""
            )
        )
        return await self._gate.look(now=True)

    @property
    def can_move_here(self) -> bool:
        """Whether this computer was another one before, as after a copy of the home, whose license can be moved."""
        desk = self._desk
        return bool(self.configured and desk.device.previous and desk.key and not self.status.is_pro)

    async def move_here(self, name: str | None = None) -> LicenseStatus:
        """Release the device that this one was before, and activate the kept key here. name: as for `activate`. Raises
        OavrError."""
        key = self._key()
        if previous := self._desk.device.previous:
            await self._off(key, fingerprint=previous)
        return await self.activate(key, name)

    # --- all devices

    async def devices(self, key: str = "") -> list[LicensedDevice]:
        """The devices of the license, this one first. key: of which; the kept one where none is given. Raises
        OavrError."""
        typed, own = self._key(key), self._desk.device.fingerprint
        return _listed(await (await self._desk.api()).devices(typed, own))

    async def release_device(self, shown: str, key: str = "") -> list[LicensedDevice]:
        """Take the device with this `shown` off the license; returns those that are left, as they were before: once
        it is off, nothing can fail any more. Raises OavrError."""
        typed = self._key(key)
        rows = await (await self._desk.api()).devices(typed, self._desk.device.fingerprint)
        named = [row.device_id for row in rows if row.device_id[:8] == shown]
        if len(named) != 1:
            raise BadInput(f"The license has no device {safe(shown, 20)}. 'oavr-tui license devices' shows them.")
        if shown == self._desk.device.shown and typed == self._desk.key:
            await self.release_this_device()
        else:
            await self._off(typed, device_id=named[0])
            await self._gate.look(now=True)
        return [one for one in _listed(rows) if one.shown != shown]

    async def _off(self, key: str, *, fingerprint: str = "", device_id: str = "") -> None:
        try:
            await (await self._desk.api()).deactivate(key, fingerprint, device_id)
        except LicenseUnreachable as error:
            raise _in_vain(error) from None

    def _key(self, given: str = "") -> str:
        """The key to use. Raises BadInput where there is none, or no server."""
        if not self.configured:
            raise BadInput(_NO_SERVER)
        if not given.strip():
            if not self._desk.key:
                raise BadInput(_NO_KEY)
            return self._desk.key
        narrow = unicodedata.normalize("NFKC", given[: 4 * _LONGEST_KEY])
        dashed = "".join("-" if unicodedata.category(char) == "Pd" else char for char in narrow)
        typed = "".join(dashed.split())
        if not (typed.isascii() and typed.isprintable() and _SHORTEST_KEY <= len(typed) <= _LONGEST_KEY):
            raise BadInput(_NO_SHAPE)
        return typed

    # --- buying

    async def upgrade(self) -> Checkout:
        """Where to buy, with a fresh word in the address by which the purchase unlocks this device."""
        vendor = self._gate.vendor
        if not self.sells:
            return Checkout("", vendor.price)
        word, at = secrets.token_urlsafe(24), self._desk.around.clock()
        self._desk.hide(word)
        await self._desk.change(
            lambda memory: replace(memory, claims=(*memory.claims, (word, at))[-rules.MOST_CLAIMS :])
        )
        mark = "&" if urlsplit(vendor.checkout_url).query else "?"
        return Checkout(f"{vendor.checkout_url}{mark}{urlencode({'claim': word})}", vendor.price)

    async def wait_for_purchase(self) -> bool:
        """Ask the server again and again whether the purchase has arrived, for as long as the offer is open.

        Returns True when Pro is unlocked, False after half an hour. To be cancelled when the offer is closed.
        """
        around = self._desk.around
        until = around.monotonic() + PURCHASE_SECONDS
        while around.monotonic() < until:
            if (await self._gate.look(now=True)).is_pro:
                return True
            await around.sleep(POLL_SECONDS)
        return False


def _listed(rows: Iterable[OnLicense]) -> list[LicensedDevice]:
    """Fit to be shown, this device first."""
    listed = [
        LicensedDevice(safe(row.name, 60) or "unnamed", safe(row.device_id[:8], 8), row.last_seen, row.this)
        for row in rows
    ]
    return sorted(listed, key=lambda one: (not one.this, -one.last_seen))


def _in_vain(error: LicenseUnreachable) -> LicenseUnreachable:
    """With what it means for what was asked for."""
    return LicenseUnreachable((_UNSURE if error.sent else _OFFLINE).format(error.message), sent=error.sent)
