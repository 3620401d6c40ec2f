"""Every recorded HTTP exchange that our client has with ComfyUI, replayed against the simulator of both generations."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.contract.conftest import DEADLINE, Server
from tests.contract.wire import Recorded, body_of, differences, exchanges, png, wav, with_ids

NOT_ASKED = frozenset(
    {
        "GET /models",  # compared below: our folders are fewer
        "GET /models/diffusion_models",
        "GET /embeddings",
        "GET /internal/folder_paths",
        "GET /users",
        "GET /settings",
        "GET /workflow_templates",
        "HEAD /",
    }
)
"""Recorded, but nothing that our client asks for."""

VOLATILE = frozenset({"traceback", "current_inputs", "comfy_package_versions"})
OLD_ANSWERS: dict[str, tuple[int, Any]] = {
    "GET /api/jobs": (404, ""),
    "GET /api/assets": (404, ""),
    "sec-fetch-site cross-site": (200, None),
    "unknown class_type": (
        400,
        {
            "error": {
                "type": "invalid_prompt",
                "message": "Cannot execute because node NoSuchNode does not exist.",
                "details": "Node ID '#4'",
                "extra_info": {},
            },
            "node_errors": {},
        },
    ),
    "missing class_type": (
        400,
        {
            "error": {
                "type": "invalid_prompt",
                "message": "Cannot execute because a node is missing the class_type property.",
                "details": "Node ID '#4'",
                "extra_info": {},
            },
            "node_errors": {},
        },
    ),
    "prompt is UI format workflow": (
        400,
        {
            "error": {
                "type": "invalid_prompt",
                "message": "Cannot execute because a node is missing the class_type property.",
                "details": "Node ID '#nodes'",
                "extra_info": {},
            },
            "node_errors": {},
        },
    ),
    "custom prompt_id (not uuid)": (200, None),
}
"""What the old generation answers instead, by the fact sheet; None where the body is not looked at."""


def check(recorded: Recorded, response: httpx.Response, server: Server) -> None:
    """Status, content type, keys and types as recorded, or as the old generation has them."""
    name, generation = recorded.name, server.generation
    if generation == "old" and name in OLD_ANSWERS:
        status, body = OLD_ANSWERS[name]
        assert response.status_code == status, name
        assert body is None or body_of(response) == body, name
        return
    assert response.status_code == recorded.status, (name, response.text)
    assert response.headers.get("content-type") == recorded.content_type, name
    if recorded.method == "HEAD" or (isinstance(recorded.answer, str) and "binary" in recorded.answer):
        return
    only_new = {"deploy_environment", "create_time", "node_replacements", "extension", "assets"}
    only_new |= {"supports_model_type_tags"}
    loose = VOLATILE | (only_new | _NODE_KEYS if generation == "old" else frozenset())
    assert list(differences(with_ids(recorded.answer, server.ids), body_of(response), loose=loose)) == [], name


_NODE_KEYS = frozenset(
    {
        "is_input_list",
        "output_matchtypes",
        "dev_only",
        "price_badge",
        "search_aliases",
        "essentials_category",
        "has_intermediate_output",
        "input",
        "input_order",
    }
)


async def test_what_the_server_says_of_itself(server: Server) -> None:
    for recorded in exchanges("01_info"):
        if recorded.name in NOT_ASKED:
            continue
        response = await server.replay(recorded)
        if recorded.name == "GET /object_info/SaveVideo" and server.generation == "old":
            assert response.json()["SaveVideo"]["input"]["required"]["format"][0] == "COMBO"
            continue
        check(recorded, response, server)
    folders = (await server.http.get("/models")).json()
    assert "diffusion_models" in folders
    assert all(isinstance(name, str) for name in (await server.http.get("/models/loras")).json())
    assert (await server.http.get("/models/nope")).status_code == 404


CONTENTS = {1: png(0), 2: png(1), 3: png(1), 4: png(2), 5: png(1), 6: png(0), 7: png(3)}
"""Which bytes a recorded upload sent, where their being the same or another matters."""


def multipart(recorded: Recorded, index: int) -> dict[str, Any]:
    """The arguments for httpx that make a recorded multipart request."""
    form, parts = recorded.body["form"] or {}, recorded.body["multipart"]
    files = {}
    for part in parts:
        content = wav() if part["filename"].endswith(".wav") else CONTENTS.get(index, png(0))
        files[part["name"]] = (part["filename"], b"" if part["bytes"] == 0 else content, part["content_type"])
    return {"data": form, "files": files} if files else {"data": form}


async def test_uploads(server: Server) -> None:
    for index, recorded in enumerate(exchanges("02_upload")):
        if isinstance(recorded.body, dict):
            response = await server.http.post(recorded.target, **multipart(recorded, index))
        else:
            response = await server.replay(recorded)
        check(recorded, response, server)
        if response.status_code == 200:
            assert response.json() == recorded.answer, recorded.name


async def test_validation(ready: Server) -> None:
    for recorded in exchanges("03_prompt_validation"):
        response = await ready.replay(recorded)
        check(recorded, response, ready)
        special = ready.generation == "old" and recorded.name in OLD_ANSWERS
        if not special and response.status_code in (200, 400):
            assert stable(response.json()) == stable(recorded.answer), recorded.name


def stable(answer: Any) -> Any:
    """An answer without what differs between two servers by nature."""
    if isinstance(answer, dict):
        return {key: stable(value) for key, value in answer.items() if key not in ("prompt_id", "traceback")}
    return [stable(value) for value in answer] if isinstance(answer, list) else answer


async def finished(server: Server, prompt_id: str) -> None:
    """Wait until the prompt is in the history."""
    async with asyncio.timeout(DEADLINE):
        while not (await server.http.get(f"/history/{prompt_id}")).json():
            await asyncio.sleep(0.02)


async def running(server: Server) -> None:
    """Wait until something runs."""
    async with asyncio.timeout(DEADLINE):
        while not (await server.http.get("/queue")).json()["queue_running"]:
            await asyncio.sleep(0.01)


async def run_of_03(server: Server) -> None:
    """What ran before the recorded runs, so that the same results are in the cache."""
    accepted = [r for r in exchanges("03_prompt_validation") if r.name == "custom prompt_id (uuid)"]
    response = await server.replay(accepted[0])
    await finished(server, response.json()["prompt_id"])


async def test_a_run(ready: Server) -> None:
    await run_of_03(ready)
    for recorded in exchanges("04_run_success_http"):
        if ready.generation == "old" and "/api/jobs" in recorded.target:
            assert (await ready.http.get(recorded.target)).status_code == 404
            continue
        if recorded.name == "GET /history/{id} after success":
            await finished(ready, next(iter(reversed(ready.ids.values()))))
        if recorded.name in (
            "GET /api/jobs while running",
            "GET /api/jobs?limit=2",
            "GET /history?max_items=1&offset=0",
        ):
            response = await ready.replay(recorded)  # lists of other prompts than were made here
            assert response.status_code == recorded.status
            continue
        if recorded.name == "GET /queue while running":
            await running(ready)
        check(recorded, await ready.replay(recorded), ready)


async def test_an_identical_run_gives_the_old_file(ready: Server) -> None:
    first, (again, history) = exchanges("04_run_success_http")[0], exchanges("06_run_cached_http")
    response = await ready.replay(first)
    await finished(ready, response.json()["prompt_id"])
    response = await ready.replay(again)
    await finished(ready, response.json()["prompt_id"])
    response = await ready.replay(history)
    check(history, response, ready)
    entry = next(iter(response.json().values()))
    recorded = next(iter(history.answer.values()))
    assert entry["outputs"] == recorded["outputs"]
    assert entry["status"]["messages"][1][1]["nodes"] == recorded["status"]["messages"][1][1]["nodes"]


async def test_views(ready: Server) -> None:
    first = exchanges("04_run_success_http")[0]
    response = await ready.replay(first)
    await finished(ready, response.json()["prompt_id"])
    for recorded in exchanges("08_view"):
        headers = dict(recorded.headers)
        if recorded.name == "If-None-Match":
            whole = await ready.http.get(recorded.target)
            headers["if-none-match"] = whole.headers["etag"]
        response = await ready.http.request(recorded.method, recorded.target, headers=headers)
        check(recorded, response, ready)
        if recorded.status in (200, 206) and recorded.name != "preview=webp":
            for name in ("etag", "last-modified", "accept-ranges", "content-disposition", "x-content-type-options"):
                assert name in response.headers, (recorded.name, name)
        if recorded.name == "Range suffix -10":
            size = int(response.headers["content-range"].rpartition("/")[2])
            assert response.headers["content-range"] == f"bytes {size - 10}-{size - 1}/{size}"
            assert len(response.content) == 10
        if recorded.status == 416:
            assert response.headers["content-range"].startswith("bytes */")


async def test_failing_runs(ready: Server) -> None:
    await run_of_03(ready)
    for recorded in exchanges("09_run_error_http"):
        if "/api/jobs" in recorded.target and ready.generation == "old":
            continue
        response = await ready.replay(recorded)
        check(recorded, response, ready)
        if recorded.method == "POST":
            await finished(ready, response.json()["prompt_id"])
        if recorded.name.startswith("history"):
            live, was = (next(iter(x.values()))["status"]["messages"][-1] for x in (response.json(), recorded.answer))
            assert live[0] == was[0] == "execution_error"
            for key in ("node_id", "node_type", "exception_type"):
                assert live[1][key] == was[1][key], recorded.name
            assert live[1]["exception_message"].endswith("\n")


async def test_interrupts_and_the_queue(ready: Server) -> None:
    """In the recorded order; between them this waits for what the recording waited for by the clock."""
    await run_of_03(ready)
    old = ready.generation == "old"
    for recorded in exchanges("11_interrupt_http"):
        if old and "/api/jobs" in recorded.target:
            if recorded.method == "POST":
                assert (await ready.replay(recorded)).status_code == 405
                await ready.http.post("/interrupt")
            continue
        if recorded.name in ("POST /interrupt no body", "POST /interrupt with prompt_id", "queue still running"):
            await running(ready)
        if recorded.name in ("history of interrupted", "POST /interrupt when idle", "POST /free"):
            await idle(ready)
        response = await ready.replay(recorded)
        if recorded.name == "GET /queue 1 running 3 pending":
            numbers = [prompt[0] for prompt in response.json()["queue_pending"]]
            assert len(numbers) == 3
            assert numbers[0] < 0
        check(recorded, response, ready)
        if recorded.name == "POST long graph 3 after idle interrupt":
            await running(ready)


async def idle(server: Server) -> None:
    """Wait until nothing runs and nothing waits."""
    async with asyncio.timeout(DEADLINE):
        while (await server.http.get("/prompt")).json()["exec_info"]["queue_remaining"]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("generation", ["new"], indirect=True)
async def test_only_a_new_server_cancels_by_job(ready: Server) -> None:
    first = exchanges("17_reconnect_http")[0]
    prompt_id = (await ready.replay(first)).json()["prompt_id"]
    waiting = (await ready.replay(first)).json()["prompt_id"]
    await running(ready)
    for one in (waiting, prompt_id):
        assert (await ready.http.post(f"/api/jobs/{one}/cancel")).json() == {"cancelled": True}
    await idle(ready)
    assert (await ready.http.post(f"/api/jobs/{prompt_id}/cancel")).json() == {"cancelled": False}
    assert (await ready.http.get(f"/api/jobs/{waiting}")).status_code == 404
    assert (await ready.http.get(f"/api/jobs/{prompt_id}")).json()["status"] == "cancelled"
