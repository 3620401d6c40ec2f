"""Pings of Gumroad: how they are read, whether they can be believed, and which of them are about what is sold here.

Gumroad signs nothing and sends forms (some subscriptions: JSON); the plain Ping URL tells of every product of the
seller. So a ping is believed for a secret in the URL that it was sent to, or for the documented signature.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from license_server.keys import normalize

SHORTEST_CLAIM = 8
FIELDS = 500
LONGEST_ID = 256

_KEY = re.compile(r"[0-9A-F]{32}")


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


def as_sold(key: str) -> str:
    """A key in the form in which Gumroad makes them, `85DB562A-C11D4B06-A2335A6B-8C079166`; "" for other keys."""
    plain = normalize(key) or ""
    return "-".join(plain[i : i + 8] for i in range(0, 32, 8)) if _KEY.fullmatch(plain) else ""


def is_product_id(name: str) -> bool:
    """Whether this is how Gumroad writes the id of a product, in base64 with `==`; not a permalink, not its name."""
    return name.endswith("==")


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


def text_of(fields: Mapping[str, Any], name: str, longest: int = LONGEST_ID) -> str:
    """A field as text, "" where it is missing, too long or no plain value."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > longest:
        return ""
    # Halves of surrogate pairs, which JSON can spell, have no place in UTF-8.
    return value.strip().encode(errors="replace").decode()


def number_of(fields: Mapping[str, Any], name: str) -> int | None:
    text = text_of(fields, name, 12)
    return int(text) if text.isascii() and text.isdigit() else None


def is_true(fields: Mapping[str, Any], name: str) -> bool:
    """Booleans come as the words `true` and `false`, in JSON perhaps as such; what is absent is false."""
    value = fields.get(name)
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def nonce_of(fields: Mapping[str, Any]) -> str:
    """The nonce that the buyer's app has put into the checkout link, "" where there is none fit to be used."""
    params = fields.get("url_params")
    nonce = text_of(params, "claim", 128) if isinstance(params, dict) else text_of(fields, "url_params[claim]", 128)
    return nonce if len(nonce) >= SHORTEST_CLAIM and nonce.isascii() and nonce.isprintable() else ""


def ours(seller: Seller, fields: Mapping[str, Any]) -> bool:
    """Whether a ping tells of a product that is licensed here: the Ping URL gets those of all the seller's products."""
    if seller.seller_id and text_of(fields, "seller_id") != seller.seller_id:
        return False
    names = {text_of(fields, name) for name in ("product_id", "short_product_id", "permalink")}
    names.add(text_of(fields, "product_permalink").rstrip("/").rpartition("/")[2])
    return not seller.products or not seller.products.isdisjoint(names)
