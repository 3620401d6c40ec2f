"""How licenses are shown to the owner: as JSON, as one line, as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from license_server.keys import masked
from license_server.licenses import device_id
from license_server.owner.notes import PREFIX, minute
from license_server.owner.session import Session, Told
from license_server.records import License


def summary(record: License, key: str) -> dict[str, Any]:
    """A license in short, with the key as it is to be shown."""
    return {
        "key": key,
        "status": record.status,
        "email": record.email,
        "activationsUsed": len(record.devices),
        "maxActivations": record.max_devices,
        "purchasedAt": record.purchased,
        "source": record.source,
        "saleId": record.sale,
    }


def row(record: License, key: str) -> str:
    """A license as one line."""
    places = f"{len(record.devices)}/{record.max_devices} devices"
    return "  ".join((f"{key:<6}", f"{record.status:<9}", f"{places:<14}", record.purchased[:10], plain(record.email)))


def details(record: License, aliases: Sequence[str], past: Sequence[dict[str, Any]]) -> Told:
    """A license in full, its key whole; devices by the name under which they are shown to others too."""
    devices = [
        {
            "deviceId": device_id(device.fingerprint),
            "deviceName": device.name,
            "activatedAt": int(device.activated),
            "lastSeen": int(device.seen),
        }
        for device in record.devices
    ]
    data = {
        **summary(record, record.key),
        "hold": record.hold or None,
        "refunded": record.refunded,
        "disputed": record.disputed,
        "disputeWon": record.dispute_won,
        "product": record.product,
        "priceCents": record.price,
        "currency": record.currency,
        "aliases": list(aliases),
        "devices": devices,
        "history": list(past),
    }
    facts = {
        "key": record.key,
        "also": ", ".join(aliases),
        "status": record.status,
        "e-mail": record.email,
        "devices": f"{len(devices)} of {record.max_devices}",
        "bought": f"{record.purchased} ({record.source})",
        "sale": record.sale,
        "price": None if record.price is None else f"${record.price / 100:.2f}",
    }
    lines = [f"{name:<9}{plain(value)}" for name, value in facts.items() if value]
    lines += [
        f"  {device_id(d.fingerprint)}  since {minute(d.activated)}, seen {minute(d.seen)}  {plain(d.name)}".rstrip()
        for d in record.devices
    ]
    return Told(data, lines + [said(note) for note in past])


async def history(session: Session, license_id: str | None = None) -> list[dict[str, Any]]:
    """What the owner did, the oldest first: all of it, or to one license."""
    past = [json.loads(value) async for _, value in session.rows("event", PREFIX)]
    return [note for note in past if license_id is None or note.get("license") == license_id]


def said(note: dict[str, Any]) -> str:
    """A note of the owner's log as one line, the key masked."""
    known = ("at", "by", "did", "license")
    rest = ", ".join(f"{name} {value}" for name, value in note.items() if name not in known)
    of = f" {masked(note['license'])}" if note.get("license") else ""
    return plain(f"{minute(note['at'])}  {note['by']}  {note['did']}{of}" + (f"  ({rest})" if rest else ""))


def plain(text: object) -> str:
    """What came from outside, as it may stand on a terminal: no control characters."""
    return "" if text is None else "".join(c if c.isprintable() else "�" for c in str(text))
