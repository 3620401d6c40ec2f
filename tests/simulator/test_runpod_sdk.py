"""RunPod's own package against the simulated account: a pod's whole life, and what it makes of every fault."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from oavr_tui.simulator.runpod_script import FULL_KEY, READ_ONLY_KEY
from tests.simulator.runpod_live import GPU, TEMPLATE, Live, account

DEADLINE = 120.0


class Sdk:
    """The package in its process, talking to an account."""

    def __init__(self, process: asyncio.subprocess.Process, base: str) -> None:
        self._process = process
        self._base = base

    async def ask(self, call: str, *, key: str = FULL_KEY, **arguments: Any) -> dict[str, Any]:
        """What came of a call: {"returned": ...} or {"raised": the exception's name, "message": ...}."""
        task = {"base": self._base, "key": key, "call": call, "with": arguments}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self.line())
        return answer

    async def line(self) -> bytes:
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            return await self._process.stdout.readline()

    async def returned(self, call: str, **arguments: Any) -> Any:
        """What a call returned."""
        answer = await self.ask(call, **arguments)
        assert "returned" in answer, answer
        return answer["returned"]

    async def made(self) -> str:
        """Rent a pod as the app does, and return its id."""
        pod = await self.returned(
            "create_pod",
            name="one",
            gpu_type_id=GPU,
            cloud_type="COMMUNITY",
            template_id=TEMPLATE,
            volume_in_gb=None,
            docker_args=None,
            volume_mount_path=None,
        )
        pod_id: str = pod["id"]
        return pod_id


@asynccontextmanager
async def sdk(live: Live, home: Path) -> AsyncIterator[Sdk]:
    """The package with a home of its own, so that no file of the person's is read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulator.runpod_sdk_caller",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home), "NO_PROXY": "127.0.0.1"},
    )
    caller = Sdk(process, live.simulator.base_url)
    try:
        assert await caller.line() == b"ready\n"
        yield caller
    finally:
        process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def test_the_whole_life_of_a_pod(tmp_path: Path) -> None:
    volumes = [{"id": "vol1", "name": "films", "size": 50, "data_center": "EU-RO-1"}]
    async with account(tmp_path / "cloud", volumes=volumes, balance=10) as live, sdk(live, tmp_path) as caller:
        assert (await caller.returned("get_user"))["networkVolumes"] == [
            {"id": "vol1", "name": "films", "size": 50, "dataCenterId": "EU-RO-1"}
        ]
        assert {"id": GPU, "displayName": "RTX 4090", "memoryInGb": 24} in await caller.returned("get_gpus")
        gpu = await caller.returned("get_gpu", gpu_id=GPU)
        assert (gpu["communityPrice"], gpu["lowestPrice"]["uninterruptablePrice"]) == (0.34, 0.34)
        assert (await caller.ask("get_gpu", gpu_id="none"))["raised"] == "ValueError"
        assert await caller.returned("get_pods") == []
        assert await caller.returned("get_pod", pod_id="abc123") is None
        pod_id = await caller.made()
        async with asyncio.timeout(DEADLINE):
            while (await caller.returned("get_pod", pod_id=pod_id))["runtime"] is None:
                await asyncio.sleep(0.01)
        (pod,) = await caller.returned("get_pods")
        assert (pod["id"], pod["desiredStatus"], pod["volumeInGb"]) == (pod_id, "RUNNING", 100)
        assert (pod["memoryInGb"], pod["machine"], pod["env"]) == (
            62,
            {"gpuDisplayName": "RTX 4090"},
            ["ENABLE_FEATURES=infinitetalk"],
        )
        money = "{ myself { clientBalance currentSpendPerHr spendLimit } }"
        myself = (await caller.returned("run_graphql_query", query=money))["data"]["myself"]
        assert myself["clientBalance"] < 10
        assert (myself["currentSpendPerHr"], myself["spendLimit"]) == (0.34, 80)
        assert await caller.returned("stop_pod", pod_id=pod_id) == {"id": pod_id, "desiredStatus": "EXITED"}
        assert (await caller.returned("resume_pod", pod_id=pod_id, gpu_count=1))["desiredStatus"] == "RUNNING"
        assert await caller.returned("terminate_pod", pod_id=pod_id) is None
        assert await caller.returned("get_pod", pod_id=pod_id) is None
        book = live.book(pod_id)
        assert (book["end"], live.simulator.books()["creates"]) == ("terminated", 1)
        with_volume = await caller.returned(
            "create_pod",
            name="two",
            gpu_type_id=GPU,
            cloud_type="SECURE",
            template_id=TEMPLATE,
            network_volume_id="vol1",
            volume_mount_path="/workspace",
            env={"A": r"it\"s\n"},
        )
        pod = await live.get(with_volume["id"])
        assert (pod["mounts"], pod["dataCenterId"]) == (
            {"network": [{"volumeId": "vol1", "path": "/workspace"}]},
            "EU-RO-1",
        )
        assert pod["env"]["A"] == 'it"s\n'
        template = await caller.returned("create_template", name="mine", image_name="x/y:1", ports="8188/http")
        own = await caller.returned("create_pod", name="three", gpu_type_id=GPU, template_id=template["id"])
        assert (await live.get(own["id"]))["ports"] == ["8188/http"]


async def test_what_the_package_makes_of_every_fault(tmp_path: Path) -> None:
    outcomes: list[tuple[dict[str, Any], str, str]] = [
        ({"do": "unauthorized"}, "AuthenticationError", ""),
        ({"do": "forbidden"}, "KeyError", "data"),
        ({"do": "forbidden", "form": "html"}, "JSONDecodeError", ""),
        ({"do": "rate_limit"}, "KeyError", "data"),
        ({"do": "error"}, "QueryError", "Something went wrong"),
        ({"do": "error", "form": "html", "status": 502}, "JSONDecodeError", ""),
        ({"do": "error", "form": "empty", "status": 503}, "JSONDecodeError", ""),
        ({"do": "drop"}, "ConnectionError", ""),
        ({"do": "hang", "seconds": 0.05}, "ConnectionError", ""),
        ({"do": "gone", "status": 410}, "QueryError", "deprecated"),
        ({"do": "gone", "status": 200}, "QueryError", "deprecated"),
        ({"do": "body", "body": '{"data": null}'}, "TypeError", ""),
        ({"do": "body", "body": '{"errors": []}'}, "IndexError", ""),
    ]
    async with account(tmp_path / "cloud") as live, sdk(live, tmp_path) as caller:
        pod_id = await caller.made()
        for fault, raised, words in outcomes:
            await live.script(fault)
            answer = await caller.ask("get_pods")
            assert answer.get("raised") == raised, (fault, answer)
            assert words in answer["message"]
        refusals: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
            ({"do": "no_capacity"}, "resume_pod", {"gpu_count": 1}, "no longer any instances"),
            ({"do": "no_funds"}, "resume_pod", {"gpu_count": 1}, "balance"),
            ({"do": "not_free"}, "resume_pod", {"gpu_count": 1}, "not enough free GPUs"),
            ({"do": "error", "when": "after"}, "stop_pod", {}, "Something went wrong"),
        ]
        for fault, call, arguments, words in refusals:
            await live.script(fault)
            answer = await caller.ask(call, pod_id=pod_id, **arguments)
            assert answer["raised"] == "QueryError"
            assert words in answer["message"]
        assert (await live.http.get("/simulator/state")).json()["pods"][0]["status"] == "EXITED"
        await live.script()
        assert (await caller.ask("get_pods", key="wrong"))["raised"] == "AuthenticationError"
        assert len((await caller.ask("get_pods", key=READ_ONLY_KEY))["returned"]) == 1
        refused = await caller.ask("terminate_pod", key=READ_ONLY_KEY, pod_id=pod_id)
        assert (refused["raised"], "write permission" in refused["message"]) == ("QueryError", True)
        assert (await live.get(pod_id))["status"] == "EXITED"
