"""The rules of licenses and devices, as transactions that any store can run. No HTTP, no clock, no chance in here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

from license_server.keys import normalize
from license_server.kv.interface import Delete, Get, Put, Rule
from license_server.records import Binding, Device, License, binding_from, license_from, to_bytes
from license_server.tokens import Signer

DEVICES_PER_LICENSE = 3
MOST_DEVICES = 10_000
"""A license is never for more devices, whatever quantity was sold: its record holds them all."""
MINT_AGAIN = 86_400
"""Seconds after which a device gets a new token."""

NewKey = Callable[[], str]
Outcome = Literal["ok", "already", "unknown", "inactive", "full", "not_here"]


class Result(NamedTuple):
    """What became of a request about a license; `license` is None only where there is none (`unknown`)."""

    outcome: Outcome
    license: License | None = None
    token: str | None = None


def device_id(fingerprint: str) -> str:
    """How a device is named to others: a fingerprint opens what its license opens, and is shown to nobody."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:12]


# Looking


def find(key: str) -> Rule[tuple[str, License] | None]:
    """The id and the license of a key as typed, or of another key that stands for it (Gumroad's own)."""
    license_id = normalize(key)
    if license_id is None:
        return None
    value: bytes | None = yield Get("license", license_id)
    if value is None:
        alias: bytes | None = yield Get("alias", license_id)
        if alias is None:
            return None
        license_id = alias.decode()
        value = yield Get("license", license_id)
        if value is None:
            return None
    return license_id, license_from(value)


def find_claimed(nonce: str) -> Rule[tuple[str, License] | None]:
    """The id and the license that waits to be claimed with this nonce."""
    value: bytes | None = yield Get("claim", nonce)
    return None if value is None else (yield from find(value.decode()))


def validate(key: str) -> Rule[Result]:
    """Whether a key is good: `ok`, `inactive` or `unknown`."""
    found = yield from find(key)
    if found is None:
        return Result("unknown")
    return Result("ok" if found[1].status == "active" else "inactive", found[1])


class Pro(NamedTuple):
    """An active license of a device, and the token it was given last; `token_due` when it should get a new one."""

    key: str
    token: str
    token_due: bool


def pro(fingerprint: str, now: float, signer: Signer) -> Rule[Pro | None]:
    """Whether a device is licensed: by any license that is active and on which it is still activated."""
    bound: bytes | None = yield Get("device", fingerprint)
    return None if bound is None else (yield from pro_by(bound, fingerprint, now, signer))


def pro_by(bound: bytes, fingerprint: str, now: float, signer: Signer) -> Rule[Pro | None]:
    """The same, where the device's record is at hand."""
    binding = binding_from(bound)
    for license_id in binding.licenses:
        value: bytes | None = yield Get("license", license_id)
        if value is None:
            continue
        record = license_from(value)
        if record.status == "active" and record.device(fingerprint):
            return Pro(record.key, binding.token, _token_due(binding, license_id, now, signer))
    return None


def alive() -> Rule[bool]:
    """Whether the store answers, and knows its signing key."""
    value: bytes | None = yield Get("meta", "signing_key")
    return value is not None


# Changing


def activate(key: str, fingerprint: str, now: float, signer: Signer, name: str | None = None) -> Rule[Result]:
    """Binds a device to a license: `ok`, `already`, `unknown`, `inactive` or `full`."""
    found = yield from find(key)
    if found is None:
        return Result("unknown")
    return (yield from _activate(*found, fingerprint, now, signer, name))


def claim(nonce: str, fingerprint: str, now: float, signer: Signer, name: str | None = None) -> Rule[Result]:
    """Activates the license that was bought with this nonce in its checkout link; works once (`unknown` after)."""
    found = yield from find_claimed(nonce)
    if found is None:
        return Result("unknown")
    result = yield from _activate(*found, fingerprint, now, signer, name)
    if result.outcome in ("ok", "already"):
        yield Delete("claim", nonce)
    return result


def _activate(
    license_id: str, record: License, fingerprint: str, now: float, signer: Signer, name: str | None
) -> Rule[Result]:
    if record.status != "active":
        return Result("inactive", record)
    known = record.device(fingerprint)
    if known is None and len(record.devices) >= record.max_devices:
        return Result("full", record)
    if known is None:
        record = replace(record, devices=(*record.devices, Device(fingerprint, name, now, now)))
        yield Put("license", license_id, to_bytes(record))
    token = yield from _token(license_id, fingerprint, now, signer)
    return Result("ok" if known is None else "already", record, token)


def renew_token(fingerprint: str, now: float, signer: Signer) -> Rule[Pro | None]:
    """Gives a licensed device its token of the day, and notes that it was seen. None where it is not licensed."""
    bound: bytes | None = yield Get("device", fingerprint)
    for license_id in binding_from(bound).licenses if bound else ():
        value: bytes | None = yield Get("license", license_id)
        record = license_from(value) if value else None
        device = record.device(fingerprint) if record else None
        if record is None or device is None or record.status != "active":
            continue
        token = yield from _token(license_id, fingerprint, now, signer)
        if now - device.seen >= MINT_AGAIN:
            devices = tuple(replace(d, seen=now) if d is device else d for d in record.devices)
            yield Put("license", license_id, to_bytes(replace(record, devices=devices)))
        return Pro(record.key, token, False)
    return None


def _token(license_id: str, fingerprint: str, now: float, signer: Signer) -> Rule[str]:
    """The device's token, new where it is due; and the device knows of the license from now on."""
    bound: bytes | None = yield Get("device", fingerprint)
    before = binding_from(bound) if bound else Binding()
    binding = before
    if binding.licenses[:1] != (license_id,):
        # First the one that its token is for: then looking and renewing agree on which it is.
        others = (other for other in binding.licenses if other != license_id)
        binding = replace(binding, licenses=(license_id, *others))
    if _token_due(binding, license_id, now, signer):
        token = signer.token(license_id, fingerprint, now)
        binding = replace(binding, token=token, token_for=license_id, kid=signer.kid, minted=now)
    if binding is not before:
        yield Put("device", fingerprint, to_bytes(binding))
    return binding.token


def _token_due(binding: Binding, license_id: str, now: float, signer: Signer) -> bool:
    """Once a day; and at once for another license, another signing key, or after the clock was set back."""
    return binding.token_for != license_id or binding.kid != signer.kid or not 0 <= now - binding.minted < MINT_AGAIN


def deactivate(key: str, fingerprint: str = "", device: str = "") -> Rule[Result]:
    """Takes one device off a license, by its fingerprint or its `device_id`: `ok`, `not_here` or `unknown`.

    Also where the license is suspended: nobody needs permission to leave.
    """
    found = yield from find(key)
    if found is None:
        return Result("unknown")
    license_id, record = found
    gone = next((d for d in record.devices if d.fingerprint == fingerprint or device_id(d.fingerprint) == device), None)
    if gone is None:
        return Result("not_here", record)
    record = replace(record, devices=tuple(d for d in record.devices if d is not gone))
    yield Put("license", license_id, to_bytes(record))
    yield from _unbind(license_id, gone.fingerprint)
    return Result("ok", record)


def _unbind(license_id: str, fingerprint: str) -> Rule[None]:
    bound: bytes | None = yield Get("device", fingerprint)
    if bound is None:
        return
    left = tuple(other for other in binding_from(bound).licenses if other != license_id)
    if left:
        yield Put("device", fingerprint, to_bytes(Binding(left)))
    else:
        yield Delete("device", fingerprint)


# What the owner, or a sale, does


def create(record: License, new_key: NewKey) -> Rule[License]:
    """Keeps a new license under a key that nobody has; the key of `record` is replaced."""
    while True:
        key = new_key()
        license_id = normalize(key) or ""
        taken: bytes | None = yield Get("license", license_id)
        alias: bytes | None = yield Get("alias", license_id)
        if taken is None and alias is None:
            break
    record = replace(record, key=key)
    yield Put("license", license_id, to_bytes(record))
    return record


def add_alias(key: str, license_id: str) -> Rule[None]:
    """Lets another key stand for a license; never takes one that already stands for something."""
    other = normalize(key)
    if other is None:
        return
    taken: bytes | None = yield Get("license", other)
    alias: bytes | None = yield Get("alias", other)
    if taken is None and alias is None:
        yield Put("alias", other, license_id.encode())


def hold(key: str, decree: Literal["", "suspended", "revoked"]) -> Rule[Result]:
    """Suspends or revokes a license, or ("") takes that back. What Gumroad said of it stays."""
    return (yield from _change(key, lambda record: replace(record, hold=decree)))


def set_limit(key: str, max_devices: int) -> Rule[Result]:
    """Changes on how many devices a license may be; those it is on stay, even where they are more.

    Raises:
        ValueError: not between 1 and `MOST_DEVICES`.
    """
    if not 1 <= max_devices <= MOST_DEVICES:
        raise ValueError(f"between 1 and {MOST_DEVICES} devices")
    return (yield from _change(key, lambda record: replace(record, max_devices=max_devices)))


def _change(key: str, change: Callable[[License], License]) -> Rule[Result]:
    found = yield from find(key)
    if found is None:
        return Result("unknown")
    record = change(found[1])
    yield Put("license", found[0], to_bytes(record))
    return Result("ok", record)


def release(key: str) -> Rule[Result]:
    """Takes all devices off a license; `deactivate` takes one."""
    found = yield from find(key)
    if found is None:
        return Result("unknown")
    license_id, record = found
    for device in record.devices:
        yield from _unbind(license_id, device.fingerprint)
    record = replace(record, devices=())
    yield Put("license", license_id, to_bytes(record))
    return Result("ok", record)


def signing_key(fresh: bytes) -> Rule[bytes]:
    """The private key that signs tokens: the one that is kept, else `fresh` (32 bytes), which is kept from now on."""
    value: bytes | None = yield Get("meta", "signing_key")
    if value is None:
        yield Put("meta", "signing_key", fresh)
    return value or fresh
