"""`kv import`: what a worker knew goes into the store. The same dump again, or a later one, adds only what is new."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from license_server.generations import KEPT_FOR
from license_server.gumroad import name_key
from license_server.kv.interface import Get, Put, Rule
from license_server.licenses import add_alias
from license_server.owner.kv_dump import BadDump, Dump, read
from license_server.owner.notes import Note, nothing
from license_server.owner.session import Refused, Session, Told
from license_server.pings import as_sold
from license_server.records import Binding, Device, License, Usage, binding_from, license_from, to_bytes, usage_from

TOGETHER = 256
"""Rules that are asked for at a time: they share a transaction, and the server gets its turn between two."""
PROBLEMS = 20
"""Problems that are told one by one to a person."""

Outcome = Literal["new", "known", "changed", "merged", "full", "lost"]


async def load(session: Session, given: argparse.Namespace) -> Told:
    """Reads the dump; keeps its licenses, then the devices that only `fp:` keys name, then the counters."""
    now = session.clock()
    dump = read_file(given.file, now)
    if given.dry_run:
        return _told(dump, Counter(), Counter(), Counter())
    # The oldest first: of several keys for one sale, it becomes the license and the others stand for it.
    records = sorted(dump.licenses.items(), key=lambda pair: (pair[1].created, pair[0]))
    licenses = await _all(session, (keep_license(key, record, dump.aliases.get(key, ())) for key, record in records))
    unlisted = dump.unlisted()
    bound = await _all(session, (keep_bound(device, key, now) for device, key in unlisted.items()))
    bound["known"] += len(dump.bound) - len(unlisted)
    counts = await _all(session, (keep_count(*of, count) for of, count in dump.counts.items()))
    told = _told(dump, licenses, bound, counts)
    added = {name: told.data[name]["new"] for name in ("licenses", "devices", "counters")}
    await session.act(nothing(), lambda _: Note("kv import", details=added))
    return told


def read_file(name: str, now: float) -> Dump:
    """The dump in a file, `-` for standard input.

    Raises:
        Refused: it cannot be read, or is none.
    """
    try:
        return read(sys.stdin.read() if name == "-" else Path(name).read_text("utf-8-sig"), now)
    except (OSError, UnicodeError, BadDump) as error:
        raise Refused(f"{name}: {error.strerror if isinstance(error, OSError) else error}") from error


async def _all(session: Session, rules: Iterable[Rule[Outcome]]) -> Counter[Outcome]:
    outcomes: Counter[Outcome] = Counter()
    waiting: Iterator[Rule[Outcome]] = iter(rules)
    while some := list(islice(waiting, TOGETHER)):
        outcomes.update(await asyncio.gather(*map(session.do, some)))
    return outcomes


def _told(dump: Dump, licenses: Counter[Outcome], bound: Counter[Outcome], counts: Counter[Outcome]) -> Told:
    problems = list(dump.problems)
    if bound["full"]:
        problems.append(f"{bound['full']} devices were left out: their licenses have no room for them")
    if bound["lost"]:
        problems.append(f"{bound['lost']} devices were left out: their licenses are not in the dump")
    data: dict[str, Any] = {
        "licenses": {"read": len(dump.licenses), **_counted(licenses, "new", "known", "changed", "merged")},
        "devices": {"read": len(dump.bound), **_counted(bound, "new", "known", "full", "lost")},
        "counters": {"read": len(dump.counts), **_counted(counts, "new", "known")},
        "problems": problems,
    }
    lines = [
        f"{name:<9} {found['read']} read"
        + "".join(f", {n} {word}" for word, n in found.items() if n and word != "read")
        for name, found in data.items()
        if isinstance(found, dict)
    ]
    lines += problems[:PROBLEMS]
    if len(problems) > PROBLEMS:
        lines.append(f"… and {len(problems) - PROBLEMS} more like these; --json tells them all")
    return Told(data, lines)


def _counted(outcomes: Counter[Outcome], *names: Outcome) -> dict[str, int]:
    return {name: outcomes[name] for name in names}


# Rules


def keep_license(license_id: str, record: License, aliases: Iterable[str] = ()) -> Rule[Outcome]:
    """Keeps a license: `new`, `known`, `changed` (it has devices or facts more), or `merged`.

    A sale that the worker made several licenses of keeps one: the other keys stand for it, so that a refund ends them
    all. A new license keeps all of its devices, also above its limit; one that is known gets more only up to it.
    """
    merged = False
    found: bytes | None = yield Get("license", license_id)
    alias: bytes | None = yield Get("alias", license_id)
    told: bytes | None = (yield Get("sale", record.sale)) if record.sale else None
    sale: dict[str, Any] = json.loads(told) if told is not None else {}
    if found is None and (other := alias.decode() if alias is not None else sale.get("license")):
        own_id, merged, license_id = license_id, True, other
        if alias is None:
            yield Put("alias", own_id, license_id.encode())
        found = yield Get("license", license_id)
    before = license_from(found) if found is not None else None
    facts: dict[str, Any] = {
        name: True for name in ("refunded", "disputed", "dispute_won") if sale.get(name) or getattr(record, name)
    }
    after = replace(record if before is None else _more_devices(before, record.devices), **facts)
    if after != before:
        yield Put("license", license_id, to_bytes(after))
    if record.sale and "license" not in sale:
        yield Put("sale", record.sale, json.dumps({"license": license_id}).encode())
    for key in aliases:
        if record.sale and as_sold(key):
            yield from name_key(record.sale, key, False)
        else:
            yield from add_alias(key, license_id)
    for device in after.devices:
        yield from _bind(license_id, device.fingerprint)
    if merged:
        return "merged"
    return "new" if before is None else "known" if after == before else "changed"


def _more_devices(record: License, devices: Iterable[Device]) -> License:
    room = max(record.max_devices - len(record.devices), 0)
    more = [device for device in devices if record.device(device.fingerprint) is None]
    return replace(record, devices=(*record.devices, *more[:room]))


def keep_bound(fingerprint: str, license_id: str, now: float) -> Rule[Outcome]:
    """A device that a `fp:` key names: `new`, `known`, `full` (its license has no room), `lost` (it has none).

    The worker let devices through at once that its license did not list; only as many as it is for are believed.
    """
    found: bytes | None = yield Get("license", license_id)
    if found is None:
        alias: bytes | None = yield Get("alias", license_id)
        license_id = alias.decode() if alias is not None else license_id
        found = yield Get("license", license_id)
    if found is None:
        return "lost"
    before = license_from(found)
    if before.device(fingerprint) is not None:
        return "known"
    after = _more_devices(before, [Device(fingerprint, None, before.created, now)])
    if after == before:
        return "full"
    yield Put("license", license_id, to_bytes(after))
    yield from _bind(license_id, fingerprint)
    return "new"


def _bind(license_id: str, fingerprint: str) -> Rule[None]:
    value: bytes | None = yield Get("device", fingerprint)
    binding = binding_from(value) if value is not None else Binding()
    if license_id not in binding.licenses:
        yield Put("device", fingerprint, to_bytes(replace(binding, licenses=(*binding.licenses, license_id))))


def keep_count(fingerprint: str, day: str, count: int) -> Rule[Outcome]:
    """A device's videos of a day: the higher of what is known and what the dump says."""
    key = f"{day}/{fingerprint}"
    value: bytes | None = yield Get("count", key)
    usage = usage_from(value) if value is not None else Usage()
    if usage.count >= count:
        return "known"
    kept_until = (datetime.fromisoformat(f"{day}T00:00:00+00:00") + KEPT_FOR).timestamp()
    yield Put("count", key, to_bytes(replace(usage, count=count)), kept_until)
    return "new"
