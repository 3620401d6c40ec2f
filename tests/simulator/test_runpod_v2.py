"""REST v2 of the simulated account, its proxy and its books, as a client sees them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from oavr_tui.simulator.runpod_log import LogLine, ProviderLog
from oavr_tui.simulator.runpod_script import READ_ONLY_KEY
from tests.simulator.runpod_live import GPU, Live, account, bearer, wish

EXAMPLES = json.loads(
    (Path(__file__).parents[1] / "data" / "runpod" / "rest_v2_examples_from_openapi.json").read_text("utf-8")
)


def example(route: str, status: int, name: str) -> dict[str, Any]:
    """An answer of the API's own examples."""
    body: dict[str, Any] = EXAMPLES[route]["responses"][str(status)]["examples"][name]
    return body


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with account(tmp_path, volumes=[{"id": "vol1", "name": "films", "data_center": "EU-RO-1"}]) as live:
        yield live


async def test_answers_have_the_shape_of_the_examples(live: Live) -> None:
    made = (await live.http.post("/v2/pods", json=wish())).json()
    assert set(made) == set(example("POST /v2/pods", 201, "pod"))
    assert (made["status"], made["runtime"], made["startedAt"], made["cost"]) == ("PROVISIONING", None, None, 0.34)
    running = await live.until(made["id"], "RUNNING")
    assert set(running) == set(example("GET /v2/pods/{id}", 200, "pod"))
    assert running["actions"] == example("GET /v2/pods/{id}", 200, "pod")["actions"]
    assert running["runtime"]["gpus"] == [{"util": 0, "memoryUtil": 0}]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", running["startedAt"])
    listed = (await live.http.get("/v2/pods")).json()
    assert listed["pods"] == [running] or listed["pods"][0]["id"] == made["id"]
    for route, key, name in (
        ("GET /v2/network-volumes", "networkVolumes", "networkVolumes"),
        ("GET /v2/templates", "templates", "templates"),
    ):
        (ours, *_) = (await live.http.get(route.split()[1])).json()[key]
        assert set(ours) == set(example(route, 200, name)[key][0])
    gpus = (await live.http.get("/v2/catalog/gpus", params={"include": "AVAILABILITY", "product": "POD"})).json()[
        "gpus"
    ]
    theirs = example("GET /v2/catalog/gpus", 200, "gpus")["gpus"][0]
    assert all(set(gpu) == {*theirs, "cudaVersions"} for gpu in gpus if gpu["id"] == GPU)
    bill = (await live.http.get("/v2/billing/pods", params={"podId": made["id"]})).json()
    billed = example("GET /v2/billing/pods", 200, "podBilling")
    assert set(bill["records"][0]) == set(billed["records"][0])
    assert set(bill["metadata"]) == set(billed["metadata"])
    assert (await live.http.get("/v2/pods/none")).json() == example("GET /v2/pods/{id}", 404, "notFound")
    nobody = await live.http.get("/v2/pods", headers={"Authorization": ""})
    assert nobody.json() == example("GET /v2/pods", 401, "missingBearerToken")
    assert nobody.headers["Content-Type"].startswith("application/problem+json")


async def test_pods_as_the_newest_description_has_them(tmp_path: Path) -> None:
    async with account(tmp_path, tells_template=False, host_memory_gb=[30, 120]) as live:
        pod = await live.get(await live.create(gpu={"id": GPU, "minRamPerGpu": 48}))
        assert pod["gpu"] == {"id": GPU, "count": 1, "vcpuCount": 8, "memory": 120}
        assert pod["template"] is None
        await live.script(host_memory_gb=64, tells_memory=False)
        assert "memory" not in (await live.get(pod["id"]))["gpu"]


async def test_a_whole_life(live: Live) -> None:
    pod_id = await live.running()
    stopped = (await live.act(pod_id, "stop")).json()
    assert (stopped["status"], stopped["cost"], stopped["runtime"]) == ("EXITED", 0, None)
    assert stopped["actions"] == ["start", "terminate"]
    assert (await live.act(pod_id, "stop")).status_code == 409
    assert (await live.act(pod_id, "start")).json()["status"] == "STARTING"
    await live.until(pod_id, "RUNNING")
    assert (await live.act(pod_id, "restart")).json()["status"] == "STARTING"
    await live.until(pod_id, "RUNNING")
    renamed = await live.http.patch(f"/v2/pods/{pod_id}", json={"name": "two"})
    assert renamed.json()["name"] == "two"
    assert (await live.http.delete(f"/v2/pods/{pod_id}")).status_code == 204
    assert (await live.http.delete(f"/v2/pods/{pod_id}")).status_code == 404
    assert (await live.http.get("/v2/pods")).json() == {"pods": []}
    book = live.book(pod_id)
    assert (book["status"], book["end"], book["name"]) == ("TERMINATED", "terminated", "two")
    other = await live.create()
    assert (await live.act(other, "terminate")).status_code == 204


async def test_both_apis_show_the_same_pods_whose_names_may_be_equal(live: Live) -> None:
    ids = [await live.create(), await live.create()]
    pods = (await live.data("{ myself { pods { id name desiredStatus } } }"))["myself"]["pods"]
    assert pods == [{"id": each, "name": "one", "desiredStatus": "RUNNING"} for each in ids]
    await live.data(f'mutation {{ podTerminate(input: {{podId: "{ids[0]}"}}) }}')
    assert [pod["id"] for pod in (await live.http.get("/v2/pods")).json()["pods"]] == ids[1:]


async def test_explicit_fields_win_over_the_template(live: Live) -> None:
    pod = await live.get(await live.create(env={"B": "2"}, disk=5, ports=["80/http"]))
    assert pod["env"] == {"ENABLE_FEATURES": "infinitetalk", "B": "2"}
    assert (pod["disk"], pod["ports"], pod["mounts"]) == (
        5,
        ["80/http"],
        {"persistent": {"size": 100, "path": "/workspace"}},
    )
    volume = {"network": [{"volumeId": "vol1", "path": "/workspace"}]}
    pod = await live.get(await live.create(cloud="SECURE", mounts=volume))
    assert (pod["mounts"], pod["dataCenterId"], pod["cloud"]) == (volume, "EU-RO-1", "SECURE")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"gpu": {"id": "NVIDIA Nothing"}}, 422),
        ({"gpu": {}}, 422),
        ({"name": ""}, 422),
        ({"cloud": "ALL"}, 422),
        ({"templateId": "none"}, 404),
        ({"disk": 0}, 422),
        ({"gpu": {"id": GPU, "minRamPerGpu": 63}}, 400),
        ({"gpu": {"id": GPU, "minRamPerGpu": 32, "count": 2}}, 400),
        ({"gpu": {"id": GPU, "minCudaVersion": "12.4", "allowedCudaVersions": ["12.4"]}}, 400),
        ({"gpu": {"id": GPU, "minCudaVersion": "new"}}, 422),
        (
            {
                "mounts": {
                    "network": [{"volumeId": "vol1", "path": "/a"}],
                    "persistent": {"size": 10, "path": "/b"},
                },
                "cloud": "SECURE",
            },
            400,
        ),
        ({"templateId": None}, 422),
        ({"surprise": 1}, 422),
        ({"mounts": {"persistent": {"size": 5, "path": "/workspace"}}}, 422),
        ({"mounts": {"network": [{"volumeId": "vol1"}]}}, 422),
        ({"mounts": {"network": [{"volumeId": "vol1", "path": "/a"}]}}, 400),
        ({"gpu": {"id": GPU, "minCudaVersion": "13.0"}}, 400),
    ],
)
async def test_what_cannot_be_rented_is_refused_with_a_problem(live: Live, change: dict[str, Any], status: int) -> None:
    response = await live.http.post("/v2/pods", json=wish(**change))
    assert response.status_code == status
    problem = response.json()
    assert problem.pop("errors", None) is not None or status != 422
    assert set(problem) == {"title", "status", "detail"}
    assert live.simulator.books()["pods"] == []


async def test_bodies_and_routes_that_make_no_sense(live: Live) -> None:
    assert (await live.http.post("/v2/pods", content=b"{")).status_code == 400
    assert (await live.http.post("/v2/pods", content=b"[" * 100_000)).status_code == 400
    assert (await live.http.post("/v2/pods", content=b" " * (2 << 20))).status_code == 413
    assert (await live.http.get("/v2/nothing")).status_code == 404
    assert (await live.http.put("/v2/pods")).status_code == 405
    assert (await live.http.get("/v2/billing/pods", params={"startTime": "soon"})).status_code == 422
    pod_id = await live.create()
    assert (await live.act(pod_id, "explode")).status_code == 422


async def test_a_read_only_key_may_look_but_not_start(live: Live) -> None:
    pod_id = await live.running()
    looks = bearer(READ_ONLY_KEY)
    for path in ("", f"/{pod_id}"):
        assert (await live.http.get("/v2/pods" + path, headers=looks)).status_code == 200
    assert (await live.http.get("/v2/templates", headers=looks)).status_code == 200
    for method, path, body in (
        ("POST", "/v2/pods", wish()),
        ("POST", f"/v2/pods/{pod_id}/action", {"action": "stop"}),
        ("DELETE", f"/v2/pods/{pod_id}", None),
        ("PATCH", f"/v2/pods/{pod_id}", {"name": "x"}),
    ):
        assert (await live.http.request(method, path, json=body, headers=looks)).status_code == 403
    asked = {"query": "{ myself { id } }"}
    assert (await live.http.post("/graphql", json=asked, headers=looks)).status_code == 200
    stop = {"query": f'mutation {{ podStop(input: {{podId: "{pod_id}"}}) {{ id }} }}'}
    assert (await live.http.post("/graphql", json=stop, headers=looks)).status_code == 403
    for wrong in ({"Authorization": "Basic eDp5"}, bearer("x"), bearer("ü".encode("latin-1").decode("latin-1"))):
        headers = httpx.Headers(wrong, encoding="latin-1")
        assert (await live.http.get("/v2/pods", headers=headers)).status_code == 401
        assert (await live.http.post("/graphql", json=asked, headers=headers)).status_code == 401
    assert [pod["status"] for pod in live.simulator.books()["pods"]] == ["RUNNING"]


async def test_the_catalogue_of_one_cloud(tmp_path: Path) -> None:
    script: dict[str, Any] = {
        "prices": {GPU: {"community": None, "secure": 0.5}},
        "capacity": {"NVIDIA L40S": {"community": 0}},
        "stock": {"NVIDIA A40": "LOW", "NVIDIA RTX A6000": None},
    }
    async with account(tmp_path, **script) as live:
        asked = {"include": "AVAILABILITY", "product": "POD"}
        found = {gpu["id"]: gpu for gpu in (await live.http.get("/v2/catalog/gpus", params=asked)).json()["gpus"]}
        assert (found[GPU]["community"], found[GPU]["price"]) == (False, {"secure": 0.5})
        assert (found["NVIDIA A40"]["availability"], found["NVIDIA L40S"]["availability"]) == (
            "LOW",
            "HIGH",
        )  # of the secure cloud
        assert "availability" not in found["NVIDIA RTX A6000"]
        asked["cloud"] = "COMMUNITY"
        found = {gpu["id"]: gpu for gpu in (await live.http.get("/v2/catalog/gpus", params=asked)).json()["gpus"]}
        assert found["NVIDIA L40S"]["availability"] == "NONE"
        assert found[GPU]["availability"] == "NONE"
        assert "availability" not in (await live.http.get("/v2/catalog/gpus")).json()["gpus"][0]
        for odd in ({"include": "AVAILABILITY"}, {"product": "POD"}, {"cloud": "SECURE"}):
            assert (await live.http.get("/v2/catalog/gpus", params=odd)).status_code == 400
        query = '{ gpuTypes(input: {id: "NVIDIA L40S"}) { lowestPrice(input: {secureCloud: false}) { stockStatus } } }'
        assert (await live.data(query))["gpuTypes"] == [{"lowestPrice": {"stockStatus": None}}]


async def test_the_proxy_hands_over_to_the_machine_of_a_running_pod_only(live: Live) -> None:
    await live.script(pull_seconds=600)
    coming = await live.create()
    await live.script()
    pod_id = await live.running()
    health = await live.http.get(live.port(pod_id, 8001, "/health"))
    assert health.json()["log_file_exists"] is True
    async with asyncio.timeout(60):
        while (await live.http.get(live.port(pod_id, 8188, "/system_stats?x=1"))).status_code != 200:
            await asyncio.sleep(0.01)
    assert (await live.http.get(live.port(pod_id, 8188, "/api/queue"))).json()["queue_running"] == []
    for gone in (live.port("nobody", 8188, "/"), live.port(coming, 8001, "/health"), live.port(pod_id, 9999, "/")):
        assert (await live.http.get(gone)).status_code == 404
    await live.act(pod_id, "stop")
    assert (await live.http.get(live.port(pod_id, 8001, "/health"))).status_code == 404
    assert (await live.http.post(f"/simulator/fail/{coming}")).status_code == 204
    assert (await live.get(coming))["status"] == "ERROR"
    assert (await live.http.get(live.port(coming, 8001, "/health"))).status_code == 502


async def test_files_stay_on_the_volume_and_go_with_the_pod(live: Live) -> None:
    volume: dict[str, Any] = {"cloud": "SECURE", "mounts": {"network": [{"volumeId": "vol1", "path": "/workspace"}]}}
    pod_id = await live.running()
    await logged(live, pod_id, "[COMPLETE]")
    await live.act(pod_id, "stop")
    await live.act(pod_id, "start")
    await live.until(pod_id, "RUNNING")
    await logged(live, pod_id, "[VALID]")
    assert "[COMPLETE]" not in log(live, pod_id)
    for marker in ("[COMPLETE]", "[VALID]"):  # the second pod finds what the first one has left
        other = await live.running(**volume)
        await logged(live, other, marker)
        await live.http.delete(f"/v2/pods/{other}")


async def logged(live: Live, pod_id: str, text: str) -> None:
    """Wait until the container has written a text."""
    await live.holds(lambda: text in log(live, pod_id))


def log(live: Live, pod_id: str) -> str:
    """What the pod's container has written."""
    pod = live.simulator.account.pod(pod_id)
    assert pod is not None
    return pod.machine.log_text


async def events(response: httpx.Response, until: str) -> list[tuple[str, dict[str, str]]]:
    """The events of a log, up to a line that holds a text: (id, data)."""
    found: list[tuple[str, dict[str, str]]] = []
    event_id = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            event_id = line[4:]
        elif line.startswith("data: "):
            found.append((event_id, json.loads(line[6:])))
            if until in found[-1][1]["line"]:
                break
    return found


async def test_the_log_can_be_followed_and_taken_up_again(live: Live) -> None:
    pod_id = await live.create()
    path = f"/v2/pods/{pod_id}/logs"
    async with live.http.stream("GET", path) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        first = await events(response, "[STARTING]")
    assert first[0][1]["source"] == "system"
    assert {data["source"] for _, data in first} == {"system", "container"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/\d{12}", first[0][0])
    async with live.http.stream("GET", path, headers={"Last-Event-ID": first[-1][0]}) as response:
        rest = await events(response, "Starting ComfyUI")
    numbers = [int(event_id.rpartition("/")[2]) for event_id, _ in first + rest]
    assert numbers == list(range(1, len(numbers) + 1))
    async with live.http.stream("GET", path, params={"source": "system"}) as response:
        system = asyncio.ensure_future(events(response, "remove container"))
        await live.http.delete(f"/v2/pods/{pod_id}")
        assert {data["source"] for _, data in await system} == {"system"}
    assert (await live.http.get(path)).status_code == 404


async def test_the_tail_of_a_log(live: Live) -> None:
    pod_id = await live.running()
    await logged(live, pod_id, "Starting ComfyUI")
    path = f"/v2/pods/{pod_id}/logs"
    async with live.http.stream("GET", path) as response:
        whole = await events(response, "Starting ComfyUI")
    async with live.http.stream("GET", path, params={"tail": 1}) as response:
        (tail,) = await events(response, "")
    assert tail[0] >= whole[-1][0]
    async with live.http.stream("GET", path, params={"tail": 0}) as response:
        await live.act(pod_id, "restart")
        assert (await events(response, "start container"))[0][0] > whole[-1][0]
    async with live.http.stream("GET", path, params={"since": "2999-01-01T00:00:00Z"}) as response:
        await live.act(pod_id, "stop")
        assert [data["line"] for _, data in await events(response, "stop container")][-1] == "stop container"
    assert (await live.http.get(path, params={"tail": 5001})).status_code == 422
    assert (await live.http.get(path, params={"tail": "all"})).status_code == 422


def test_a_log_that_begins_anew_is_taken_over_from_its_beginning() -> None:
    kept = ProviderLog()
    kept.add("create container", 1.0)
    for text in ("a\nb", "a\nb", "a\nbc\n", "a\nbc\nd\r\n", "", "x\ny\n", "other\n"):
        kept.follow(text, 2.0)
    lines = [line.line for line in kept.after(0)]
    assert lines == ["create container", "a", "bc", "d", "x", "y", "other"]
    assert [line.number for line in kept.after(5)] == [6, 7]
    assert LogLine(7, 0.0, "system", "x").id == "1970-01-01T00:00:00Z/000000000007"


async def test_the_books_say_what_the_bill_says(tmp_path: Path) -> None:
    async with account(tmp_path, time_scale=3600, balance=1000, pull_seconds=100, start_seconds=100) as live:
        one, two = await live.running(), await live.create(gpu={"id": GPU, "count": 2})
        await live.act(one, "stop")
        await live.holds(lambda: live.book(one)["storage_dollars"] > 0)
        for pod_id in (one, two):
            await live.http.delete(f"/v2/pods/{pod_id}")
        books = live.simulator.books()
        bill = (await live.http.get("/v2/billing/pods")).json()
        assert {each["podId"]: each["totalAmount"] for each in bill["records"]} == {
            pod["id"]: pod["dollars"] for pod in books["pods"]
        }
        assert books["balance"] + books["dollars"] == pytest.approx(1000)
        assert bill["metadata"]["totals"]["totalAmount"] == pytest.approx(books["dollars"])
        for pod in books["pods"]:
            assert pod["ended_at"] is not None
            assert pod["dollars"] == pytest.approx(pod["gpu_dollars"] + pod["storage_dollars"])
            assert pod["gpu_dollars"] == pytest.approx(pod["billed_seconds"] / 3600 * pod["price"])
        assert books["pods"][1]["price"] == 0.68
        assert books["pods"][1]["billed_seconds"] == pytest.approx(
            3600 * ((books["pods"][1]["ended_at"] or 0) - books["pods"][1]["created_at"]), rel=1e-3
        )
        assert books["creates"] == 2
        assert [each["deed"] for each in books["requests"] if each["method"] != "GET"] == [
            *("create", "create", "stop", "terminate", "terminate"),
        ]
        state = (await live.http.get("/simulator/state")).text
        assert json.loads(state)["pods"] == books["pods"]
        assert live.simulator.account.script.keys.full not in state
        none = await live.http.get("/v2/billing/pods", params={"startTime": "2999-01-01T00:00:00Z"})
        assert none.json()["records"] == []


async def test_when_the_credit_is_used_up_machines_go(tmp_path: Path) -> None:
    volumes = [{"id": "vol1"}]
    async with account(tmp_path, time_scale=3600, balance=1e6, volumes=volumes) as live:
        kept = await live.create(cloud="SECURE", mounts={"network": [{"volumeId": "vol1", "path": "/workspace"}]})
        lost = await live.create()
        assert (await live.http.post("/simulator/balance", json={"dollars": 0.5})).status_code == 204
        await live.holds(lambda: live.book(lost)["end"] == "no_funds")
        assert (await live.get(kept))["status"] == "EXITED"
        assert (await live.http.get(f"/v2/pods/{lost}")).status_code == 404
        assert (await live.data(f'{{ pod(input: {{podId: "{lost}"}}) {{ id }} }}'))["pod"] is None
        assert (await live.data("{ myself { clientBalance } }"))["myself"]["clientBalance"] == pytest.approx(
            0, abs=1e-6
        )
        response = await live.http.post("/v2/pods", json=wish())
        assert (response.status_code, response.json()["title"]) == (402, "Payment Required")
        assert (await live.act(kept, "start")).status_code == 402
        for wrong in (b"", b"[]", b'{"dollars": "x"}', b'{"dollars": true}', b'{"dollars": 1e99}'):
            assert (await live.http.post("/simulator/balance", content=wrong)).status_code == 400
