"""The JSON of a Workers KV dump, as the worker wrote its keys: licenses, `fp:<fingerprint>`, `gen:<fingerprint>:<day>`.

A dump is what Cloudflare's API and its tool take and give in bulk: an array of `{key, value, expiration?, base64?}`, or
an object of keys and values, plain or as `{value, metadata?, expiration?}`, alone or as `values` of an answer
(developers.cloudflare.com/api/resources/kv). Knows no store.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from license_server.inputs import printable
from license_server.keys import masked, normalize
from license_server.licenses import DEVICES_PER_LICENSE, MOST_DEVICES
from license_server.records import Device, License

GENERATED_FOR = 86_400
"""Seconds that the worker kept a counter after its last video: at most until a day after the end of its own day."""
UNDEFINED = frozenset({"undefined", "null", "[object Object]"})
"""Fingerprints that the worker's missing checks bound: whoever came without one would share them."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadDump(ValueError):
    """The file is no dump of a KV namespace."""


@dataclass(slots=True)
class Dump:
    """What a dump holds, and what is wrong with it.

    Licenses, and the other keys of some, by normalized key; license by bound device; counts by (fingerprint, day).
    """

    licenses: dict[str, License] = field(default_factory=dict)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bound: dict[str, str] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def unlisted(self) -> dict[str, str]:
        """The bound devices that the dump's licenses do not list themselves."""
        return {
            fingerprint: key
            for fingerprint, key in self.bound.items()
            if key not in self.licenses or self.licenses[key].device(fingerprint) is None
        }


# Reading


def read(text: str, now: float) -> Dump:
    """A dump, as far as it can be understood; `now` (Unix seconds) stands where a license has no date.

    Raises:
        BadDump: it is none.
    """
    dump = Dump()
    for key, value in _pairs(text):
        if key.startswith("fp:"):
            _read_bound(dump, key[3:], value)
        elif key.startswith("gen:"):
            _read_count(dump, key[4:], value)
        else:
            _read_license(dump, key, value, now)
    return dump


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDump("the file is not JSON") from error
    if isinstance(data, dict) and isinstance(data.get("result"), dict):
        data = data["result"]
    if isinstance(data, dict) and isinstance(data.get("values"), dict):
        data = data["values"]
    if isinstance(data, dict):
        data = [{"key": key, "value": value["value"] if _wrapped(value) else value} for key, value in data.items()]
    if not isinstance(data, list):
        raise BadDump("the file is neither an array of keys and values nor an object of them")
    for number, pair in enumerate(data, 1):
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str) or "value" not in pair:
            raise BadDump(f"entry {number} has no key and value; a list of keys alone does not do")
        yield pair["key"], _value(pair, number)


def _wrapped(value: object) -> bool:
    """`{value, metadata?, expiration?}`, where a license's own JSON could stand too."""
    return isinstance(value, dict) and "value" in value and set(value) <= {"value", "metadata", "expiration"}


def _value(pair: dict[str, Any], number: int) -> str:
    value = pair["value"]
    if not isinstance(value, str):
        return json.dumps(value)
    if pair.get("base64") is not True:
        return value
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise BadDump(f"entry {number} is not base64 of text") from error


def _read_bound(dump: Dump, name: str, key: str) -> None:
    fingerprint, license_id = _fingerprint(name), normalize(key)
    if fingerprint and license_id:
        dump.bound[fingerprint] = license_id
    else:
        dump.problems.append("a device without a usable fingerprint or key was left out")


def _read_count(dump: Dump, name: str, value: str) -> None:
    device, _, day = name.rpartition(":")
    fingerprint, count = _fingerprint(device), value.strip()
    if fingerprint and _is_day(day) and count.isascii() and count.isdigit() and len(count) < 7:
        dump.counts[fingerprint, day] = int(count)
    else:
        dump.problems.append("a counter that is none was left out")


def _read_license(dump: Dump, key: str, value: str, now: float) -> None:
    license_id = normalize(key)
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError):
        fields = None
    if license_id is None or not isinstance(fields, dict) or not _is_text(key):
        dump.problems.append(f"{masked(key)}: no license, left out")
        return
    if license_id in dump.licenses:
        dump.problems.append(f"{masked(key)}: two keys that differ only in case or dashes; the second was left out")
        return
    record = _license(key, fields, now)
    listed = fields.get("activations")
    if not isinstance(listed, list) or len(record.devices) < len(listed):
        dump.problems.append(f"{masked(key)}: devices without a usable fingerprint were left out")
    dump.licenses[license_id] = record
    aliases = fields.get("aliases")
    if isinstance(aliases, list):
        dump.aliases[license_id] = tuple(alias for alias in aliases if isinstance(alias, str) and _is_text(alias))


def _license(key: str, fields: dict[str, Any], now: float) -> License:
    purchased = _instant(fields.get("purchaseDate"), now)
    created = datetime.fromisoformat(purchased).timestamp()
    listed = fields.get("activations")
    names = dict.fromkeys(filter(None, map(_fingerprint, listed if isinstance(listed, list) else [])))
    most = fields.get("maxActivations")
    hold = fields.get("hold")
    return License(
        key=key.strip(),
        email=_text(fields.get("email"), 320),
        max_devices=most if type(most) is int and 1 <= most <= MOST_DEVICES else DEVICES_PER_LICENSE,
        created=created,
        purchased=purchased,
        source=_text(fields.get("source"), 32) or "worker",
        sale=_text(fields.get("purchaseId"), 256),
        product=_text(fields.get("product"), 256),
        price=_cents(fields.get("price")),
        currency=_text(fields.get("currency"), 8),
        hold=hold if hold in ("suspended", "revoked") else "",
        refunded=fields.get("refunded") is True,
        disputed=fields.get("disputed") is True,
        dispute_won=fields.get("disputeWon") is True,
        devices=tuple(Device(fingerprint, None, created, now) for fingerprint in names),
    )


def _fingerprint(value: object) -> str:
    """A fingerprint that a device can have, else ""."""
    found = printable(value)
    return "" if found in UNDEFINED else found


def _text(value: object, longest: int) -> str | None:
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        return None
    return value.strip().encode(errors="replace").decode()


def _is_text(text: str) -> bool:
    """Whether it can be written: halves of surrogate pairs, which JSON can spell, have no place in UTF-8."""
    return text == text.encode(errors="replace").decode()


def _cents(value: object) -> int | None:
    """Cents, which Gumroad sends as a word; the worker kept what it was sent."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and date.fromisoformat(text).year < 9999
    except ValueError:
        return False


def _instant(value: object, now: float) -> str:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(now, UTC)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        moment = datetime.fromtimestamp(now, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


# Writing


def license_pairs(record: License, aliases: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """A license, and its devices where it is active, as the worker keeps them.

    What the worker does not know (state, source, other keys) is said all the same: it looks at its own fields only.
    """
    value: dict[str, Any] = {
        "email": record.email,
        "purchaseId": record.sale,
        "purchaseDate": record.purchased,
        "activations": [device.fingerprint for device in record.devices],
        "maxActivations": record.max_devices,
        "product": record.product,
        "price": record.price,
        "currency": record.currency,
        "source": record.source,
    }
    held = {"hold": record.hold, "refunded": record.refunded, "disputed": record.disputed}
    value |= {
        name: said
        for name, said in {**held, "disputeWon": record.dispute_won, "aliases": list(aliases)}.items()
        if said
    }
    yield {"key": record.key, "value": json.dumps(value, ensure_ascii=False)}
    if record.status == "active":
        for device in record.devices:
            yield {"key": f"fp:{device.fingerprint}", "value": record.key}


def count_pair(fingerprint: str, day: str, count: int, now: float) -> dict[str, Any] | None:
    """A counter; None where the worker would have forgotten it by `now` (Unix seconds)."""
    until = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) + 86_400 + GENERATED_FOR
    # Cloudflare takes no expiration that is less than a minute away.
    if count < 1 or until < now + 60:
        return None
    return {"key": f"gen:{fingerprint}:{day}", "value": str(count), "expiration": until}


async def write(pairs: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    """The text of a dump, piece by piece: an array, a line for each key."""
    before = "[\n"
    async for pair in pairs:
        yield before + json.dumps(pair, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
