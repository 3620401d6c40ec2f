"""What the gate and the license commands share: the device, what is remembered, the server, and the signed token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from oavr_tui.engine import gate_rules as rules
from oavr_tui.errors import LicenseRefused, LicenseUnreachable
from oavr_tui.models.ledger import DAY, LicenseMemory

if TYPE_CHECKING:
    from oavr_tui.clients.device import Device
    from oavr_tui.clients.license_api import LicenseApi
    from oavr_tui.clients.license_token import Token
    from oavr_tui.engine.gate import GateSetup
    from oavr_tui.engine.workshop import Surroundings
    from oavr_tui.paths import Paths
    from oavr_tui.store.license_file import LicenseFile

_CLOCK = (
    "This computer's clock was set back, so the license has to be looked at once: connect to the internet, then press "
    "Refresh in Settings."
)
_RAN_OUT = (
    "Pro could not be confirmed for 14 days: connect to the internet once and it goes on. Until then one full video a "
    "day is free."
)


class Desk:
    """memory: as last read. trouble: why the server's word is missing, a sentence; empty where it is there.

    token: a good one, whatever its age. warning: of the device. note: on an answer that holds all the same.
    """

    def __init__(self, setup: GateSetup, paths: Paths, around: Surroundings) -> None:
        self.setup = setup
        self.paths = paths
        self.around = around
        self.memory = LicenseMemory()
        self.trouble = self.warning = self.note = ""
        self.token: Token | None = None
        self.key = ""
        self._device: Device | None = None
        self._file: LicenseFile | None = None
        self._api: LicenseApi | None = None
        self._seen: object = None
        self._asked = self._failed = float("-inf")

    async def open(self) -> None:
        """Find the device, and read what is remembered."""

        def work() -> tuple[Device, LicenseFile]:
            from oavr_tui.clients.device import find_device
            from oavr_tui.secrets_file import license_key
            from oavr_tui.store.license_file import LicenseFile

            find = self.setup.find_device or (lambda: find_device(self.paths))
            self.key = license_key(self.paths)
            return find(), LicenseFile(self.paths.license_file)

        device, self._file = await asyncio.to_thread(work)
        self._device, self.warning = device, device.warning
        self.hide(device.fingerprint, device.own, device.previous, self.key)
        await self.refresh()

    async def close(self) -> None:
        api, self._api = self._api, None
        if api is not None:
            await api.close()
        if self._file is not None:
            self._file.close()

    def hide(self, *secrets: str) -> None:
        for secret in secrets:
            if secret:
                self.setup.hide(secret)

    @property
    def is_open(self) -> bool:
        return self._device is not None

    @property
    def device(self) -> Device:
        assert self._device is not None  # the engine is open
        return self._device

    def who(self) -> rules.Who:
        return rules.Who(self.device.own, self.device.fingerprint, self.setup.free_daily)

    def now(self) -> float:
        """Unix seconds by the server's clock, as far as it is known."""
        return self.around.clock() + self.memory.offset

    # --- what is remembered

    async def refresh(self) -> bool:
        """Read it if another process wrote; returns whether it was another one."""
        file = self._file
        assert file is not None
        if (mark := file.mark()) == self._seen and mark is not None:
            return False
        self._seen = mark
        return await self._take_in(await asyncio.to_thread(file.read))

    async def change(self, *changes: Callable[[LicenseMemory], LicenseMemory]) -> None:
        """Apply these as one, on the disk too, and remember how late it was. Raises what they raise."""
        clock, file = self.around.clock(), self._file
        assert file is not None

        def all_of_them(memory: LicenseMemory) -> LicenseMemory:
            memory = replace(memory, seen=max(memory.seen, clock))
            for change in changes:
                memory = change(memory)
            return memory

        memory = await asyncio.to_thread(file.change, all_of_them)
        self._seen = file.mark()
        await self._take_in(memory)

    async def _take_in(self, memory: LicenseMemory) -> bool:
        other = memory != self.memory
        if memory.token and (memory.token, memory.pinned) != (self.memory.token, self.memory.pinned):
            self.hide(memory.token)
            self.token = await asyncio.to_thread(self._read_token, memory.token, memory.pinned)
        elif not memory.token:
            self.token = None
        self.hide(*(word for word, _at in memory.claims))
        self.memory = memory
        return other

    def _read_token(self, token: str, pinned: tuple[str, ...]) -> Token | None:
        from oavr_tui.clients.license_token import read_token

        return read_token(token, self.setup.vendor.public_keys or pinned, self.device.fingerprint)

    # --- Pro

    def is_pro(self) -> bool:
        """By the server while it answers, else by the token: for 14 days, and by a clock that was not set back."""
        memory = self.memory
        if not self.setup.vendor.license_url:
            return False
        if not self.trouble and self._asked > float("-inf"):
            return memory.pro and memory.device == self.device.fingerprint
        return self._token_holds() == ""

    def _token_holds(self) -> str:
        """Empty where it does; else what a person who is Pro should know."""
        if self.token is None:
            return "no token"
        clock = self.around.clock()
        now = max(clock, self.memory.seen) + self.memory.offset
        if clock < self.memory.seen - DAY or now < self.token.issued_at - DAY:
            return _CLOCK
        return _RAN_OUT if now >= self.token.expires_at else ""

    # --- the server

    async def api(self) -> LicenseApi:
        """The server's API, loaded when it is first needed."""
        if self._api is None:
            url, seconds = self.setup.vendor.license_url, self.setup.seconds
            module = await asyncio.to_thread(import_module, "oavr_tui.clients.license_api")
            if self._api is None:  # nobody else was quicker
                self._api = module.LicenseApi(url, seconds=seconds)
        return self._api

    def is_due(self, seconds: float) -> bool:
        return self.around.monotonic() - self._asked >= seconds

    def failed(self, error: LicenseUnreachable | LicenseRefused) -> None:
        """A call was in vain: from now on this computer decides, and says so."""
        self._asked = self._failed = self.around.monotonic()
        held = self._token_holds()
        if self.token is None:
            goes_on = "One full video a day is free meanwhile, by this computer's own count."
        elif held:
            goes_on = held
        else:
            goes_on = "Pro goes on without it for now."
        self.trouble = f"{error.message} {goes_on}"

    def answered(self) -> None:
        self._asked, self._failed, self.trouble = self.around.monotonic(), float("-inf"), ""


def masked_key(key: str) -> str:
    """A license key fit to show: how it begins, and its last four characters."""
    return f"OAVR-****-****-****-{key[-4:]}" if len(key) >= 12 else "****" if key else ""
