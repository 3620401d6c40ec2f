"""The server as a whole: settings, store, rules and routes put together, and run until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TypeVar

from license_server import http_server
from license_server.answers import CORS
from license_server.api import Api, Guard, Options, Verify
from license_server.gumroad import Seller
from license_server.keys import new_key
from license_server.kv import open_store
from license_server.kv.interface import Done, Rule, Store
from license_server.licenses import signing_key
from license_server.tokens import Signer

T = TypeVar("T")

ANSWERS_WITHIN = 30.0
"""Seconds that a store may take for one rule, when the server asks for itself."""
SWEEP_EVERY = 2.0
"""Seconds between two looks for what has expired."""


class BadSettings(ValueError):
    """The settings do not do; the text says which, and what would."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server is run. `dev`: without any way to tell a real sale from a forged one."""

    kv: str
    host: str = "127.0.0.1"
    port: int = 8787
    dev: bool = False
    trusted: Sequence[IPv4Network | IPv6Network] = ()
    seller: Seller = field(default_factory=Seller)
    options: Options = field(default_factory=Options)

    def check(self) -> None:
        """Raises BadSettings where nothing tells a real sale from a forged one."""
        if not (self.dev or self.seller.secrets or self.seller.confirm):
            raise BadSettings(
                "set GUMROAD_SECRET (it stands in the Ping URL at Gumroad) or GUMROAD_ACCESS_TOKEN: without either,"
                " a real sale cannot be told from a forged one; --dev runs without"
            )


def seller_from(env: Mapping[str, str]) -> Seller:
    """What the environment says of Gumroad: GUMROAD_SECRET, and GUMROAD_SECRET_OLD while the first is replaced."""
    products = (product.strip() for product in env.get("GUMROAD_PRODUCT_ID", "").split(","))
    return Seller(
        secrets=tuple(filter(None, (env.get("GUMROAD_SECRET"), env.get("GUMROAD_SECRET_OLD")))),
        products=frozenset(filter(None, products)),
        seller_id=env.get("GUMROAD_SELLER_ID", ""),
        confirm=bool(env.get("GUMROAD_ACCESS_TOKEN")),
        mail=bool(env.get("SMTP_URL")),
    )


def options_from(env: Mapping[str, str]) -> Options:
    """What the environment says of answers: FREE_DAILY_LIMIT, REVEAL_KEY_IN_CHECK, METHOD_NOT_ALLOWED.

    Raises:
        BadSettings: the limit is no whole number from 0 on.
    """
    limit = env.get("FREE_DAILY_LIMIT", "1")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 7):
        raise BadSettings("FREE_DAILY_LIMIT must be a whole number, 0 or more")
    return Options(
        free_daily_limit=int(limit),
        reveal_key=env.get("REVEAL_KEY_IN_CHECK", "1") not in ("0", "false", "no"),
        say_405=env.get("METHOD_NOT_ALLOWED", "0") in ("1", "true", "yes"),
    )


async def ask(run: Callable[[Rule[T], Done[T]], None], rule: Rule[T]) -> T:
    """Runs a rule by `store.read` or `store.write`, for who can wait.

    Raises:
        StoreError: the store could not. TimeoutError: not within `ANSWERS_WITHIN`. And whatever the rule raises.
    """
    told: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def done(result: T | Exception) -> None:
        if told.done():
            return
        if isinstance(result, Exception):
            told.set_exception(result)
        else:
            told.set_result(result)

    run(rule, done)
    async with asyncio.timeout(ANSWERS_WITHIN):
        return await told


async def run(
    settings: Settings,
    started: Callable[[str, int], None],
    *,
    clock: Callable[[], float] = time.time,
    guard: Guard | None = None,
    verify: Callable[[Store], Verify] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT; `started` is told the address once connections are accepted.

    Raises:
        BadSettings, StoreError, OSError (the address cannot be had).
    """
    settings.check()
    store = open_store(settings.kv, clock)
    try:
        signer = Signer(await ask(store.write, signing_key(secrets.token_bytes(32))))
        api = Api(
            store.read,
            store.write,
            signer=signer,
            seller=settings.seller,
            clock=clock,
            new_key=lambda: new_key(secrets.choice),
            guard=guard,
            verify=verify(store) if verify else None,
            options=settings.options,
        )
        sweeping = asyncio.create_task(_sweep(store))
        try:
            await http_server.serve(
                api, settings.host, settings.port, trusted=settings.trusted, started=started, own_headers=CORS
            )
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
    finally:
        store.close()


async def _sweep(store: Store) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY)
        store.sweep()
