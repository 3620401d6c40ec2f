"""`kv export`: the store as a dump that a worker's namespace can be filled with."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, TextIO

from license_server.owner.files import new_file
from license_server.owner.kv_dump import count_pair, license_pairs, write
from license_server.owner.notes import Note, many, nothing
from license_server.owner.session import Session, Told
from license_server.records import license_from, usage_from


async def dump(session: Session, given: argparse.Namespace) -> Told:
    """Writes the dump to a file, or (`-`) to standard output, and says on the way what was left out."""
    counted: Counter[str] = Counter()
    pairs = _pairs(session, given.all, counted)
    if given.file == "-":
        await _write(pairs, sys.stdout)
    else:
        with new_file(given.file) as path, path.open("w", encoding="utf-8") as file:
            await _write(pairs, file)
    data = {name: counted[name] for name in ("licenses", "devices", "counters", "left_out")}
    await session.act(nothing(), lambda _: Note("kv export", details=data))
    lines = [", ".join(many(data[f"{word}s"], word) for word in ("license", "device", "counter"))]
    if counted["left_out"]:
        left_out = many(counted["left_out"], "suspended, refunded or revoked license")
        lines.append(f"left out: {left_out}, which a worker would take for good (--all writes them too)")
    # The dump itself may be what is on standard output.
    return Told(data, lines) if given.file != "-" else Told({}, [])


async def _write(pairs: AsyncIterator[dict[str, Any]], file: TextIO) -> None:
    async for piece in write(pairs):
        file.write(piece)


async def _pairs(session: Session, inactive_too: bool, counted: Counter[str]) -> AsyncIterator[dict[str, Any]]:
    aliases: dict[str, list[str]] = {}
    async for alias, of in session.rows("alias"):
        aliases.setdefault(of.decode(), []).append(alias)
    async for license_id, value in session.rows("license"):
        record = license_from(value)
        if record.status != "active" and not inactive_too:
            counted["left_out"] += 1
            continue
        counted["licenses"] += 1
        for pair in license_pairs(record, aliases.get(license_id, ())):
            counted["devices"] += pair["key"].startswith("fp:")
            yield pair
    now = session.clock()
    async for key, value in session.rows("count"):
        day, _, fingerprint = key.partition("/")
        pair_of = count_pair(fingerprint, day, usage_from(value).count, now)
        if pair_of is not None:
            counted["counters"] += 1
            yield pair_of
