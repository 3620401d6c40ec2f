"""The rules of sales: what a ping of Gumroad changes.

Gumroad may repeat a ping, and keeps no order: what a ping changes is the same whatever the order and however often, and
a sale makes one license, by its sale_id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from license_server.keys import normalize
from license_server.kv.interface import Delete, Get, Put, Rule
from license_server.licenses import DEVICES_PER_LICENSE, MOST_DEVICES, add_alias, create
from license_server.pings import BadPing, Seller, is_true, nonce_of, number_of, ours, text_of
from license_server.records import License, license_from, to_bytes

EVENT_KEPT_FOR = 400 * 86_400
"""Seconds that a ping is kept in the log of events."""
HINT_KEPT_FOR = 7 * 86_400
"""Seconds that a ping which nobody vouches for waits to be confirmed."""
CLAIM_KEPT_FOR = 7 * 86_400
"""Seconds in which a bought license can be claimed by its nonce."""
FLAGS = ("refunded", "disputed", "dispute_won")

Outcome = Literal["minted", "known", "updated", "tombstone", "test", "ignored", "hint"]


class Received(NamedTuple):
    """What became of a ping; `license` is that of its sale, where there is one."""

    outcome: Outcome
    license: License | None = None


def receive(
    seller: Seller,
    fields: Mapping[str, Any],
    trusted: bool,
    now: float,
    new_key: Callable[[], str],
    asked: bool = False,
) -> Rule[Received]:
    """Does what a ping says, in one transaction with the note of it in the log of events.

    A ping that is not `trusted` changes nothing: it is kept for a while, to be confirmed with Gumroad. `asked`: it is
    what Gumroad's API answered, so the key in it is the sale's only one by now.

    Raises:
        BadPing: it is ours, but names no sale.
    """
    if trusted:
        yield from _log_event(fields, now)
    if is_true(fields, "test"):
        return Received("test")
    if not ours(seller, fields):
        return Received("ignored")
    sale_id = text_of(fields, "sale_id")
    if not sale_id:
        raise BadPing("no sale_id")
    if not trusted:
        yield from _keep_hint(seller, sale_id, now)
        return Received("hint")
    received = yield from _apply(seller, sale_id, fields, now, new_key)
    if key := text_of(fields, "license_key"):
        yield from name_key(sale_id, key, asked)
    return received


def _log_event(fields: Mapping[str, Any], now: float) -> Rule[None]:
    """Once for each ping, however often it is delivered: the count of retries is no part of what it says."""
    said = json.dumps({k: v for k, v in fields.items() if k != "retry_count"}, sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()
    known: bytes | None = yield Get("event", digest)
    if known is None:
        value = f'{{"at":{now:.3f},"fields":{said}}}'.encode()
        yield Put("event", digest, value, now + EVENT_KEPT_FOR)


def _keep_hint(seller: Seller, sale_id: str, now: float) -> Rule[None]:
    """Only the name of the sale: nothing else of it would be believed anyway."""
    if seller.confirm:
        yield from _outbox("confirm", sale_id, now, HINT_KEPT_FOR)


def _outbox(kind: str, of: str, now: float, kept_for: float | None = None) -> Rule[None]:
    key = f"{kind}/{of}"
    known: bytes | None = yield Get("outbox", key)
    if known is None:
        value = json.dumps({"of": of, "since": now, "tries": 0, "next": now}).encode()
        yield Put("outbox", key, value, now + kept_for if kept_for else None)


def _apply(
    seller: Seller, sale_id: str, fields: Mapping[str, Any], now: float, new_key: Callable[[], str]
) -> Rule[Received]:
    """Only ever adds what Gumroad has said of a sale, so that neither order nor repetition matters."""
    flags: dict[str, Any] = {name: True for name in FLAGS if is_true(fields, name)}
    value: bytes | None = yield Get("sale", sale_id)
    known: dict[str, Any] = json.loads(value) if value is not None else {}
    license_id = known.get("license")
    if license_id is not None:
        return (yield from _update(license_id, flags))
    flags = {**known, **flags}
    if text_of(fields, "resource_name") not in ("", "sale"):
        if flags != known:
            yield Put("sale", sale_id, json.dumps(flags).encode())
        return Received("tombstone" if flags else "ignored")
    record = replace(_record(sale_id, fields, now), **flags)
    return (yield from _mint(seller, record, fields, now, new_key))


def _update(license_id: str, flags: dict[str, Any]) -> Rule[Received]:
    value: bytes | None = yield Get("license", license_id)
    if value is None:
        return Received("ignored")
    before = license_from(value)
    record = replace(before, **flags)
    if record == before:
        return Received("known", record)
    yield Put("license", license_id, to_bytes(record))
    return Received("updated", record)


def _mint(
    seller: Seller, record: License, fields: Mapping[str, Any], now: float, new_key: Callable[[], str]
) -> Rule[Received]:
    record = yield from create(record, new_key)
    license_id, sale_id = normalize(record.key) or "", record.sale or ""
    yield Put("sale", sale_id, json.dumps({"license": license_id}).encode())
    nonce = nonce_of(fields)
    claimed: bytes | None = (yield Get("claim", nonce)) if nonce else None
    if nonce and claimed is None:
        yield Put("claim", nonce, license_id.encode(), now + CLAIM_KEPT_FOR)
    if seller.confirm:
        yield from _outbox("confirm", sale_id, now)
    if seller.mail and record.email and not record.refunded:
        yield from _outbox("mail", license_id, now)
    return Received("minted", record)


def name_key(sale_id: str, key: str, only: bool) -> Rule[bool]:
    """Lets a key of Gumroad's stand for the license of its sale; with `only`, no other one of that sale does any more.

    A seller can give a sale another key when one has leaked. Which is the newer only Gumroad's API says; what it has
    said (`only`; an empty key: by none any more) stands against pings, which may be late. Tells whether that was new.
    """
    value: bytes | None = yield Get("sale", sale_id)
    known: dict[str, Any] = json.loads(value) if value is not None else {}
    license_id, before = known.get("license"), known.get("keys", [])
    if license_id is None or (known.get("asked") and not only):
        return False
    keys = list(dict.fromkeys([*([] if only else before), *filter(None, [normalize(key)])]))
    for gone in set(before).difference(keys):
        alias: bytes | None = yield Get("alias", gone)
        if alias == license_id.encode():
            yield Delete("alias", gone)
    yield from add_alias(key, license_id)
    after = {**known, "keys": keys, **({"asked": True} if only else {})}
    if after != known:
        yield Put("sale", sale_id, json.dumps(after).encode())
    return after != known


def _record(sale_id: str, fields: Mapping[str, Any], now: float) -> License:
    """The license that a sale makes; of a gift, `email` is the receiver's. The price (0: free) decides nothing."""
    quantity = number_of(fields, "quantity") or 1
    return License(
        key="",
        email=text_of(fields, "email", 320) or None,
        max_devices=min(DEVICES_PER_LICENSE * quantity, MOST_DEVICES),
        created=now,
        purchased=_instant(text_of(fields, "sale_timestamp"), now),
        sale=sale_id,
        product=text_of(fields, "product_id") or None,
        price=number_of(fields, "price"),
        currency=text_of(fields, "currency", 8) or None,
    )


def _instant(written: str, now: float) -> str:
    """A time as ISO 8601 in UTC; `now` where nothing readable was written."""
    try:
        moment = datetime.fromisoformat(written)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        moment = datetime.fromtimestamp(now, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
