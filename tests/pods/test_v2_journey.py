"""The REST client against a simulated account: a machine's whole life, and everything that may come between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.errors import NoFunds, NoGpu, NoKey, OavrError, Rejected, Unreachable
from oavr_tui.pods.provider import ApiGone, Cloud, CloudPod, CloudState, NotNow, Slower, Stock, Unclear, Volume, Wish
from oavr_tui.pods.runpod_v2 import RunPodV2
from oavr_tui.pods.runpod_v2_http import Deadlines
from oavr_tui.simulator.runpod import RunPodSimulator
from oavr_tui.simulator.runpod_script import FULL_KEY, READ_ONLY_KEY, Script

GPU = "NVIDIA GeForce RTX 4090"
WISH = Wish("oavr-studio-1", GPU, Cloud.COMMUNITY, "qvidd7ityi", min_memory_gb=0)
QUICK: dict[str, Any] = {
    "pull_seconds": 0.05,
    "start_seconds": 0.05,
    "boot": {"files": ["model.safetensors"], "seconds_per_file": 0.05, "warm_seconds": 0.05},
}


@asynccontextmanager
async def account(
    folder: Path, *, key: str = FULL_KEY, deadlines: Deadlines | None = None, **script: Any
) -> AsyncIterator[tuple[RunPodSimulator, RunPodV2]]:
    """A simulated account and a client of it for which every wait is over at once."""

    async def no_wait(seconds: float) -> None:
        await asyncio.sleep(0)

    async with RunPodSimulator(folder, script=Script.model_validate(QUICK | script)) as runpod:
        later = count(0.0, 1_000.0).__next__
        client = RunPodV2(key, base=runpod.base_url, sleep=no_wait, clock=later, deadlines=deadlines)
        try:
            yield runpod, client
        finally:
            await client.close()


async def until(client: RunPodV2, pod_id: str, state: CloudState) -> CloudPod:
    """The pod once it is in a state; the test's own deadline ends a wait in vain."""
    while True:
        pod = await client.pod(pod_id)
        assert pod is not None
        if pod.state is state:
            return pod
        await asyncio.sleep(0.01)


async def test_a_machine_from_the_catalogue_to_its_bill(tmp_path: Path) -> None:
    async with account(tmp_path, balance=9_000.0, prices={GPU: {"community": 900.0}}) as (_, client):
        offer = next(each for each in await client.offers() if (each.gpu, each.cloud) == (GPU, Cloud.COMMUNITY))
        assert (offer.per_hour, offer.vram, offer.stock) == (900.0, 24, Stock.HIGH)
        assert await client.pods() == ()
        assert await client.account() is None

        created = await client.create(WISH)
        assert (created.name, created.gpu, created.cloud, created.template) == (
            WISH.name,
            GPU,
            "community",
            WISH.template,
        )
        assert (created.state, created.per_hour, created.volume_gb) == (CloudState.COMING, 900.0, 100.0)
        running = await until(client, created.id, CloudState.RUNNING)
        assert running.started_at is not None and running.created_at is not None
        assert running.created_at <= running.started_at
        assert [each.id for each in await client.pods()] == [created.id]

        await client.stop(created.id)
        stopped = await until(client, created.id, CloudState.STOPPED)
        assert (stopped.per_hour, stopped.volume_gb) == (0.0, 100.0)
        with pytest.raises(Rejected):
            await client.stop(created.id)
        await client.start(created.id)
        await until(client, created.id, CloudState.RUNNING)

        await client.terminate(created.id)
        assert await client.pod(created.id) is None
        assert await client.pods() == ()
        await client.terminate(created.id)
        for again in (client.start, client.stop):
            with pytest.raises(Rejected):
                await again(created.id)

        bills = await client.bills(created.created_at or 0.0)
        assert [bill.pod_id for bill in bills] == [created.id]
        assert 0 < bills[0].dollars < 900


async def test_the_log_goes_on_where_it_was_left(tmp_path: Path) -> None:
    async with account(tmp_path) as (_, client):
        pod = await client.create(WISH)
        first: list[tuple[str, str]] = []
        async with aclosing(client.log(pod.id, "")) as log:
            async for found in log:
                first.append(found)
                if "Container Started" in found[1]:
                    break
        rest: list[tuple[str, str]] = []
        async with aclosing(client.log(pod.id, first[-1][0])) as log:
            async for found in log:
                rest.append(found)
                if "Starting ComfyUI" in found[1]:
                    break
        ids = [event_id for event_id, _ in first + rest]
        assert len(set(ids)) == len(ids)
        assert sorted(ids) == ids
        assert not any("Container Started" in line for _, line in rest)

        whole: list[tuple[str, str]] = []
        async with aclosing(client.log(pod.id, "")) as log:
            whole.append(await anext(log))
            await client.terminate(pod.id)
            whole.extend([found async for found in log])  # it ends with the pod
        assert whole[: len(first)] == first
        with pytest.raises(Rejected):
            await everything(client, pod.id)


async def everything(client: RunPodV2, pod_id: str) -> list[tuple[str, str]]:
    async with aclosing(client.log(pod_id, "")) as log:
        return [found async for found in log]


async def test_a_volume_is_mounted_in_its_data_center(tmp_path: Path) -> None:
    volumes = [{"id": "vol1", "name": "studio", "size": 80, "data_center": "EU-RO-1"}]
    async with account(tmp_path, volumes=volumes) as (_, client):
        assert await client.volumes() == (Volume("vol1", "studio", 80, "EU-RO-1"),)
        wish = replace(WISH, cloud=Cloud.SECURE, volume="vol1", data_center="EU-RO-1", env={"TOKEN": 'q"\\\n'})
        pod = await client.create(wish)
        assert (pod.volume, pod.volume_gb, pod.data_center, pod.cloud) == ("vol1", 0.0, "EU-RO-1", "secure")


async def test_a_host_with_enough_memory_is_asked_for(tmp_path: Path) -> None:
    wish = replace(WISH, min_memory_gb=48)
    async with account(tmp_path, host_memory_gb=64.0) as (_, client):
        assert (await client.create(wish)).memory_gb == 64.0
        assert [pod.memory_gb for pod in await client.pods()] == [64.0]
    async with account(tmp_path, host_memory_gb=32.0) as (_, client):
        with pytest.raises(NoGpu):
            await client.create(wish)
        assert await client.pods() == ()


async def test_what_the_account_refuses(tmp_path: Path) -> None:
    async with account(tmp_path, capacity={GPU: {"community": 0}}) as (_, client):
        with pytest.raises(NoGpu):
            await client.create(WISH)
        assert (await client.create(replace(WISH, cloud=Cloud.SECURE))).cloud == "secure"
        with pytest.raises(Rejected):
            await client.create(replace(WISH, template="nosuchthing"))
    async with account(tmp_path, balance=0) as (_, client):
        with pytest.raises(NoFunds):
            await client.create(WISH)
    async with account(tmp_path, key="rpa_OTHER") as (_, client):
        with pytest.raises(NoKey):
            await client.pods()
        with pytest.raises(NoKey):
            await client.create(WISH)


async def test_a_key_that_may_only_look(tmp_path: Path) -> None:
    async with account(tmp_path, key=READ_ONLY_KEY) as (_, client):
        assert await client.pods() == ()
        with pytest.raises(NoKey, match="write permission"):
            await client.create(WISH)


async def test_machines_that_break_or_vanish(tmp_path: Path) -> None:
    async with account(tmp_path) as (runpod, client):
        broken, lost = await client.create(WISH), await client.create(replace(WISH, name="oavr-studio-2"))
        await until(client, broken.id, CloudState.RUNNING)
        runpod.account.fail(broken.id)
        assert (await until(client, broken.id, CloudState.BROKEN)).per_hour == 0.34
        runpod.account.vanish(lost.id)
        assert await client.pod(lost.id) is None


Call = Callable[[RunPodV2, str], Awaitable[object]]
CALLS: dict[str, Call] = {
    "create": lambda client, _: client.create(replace(WISH, name="oavr-lost")),
    "start": lambda client, pod_id: client.start(pod_id),
    "stop": lambda client, pod_id: client.stop(pod_id),
    "terminate": lambda client, pod_id: client.terminate(pod_id),
    "list": lambda client, _: client.pods(),
    "get": lambda client, pod_id: client.pod(pod_id),
    "logs": everything,
    "catalog": lambda client, _: client.offers(),
    "volumes": lambda client, _: client.volumes(),
    "billing": lambda client, _: client.bills(0.0),
}
CHANGES = ("create", "start", "stop", "terminate")
FAULTS: list[tuple[dict[str, Any], type[OavrError], type[OavrError]]] = [
    # the fault, what it means for a question, what it means for a change
    ({"do": "unauthorized"}, NoKey, NoKey),
    ({"do": "forbidden"}, NoKey, NoKey),
    ({"do": "forbidden", "form": "html"}, Unreachable, Unreachable),
    ({"do": "rate_limit", "retry_after": 60}, Slower, Slower),
    ({"do": "error"}, Unreachable, Unclear),
    ({"do": "error", "status": 502, "form": "html"}, Unreachable, Unclear),
    ({"do": "error", "status": 503, "form": "empty"}, Unreachable, Unclear),
    ({"do": "drop"}, Unreachable, Unclear),
    ({"do": "gone"}, ApiGone, ApiGone),
    ({"do": "body", "body": "<html>"}, Unreachable, Unclear),
    ({"do": "body", "body": "[]"}, Unreachable, Unclear),
    ({"do": "no_funds"}, NoFunds, NoFunds),
]


@pytest.mark.parametrize("deed", CALLS)
async def test_every_fault_of_every_call(tmp_path: Path, deed: str) -> None:
    async with account(tmp_path) as (runpod, client):
        pod = await client.create(WISH)
        for fault, of_question, of_change in FAULTS:
            runpod.account.replace_script(
                Script.model_validate(QUICK | {"faults": [{"match": {"deed": deed}, **fault}]})
            )
            with pytest.raises(OavrError) as caught:
                await CALLS[deed](client, pod.id)
            assert type(caught.value) is (of_change if deed in CHANGES else of_question), (fault, caught.value)
            assert pod.id not in caught.value.message and FULL_KEY not in caught.value.message
        runpod.account.replace_script(Script.model_validate(QUICK))
        assert [each.name for each in await client.pods()] == [WISH.name]


@pytest.mark.parametrize(
    "fault", [{"do": "drop"}, {"do": "error", "status": 524, "form": "html"}, {"do": "hang", "seconds": 5}]
)
async def test_a_machine_whose_creation_got_lost_is_found_by_its_name(tmp_path: Path, fault: dict[str, Any]) -> None:
    faults = [{"match": {"deed": "create"}, "when": "after", **fault}]
    async with account(tmp_path, deadlines=Deadlines(change=1.0), faults=faults) as (_, client):
        with pytest.raises(Unclear):
            await client.create(WISH)
        assert [pod.name for pod in await client.pods()] == [WISH.name]


async def test_a_host_that_gave_its_gpu_away(tmp_path: Path) -> None:
    faults = [{"match": {"deed": "start"}, "do": "not_free"}]
    async with account(tmp_path, faults=faults) as (_, client):
        pod = await client.create(WISH)
        await until(client, pod.id, CloudState.RUNNING)
        await client.stop(pod.id)
        with pytest.raises(NotNow):
            await client.start(pod.id)
        assert (await until(client, pod.id, CloudState.STOPPED)).id == pod.id
