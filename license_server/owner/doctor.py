"""`doctor`: looks at settings, store and surroundings, and says what is not as it should be."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import shutil
import sqlite3
import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from license_server.config import BadSettings, settings_from, warnings
from license_server.keys import normalize
from license_server.kv.interface import StoreError
from license_server.licenses import alive
from license_server.owner.licenses import every
from license_server.owner.notes import PREFIX, many, minute
from license_server.owner.session import Session, Told, file_of
from license_server.records import License, binding_from

LOW_DISK = 200_000_000
"""Bytes under which a disk is nearly full."""
HELD_UP = 86_400.0
"""Seconds after which what waits to be sent is no longer on its way but held up."""
ANSWERS_WITHIN = 5.0
"""Seconds that a running server may take for the simplest answer."""


class Finding(NamedTuple):
    """What was looked at; a `problem` makes the exit code 1, a `note` does not."""

    level: Literal["ok", "note", "problem"]
    text: str


async def doctor(session: Session, given: argparse.Namespace) -> Told:
    """All findings, in the order in which they were made."""
    findings = [*programs(), *settings(given.env)]
    path = file_of(session.url)
    if path is not None:
        findings += await asyncio.to_thread(file, path)
    elif session.url.startswith(("redis:", "rediss:")):
        findings += await far(session.url)
    try:
        findings += [finding async for finding in _records(session)]
    except (StoreError, ValueError) as error:
        findings.append(Finding("problem", f"the store cannot be read through: {error}"))
    if given.url is not None:
        findings.append(await asyncio.to_thread(answers, given.url))
    problems = sum(finding.level == "problem" for finding in findings)
    lines = [f"{finding.level:<8} {finding.text}" for finding in findings]
    lines.append(many(problems, "problem") if problems else "all well")
    data = {"problems": problems, "findings": [finding._asdict() for finding in findings]}
    return Told(data, lines, 1 if problems else 0)


def programs() -> list[Finding]:
    """What the server runs on."""
    found = [f"Python {sys.version.split()[0]}", f"SQLite {sqlite3.sqlite_version}"]
    for name in ("httptools", "cryptography", "uvloop", "redis"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [Finding("ok", ", ".join(found))]


def settings(env: Mapping[str, str]) -> list[Finding]:
    """The settings, as `serve` would find them in this environment."""
    try:
        read = settings_from(env)
        read.check()
    except BadSettings as error:
        return [Finding("problem", f"serve would not start with the environment of this command: {error}")]
    found = [Finding("note", text) for text in warnings(read)]
    ways = [name for name, there in (("secret", read.seller.secrets), ("token", read.seller.confirm)) if there]
    return [Finding("ok", f"sales are told from forged ones by {' and '.join(ways)}"), *found]


def file(path: Path) -> list[Finding]:
    """The database file: whole, for nobody else to read, and with room to grow."""
    found = []
    both = [each for each in (path, path.with_name(path.name + "-wal")) if each.exists()]
    if open_to_all := [str(each) for each in both if stat.S_IMODE(each.stat().st_mode) & 0o077]:
        found.append(Finding("problem", f"others can read what they should not: chmod 600 {' '.join(open_to_all)}"))
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        found.append(Finding("problem", f"{path} or its folder cannot be written by this user"))
    free = shutil.disk_usage(path.parent).free
    found.append(Finding("problem" if free < LOW_DISK else "ok", f"{free / 1e9:.1f} GB free on the disk of {path}"))
    try:
        with closing(sqlite3.connect(path, timeout=ANSWERS_WITHIN)) as db:
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    text = "the database is whole" if said == "ok" else f"the database is damaged ({said}): go back to a backup"
    found.append(Finding("ok" if said == "ok" else "problem", text))
    return found


async def far(url: str) -> list[Finding]:
    """The settings of a Redis, as far as they endanger what is kept."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    from license_server.kv.redis_scripts import shortcomings

    redis = Redis.from_url(url, socket_timeout=ANSWERS_WITHIN, socket_connect_timeout=ANSWERS_WITHIN)
    try:
        found = await shortcomings(redis)
    except (RedisError, OSError) as error:
        return [Finding("problem", f"Redis does not answer ({type(error).__name__})")]
    finally:
        await redis.aclose()
    findings = [Finding("problem" if refused else "note", text) for refused, text in found]
    return findings or [Finding("ok", "Redis keeps what it is told")]


async def _records(session: Session) -> AsyncIterator[Finding]:
    known = await session.look(alive())
    yield Finding("ok", "the signing key is there") if known else Finding("note", "no signing key: never served yet")
    licenses = {record_id: record async for record_id, record in _ids(session)}
    states = Counter(record.status for record in licenses.values())
    yield Finding("ok", f"{many(len(licenses), 'license')}, {states['active']} active")
    for finding in [await _links(session, licenses), await _pings(session), await _outbox(session)]:
        yield finding
    async for name, value in session.rows("aside"):
        kind = name.partition("/")[0]
        yield Finding("note", f"a {kind} was put aside after its last try: {json.loads(value).get('reason')}")


async def _ids(session: Session) -> AsyncIterator[tuple[str, License]]:
    async for record in every(session):
        yield normalize(record.key) or "", record


async def _links(session: Session, licenses: Mapping[str, License]) -> Finding:
    """Whether what points at licenses, and what they point at, is there: one transaction wrote both."""
    broken = 0
    bound: dict[str, tuple[str, ...]] = {}
    async for fingerprint, value in session.rows("device"):
        bound[fingerprint] = binding_from(value).licenses
        broken += sum(of not in licenses or not licenses[of].device(fingerprint) for of in bound[fingerprint])
    for license_id, record in licenses.items():
        broken += sum(license_id not in bound.get(device.fingerprint, ()) for device in record.devices)
    async for _, value in session.rows("alias"):
        broken += value.decode() not in licenses
    async for _, value in session.rows("sale"):
        of = json.loads(value).get("license")
        broken += of is not None and of not in licenses
    if broken:
        return Finding("problem", f"{broken} links between licenses, devices, keys and sales lead nowhere")
    return Finding("ok", "licenses, devices, keys and sales agree")


async def _pings(session: Session) -> Finding:
    """When Gumroad was last heard of. The server keeps pings it believes, also those of tests."""
    last = 0.0
    count = 0
    async for key, value in session.rows("event"):
        if not key.startswith(PREFIX):
            count += 1
            last = max(last, float(json.loads(value).get("at", 0)))
    if not count:
        return Finding("note", "no ping of Gumroad yet: send a test ping from its settings")
    return Finding("ok", f"{many(count, 'ping')} of Gumroad, the last on {minute(last)}")


async def _outbox(session: Session) -> Finding:
    now = session.clock()
    waiting = [json.loads(value) async for _, value in session.rows("outbox")]
    held = sum(now - float(entry.get("since", now)) > HELD_UP for entry in waiting)
    if held:
        return Finding(
            "problem", f"{many(held, 'task')} of mail or confirmation waiting for more than a day: see the server's log"
        )
    return Finding("ok", f"{many(len(waiting), 'task')} of mail or confirmation waiting")


def answers(url: str) -> Finding:
    """Whether a server answers at an address, as clients would reach it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Finding("problem", "--url must look like https://licenses.example.com")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=ANSWERS_WITHIN)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Finding("problem", f"nothing answers at {url} ({type(error).__name__})")
    finally:
        connection.close()
    return Finding("ok" if status == 200 else "problem", f"{url}/healthz answers {status}")
