"""The rules of sales: what a ping of Gumroad means, whether it can be believed, and what it changes.

Gumroad signs nothing, sends forms (some subscriptions: JSON), may repeat a ping, and keeps no order; the plain Ping URL
tells of every product of the seller. So a ping is believed for a secret in the URL that it was sent to; what it changes
is the same whatever the order and however often; and a sale makes one license, by its sale_id.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from license_server.keys import normalize
from license_server.kv.interface import Get, Put, Rule
from license_server.licenses import DEVICES_PER_LICENSE, MOST_DEVICES, add_alias, create
from license_server.records import License, license_from, to_bytes

EVENT_KEPT_FOR = 400 * 86_400
"""Seconds that a ping is kept in the log of events."""
HINT_KEPT_FOR = 7 * 86_400
"""Seconds that a ping which nobody vouches for waits to be confirmed."""
CLAIM_KEPT_FOR = 7 * 86_400
"""Seconds in which a bought license can be claimed by its nonce."""
SHORTEST_CLAIM = 8
FIELDS = 500
LONGEST_ID = 256
FLAGS = ("refunded", "disputed", "dispute_won")

_KEY = re.compile(r"[0-9A-F]{32}")

Outcome = Literal["minted", "known", "updated", "tombstone", "test", "ignored", "hint"]


class BadPing(ValueError):
    """The body is none that Gumroad sends."""


@dataclass(frozen=True, slots=True)
class Seller:
    """What decides on pings. Empty: not asked for.

    `secrets` (any of them: two while one is being replaced) stand in the Ping URL, or sign the documented header.
    `products` are ids, short ids or permalinks. `confirm` and `mail`: sales are put into those outboxes.
    """

    secrets: tuple[str, ...] = ()
    products: frozenset[str] = frozenset()
    seller_id: str = ""
    confirm: bool = False
    mail: bool = False


class Received(NamedTuple):
    """What became of a ping; `license` is that of its sale, where there is one."""

    outcome: Outcome
    license: License | None = None


# Believing


def believed(seller: Seller, presented: str, signature: str, body: bytes) -> bool:
    """Whether a ping came with a live secret in its URL, or the documented HMAC-SHA256 over its raw body in hex.

    All comparisons are made, each in constant time.
    """
    results = []
    for secret in seller.secrets:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        results.append(hmac.compare_digest(presented.encode(errors="replace"), secret.encode()))
        results.append(hmac.compare_digest(signature.strip().lower().encode(errors="replace"), digest.encode()))
    return any(results)


# Reading


def as_sold(key: str) -> str:
    """A key in the form in which Gumroad makes them, `85DB562A-C11D4B06-A2335A6B-8C079166`; "" for other keys."""
    plain = normalize(key) or ""
    return "-".join(plain[i : i + 8] for i in range(0, 32, 8)) if _KEY.fullmatch(plain) else ""


def parse(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a ping: by its Content-Type, and by its first byte where that says nothing.

    Raises:
        BadPing: it is neither a form nor a JSON object, or has no end of fields.
    """
    kind = content_type.partition(";")[0].strip().lower()
    is_json = kind.endswith(("/json", "+json")) or (
        kind != "application/x-www-form-urlencoded" and body.lstrip()[:1] in (b"{", b"[")
    )
    try:
        text = body.decode("utf-8")
        fields = json.loads(text) if is_json else dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS))
    except (ValueError, RecursionError) as error:
        raise BadPing("not readable") from error
    if not isinstance(fields, dict) or not fields:
        raise BadPing("no fields")
    return fields


def _text(fields: Mapping[str, Any], name: str, longest: int = LONGEST_ID) -> str:
    """A field as text, "" where it is missing, too long or no plain value."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > longest:
        return ""
    # Halves of surrogate pairs, which JSON can spell, have no place in UTF-8.
    return value.strip().encode(errors="replace").decode()


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    text = _text(fields, name, 12)
    return int(text) if text.isascii() and text.isdigit() else None


def _true(fields: Mapping[str, Any], name: str) -> bool:
    """Booleans come as the words `true` and `false`, in JSON perhaps as such; what is absent is false."""
    value = fields.get(name)
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _nonce(fields: Mapping[str, Any]) -> str:
    """The nonce that the buyer's app has put into the checkout link, "" where there is none fit to be used."""
    params = fields.get("url_params")
    nonce = _text(params, "claim", 128) if isinstance(params, dict) else _text(fields, "url_params[claim]", 128)
    return nonce if len(nonce) >= SHORTEST_CLAIM and nonce.isascii() and nonce.isprintable() else ""


def ours(seller: Seller, fields: Mapping[str, Any]) -> bool:
    """Whether a ping tells of a product that is licensed here: the Ping URL gets those of all the seller's products."""
    if seller.seller_id and _text(fields, "seller_id") != seller.seller_id:
        return False
    names = {_text(fields, name) for name in ("product_id", "short_product_id", "permalink")}
    names.add(_text(fields, "product_permalink").rstrip("/").rpartition("/")[2])
    return not seller.products or not seller.products.isdisjoint(names)


# Acting


def receive(
    seller: Seller, fields: Mapping[str, Any], trusted: bool, now: float, new_key: Callable[[], str]
) -> Rule[Received]:
    """Does what a ping says, in one transaction with the note of it in the log of events.

    A ping that is not `trusted` changes nothing: it is kept for a while, to be confirmed with Gumroad.

    Raises:
        BadPing: it is ours, but names no sale.
    """
    if trusted:
        yield from _log_event(fields, now)
    if _true(fields, "test"):
        return Received("test")
    if not ours(seller, fields):
        return Received("ignored")
    sale_id = _text(fields, "sale_id")
    if not sale_id:
        raise BadPing("no sale_id")
    if not trusted:
        yield from _keep_hint(seller, sale_id, now)
        return Received("hint")
    return (yield from _apply(seller, sale_id, fields, now, new_key))


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
    flags: dict[str, Any] = {name: True for name in FLAGS if _true(fields, name)}
    value: bytes | None = yield Get("sale", sale_id)
    known: dict[str, Any] = json.loads(value) if value is not None else {}
    license_id = known.get("license")
    if license_id is not None:
        yield from add_alias(_text(fields, "license_key"), license_id)
        return (yield from _update(license_id, flags))
    flags = {**known, **flags}
    if _text(fields, "resource_name") not in ("", "sale"):
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
    yield from add_alias(_text(fields, "license_key"), license_id)
    nonce = _nonce(fields)
    claimed: bytes | None = (yield Get("claim", nonce)) if nonce else None
    if nonce and claimed is None:
        yield Put("claim", nonce, license_id.encode(), now + CLAIM_KEPT_FOR)
    if seller.confirm:
        yield from _outbox("confirm", sale_id, now)
    if seller.mail and record.email and not record.refunded:
        yield from _outbox("mail", license_id, now)
    return Received("minted", record)


def _record(sale_id: str, fields: Mapping[str, Any], now: float) -> License:
    """The license that a sale makes; of a gift, `email` is the receiver's. The price (0: free) decides nothing."""
    quantity = _number(fields, "quantity") or 1
    return License(
        key="",
        email=_text(fields, "email", 320) or None,
        max_devices=min(DEVICES_PER_LICENSE * quantity, MOST_DEVICES),
        created=now,
        purchased=_instant(_text(fields, "sale_timestamp"), now),
        sale=sale_id,
        product=_text(fields, "product_id") or None,
        price=_number(fields, "price"),
        currency=_text(fields, "currency", 8) or None,
    )


def _instant(written: str, now: float) -> str:
    """A time as ISO 8601 in UTC; `now` where nothing readable was written."""
    try:
        moment = datetime.fromisoformat(written)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        moment = datetime.fromtimestamp(now, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
