"""Deeds at random against real machines, with answers that get lost: nothing leaks, and the books stay right."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulator.runpod_live import GPU, Live, account, wish

ACTIONS = ("start", "stop", "restart", "terminate")
LOSSES: list[dict[str, Any]] = [
    {"match": {"path": "/v2/pods", "nth": [3, 5]}, "do": "drop", "when": "after"},
    {"match": {"deed": "stop", "nth": 2}, "do": "error", "when": "after"},
    {"match": {"deed": "create", "nth": 2}, "do": "vanish", "seconds": 0.05},
    {"match": {"deed": "create", "nth": 3}, "do": "broken", "seconds": 0.02},
    {"match": {"deed": "list", "nth": 4}, "do": "hang", "seconds": 0.02},
]


async def deed(live: Live, chance: random.Random) -> None:
    """One thing that a client may do, by either API."""
    pods = [pod["id"] for pod in live.simulator.books()["pods"]]
    pod_id = chance.choice(pods) if pods else "nobody"
    action = chance.choice(ACTIONS)
    asks = [
        lambda: live.http.post("/v2/pods", json=wish(gpu={"id": GPU, "count": chance.randint(1, 3)})),
        lambda: live.http.get("/v2/pods"),
        lambda: live.act(pod_id, action),
        lambda: live.graphql("{ myself { clientBalance pods { id desiredStatus runtime { uptimeInSeconds } } } }"),
        lambda: live.graphql(f'mutation {{ podStop(input: {{podId: "{pod_id}"}}) {{ id }} }}'),
        lambda: live.http.get(live.port(pod_id, 8001, "/health")),
        lambda: live.http.get(live.port(pod_id, 8188, "/queue")),
    ]
    try:
        answer = await chance.choice(asks)()
    except httpx.TransportError:
        return
    assert answer.status_code in (200, 201, 204, 400, 404, 409, 500, 502), answer.text


async def torture(folder: Path, seed: int, deeds: int) -> None:
    chance = random.Random(seed)
    capacity = {GPU: {"community": 4}}
    async with account(folder, *LOSSES, capacity=capacity, balance=1000, time_scale=1000) as live:
        for _ in range(deeds):
            await asyncio.gather(*(deed(live, chance) for _ in range(chance.randint(1, 3))))
        books = live.simulator.books()
        assert books["balance"] + books["dollars"] == pytest.approx(1000)
        for pod in books["pods"]:
            assert pod["dollars"] == pytest.approx(pod["gpu_dollars"] + pod["storage_dollars"])
            end = pod["ended_at"] or books["now"]
            assert 0 < pod["billed_seconds"] <= (end - pod["created_at"]) * 1000 * 1.000001
        for pod in books["pods"]:
            if pod["status"] != "TERMINATED":
                live.simulator.account.terminate(pod["id"])
        assert (await live.http.get("/v2/pods")).status_code in (200, 500)
        assert live.simulator.books()["per_hour"] == 0


async def test_a_short_storm(tmp_path: Path) -> None:
    await torture(tmp_path, 1, 25)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2, 12))
async def test_a_long_storm(tmp_path: Path, seed: int) -> None:
    await torture(tmp_path, seed, 150)
