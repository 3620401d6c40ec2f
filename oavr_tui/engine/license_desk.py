"""What the gate and the license commands share: the device, what is remembered, the server, and the signed token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from oavr_tui.engine import gate_rules as rules
from oavr_tui.errors import LicenseBusy, LicenseRefused, LicenseUnreachable
from oavr_tui.models.ledger import DAY, KEPT_DAYS, LicenseMemory

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
    "Check now in Settings."
)
_RAN_OUT = (
    "Pro could not be confirmed for 14 days: connect to the internet once and it goes on. Until then one full video a "
    "day is free."
)
_ODD = "The license server gives an answer that does not fit."
_WANTS_A_PAUSE = "The license server was asked too often, and wants a pause."
_FRESH_SECONDS = 1200.0
"""A good answer holds so long where the server does nothing worse than to want a pause."""


class Desk:
    """memory: as last read. trouble: why the server's word is missing, a sentence; empty where it is there.

    token: a good one, whatever its age. note: on an answer that holds all the same. wanted(): jobs in the queue that
    have not ended.
    """

    def __init__(self, setup: GateSetup, paths: Paths, around: Surroundings) -> None:
        self.setup = setup
        self.paths = paths
        self.around = around
        self.memory = LicenseMemory()
        self.trouble = self.note = ""
        self.wanted: Callable[[], Collection[str]] = tuple
        self.token: Token | None = None
        self.key = ""
        self._device: Device | None = None
        self._file: LicenseFile | None = None
        self._api: LicenseApi | None = None
        self._seen: object = None
        self._asked = self._failed = self._good = self._pause_until = float("-inf")

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
        self._device = device
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

    @property
    def warning(self) -> str:
        """What a person should know of this device or its disk; empty where all is well."""
        return (self._device.warning if self._device else "") or (self._file.warning if self._file else "")

    def who(self) -> rules.Who:
        return rules.Who(self.device.own, self.device.fingerprint, self.setup.free_daily)

    def now(self) -> float:
        """Unix seconds by the server's clock, as far as it is known; while ours is set back, the latest time seen."""
        clock, seen = self.around.clock(), self.memory.seen
        is_back = rules.BACK_SECONDS < seen - clock < KEPT_DAYS * DAY  # further ahead, it was wrong before
        return (seen if is_back else clock) + self.memory.offset

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
        if clock < self.memory.seen - rules.BACK_SECONDS or now < self.token.issued_at - rules.BACK_SECONDS:
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

    async def line(self) -> LicenseApi:
        """The server's API for what is asked without a person's wish. Raises LicenseBusy in a pause that it wants."""
        left = self._pause_until - self.around.monotonic()
        if left > 0:
            raise LicenseBusy(_WANTS_A_PAUSE, left)
        return await self.api()

    def is_due(self, seconds: float) -> bool:
        return self.around.monotonic() - self._asked >= seconds

    def failed(self, error: LicenseUnreachable | LicenseRefused) -> None:
        """A call was in vain: from now on this computer decides, and says so. A server that only wants a pause has not
        taken back what it said a while ago."""
        now = self._asked = self.around.monotonic()
        if isinstance(error, LicenseBusy):
            self._pause_until = now + error.seconds
            if now - self._good < _FRESH_SECONDS:
                return
        self._failed = now
        self.trouble = self._meanwhile(error)

    def _meanwhile(self, error: LicenseUnreachable | LicenseRefused) -> str:
        """One sentence: what is the matter, and what holds until that is over."""
        held = self._token_holds()
        if self.token is not None and held:
            return held
        cause = error.message if isinstance(error, LicenseUnreachable) else _ODD
        free = "one full video a day is free meanwhile, by this computer's own count"
        return f"{cause.rstrip('.')}; {free if held else 'Pro goes on without it for now'}."

    def answered(self) -> None:
        self._asked = self._good = self.around.monotonic()
        self._failed, self.trouble = float("-inf"), ""


def masked_key(key: str) -> str:
    """A license key fit to show: how it begins, and its last four characters, as they stand in the mail."""
    return f"OAVR-****-****-****-{key[-4:].upper()}" if len(key) >= 12 else "****" if key else ""
