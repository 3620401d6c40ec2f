"""The person's account at the provider, opened when it is first needed; and what the fleet is set up with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oavr_tui.errors import NoKey, OavrError

if TYPE_CHECKING:
    from oavr_tui.pods.plan import Plan
    from oavr_tui.pods.provider import Account, Offer, Provider
    from oavr_tui.settings import Control

NO_KEY = (
    "A studio on RunPod needs your RunPod key, and there is none. Nothing was started. Make one at "
    "console.runpod.io (Settings, API keys), then run 'oavr-tui config key', or set RUNPOD_API_KEY. "
    "A preview needs no key: --on preview."
)
_FRESH_SECONDS = 60.0


@dataclass(slots=True)
class PodSetup:
    """What differs between one installation and another. key: the account's key now, or None.

    plan: what the settings allow; another one is put in its place when they change, so nobody may keep it.
    open_account(key, way of asking): loads what it needs lazily. service(provider's id, port): where a pod's port
    answers. token(name): the token of an own address, or None. start_keeper: see to it that somebody goes on when this
    process ends; returns at once. load: loads what open_account needs, in any thread. hide(secret): no log and no
    file may show it. keeper: whether the person wants that, which may change like the plan.
    """

    plan: Plan
    key: Callable[[], str | None]
    open_account: Callable[[str, Control], Provider]
    service: Callable[[str, int], str]
    token: Callable[[str], str | None]
    start_keeper: Callable[[], None]
    keeper: bool = True
    load: Callable[[], object] = lambda: None
    hide: Callable[[str], None] = lambda _secret: None

    def keep(self) -> None:
        """Start the keeper where it is wanted and not there; returns at once."""
        if self.keeper:
            self.start_keeper()


class Rental:
    """One account. monotonic: seconds from anywhere."""

    def __init__(self, setup: PodSetup, monotonic: Callable[[], float]) -> None:
        self._setup = setup
        self._monotonic = monotonic
        self._opened_with: tuple[str, Control] | None = None
        self._refused: str | None = None
        self._provider: Provider | None = None
        self._account: tuple[float, Account | None] | None = None
        self._offers: tuple[float, tuple[Offer, ...]] | None = None

    @property
    def has_key(self) -> bool:
        return bool(self._setup.key())

    @property
    def usable(self) -> bool:
        """Whether there is a key that was not refused yet."""
        key = self._setup.key()
        return bool(key) and key != self._refused

    def was_refused(self) -> None:
        """The account does not take the present key."""
        self._refused = self._setup.key()

    async def provider(self) -> Provider:
        """The account; raises NoKey where there is no key. Another key, or way of asking, opens another account."""
        if self._provider is None:  # takes some tenths of a second, and the screen must not wait for it
            await asyncio.to_thread(self._setup.load)
        key = self._setup.key()
        if not key:
            raise NoKey(NO_KEY)
        provider, wanted = self._provider, (key, self._setup.plan.control)
        if provider is None or wanted != self._opened_with:
            before, provider = provider, self._setup.open_account(*wanted)
            # All at once, so that whoever asks meanwhile gets this one and no third is opened.
            self._provider, self._opened_with = provider, wanted
            self._account = self._offers = None
            if before is not None:
                await before.close()
        return provider

    async def offers(self) -> tuple[Offer, ...]:
        """The catalogue, at most a minute old."""
        now, provider = self._monotonic(), await self.provider()
        if self._offers is None or now - self._offers[0] >= _FRESH_SECONDS:
            self._offers = now, await provider.offers()
        return self._offers[1]

    @property
    def known_offers(self) -> tuple[Offer, ...]:
        """The catalogue as it was last heard, however long ago; empty where it never was."""
        return () if self._offers is None else self._offers[1]

    async def account(self, *, fresh: bool = False) -> Account | None:
        """Balance and spend, at most a minute old; None where that cannot be learned, which stops nothing."""
        now = self._monotonic()
        if not fresh and self._account is not None and now - self._account[0] < _FRESH_SECONDS:
            return self._account[1]
        provider = await self.provider()
        try:
            account = await provider.account()
        except NoKey:
            raise
        except OavrError:
            account = None
        self._account = (now, account)
        return account

    async def close(self) -> None:
        provider, self._provider, self._account, self._offers = self._provider, None, None, None
        if provider is not None:
            await provider.close()
