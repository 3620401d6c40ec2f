"""The account through the SDK, against a loopback server: what is sent, and what its answers become."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from oavr_tui.errors import BadInput, NoGpu, NoKey, Rejected
from oavr_tui.pods.provider import Account, Cloud, CloudPod, CloudState, Offer, Stock, Volume, Wish
from oavr_tui.pods.runpod_sdk import RunPodSdk, cuda_versions
from tests.pods.graphql_server import GPU, GPU_FOUND, GraphqlServer, graphql_server, recording, refusal

KEY = "rpa_TESTKEY"
WISH = Wish(name="oavr-1", gpu=GPU, cloud=Cloud.COMMUNITY, template="qvidd7ityi")
MADE = {"data": {"podFindAndDeployOnDemand": {"id": "abc123", "imageName": "img", "env": [], "machineId": "m1"}}}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[GraphqlServer]:
    async with graphql_server() as running:
        yield running


@pytest.fixture
def sdk(server: GraphqlServer) -> RunPodSdk:
    return RunPodSdk(KEY, base=server.url)


async def test_a_machine_from_a_template_leaves_everything_else_to_the_template(
    server: GraphqlServer, sdk: RunPodSdk
) -> None:
    server.answer(GPU_FOUND, MADE)
    made = await sdk.create(WISH)
    assert made == CloudPod("abc123", "oavr-1", CloudState.COMING, gpu=GPU, cloud="community", template="qvidd7ityi")
    asked, deployed = server.seen
    assert asked.root == "gpuTypes"
    assert deployed.root == "podFindAndDeployOnDemand"
    assert deployed.arguments == {
        "name": "oavr-1",
        "imageName": "",
        "cloudType": "COMMUNITY",
        "gpuTypeId": GPU,
        "supportPublicIp": False,
        "gpuCount": 1,
        "minMemoryInGb": 48,
        "allowedCudaVersions": ["12.4", "12.5", "12.6", "12.7", "12.8", "12.9"],
        "dataCenterId": None,
        "templateId": "qvidd7ityi",
    }
    assert {each.key for each in server.seen} == {KEY}
    assert {each.path for each in server.seen} == {"/graphql"}


async def test_a_network_volume_is_mounted_in_its_own_data_center(server: GraphqlServer, sdk: RunPodSdk) -> None:
    server.answer_as_recorded("08")
    made = await sdk.create(replace(WISH, cloud=Cloud.SECURE, volume="vol1"))
    assert made.volume == "vol1"
    arguments = server.seen[-1].arguments
    assert arguments["networkVolumeId"] == "vol1"
    assert arguments["volumeMountPath"] == "/workspace"
    assert arguments["dataCenterId"] == "EU-RO-1"
    assert arguments["cloudType"] == "SECURE"


NASTY = ['it"s', "a\\b", 'end\\"', "line one\nline two", "tab\t\r\x00\x1f\x7f", "{}[]()#,$", "ö – 漢字 🎬"]


@pytest.mark.parametrize("text", NASTY)
async def test_any_text_arrives_as_it_is(server: GraphqlServer, sdk: RunPodSdk, text: str) -> None:
    server.answer(GPU_FOUND, MADE)
    await sdk.create(
        replace(WISH, name=text, template=text, volume="v" + text, data_center="d" + text, env={"A" + text: text})
    )
    arguments = server.seen[-1].arguments
    assert arguments["name"] == arguments["templateId"] == text
    assert arguments["networkVolumeId"] == "v" + text
    assert arguments["dataCenterId"] == "d" + text
    assert arguments["env"] == [{"key": "A" + text, "value": text}]


async def test_without_a_template_nothing_is_asked(server: GraphqlServer, sdk: RunPodSdk) -> None:
    with pytest.raises(BadInput):
        await sdk.create(replace(WISH, template=""))
    assert server.seen == []


async def test_a_gpu_that_runpod_does_not_know_is_no_gpu(server: GraphqlServer, sdk: RunPodSdk) -> None:
    server.answer({"data": {"gpuTypes": []}})
    with pytest.raises(NoGpu):
        await sdk.create(WISH)
    assert len(server.seen) == 1


async def test_the_pods_of_the_account(server: GraphqlServer, sdk: RunPodSdk) -> None:
    rented = "Rented by User: Fri Jul 12 2024 19:14:40 GMT+0200 (Central European Summer Time)"
    running = {
        "id": "abc123",
        "name": "oavr-1",
        "desiredStatus": "RUNNING",
        "costPerHr": 0.34,
        "memoryInGb": 62,
        "volumeInGb": 40,
        "lastStatusChange": rented,
        "runtime": {"ports": None},
        "machine": {"gpuDisplayName": "RTX 4090"},
        "env": ["A=b"],
    }
    coming = {**running, "id": "p2", "runtime": None}
    stopped = {**running, "id": "p3", "desiredStatus": "EXITED", "runtime": None}
    bare: dict[str, object] = {
        "id": "p4",
        "name": None,
        "machine": "?",
        "costPerHr": "lots",
        "desiredStatus": 7,
        "runtime": [],
    }
    server.answer(
        {"data": {"myself": {"pods": [running, coming, stopped, bare, {"name": "no id"}, "odd", {"id": "../x"}]}}}
    )
    found = await sdk.pods()
    first = CloudPod(
        "abc123",
        "oavr-1",
        CloudState.RUNNING,
        gpu="RTX 4090",
        per_hour=0.34,
        memory_gb=62.0,
        volume_gb=40.0,
        started_at=1720804480.0,
    )
    assert found == (
        first,
        replace(first, id="p2", state=CloudState.COMING),
        replace(first, id="p3", state=CloudState.STOPPED, per_hour=0.0, started_at=None),
        CloudPod("p4", "", CloudState.COMING),
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("CREATED", CloudState.COMING),
        ("RESTARTING", CloudState.COMING),
        ("EXITED", CloudState.STOPPED),
        ("PAUSED", CloudState.STOPPED),
        ("DEAD", CloudState.BROKEN),
        ("TERMINATED", CloudState.GONE),
        ("A_NEW_WORD", CloudState.RUNNING),
    ],
)
async def test_what_is_intended_and_what_is(
    server: GraphqlServer, sdk: RunPodSdk, status: str, state: CloudState
) -> None:
    server.answer({"data": {"pod": {"id": "abc123", "desiredStatus": status, "runtime": {}}}})
    found = await sdk.pod("abc123")
    assert found is not None
    assert found.state is state


async def test_a_pod_that_is_not_there(server: GraphqlServer, sdk: RunPodSdk) -> None:
    server.answer_as_recorded("05")
    assert await sdk.pod("abc123") is None
    server.answer(refusal("Pod not found"))
    assert await sdk.pod("abc123") is None


async def test_starting_stopping_and_deleting(server: GraphqlServer, sdk: RunPodSdk) -> None:
    for name, change in (("09", sdk.stop), ("10", sdk.start), ("11", sdk.terminate)):
        server.answer_as_recorded(name)
        await change("abc123")
        recorded = recording(name)["http_requests"][0]["body"]["query"]
        assert server.seen[-1].query == recorded
    server.answer({})
    await sdk.terminate("abc123")


async def test_deleting_what_is_gone_is_fine_but_it_cannot_be_stopped(server: GraphqlServer, sdk: RunPodSdk) -> None:
    server.answer(refusal("Pod not found to terminate"))
    await sdk.terminate("abc123")
    for change in (sdk.stop, sdk.start):
        with pytest.raises(Rejected, match="no longer exists"):
            await change("abc123")


async def test_the_catalogue(server: GraphqlServer, sdk: RunPodSdk) -> None:
    ada = {
        "id": GPU,
        "displayName": "RTX 4090",
        "memoryInGb": 24,
        "secureCloud": True,
        "communityCloud": True,
        "securePrice": 0.69,
        "communityPrice": 0.34,
        "lowestPrice": {"stockStatus": "High", "uninterruptablePrice": 0.34},
    }
    gone = {**ada, "id": "x", "displayName": None, "communityCloud": False, "securePrice": 0}
    gone["lowestPrice"] = {"stockStatus": None, "uninterruptablePrice": None}
    server.answer({"data": {"gpuTypes": [ada, gone, {**ada, "lowestPrice": None, "secureCloud": None}, {}]}})
    assert await sdk.offers() == (
        Offer(GPU, "RTX 4090", 24, Cloud.COMMUNITY, 0.34, Stock.HIGH),
        Offer(GPU, "RTX 4090", 24, Cloud.SECURE, 0.69, Stock.HIGH),
        Offer("x", "x", 24, Cloud.SECURE, None, Stock.NONE),
        Offer(GPU, "RTX 4090", 24, Cloud.COMMUNITY, 0.34, Stock.UNKNOWN),
    )


async def test_the_catalogue_without_the_stock_where_it_is_no_longer_told(
    server: GraphqlServer, sdk: RunPodSdk
) -> None:
    kind = {"id": GPU, "displayName": "RTX 4090", "memoryInGb": 24, "communityCloud": True, "communityPrice": 0.34}
    server.answer(
        refusal('Cannot query field "stockStatus" on type "LowestPrice".', 400),
        {"data": {"gpuTypes": [{**kind, "lowestPrice": {"uninterruptablePrice": 0.34}}]}},
    )
    assert await sdk.offers() == (Offer(GPU, "RTX 4090", 24, Cloud.COMMUNITY, 0.34, Stock.UNKNOWN),)
    assert "stockStatus" not in server.seen[-1].query


async def test_volumes_and_money(server: GraphqlServer, sdk: RunPodSdk) -> None:
    server.answer_as_recorded("01")
    assert await sdk.volumes() == (Volume("vol1", "v", 100, "EU-RO-1"),)
    server.answer({"data": {"myself": {"id": "u1", "networkVolumes": None}}})
    assert await sdk.volumes() == ()
    server.answer({"data": {"myself": {"clientBalance": 12.5, "currentSpendPerHr": 0.34, "spendLimit": 80}}})
    assert await sdk.account() == Account(12.5, 0.34, 80.0)
    server.answer({"data": {"myself": {"clientBalance": -0.2, "currentSpendPerHr": None, "spendLimit": "?"}}})
    assert await sdk.account() == Account(-0.2, None, None)
    assert server.seen[-1].root == "myself"


async def test_what_this_way_of_asking_does_not_tell(sdk: RunPodSdk) -> None:
    assert await sdk.bills(0.0) is None
    assert sdk.log("abc123", "") is None


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nfeed", "schlüssel", "x" * 300])
async def test_what_cannot_be_a_key_is_never_sent(server: GraphqlServer, key: str) -> None:
    with pytest.raises(NoKey):
        await RunPodSdk(key, base=server.url).pods()
    assert server.seen == []


@pytest.mark.parametrize("pod_id", ["", "../x", 'a"b', "a b", "-a", "a" * 80, "a\n"])
async def test_what_cannot_be_an_id_is_never_sent(server: GraphqlServer, sdk: RunPodSdk, pod_id: str) -> None:
    for ask in (sdk.pod, sdk.start, sdk.stop, sdk.terminate):
        with pytest.raises(Rejected):
            await ask(pod_id)
    assert server.seen == []


def test_cuda_versions_from_one_on() -> None:
    assert cuda_versions("12.8") == ["12.8", "12.9"]
    assert cuda_versions("13.9") == ["13.9"]
    for odd in ("", "12", "12.4.1", "12.10", "twelve", "١٢.٤"):
        with pytest.raises(BadInput):
            cuda_versions(odd)


@pytest.mark.parametrize(
    "base", ["", "api.runpod.io", "http://api.runpod.io", "https://u:p@api.runpod.io", "https://x?y"]
)
def test_addresses_that_the_key_must_not_go_to(base: str) -> None:
    with pytest.raises(BadInput):
        RunPodSdk(KEY, base=base)


async def test_two_accounts_at_once_never_mix_their_keys(server: GraphqlServer) -> None:
    server.answer({"data": {"podStop": {"id": "x", "desiredStatus": "EXITED"}}})
    accounts = {name: RunPodSdk(f"rpa_{name}", base=server.url) for name in ("one", "two")}

    async def stop_often(name: str) -> None:
        for number in range(40):
            await accounts[name].stop(f"{name}-{number}")

    # Two tasks of each account, so that four threads are in the SDK at a time.
    await asyncio.gather(*(stop_often(name) for name in ("one", "two", "one", "two")))
    assert len(server.seen) == 160
    for seen in server.seen:
        assert seen.key == "rpa_" + seen.arguments["podId"].partition("-")[0]


async def test_the_query_of_a_create_is_as_recorded_but_for_what_is_left_out(
    server: GraphqlServer, sdk: RunPodSdk
) -> None:
    server.answer_as_recorded("06")
    await sdk.create(replace(WISH, env={"J": json.dumps({"a": 1}) + "\nline2"}))
    recorded = recording("06")["http_requests"][0]["body"]["query"]
    assert server.seen[0].query == recorded
    assert server.seen[1].arguments["env"] == [{"key": "J", "value": '{"a": 1}\nline2'}]
