"""Stores full of licenses and counters for the bench, made by the server's own rules and engine."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from license_server.kv.ask import ask
from license_server.kv.interface import Put, Rule
from license_server.kv.sqlite import SQLiteStore
from license_server.licenses import signing_key
from license_server.records import Binding, Device, License, Usage, to_bytes
from license_server.tokens import Signer

AT_ONCE = 20_000
"""Rows in one transaction."""


def key(number: int) -> str:
    digits = f"{number:016d}"
    return "-".join(["OAVR", *(digits[i : i + 4] for i in range(0, 16, 4))])


def licensed(number: int) -> str:
    """The fingerprint of the device that the license of this number is on."""
    return hashlib.sha256(f"licensed {number}".encode()).hexdigest()


def free(number: int) -> str:
    """The fingerprint of a device with a counter."""
    return hashlib.sha256(f"free {number}".encode()).hexdigest()


def store(folder: Path, licenses: int, counters: int) -> Path:
    """A store of this size; one that was made earlier today is used again (counters and tokens are those of a day)."""
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    path = folder / f"licenses-{day}-{licenses}-{counters}.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        making = path.with_suffix(".making")
        making.unlink(missing_ok=True)
        asyncio.run(_make(making, day, licenses, counters))
        making.rename(path)
    return path


async def _make(path: Path, day: str, licenses: int, counters: int) -> None:
    engine = SQLiteStore(str(path), time.time)
    signer = Signer(await ask(engine.write, signing_key(secrets.token_bytes(32))))
    now = time.time()
    for rows in (_licenses(licenses, now), _devices(licenses, signer, now), _counters(counters, day, now)):
        while await ask(engine.write, _some(rows)):
            pass
    engine.close()


def _some(rows: Iterator[Put]) -> Rule[int]:
    written = 0
    for row in rows:
        yield row
        written += 1
        if written == AT_ONCE:
            break
    return written


def _licenses(count: int, now: float) -> Iterator[Put]:
    for number in range(count):
        device = Device(licensed(number), "A device", now, now)
        record = License(key(number), "buyer@example.com", 3, now, "2026-01-02T03:04:05Z", devices=(device,))
        yield Put("license", record.key.replace("-", ""), to_bytes(record))


def _devices(count: int, signer: Signer, now: float) -> Iterator[Put]:
    for fingerprint, number in sorted((licensed(number), number) for number in range(count)):
        license_id = key(number).replace("-", "")
        token = signer.token(license_id, fingerprint, now)
        yield Put("device", fingerprint, to_bytes(Binding((license_id,), token, license_id, signer.kid, now)))


def _counters(count: int, day: str, now: float) -> Iterator[Put]:
    for fingerprint in sorted(map(free, range(count))):
        yield Put("count", f"{day}/{fingerprint}", to_bytes(Usage()), now + 35 * 86_400)


if __name__ == "__main__":
    begun = time.monotonic()
    print(store(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])), f"{time.monotonic() - begun:.1f} s")
