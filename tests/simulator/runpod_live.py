"""A simulated account in this process, with clients for both its APIs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from oavr_tui.simulator.runpod import RunPodSimulator
from oavr_tui.simulator.runpod_books import PodBook
from oavr_tui.simulator.runpod_script import FULL_KEY, Script

DEADLINE = 60.0
GPU = "NVIDIA GeForce RTX 4090"
TEMPLATE = "qvidd7ityi"
QUICK: dict[str, Any] = {
    "pull_seconds": 0.02,
    "start_seconds": 0.02,
    "boot": {"files": ["model.safetensors"], "seconds_per_file": 0.01, "warm_seconds": 0.01},
}


def wish(**more: Any) -> dict[str, Any]:
    """A body that rents a pod by v2."""
    return {"name": "one", "templateId": TEMPLATE, "gpu": {"id": GPU}, "cloud": "COMMUNITY", **more}


@dataclass
class Live:
    """A running account, a client with the full key, and what tests do again and again."""

    simulator: RunPodSimulator
    http: httpx.AsyncClient

    async def create(self, **more: Any) -> str:
        """Rent a pod by v2, and return its id."""
        response = await self.http.post("/v2/pods", json=wish(**more))
        assert response.status_code == 201, response.text
        pod_id: str = response.json()["id"]
        return pod_id

    async def get(self, pod_id: str) -> dict[str, Any]:
        """The pod by v2."""
        response = await self.http.get(f"/v2/pods/{pod_id}")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def act(self, pod_id: str, action: str) -> httpx.Response:
        """Ask for an action by v2."""
        return await self.http.post(f"/v2/pods/{pod_id}/action", json={"action": action})

    async def graphql(self, query: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        """Ask GraphQL."""
        return await self.http.post("/graphql", json={"query": query, "variables": variables})

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask GraphQL what it answers without errors."""
        body = (await self.graphql(query, variables)).json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def until(self, pod_id: str, status: str) -> dict[str, Any]:
        """Wait until the pod has a status."""
        async with asyncio.timeout(DEADLINE):
            while (pod := await self.get(pod_id))["status"] != status:
                await asyncio.sleep(0.01)
        return pod

    async def running(self, **more: Any) -> str:
        """Rent a pod and wait until it runs."""
        pod_id = await self.create(**more)
        await self.until(pod_id, "RUNNING")
        return pod_id

    async def holds(self, what: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + DEADLINE
        while not what():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)

    def book(self, pod_id: str) -> PodBook:
        """The pod's page in the books."""
        return next(each for each in self.simulator.books()["pods"] if each["id"] == pod_id)

    async def script(self, *faults: dict[str, Any], **more: Any) -> None:
        """Replace the script."""
        response = await self.http.post("/simulator/script", json={**QUICK, **more, "faults": faults})
        assert response.status_code == 200, response.text

    def port(self, pod_id: str, port: int, path: str) -> str:
        """An address behind the proxy."""
        return self.simulator.proxy_template.format(pod=pod_id, port=port) + path


@asynccontextmanager
async def account(directory: Path, *faults: dict[str, Any], **script: Any) -> AsyncIterator[Live]:
    """An account under a script that is quick unless it says otherwise."""
    whole = Script.model_validate({**QUICK, **script, "faults": faults})
    async with (
        RunPodSimulator(directory, script=whole) as simulator,
        httpx.AsyncClient(
            base_url=simulator.base_url,
            headers={"Authorization": f"Bearer {whole.keys.full}"},
            trust_env=False,
            timeout=DEADLINE,
        ) as http,
    ):
        yield Live(simulator, http)


def bearer(key: str = FULL_KEY) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key}"}
