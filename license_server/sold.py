"""Asking Gumroad while a buyer waits: about a key that nobody here knows, and about a sale that may have been refunded.

A ping that was lost costs the buyer nothing, since the key is found where it was sold; and a refund that Gumroad tells
nobody of (a gift's, one from outside) ends a license before another device gets it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

from license_server.confirm import Gumroad, as_ping, confirmed, given_away
from license_server.gumroad import name_key
from license_server.kv.ask import ask
from license_server.kv.interface import Done, Get, Rule, Store, StoreError
from license_server.licenses import find, find_claimed
from license_server.outbox import Later, put_in
from license_server.pings import Seller, as_sold, is_product_id, ours

ANSWERS_WITHIN = 8.0
"""Seconds that a buyer is kept waiting for what Gumroad says."""
FRESH_FOR = 86_400.0
"""Seconds for which what Gumroad has said of a sale is good enough for another device."""
UNKNOWN_KEPT_FOR = 600.0
"""Seconds for which Gumroad is not asked again about a key that it did not know."""
AT_ONCE = 4
"""Keys and sales that are asked about at the same time, at most."""

log = logging.getLogger("license_server.sold")


class Stale(NamedTuple):
    """A sale that was not asked about of late, and the key of Gumroad's ("": none is known) it can be asked about by.

    `typed`: it is the key that the buyer came with. `product`: Gumroad's id of it, "" where it is not known.
    """

    sale: str
    key: str
    typed: bool
    product: str


def stale(key: str, nonce: str, now: float) -> Rule[Stale | None]:
    """The sale of the license that is meant by a key, or else by a claim's nonce, where it should be asked about."""
    found = yield from (find(key) if key else find_claimed(nonce))
    record = found[1] if found else None
    if record is None or record.sale is None or record.status in ("refunded", "revoked"):
        return None
    asked: bytes | None = yield Get("confirmed", record.sale)
    if now - float(asked or record.created) < FRESH_FOR:
        return None
    typed = as_sold(key)
    told: bytes | None = yield Get("sale", record.sale)
    keys = json.loads(told).get("keys", []) if told is not None else []
    known = as_sold(keys[-1]) if keys else ""
    # A license that was moved in may hold the name of the product: by that, Gumroad would know of no such key.
    product = record.product if record.product and is_product_id(record.product) else ""
    return Stale(record.sale, typed or known, bool(typed), product)


class Sold:
    """Asks about keys and sales, at most `AT_ONCE` at a time. `clock` gives Unix seconds, `patience` is in seconds."""

    def __init__(
        self,
        gumroad: Gumroad,
        seller: Seller,
        store: Store,
        clock: Callable[[], float],
        new_key: Callable[[], str],
        patience: float = ANSWERS_WITHIN,
    ) -> None:
        self._gumroad, self._seller, self._store = gumroad, replace(seller, confirm=False), store
        self._clock, self._new_key, self._patience = clock, new_key, patience
        self._tasks: set[asyncio.Task[None]] = set()
        self._unknown: dict[str, float] = {}

    def find(self, key: str, told: Done[bool]) -> None:
        """Tells whether an unknown key, written as Gumroad writes it, was sold there, and is kept now.

        A `StoreError` where Gumroad cannot be asked now.
        """
        now = self._clock()
        self._unknown = {known: until for known, until in self._unknown.items() if until > now}
        if key in self._unknown or not self._seller.products:
            told(False)
        else:
            self._start(lambda: self._found(key), told)

    def renew(self, key: str, nonce: str, told: Callable[[], None]) -> None:
        """Has what is known of a license's sale (`stale`) brought up to date, then tells that the buyer can go on.

        Also where Gumroad cannot be asked: then that is done later, if there is a token to do it with.
        """

        def looked(found: Stale | Exception | None) -> None:
            if isinstance(found, Stale) and (self._gumroad.token or (found.key and found.product)):
                self._start(lambda: self._renewed(found), lambda result: self._later(found, result, told))
            else:
                told()

        self._store.read(stale(key, nonce, self._clock()), looked)

    def _start(self, question: Callable[[], Awaitable[bool]], told: Done[bool]) -> None:
        if len(self._tasks) >= AT_ONCE:
            told(StoreError("Gumroad is being asked much"))
            return
        task = asyncio.get_running_loop().create_task(self._answered(question, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, question: Callable[[], Awaitable[bool]], told: Done[bool]) -> None:
        result: bool | Exception = StoreError("Gumroad cannot be asked")
        try:
            async with asyncio.timeout(self._patience):
                result = await question()
        except (Later, StoreError, TimeoutError, ValueError) as error:
            # Only our own words: what Gumroad says may hold a key or an address.
            why = str(error) if isinstance(error, Later) else type(error).__name__
            log.warning("a key or a sale could not be asked about: %s", why)
        finally:
            told(result)

    async def _found(self, key: str) -> bool:
        for product in sorted(self._seller.products):
            purchase = await self._gumroad.purchase(product, key)
            if purchase is not None:
                return await self._keep(as_ping(purchase) | {"license_key": key})
        if len(self._unknown) < 10_000:
            self._unknown[key] = self._clock() + UNKNOWN_KEPT_FOR
        return False

    async def _renewed(self, stale: Stale) -> bool:
        """A sale that the API does not know stays for its owner to judge, as where it is asked about week by week."""
        if self._gumroad.token:
            said = await self._gumroad.sale(stale.sale)
            fields = as_ping(said) if said is not None else {}
        else:
            said = await self._gumroad.purchase(stale.product, stale.key)
            if said is None and stale.typed:
                # Replaced by another key, or disabled: `find` brings it back, should it be good again.
                await ask(self._store.write, name_key(stale.sale, "", True))
            fields = as_ping(said) | {"license_key": stale.key} if said is not None else {}
        return fields.get("sale_id") == stale.sale and await self._keep(fields)

    async def _keep(self, fields: dict[str, Any]) -> bool:
        if not fields["sale_id"] or not ours(self._seller, fields) or given_away(fields):
            return False
        rule = confirmed(self._seller, fields, self._clock(), self._new_key)
        return await ask(self._store.write, rule) is not None

    def _later(self, stale: Stale, result: bool | Exception, told: Callable[[], None]) -> None:
        if isinstance(result, Exception) and self._gumroad.token:
            self._store.write(put_in("confirm", stale.sale, self._clock()), lambda _: told())
        else:
            told()

    async def close(self) -> None:
        """Ends what is being asked."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
