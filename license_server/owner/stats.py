"""`stats` and `history`: how much of what there is, and what the owner did."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from license_server.keys import masked
from license_server.owner.licenses import every
from license_server.owner.notes import many
from license_server.owner.session import Session, Told, file_of
from license_server.owner.views import history, said
from license_server.records import usage_from

DAYS = 7
"""Days of free videos that are told."""


async def stats(session: Session, given: argparse.Namespace) -> Told:
    """Licenses by state, devices, income, and free videos of the last days."""
    status: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    devices = cents = 0
    async for record in every(session):
        status[record.status] += 1
        sources[record.source] += 1
        devices += len(record.devices)
        # What was given back is no income; what is disputed is not yet lost.
        cents += 0 if record.refunded else record.price or 0
    today = datetime.fromtimestamp(session.clock(), UTC).date()
    videos = [await _videos(session, str(today - timedelta(days=ago))) for ago in range(DAYS)]
    waiting = Counter([key.partition("/")[0] async for key, _ in session.rows("outbox")])
    path = file_of(session.url)
    size = path.stat().st_size if path is not None else None
    data = {
        "licenses": {"all": status.total(), **status},
        "sources": dict(sources),
        "devices": devices,
        "incomeCents": cents,
        "free": videos,
        "outbox": dict(waiting),
        "databaseBytes": size,
    }
    lines = [
        f"licenses   {status.total()}" + "".join(f", {count} {name}" for name, count in sorted(status.items())),
        f"devices    {devices}",
        f"income     ${cents / 100:,.2f} (prices of what was not refunded)",
        *(
            f"{day['day']} {many(day['videos'], 'free video')} by {many(day['devices'], 'device')}"
            for day in videos
            if day["devices"]
        ),
    ]
    if waiting:
        lines.append("waiting    " + ", ".join(f"{count} to {name}" for name, count in sorted(waiting.items())))
    if size is not None:
        lines.append(f"database   {size / 1e6:.1f} MB")
    return Told(data, lines)


async def _videos(session: Session, day: str) -> dict[str, Any]:
    counts = [usage_from(value).count async for _, value in session.rows("count", f"{day}/")]
    return {"day": day, "videos": sum(counts), "devices": len(counts)}


async def past(session: Session, given: argparse.Namespace) -> Told:
    """The latest of what the owner did."""
    notes = (await history(session))[-given.limit :]
    shown = [{**note, "license": masked(note["license"])} if note.get("license") else note for note in notes]
    return Told({"history": shown}, [said(note) for note in notes] or ["nothing yet"])
