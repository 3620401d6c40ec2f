"""What is kept: licenses, devices, counters, as frozen nouns and as the JSON in the store."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Status: TypeAlias = Literal["active", "suspended", "refunded", "revoked"]


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """A device on which a license is activated. Times in Unix seconds."""

    fingerprint: str
    name: str | None
    activated: float
    seen: float


@dataclasses.dataclass(frozen=True, slots=True)
class License:
    """A license. Kept in the space `license` under its normalized key, which is its id and never changes.

    `hold` is what its owner decreed; `refunded`, `disputed` and `dispute_won` are what Gumroad has ever said, and are
    never taken back. `price` in cents of a US dollar, `created` in Unix seconds, `purchased` as ISO 8601 in UTC.
    """

    key: str
    email: str | None
    max_devices: int
    created: float
    purchased: str
    source: str = "gumroad"
    sale: str | None = None
    product: str | None = None
    price: int | None = None
    currency: str | None = None
    hold: Literal["", "suspended", "revoked"] = ""
    refunded: bool = False
    disputed: bool = False
    dispute_won: bool = False
    devices: tuple[Device, ...] = ()

    def __hash__(self) -> int:
        """Of the key alone: a record is looked up in memory with each answer, and its devices are many."""
        return hash(self.key)

    @property
    def status(self) -> Status:
        """Derived, whatever the order in which the facts came: revoked > refunded > suspended > active."""
        if self.hold == "revoked":
            return "revoked"
        if self.refunded:
            return "refunded"
        if self.hold == "suspended" or (self.disputed and not self.dispute_won):
            return "suspended"
        return "active"

    def device(self, fingerprint: str) -> Device | None:
        return next((device for device in self.devices if device.fingerprint == fingerprint), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """What a device has, in the space `device` under its fingerprint: its licenses' ids, and its last token.

    `token_for` is the license it was made for, `kid` the signing key, `minted` the time in Unix seconds.
    """

    licenses: tuple[str, ...] = ()
    token: str = ""
    token_for: str = ""
    kid: str = ""
    minted: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """A device's free videos of one UTC day, in the space `count`: made, and (job id, until) of those reserved."""

    count: int = 0
    jobs: tuple[tuple[str, float], ...] = ()

    def used(self, now: float) -> int:
        """Made, and reserved still at `now` (Unix seconds)."""
        return self.count + sum(until > now for _, until in self.jobs) if self.jobs else self.count


@dataclasses.dataclass(frozen=True, slots=True)
class Reservation:
    """A job of a device, in the space `reservation`: the UTC day (YYYY-MM-DD) it counts on, and how far it is."""

    day: str
    state: Literal["reserve", "commit", "release"]


def to_bytes(record: License | Binding | Usage | Reservation) -> bytes:
    """A record as JSON in UTF-8; what has its default is left out."""
    if type(record) is Usage and not record.jobs:
        return b'{"count":%d}' % record.count  # the most frequent by far
    return json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":")).encode()


def _plain(record: Any) -> dict[str, Any]:
    fields = ((field, getattr(record, field.name)) for field in dataclasses.fields(record))
    return {
        field.name: [_plain(device) for device in value] if field.name == "devices" else value
        for field, value in fields
        if value != field.default
    }


# Decoding costs more than all the rest of an answer; the same bytes are asked for again and again, and never change.


@lru_cache(maxsize=2048)
def license_from(value: bytes) -> License:
    """Raises ValueError where the bytes are no license."""
    fields = _fields(License, value)
    fields["devices"] = tuple(Device(**device) for device in fields.get("devices", ()))
    return _made(License, fields)


@lru_cache(maxsize=2048)
def binding_from(value: bytes) -> Binding:
    """Raises ValueError where the bytes are no binding."""
    fields = _fields(Binding, value)
    fields["licenses"] = tuple(fields.get("licenses", ()))
    return _made(Binding, fields)


@lru_cache(maxsize=2048)
def usage_from(value: bytes) -> Usage:
    """Raises ValueError where the bytes are no usage."""
    fields = _fields(Usage, value)
    fields["jobs"] = tuple((str(job), float(until)) for job, until in fields.get("jobs", ()))
    return _made(Usage, fields)


def reservation_from(value: bytes) -> Reservation:
    """Raises ValueError where the bytes are no reservation."""
    return _made(Reservation, _fields(Reservation, value))


def _fields(kind: type[object], value: bytes) -> dict[str, Any]:
    """What `kind` knows of the JSON: a newer version may have written more."""
    data = json.loads(value)
    if not isinstance(data, dict):
        raise ValueError(f"not a {kind.__name__}")
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return {name: value for name, value in data.items() if name in known}


def _made(kind: type[T], fields: dict[str, Any]) -> T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind.__name__}") from error
