"""`license …`: the owner's commands about single licenses."""

from __future__ import annotations

import argparse
import heapq
import json
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from license_server import licenses as rules
from license_server import outbox
from license_server.keys import masked, new_key, normalize
from license_server.kv.interface import Get, Rule
from license_server.licenses import Result, device_id
from license_server.owner.notes import Note
from license_server.owner.session import Refused, Session, Told
from license_server.owner.views import details, history, row, summary
from license_server.records import License, license_from

Found = tuple[str, License]


# Looking


async def show(session: Session, given: argparse.Namespace) -> Told:
    """All that is known of one license, with its whole key."""
    license_id, record = await resolve(session, given.key)
    aliases = [key async for key, of in session.rows("alias") if of.decode() == license_id]
    past = await history(session, license_id)
    return details(record, aliases, past)


async def find(session: Session, given: argparse.Namespace) -> Told:
    """Licenses by a part of the e-mail address, the sale, the last characters of the key, or a device."""
    text = given.text.strip()
    known = await session.look(rules.find(text))
    found = [record async for record in every(session) if _matches(record, text.casefold())]
    if known is not None and known[1] not in found:
        found.append(known[1])
    if not found:
        raise Refused("no license matches that")
    return _listed(found, len(found), given.keys)


async def listed(session: Session, given: argparse.Namespace) -> Told:
    """The newest licenses, those of one state where one is named."""
    count = 0
    newest: list[tuple[float, int, License]] = []
    async for record in every(session):
        if given.status in (None, record.status):
            count += 1
            entry = (record.created, count, record)
            (heapq.heappush if len(newest) < given.limit else heapq.heappushpop)(newest, entry)
    return _listed([record for _, _, record in sorted(newest, reverse=True)], count, given.keys)


async def every(session: Session) -> AsyncIterator[License]:
    """All licenses, in the order of their keys."""
    async for _, value in session.rows("license"):
        yield license_from(value)


def _matches(record: License, text: str) -> bool:
    end = text.lstrip("….")
    if len(end) >= 4 and (normalize(record.key) or "").casefold().endswith(end):
        return True
    if record.sale is not None and record.sale.casefold() == text:
        return True
    if record.email is not None and text in record.email.casefold():
        return True
    return any(text in (device.fingerprint.casefold(), device_id(device.fingerprint)) for device in record.devices)


def _listed(found: list[License], of: int, whole_keys: bool) -> Told:
    shown: Callable[[str], str] = str if whole_keys else masked
    lines = [row(record, shown(record.key)) for record in found]
    if of > len(found):
        lines.append(f"({len(found)} of {of}; --limit {of} shows all)")
    data = {"licenses": [summary(record, shown(record.key)) for record in found], "count": of}
    return Told(data, lines or ["no licenses"])


async def resolve(session: Session, text: str) -> Found:
    """The one license that is meant: by a key of it, its sale, or the whole e-mail address.

    Raises:
        Refused: there is none, or there are several.
    """
    found = await session.look(rules.find(text)) or await session.look(_by_sale(text.strip()))
    if found is not None:
        return found
    if "@" not in text:
        raise Refused("no license has that key or sale")
    wanted = text.strip().casefold()
    several = [record async for record in every(session) if (record.email or "").casefold() == wanted]
    if len(several) != 1:
        how_many = f"{len(several)} licenses have" if several else "no license has"
        raise Refused(f"{how_many} that e-mail address" + ("; name one by its key: find --keys" if several else ""))
    return normalize(several[0].key) or "", several[0]


def _by_sale(sale: str) -> Rule[Found | None]:
    value: bytes | None = (yield Get("sale", sale)) if sale else None
    license_id = json.loads(value).get("license") if value is not None else None
    record: bytes | None = (yield Get("license", license_id)) if license_id else None
    return (license_id, license_from(record)) if license_id and record is not None else None


# Changing


async def create(session: Session, given: argparse.Namespace) -> Told:
    """A license that nobody bought here: a gift, a review copy, a sale elsewhere."""
    if given.email is not None and ("@" not in given.email or len(given.email) > 320):
        raise Refused("that is no e-mail address")
    if not 1 <= given.devices <= rules.MOST_DEVICES:
        raise Refused(f"a license is for 1 to {rules.MOST_DEVICES} devices")
    now = session.clock()
    purchased = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = License("", given.email, given.devices, now, purchased, source="owner")
    made = await session.act(
        rules.create(record, lambda: new_key(secrets.choice)),
        lambda made: Note("create", normalize(made.key) or "", {"devices": made.max_devices}),
    )
    return Told(summary(made, made.key), [made.key])


async def hold(session: Session, given: argparse.Namespace) -> Told:
    """Revokes or suspends a license, or takes either back (`given.decree`)."""
    license_id, before = await resolve(session, given.key)
    if given.decree == "" and before.hold == "" and before.status != "active":
        raise Refused(f"it is {before.status} by what Gumroad said, not by the owner: nothing to take back")
    if given.decree == "suspended" and before.hold == "revoked":
        raise Refused("it is revoked, which is more; restore it first")
    result = await session.act(
        rules.hold(license_id, given.decree),
        lambda _: Note(given.verb, license_id) if given.decree != before.hold else None,
    )
    return _changed(result, given.verb)


async def resend(session: Session, given: argparse.Namespace) -> Told:
    """Asks the server to mail a license's key to its buyer."""
    license_id, before = await resolve(session, given.key)
    result = await session.act(
        outbox.resend(license_id, session.clock()),
        lambda result: Note("resend", license_id) if result.outcome == "ok" else None,
    )
    if result.outcome != "ok":
        raise Refused("it has no e-mail address" if result.outcome == "not_here" else f"it is {before.status}")
    told = _changed(result, "resend")
    return told._replace(lines=[*told.lines, "the server mails it within seconds, if it has SMTP_URL"])


async def set_limit(session: Session, given: argparse.Namespace) -> Told:
    """On how many devices a license may be."""
    if not 1 <= given.devices <= rules.MOST_DEVICES:
        raise Refused(f"a license is for 1 to {rules.MOST_DEVICES} devices")
    license_id, before = await resolve(session, given.key)
    note = Note("set-limit", license_id, {"from": before.max_devices, "to": given.devices})
    return _changed(await session.act(rules.set_limit(license_id, given.devices), lambda _: note), "set-limit")


async def release(session: Session, given: argparse.Namespace) -> Told:
    """Takes one device off a license, or all of them."""
    license_id, before = await resolve(session, given.key)
    if given.device is None and not given.all:
        raise Refused("say which: --device ID (license show tells the ids), or --all")
    if given.all:
        note = Note("release", license_id, {"devices": len(before.devices)})
        return _changed(await session.act(rules.release(license_id), lambda _: note), "release")
    result = await session.act(
        rules.deactivate(license_id, given.device, given.device),
        lambda result: Note("release", license_id, {"device": given.device}) if result.outcome == "ok" else None,
    )
    if result.outcome != "ok":
        raise Refused("the license is on no such device")
    return _changed(result, "release")


def _changed(result: Result, verb: str) -> Told:
    record = result.license
    if record is None:
        raise Refused("the license has gone meanwhile")
    return Told({"did": verb, **summary(record, masked(record.key))}, [row(record, masked(record.key))])
