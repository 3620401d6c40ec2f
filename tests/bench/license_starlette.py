"""The plain equivalent to compare with: Starlette on uvicorn, three routes, SQLite with synchronous=FULL.

As one would write it who looks up what makes these quick: uvloop and httptools, no access log, one connection that is
kept open, prepared statements, an index for every look-up, one transaction for each video. No reservations, no tokens.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Cache-Control": "no-store",
}
LIMIT = 1
TABLES = """
CREATE TABLE IF NOT EXISTS licenses (key TEXT PRIMARY KEY, email TEXT, status TEXT, purchased TEXT, places INTEGER);
CREATE TABLE IF NOT EXISTS devices (fingerprint TEXT, key TEXT, PRIMARY KEY (fingerprint, key));
CREATE INDEX IF NOT EXISTS devices_of_key ON devices (key);
CREATE TABLE IF NOT EXISTS counts (day TEXT, fingerprint TEXT, count INTEGER, PRIMARY KEY (day, fingerprint));
"""


def main(path: str) -> None:
    """Serves the file until ended; prints its port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app(opened(path)), loop="uvloop", http="httptools", log_level="warning", access_log=False, lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[listening])


def opened(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(TABLES)
    return db


def fill(path: str, licenses: Iterable[tuple[str, str]], free: Iterable[str]) -> None:
    """Licenses as (key, fingerprint), and devices that have made a video today."""
    db = opened(path)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    sold = [(key, "buyer@example.com", "active", "2026-01-02T03:04:05Z", 3) for key, _ in licenses]
    db.execute("BEGIN")
    db.executemany("INSERT INTO licenses VALUES (?, ?, ?, ?, ?)", sold)
    db.executemany("INSERT INTO devices (key, fingerprint) VALUES (?, ?)", licenses)
    db.executemany("INSERT INTO counts VALUES (?, ?, 0)", [(today, fingerprint) for fingerprint in free])
    db.execute("COMMIT")
    db.close()


def app(db: sqlite3.Connection) -> Starlette:
    async def check(request: Request) -> JSONResponse:
        fingerprint = request.query_params.get("fingerprint", "").strip()
        if not fingerprint:
            return answer({"canGenerate": False, "error": "Missing fingerprint"}, 400)
        key = licensed(fingerprint)
        if key is not None:
            return answer({"canGenerate": True, "isPro": True, "licenseKey": key})
        used = count(fingerprint)
        return answer({"canGenerate": used < LIMIT, "isPro": False, "limit": LIMIT, "used": used, **resets()})

    async def track(request: Request) -> JSONResponse:
        fingerprint = await text(request, "fingerprint")
        if not fingerprint:
            return answer({"success": False, "error": "Missing fingerprint"}, 400)
        if licensed(fingerprint) is not None:
            return answer({"success": True, "count": 0, "isPro": True})
        rows = db.execute(
            "INSERT INTO counts VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
            (today(), fingerprint),
        ).fetchall()
        return answer({"success": True, "count": rows[0][0], "isPro": False, "limit": LIMIT, **resets()})

    async def validate(request: Request) -> JSONResponse:
        key = (await text(request, "licenseKey")).upper()
        row = db.execute("SELECT email, status, purchased, places FROM licenses WHERE key = ?", (key,)).fetchone()
        if row is None:
            return answer({"valid": False, "error": "License key not found"}, 404)
        email, status, purchased, places = row
        if status != "active":
            return answer({"valid": False, "error": "License is not active", "status": status}, 403)
        (used,) = db.execute("SELECT count(*) FROM devices WHERE key = ?", (key,)).fetchone()
        about = {"purchaseDate": purchased[:10], "status": status, "purchasedAt": purchased, "source": "gumroad"}
        return answer({"valid": True, "email": email, "activationsUsed": used, "maxActivations": places, **about})

    def licensed(fingerprint: str) -> str | None:
        row: tuple[str] | None = db.execute(
            "SELECT key FROM devices JOIN licenses USING (key) WHERE fingerprint = ? AND status = 'active'",
            (fingerprint,),
        ).fetchone()
        return row[0] if row else None

    def count(fingerprint: str) -> int:
        sql = "SELECT count FROM counts WHERE day = ? AND fingerprint = ?"
        row: tuple[int] | None = db.execute(sql, (today(), fingerprint)).fetchone()
        return row[0] if row else 0

    return Starlette(
        routes=[
            Route("/api/generation/check", check),
            Route("/api/generation/track", track, methods=["POST"]),
            Route("/api/license/validate", validate, methods=["POST"]),
        ]
    )


def answer(fields: dict[str, object], status: int = 200) -> JSONResponse:
    return JSONResponse(fields, status, HEADERS)


async def text(request: Request, name: str) -> str:
    try:
        fields = json.loads(await request.body())
    except ValueError:
        return ""
    value = fields.get(name) if isinstance(fields, dict) else None
    return value.strip() if isinstance(value, str) else ""


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def resets() -> dict[str, object]:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    seconds = int((midnight - now).total_seconds())
    at = midnight.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"resetsIn": f"{seconds // 3600}h {seconds // 60 % 60}m", "resetsAt": at, "resetsInSeconds": seconds}


if __name__ == "__main__":
    main(sys.argv[1])
