"""GET /v2/billing/pods of the simulated account: what each pod has cost in each stretch of time.

As the API's description says: a window is widened to whole buckets, there is a record a pod and a bucket, and lastN
stands instead of startTime and endTime. All buckets are those of UTC; a week begins on Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.runpod_log import iso
from oavr_tui.simulator.runpod_pod import SimPod
from oavr_tui.simulator.runpod_refusals import Refusal

BUCKETS = ("hour", "day", "week", "month", "year")
_USUAL_WINDOW = 30 * 86_400.0
_MOST_BUCKETS = 10_000
_AMOUNTS = ("totalAmount", "gpuAmount", "cpuAmount", "diskAmount")


def bill(query: Mapping[str, str], pods: Iterable[SimPod], *, now: float, known: float) -> dict[str, Any]:
    """The body of the answer. now: unix seconds; known: until when costs have been worked out. Raises Refusal."""
    size = query.get("bucketSize", "day")
    if size not in BUCKETS:
        raise Refusal(refusals.INVALID, "bucketSize: hour, day, week, month or year.")
    start, end = _window(query, size, now)
    wanted = query.get("podId")
    chosen = [pod for pod in pods if wanted in (None, pod.id)]
    records = [
        record
        for pod in chosen
        for bucket in _buckets(max(start, pod.created_at), min(end, known), size)
        if (record := _record(pod, *bucket, known))["totalAmount"] > 0
    ]
    asked = {"startTime": iso(start), "endTime": iso(end), "bucketSize": size}
    metadata = {
        "query": asked if wanted is None else {**asked, "podId": wanted},
        "recordCount": len(records),
        "totals": {name: sum(record[name] for record in records) for name in _AMOUNTS},
        "uniquePodCount": len({record["podId"] for record in records}),
    }
    return {"records": records, "metadata": metadata}


def moment(text: str | None, otherwise: float) -> float:
    """A time of a query, in unix seconds. Raises Refusal for what is none."""
    if not text:
        return otherwise
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Refusal(refusals.INVALID, "That is not a time.") from None


def _window(query: Mapping[str, str], size: str, now: float) -> tuple[float, float]:
    last = query.get("lastN")
    if last is not None:
        if "startTime" in query or "endTime" in query:
            raise Refusal(refusals.BROKEN_RULE, "lastN stands instead of startTime and endTime")
        if not last.isdecimal() or not 1 <= int(last[:9]) <= _MOST_BUCKETS:
            raise Refusal(refusals.INVALID, f"lastN: 1 to {_MOST_BUCKETS}.")
        start = floor(now, size)
        for _ in range(int(last) - 1):
            start = floor(start - 1.0, size)
        return start, after(floor(now, size), size)
    start = floor(moment(query.get("startTime"), now - _USUAL_WINDOW), size)
    end = moment(query.get("endTime"), now)
    whole = floor(end, size)
    return start, whole if whole == end else after(whole, size)


def floor(at: float, size: str) -> float:
    """When the bucket begins in which a moment lies. Raises Refusal beyond the calendar."""
    try:
        day = datetime.fromtimestamp(at, UTC).replace(minute=0, second=0, microsecond=0)
    except (ValueError, OverflowError, OSError):
        raise Refusal(refusals.INVALID, "That time is beyond the calendar.") from None
    if size != "hour":
        day = day.replace(hour=0)
    if size == "week":
        day -= timedelta(days=day.weekday())
    if size in ("month", "year"):
        day = day.replace(day=1)
    if size == "year":
        day = day.replace(month=1)
    return day.timestamp()


def after(start: float, size: str) -> float:
    """When the next bucket begins."""
    longest = {"hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 366 * 86_400}
    return floor(start + longest[size], size)


def _buckets(start: float, end: float, size: str) -> Iterator[tuple[float, float]]:
    begin = floor(start, size)
    while begin < end:
        yield begin, after(begin, size)
        begin = after(begin, size)


def _record(pod: SimPod, start: float, end: float, known: float) -> dict[str, Any]:
    until = min(end, known)
    return {
        "startTime": iso(start),
        "endTime": iso(end),
        "podId": pod.id,
        "totalAmount": pod.meter.dollars(until, start),
        "gpuAmount": pod.meter.dollars(until, start, "gpu"),
        "cpuAmount": 0,
        "diskAmount": pod.meter.dollars(until, start, "storage"),
    }
