"""Every fault of an account script, by both APIs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from oavr_tui.errors import BadInput
from oavr_tui.simulator.runpod_script import FULL_KEY, Script
from tests.simulator.runpod_live import GPU, QUICK, TEMPLATE, Live, account, wish

INPUT = f'{{name: "one", gpuTypeId: "{GPU}", templateId: "{TEMPLATE}"}}'
MAKE = f"mutation {{ podFindAndDeployOnDemand(input: {INPUT}) {{ id }} }}"
LIST = "{ myself { pods { id } } }"


async def both(live: Live, *, create: bool = True) -> tuple[httpx.Response, httpx.Response]:
    """The same asked of v2 and of GraphQL."""
    if create:
        return await live.http.post("/v2/pods", json=wish()), await live.graphql(MAKE)
    return await live.http.get("/v2/pods"), await live.graphql(LIST)


def made(live: Live) -> int:
    return len(live.simulator.books()["pods"])


async def test_keys_that_are_refused(tmp_path: Path) -> None:
    async with account(tmp_path, {"do": "unauthorized"}) as live:
        assert [answer.status_code for answer in await both(live)] == [401, 401]
        await live.script({"do": "forbidden"})
        v2, graphql = await both(live)
        assert (v2.status_code, v2.json()["title"]) == (403, "Forbidden")
        assert (graphql.status_code, graphql.json()) == (403, {"message": "forbidden"})
        await live.script({"do": "forbidden", "form": "html"})
        for answer in await both(live):
            assert (answer.status_code, answer.headers["Content-Type"][:9]) == (403, "text/html")
        assert made(live) == 0


async def test_too_many_requests(tmp_path: Path) -> None:
    limit: dict[str, Any] = {"match": {"nth": [1, 2]}, "do": "rate_limit", "retry_after": 12}
    async with account(tmp_path, limit) as live:
        for answer in await both(live):
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "12")
            assert answer.headers["RateLimit"] == '"minute";r=0;t=12'
            assert '"minute";q=60;w=60' in answer.headers["RateLimit-Policy"]
        assert [answer.status_code for answer in await both(live)] == [201, 200]
        await live.script({**limit, "headers": False})
        (answer, _) = await both(live)
        assert "RateLimit" not in answer.headers


@pytest.mark.parametrize("form", ["json", "html", "empty"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_server_error_says_nothing_about_the_deed(tmp_path: Path, form: str, when: str) -> None:
    fault = {"match": {"deed": "create"}, "do": "error", "status": 502, "form": form, "when": when}
    async with account(tmp_path, fault) as live:
        v2, graphql = await both(live)
        assert [v2.status_code, graphql.status_code] == [502, 502]
        if form == "json":
            assert v2.json()["status"] == 502
            assert graphql.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        else:
            assert (b"<html>" in v2.content) == (form == "html")
            assert bool(graphql.content) == (form == "html")
        assert made(live) == (2 if when == "after" else 0)
        assert [answer.status_code for answer in await both(live, create=False)] == [200, 200]
        books = live.simulator.books()
        assert [each["status"] for each in books["requests"]] == [502, 502, 200, 200]
        assert books["creates"] == 2


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_connection_that_is_cut(tmp_path: Path, when: str) -> None:
    async with account(tmp_path, {"match": {"deed": "create"}, "do": "drop", "when": when}) as live:
        for ask in (live.http.post("/v2/pods", json=wish()), live.graphql(MAKE)):
            with pytest.raises(httpx.RemoteProtocolError):
                await ask
        assert made(live) == (2 if when == "after" else 0)
        assert [each["status"] for each in live.simulator.books()["requests"]] == [None, None]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_silence_ends_when_the_asker_goes_or_the_time_is_over(tmp_path: Path, when: str) -> None:
    hang = {"match": {"deed": "create"}, "do": "hang", "when": when}
    async with account(tmp_path, hang) as live:
        asking = asyncio.ensure_future(live.http.post("/v2/pods", json=wish()))
        await live.holds(lambda: len(live.simulator.books()["requests"]) == 1)
        if when == "after":
            await live.holds(lambda: made(live) == 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await live.script({**hang, "seconds": 0.05})
        with pytest.raises(httpx.RemoteProtocolError):
            await live.http.post("/v2/pods", json=wish())
        assert made(live) == (2 if when == "after" else 0)


async def test_the_account_stops_although_somebody_is_kept_waiting(tmp_path: Path) -> None:
    async with account(tmp_path, {"match": {"deed": "list"}, "do": "hang"}) as live:
        pod_id = await live.running()
        asking = asyncio.ensure_future(live.http.get("/v2/pods"))
        async with live.http.stream("GET", f"/v2/pods/{pod_id}/logs") as log:
            await anext(log.aiter_lines())
            await live.simulator.stop()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        assert isinstance(outcome, httpx.TransportError)


async def test_what_is_refused_in_words(tmp_path: Path) -> None:
    async with account(tmp_path) as live:
        for kind, status, word in (
            ("no_capacity", 400, "no longer any instances"),
            ("no_funds", 402, "nsufficient balance"),
            ("not_free", 400, "not enough free GPUs on the host"),
        ):
            await live.script({"do": kind})
            v2, graphql = await both(live)
            assert v2.status_code == status
            assert word in v2.json()["detail"]
            assert graphql.status_code == 200
            assert word in graphql.json()["errors"][0]["message"]
            assert graphql.json()["data"] == {"podFindAndDeployOnDemand": None}
            await live.script({"do": kind, "message": "Other words."})
            assert (await both(live))[0].json()["detail"] == "Other words."


async def test_no_machine_in_the_words_that_were_recorded(tmp_path: Path) -> None:
    recorded = Path(__file__).parents[1] / "data" / "runpod" / "e08_200_errors_noinstances.json"
    body = json.loads(json.loads(recorded.read_text("utf-8"))["http_requests"][0]["response"]["body"])
    async with account(tmp_path, {"do": "no_capacity"}) as live:
        assert (await live.graphql(MAKE)).json() == body


async def test_an_api_that_is_gone(tmp_path: Path) -> None:
    async with account(tmp_path, {"match": {"api": "v2"}, "do": "gone"}) as live:
        v2, graphql = await both(live)
        assert (v2.status_code, graphql.status_code) == (410, 200)
        await live.script({"match": {"api": "v2"}, "do": "gone", "status": 404})
        assert (await both(live, create=False))[0].status_code == 404
        for status in (200, 410):
            await live.script({"match": {"api": "graphql"}, "do": "gone", "status": status})
            v2, graphql = await both(live, create=False)
            assert (v2.status_code, graphql.status_code) == (200, status)
            assert "deprecated" in graphql.json()["errors"][0]["message"]


async def test_any_other_answer_and_latency(tmp_path: Path) -> None:
    odd = {"do": "body", "body": "[]", "status": 200}
    async with account(tmp_path, {"do": "latency", "seconds": 0.01}, odd) as live:
        assert [answer.text for answer in await both(live)] == ["[]", "[]"]
        await live.script({**odd, "body": "<html>", "content_type": "text/html; charset=utf-8"})
        assert (await both(live))[0].headers["Content-Type"].startswith("text/html")


async def test_a_start_that_is_refused_leaves_the_pod_stopped(tmp_path: Path) -> None:
    async with account(tmp_path) as live:
        pod_id = await live.running()
        await live.act(pod_id, "stop")
        await live.script({"match": {"deed": "start"}, "do": "not_free"})
        refused = await live.act(pod_id, "start")
        assert refused.json()["detail"] == "There are not enough free GPUs on the host machine to start this pod."
        resume = f'mutation {{ podResume(input: {{podId: "{pod_id}", gpuCount: 1}}) {{ id }} }}'
        assert "not enough free GPUs" in (await live.graphql(resume)).json()["errors"][0]["message"]
        assert (await live.get(pod_id))["status"] == "EXITED"
        await live.script(capacity={GPU: {"community": 0}})
        assert (await live.act(pod_id, "start")).status_code == 400
        await live.script()
        assert (await live.act(pod_id, "start")).status_code == 200


async def test_pods_that_break_or_vanish(tmp_path: Path) -> None:
    faults = ({"match": {"nth": 1}, "do": "broken"}, {"match": {"nth": 2}, "do": "vanish", "seconds": 0.2})
    async with account(tmp_path, *faults) as live:
        broken, gone, fine = [await live.create() for _ in range(3)]
        pod = await live.until(broken, "ERROR")
        assert (pod["cost"], pod["actions"]) == (0.34, ["stop", "restart", "terminate"])
        query = f'{{ pod(input: {{podId: "{broken}"}}) {{ desiredStatus runtime {{ uptimeInSeconds }} }} }}'
        assert (await live.data(query))["pod"] == {"desiredStatus": "DEAD", "runtime": None}
        await live.holds(lambda: live.book(gone)["end"] == "vanished")
        assert (await live.http.get(f"/v2/pods/{gone}")).status_code == 404
        assert (await live.act(gone, "stop")).status_code == 404
        await live.until(fine, "RUNNING")
        assert (await live.http.post(f"/simulator/vanish/{fine}")).status_code == 204
        assert (await live.http.post(f"/simulator/vanish/{fine}")).status_code == 404
        assert [pod["id"] for pod in (await live.http.get("/v2/pods")).json()["pods"]] == [broken]


async def test_a_machine_of_its_own_for_one_pod(tmp_path: Path) -> None:
    fault = {"match": {"nth": 1}, "do": "boot", "boot": {"boot": {"hang_in": "pull"}}}
    async with account(tmp_path, fault) as live:
        stuck = await live.create()
        await live.running()
        assert (await live.get(stuck))["status"] == "PROVISIONING"
        assert (await live.act(stuck, "stop")).json()["status"] == "EXITED"


async def test_faults_are_matched_by_api_path_field_and_count(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [
        {"match": {"path": "/v2/pods/*/action", "method": "post"}, "do": "unauthorized"},
        {"match": {"field": "pod*"}, "do": "error", "status": 503},
        {"match": {"deed": "catalog", "nth": [2, None]}, "do": "error", "status": 501},
    ]
    async with account(tmp_path, *faults) as live:
        pod_id = await live.create()
        assert (await live.act(pod_id, "stop")).status_code == 401
        assert (await live.graphql(f'{{ pod(input: {{podId: "{pod_id}"}}) {{ id }} }}')).status_code == 503
        assert (await live.graphql(LIST)).status_code == 200
        statuses = [(await live.http.get("/v2/catalog/gpus")).status_code, (await live.graphql("{ gpuTypes { id } }"))]
        assert statuses[0] == 200
        assert isinstance(statuses[1], httpx.Response)
        assert statuses[1].status_code == 501
        assert [fault["matched"] for fault in live.simulator.books()["faults"]] == [1, 1, 2]
        fields = [each["field"] for each in live.simulator.books()["requests"] if each["api"] == "graphql"]
        assert fields == ["pod", "myself", "gpuTypes"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"surprise": 1}',
        '{"balance": -1}',
        '{"balance": "NaN"}',
        '{"time_scale": 0}',
        '{"host_memory_gb": []}',
        '{"stock": {"x": "MUCH"}}',
        '{"faults": [{"do": "explode"}]}',
        '{"faults": [{"do": "error", "status": 200}]}',
        '{"faults": [{"match": {"nth": 0}, "do": "drop"}]}',
        '{"boot": {"surprise": 1}}',
        " " * (2 << 20),
    ],
)
def test_a_wrong_script_is_one_sentence(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Script.from_json(text)
    assert caught.value.message.startswith("The account script is ")
    assert "\n" not in caught.value.message


async def test_another_script_at_run_time(tmp_path: Path) -> None:
    async with account(tmp_path) as live:
        await live.script({"do": "unauthorized"}, balance=3.5, keys={"full": "other"})
        assert live.simulator.books()["balance"] == 3.5
        answer = await live.http.post("/simulator/script", json={**QUICK, "time_scale": 2})
        assert (answer.status_code, answer.text) == (400, "The time scale cannot be changed while the account runs.")
        assert (await live.http.post("/simulator/script", content=b"{")).status_code == 400
        await live.script(keys={"full": "other"})
        assert (await live.http.get("/v2/pods")).status_code == 401
        other = {"Authorization": "Bearer other"}
        assert (await live.http.get("/v2/pods", headers=other)).status_code == 200
        assert Script().keys.full == FULL_KEY
