"""The bill in its stretches of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_billing import BUCKETS, after, bill, floor
from oavr_tui.simulator.runpod_catalog import GPU_TYPES
from oavr_tui.simulator.runpod_log import ProviderLog, iso
from oavr_tui.simulator.runpod_money import Meter
from oavr_tui.simulator.runpod_pod import Host, Order, SimPod
from oavr_tui.simulator.runpod_refusals import Refusal
from tests.simulator.test_runpod_account import Switch

TIMES = st.floats(946_684_800, 4_000_000_000)  # from the year 2000 on


def pod(began: float, seconds: float) -> SimPod:
    """A pod that ran for a while at a dollar an hour."""
    gpu = replace(GPU_TYPES[0], community=1.0)
    meter = Meter(1.0)
    meter.turn("gpu", 1.0, began)
    meter.off(began + seconds)
    return SimPod(
        id="pod1",
        order=Order("one", gpu.id, 1, ("community",), "x"),
        host=Host(gpu, "community", "US-KS-2", 62.0, 1.0),
        cuda="12.8",
        boot=BootScript(),
        machine=Switch(),
        meter=meter,
        created_at=began,
        log=ProviderLog(),
    )


@given(TIMES, st.sampled_from(BUCKETS))
def test_a_moment_lies_in_its_bucket(at: float, size: str) -> None:
    start = floor(at, size)
    end = after(start, size)
    assert start <= at < end
    assert (floor(start, size), floor(end - 0.001, size), floor(end, size)) == (start, start, end)


@given(TIMES, st.floats(1, 86_400), st.sampled_from(BUCKETS))
def test_the_buckets_add_up(began: float, seconds: float, size: str) -> None:
    now = began + seconds + 10
    query = {"startTime": iso(began), "endTime": iso(now), "bucketSize": size}
    body = bill(query, [pod(began, seconds)], now=now, known=now)
    total = body["metadata"]["totals"]["totalAmount"]
    assert total == pytest.approx(seconds / 3600)
    records = body["records"]
    assert [each["endTime"] for each in records[:-1]] == [each["startTime"] for each in records[1:]]
    assert (body["metadata"]["recordCount"], body["metadata"]["uniquePodCount"]) == (len(records), 1)
    latest = bill({"bucketSize": size, "lastN": str(len(records) + 1)}, [pod(began, seconds)], now=now, known=now)
    assert latest["metadata"]["totals"]["totalAmount"] == pytest.approx(total)


def test_what_is_not_worked_out_yet_is_not_billed_yet() -> None:
    now = datetime(2026, 11, 23, 12, 30, tzinfo=UTC).timestamp()
    one = pod(now - 1200, 600)
    for known, dollars in ((now, 600), (now - 900, 300), (now - 1300, 0)):
        assert sum(each["gpuAmount"] for each in bill({}, [one], now=now, known=known)["records"]) == dollars / 3600
    assert bill({"podId": "other"}, [one], now=now, known=now)["records"] == []
    assert bill({"lastN": "1", "bucketSize": "hour"}, [one], now=now, known=now)["metadata"]["query"] == {
        "startTime": "2026-11-23T12:00:00Z",
        "endTime": "2026-11-23T13:00:00Z",
        "bucketSize": "hour",
    }


@pytest.mark.parametrize(
    "query",
    [
        {"bucketSize": "minute"},
        {"startTime": "soon"},
        {"startTime": "0001-01-01T00:00:00+23:00"},
        {"endTime": "9999-12-31T23:59:59Z", "bucketSize": "year"},
        {"lastN": "0"},
        {"lastN": "many"},
        {"lastN": "1", "startTime": "2026-01-01T00:00:00Z"},
    ],
)
def test_windows_that_are_none(query: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        bill(query, [], now=1.8e9, known=1.8e9)
