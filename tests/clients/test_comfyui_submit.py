"""Submitting: exactly once, wholly or not at all, and why not in one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from oavr_tui.clients.comfyui import ComfyUI
from oavr_tui.errors import BadInput, OavrError, Rejected, Unreachable
from tests.clients.scripted import OTHER_ID, PROMPT_ID, TROUBLE, Scripted, hang_up, recorded, recorded_body, says

GRAPH: dict[str, Any] = {"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}
MISSING_VAE = {
    "129": {
        "errors": [
            {
                "type": "value_not_in_list",
                "message": "Value not in list",
                "details": "model_name: 'vae.safetensors' not in ['other.safetensors']",
                "extra_info": {"input_name": "model_name"},
            }
        ],
        "dependent_outputs": ["317"],
        "class_type": "WanVideoVAELoader",
    }
}


async def test_submit_sends_our_ids(server: Scripted, comfy: ComfyUI) -> None:
    await comfy.submit(GRAPH, PROMPT_ID)
    body = server.asked("POST", "/prompt")[0].body
    assert body == {"prompt": GRAPH, "client_id": "c1", "prompt_id": PROMPT_ID}
    assert server.pending == [PROMPT_ID]


@pytest.mark.parametrize("prompt_id", [PROMPT_ID.upper(), PROMPT_ID.replace("-", ""), "x", PROMPT_ID + "\n"])
async def test_ids_that_newer_servers_refuse(server: Scripted, comfy: ComfyUI, prompt_id: str) -> None:
    with pytest.raises(ValueError, match="lower case"):
        await comfy.submit(GRAPH, prompt_id)
    assert not server.seen


async def test_a_part_of_the_graph_is_not_the_graph(either: Scripted, comfy_either: ComfyUI) -> None:
    async def partly(request: web.Request) -> web.StreamResponse:
        either.running.append((await request.json())["prompt_id"])
        return web.json_response({"prompt_id": PROMPT_ID, "number": 3, "node_errors": MISSING_VAE})

    either.script("POST", "/prompt", partly)
    with pytest.raises(Rejected, match=r"WanVideoVAELoader asks for 'vae\.safetensors'"):
        await comfy_either.submit(GRAPH, PROMPT_ID)
    assert not either.running, "what was taken of it has been stopped again"


async def test_a_server_that_names_jobs_itself(server: Scripted, comfy: ComfyUI) -> None:
    async def own_name(_: web.Request) -> web.StreamResponse:
        server.pending.append(OTHER_ID)
        return web.json_response({"prompt_id": OTHER_ID, "number": 3})

    server.script("POST", "/prompt", own_name)
    with pytest.raises(Rejected, match="too old"):
        await comfy.submit(GRAPH, PROMPT_ID)
    assert not server.pending


async def test_a_lost_answer_does_not_make_a_second_job(server: Scripted, comfy: ComfyUI) -> None:
    async def take_and_hang_up(request: web.Request) -> web.StreamResponse:
        server.running.append((await request.json())["prompt_id"])
        return await hang_up(request)

    server.script("POST", "/prompt", take_and_hang_up)
    await comfy.submit(GRAPH, PROMPT_ID)
    assert len(server.asked("POST", "/prompt")) == 1


async def test_a_lost_answer_of_a_job_that_is_done_already(server: Scripted, comfy: ComfyUI) -> None:
    async def take_and_hang_up(request: web.Request) -> web.StreamResponse:
        server.finish(PROMPT_ID, {})
        return await hang_up(request)

    server.script("POST", "/prompt", take_and_hang_up)
    await comfy.submit(GRAPH, PROMPT_ID)
    assert len(server.asked("POST", "/prompt")) == 1


async def test_a_prompt_that_arrives_late_is_waited_for(server: Scripted, comfy: ComfyUI) -> None:
    async def arrive(_: web.Request) -> web.StreamResponse:
        server.pending.append(PROMPT_ID)
        return web.json_response({"queue_running": [], "queue_pending": []})

    server.script("POST", "/prompt", says("", 504))
    server.script("GET", "/queue", arrive)
    await comfy.submit(GRAPH, PROMPT_ID)
    assert len(server.asked("POST", "/prompt")) == 1, "the second look found it"


@pytest.mark.parametrize("failure", [hang_up, says("", 502), says("", 504)])
async def test_a_lost_question_is_asked_again(server: Scripted, comfy: ComfyUI, failure: Any) -> None:
    server.script("POST", "/prompt", failure)
    await comfy.submit(GRAPH, PROMPT_ID)
    assert len(server.asked("POST", "/prompt")) == 2
    assert len(server.asked("GET", "/queue")) == 2, "it was looked for twice before it was sent again"
    assert server.pending == [PROMPT_ID]


async def test_nothing_is_sent_again_while_nobody_can_be_asked(server: Scripted, comfy: ComfyUI) -> None:
    server.script("POST", "/prompt", hang_up)
    server.script("GET", "/queue", *[hang_up] * 10_000)
    with pytest.raises(Unreachable):
        await comfy.submit(GRAPH, PROMPT_ID)
    assert len(server.asked("POST", "/prompt")) == 1


async def test_a_server_that_never_takes_it(server: Scripted, comfy: ComfyUI) -> None:
    server.script("POST", "/prompt", *[says("", 502)] * 20)
    with pytest.raises(Unreachable, match="status 502"):
        await comfy.submit(GRAPH, PROMPT_ID)
    assert len(server.asked("POST", "/prompt")) == 4


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("unknown class_type", "lacks the node NoSuchNode"),
        ("missing class_type", "does not understand the workflow"),
        ("missing inputs key", "RepeatImageBatch has a problem"),
        ("missing required input", "CreateVideo lacks its input fps"),
        ("invalid combo (file not on server)", "LoadImage cannot use its file"),
        ("invalid audio file", "LoadAudio cannot use its file"),
        ("value over max", "bigger than max of 4096"),
        ("two errors in two nodes", "1 more node also"),
        ("no output node", "nothing in the workflow that saves a video"),
        ("no prompt key", "No prompt provided"),
        ("custom prompt_id (not uuid)", "prompt_id must be a valid UUID"),
    ],
)
async def test_every_recorded_refusal_is_one_sentence(server: Scripted, comfy: ComfyUI, name: str, word: str) -> None:
    server.script("POST", "/prompt", says(recorded_body("03_prompt_validation.json", name), 400))
    with pytest.raises(Rejected) as caught:
        await comfy.submit(GRAPH, PROMPT_ID)
    assert word in caught.value.message
    assert "Traceback" not in caught.value.message and "/srv/" not in caught.value.message
    assert len(server.asked("POST", "/prompt")) == 1


async def test_all_recorded_answers_end_in_a_sentence_or_well(server: Scripted, comfy: ComfyUI) -> None:
    for each in recorded("03_prompt_validation.json"):
        body, status = each["response"]["body"], each["response"]["status"]
        if status == 200:
            body = body | {"prompt_id": PROMPT_ID}
        server.script("POST", "/prompt", says(body, status))
        try:
            await comfy.submit(GRAPH, PROMPT_ID)
        except OavrError as error:
            assert status != 200 and error.message.endswith("."), each["name"]
        else:
            assert status == 200, each["name"]


async def test_the_older_servers_missing_node(server: Scripted, comfy: ComfyUI) -> None:
    error = {"type": "invalid_prompt", "message": "Cannot execute because node MultiTalkModelLoader does not exist."}
    server.script("POST", "/prompt", says({"error": {**error, "details": "Node ID '#4'"}, "node_errors": {}}, 400))
    with pytest.raises(Rejected, match="lacks the node MultiTalkModelLoader"):
        await comfy.submit(GRAPH, PROMPT_ID)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 400, Rejected),
        ("not json", 400, Rejected),
        ([], 400, Rejected),
        ({"error": "text", "node_errors": []}, 400, Rejected),
        ({"error": None, "node_errors": {"1": "?"}}, 400, Rejected),
        (TROUBLE, 500, Rejected),
        ("", 413, BadInput),
        ("", 403, Rejected),
        ("<html>", 200, Unreachable),
        ({"number": 3}, 200, Unreachable),
    ],
)
async def test_answers_out_of_the_ordinary(
    server: Scripted, comfy: ComfyUI, body: object, status: int, error: type[OavrError]
) -> None:
    server.script("POST", "/prompt", says(body, status))
    with pytest.raises(error):
        await comfy.submit(GRAPH, PROMPT_ID)


async def test_foreign_text_carries_no_escape_sequences(server: Scripted, comfy: ComfyUI) -> None:
    error = {"type": "x\x1b]0;title\x07", "message": "bad \x1b[31mred\x1b[0m\x00\u202etext"}
    server.script("POST", "/prompt", says({"error": error, "node_errors": {}}, 400))
    with pytest.raises(Rejected) as caught:
        await comfy.submit(GRAPH, PROMPT_ID)
    assert caught.value.message.isprintable()
