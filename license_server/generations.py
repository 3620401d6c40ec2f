"""The rules of the free videos: so many in a UTC day, reserved before one is made, counted on the day of reserving.

A reservation is held for six hours and can be renewed; what is not renewed is free again by itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from license_server.kv.interface import Get, Put, Rule
from license_server.licenses import Pro, pro, pro_by
from license_server.records import Reservation, Usage, reservation_from, to_bytes, usage_from
from license_server.tokens import Signer

RESERVED_FOR = 6 * 3600
"""Seconds that a reservation is held."""
KEPT_FOR = timedelta(days=35)
"""How long counters and reservations are kept after their day."""
DAY_MS = 86_400_000

State = Literal["reserve", "commit", "release"]


class Check(NamedTuple):
    """Whether a device may: always when `pro`; else while `used` (videos made or reserved today) is under the limit."""

    pro: Pro | None
    used: int = 0


class Tracked(NamedTuple):
    """What became of a report: `ok`, `limit` (no free video left), or `committed` (too late to release it).

    `used` is the count of the day that the job belongs to.
    """

    outcome: Literal["ok", "limit", "committed"]
    pro: bool
    used: int = 0


class Reset(NamedTuple):
    """When the day ends: as the documented text, as ISO 8601 in UTC, and in whole seconds from now, rounded up."""

    text: str
    at: str
    seconds: int


def moment(now: float) -> int:
    """A time (Unix seconds) in milliseconds, as exactly as `reset` needs it: but for its start, a second is one."""
    second = int(now)
    return second * 1000 + (now - second >= 0.0009995)  # a float of such a size is off by 0.0000001


@lru_cache(maxsize=64)
def reset(now_ms: int) -> Reset:
    """When free videos come back, seen from `now_ms` (milliseconds since 1970): at the next midnight UTC.

    The text is that of the documented server: hours and minutes rounded down from milliseconds, so `24h 0m` only in the
    first millisecond of a day and `0h 0m` in its last minute.
    """
    left = DAY_MS - now_ms % DAY_MS
    at = datetime.fromtimestamp((now_ms + left) // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Reset(f"{left // 3_600_000}h {left // 60_000 % 60}m", at, -(-left // 1000))


def check(fingerprint: str, now: float, signer: Signer) -> Rule[Check]:
    """Whether a device is licensed, and how many free videos it has used today."""
    bound: bytes | None = yield Get("device", fingerprint)
    if bound is not None:
        found = yield from pro_by(bound, fingerprint, now, signer)
        if found is not None:
            return Check(found)
    value: bytes | None = yield Get("count", f"{_day(int(now // 86_400))}/{fingerprint}")
    return Check(None, usage_from(value).used(now) if value is not None else 0)


def track(fingerprint: str, now: float, signer: Signer) -> Rule[Tracked]:
    """Counts a video, also above the limit, as documented: it has been made."""
    if (yield from pro(fingerprint, now, signer)) is not None:
        return Tracked("ok", True)
    day = _day(int(now // 86_400))
    usage = yield from _usage(day, fingerprint)
    usage = Usage(usage.count + 1, usage.jobs)
    yield _put_usage(day, fingerprint, usage)
    return Tracked("ok", False, usage.used(now))


def track_job(fingerprint: str, job: str, state: State, now: float, signer: Signer, limit: int) -> Rule[Tracked]:
    """Reserves, counts or gives back the video of one job; the same report again changes nothing more.

    `reserve` holds one of the `limit` videos of today for `RESERVED_FOR`, or holds it on; `commit` counts it on the day
    it was reserved (today without a reservation), also after the reservation ran out; `release` gives it back.
    """
    if (yield from pro(fingerprint, now, signer)) is not None:
        return Tracked("ok", True)
    value: bytes | None = yield Get("reservation", _job_key(fingerprint, job))
    before = reservation_from(value) if value is not None else None
    # A job that was given up may be tried again, as a new one.
    if before is None or (before.state == "release" and state != "release"):
        before = Reservation(_day(int(now // 86_400)), "release")
    usage = yield from _usage(before.day, fingerprint)
    if before.state == "commit":
        return Tracked("committed" if state == "release" else "ok", False, usage.used(now))
    jobs = tuple((other, until) for other, until in usage.jobs if other != job and until > now)
    after = replace(usage, jobs=jobs)
    if state == "reserve":
        if after.used(now) >= limit:
            return Tracked("limit", False, usage.used(now))
        after = replace(after, jobs=(*jobs, (job, now + RESERVED_FOR)))
    elif state == "commit":
        after = replace(after, count=after.count + 1)
    if value is not None or state != "release":
        yield _put_usage(before.day, fingerprint, after)
        record = Reservation(before.day, state)
        yield Put("reservation", _job_key(fingerprint, job), to_bytes(record), _kept_until(before.day))
    return Tracked("ok", False, after.used(now))


def _usage(day: str, fingerprint: str) -> Rule[Usage]:
    value: bytes | None = yield Get("count", f"{day}/{fingerprint}")
    return usage_from(value) if value is not None else Usage()


def _put_usage(day: str, fingerprint: str, usage: Usage) -> Put:
    return Put("count", f"{day}/{fingerprint}", to_bytes(usage), _kept_until(day))


def _job_key(fingerprint: str, job: str) -> str:
    """Neither part can hold a tab."""
    return f"{fingerprint}\t{job}"


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    """The UTC day as YYYY-MM-DD, from the days since 1970."""
    return datetime.fromtimestamp(number * 86_400, UTC).strftime("%Y-%m-%d")


@lru_cache(maxsize=8)
def _kept_until(day: str) -> float:
    return (datetime.fromisoformat(f"{day}T00:00:00+00:00") + KEPT_FOR).timestamp()
