"""The recorded WebSocket conversations, made again with the simulator: the same messages in the same order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.contract.conftest import DEADLINE, Server
from tests.contract.test_http import finished, idle, run_of_03, running
from tests.contract.wire import differences, exchanges, recording

Message = dict[str, Any]
LOOSE = frozenset({"traceback", "current_inputs", "nodes", "value", "max"})
CLIENT = "4f6fb548ea2c4fab884095709e378b99"


async def until_end(socket: ClientConnection, ends: int = 1) -> list[Message]:
    """Read until the final `executing` of so many prompts. A binary message stands as its first numbers."""
    messages: list[Message] = []
    async with asyncio.timeout(DEADLINE):
        while ends:
            raw = await socket.recv()
            messages.append(json.loads(raw) if isinstance(raw, str) else binary(raw))
            ends -= messages[-1]["type"] == "executing" and messages[-1]["data"]["node"] is None
    return messages


async def next_of(socket: ClientConnection, kind: str) -> Message:
    """Read until a message of this type."""
    async with asyncio.timeout(DEADLINE):
        while True:
            message: Message = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


def binary(raw: bytes) -> Message:
    event, second = int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:8], "big")
    about = json.loads(raw[8 : 8 + second]) if event == 4 else {"image_type": second}
    image = raw[8 + second :] if event == 4 else raw[8:]
    assert image.startswith(b"\x89PNG")
    return {"type": f"binary {event}", "data": about}


def story(messages: list[Message], *, state: bool = True) -> list[str]:
    """The conversation without what the clock decides: updates within a node, and ids."""
    told: list[str] = []
    for message in messages:
        kind, data = message.get("type", "..."), message.get("data", {})
        if kind in ("...", "progress") or message.get("binary"):
            continue
        if kind == "progress_state":
            line = "progress_state " + " ".join(f"{k}:{v['state']}" for k, v in data["nodes"].items())
        elif kind == "status":
            line = f"status {data['status']['exec_info']['queue_remaining']}{' sid' if 'sid' in data else ''}"
        elif kind == "executing":
            line = f"executing {data['node']} {sorted(data)}"
        elif kind == "execution_cached":
            line = f"execution_cached {sorted(data['nodes'])}"
        else:
            line = f"{kind} {data.get('node') or data.get('node_id') or ''}"
        repeated = told and told[-1] == line and kind == "progress_state"
        if not repeated and (state or kind != "progress_state"):
            told.append(line)
    return told


def check_shapes(recorded: list[Message], live: list[Message]) -> None:
    """Every message has the keys and types of the recorded one of its type (and, for executing, of its form)."""
    known = {(m["type"], *sorted(m["data"])): m["data"] for m in recorded if "data" in m}
    for message in live:
        form = (message["type"], *sorted(message["data"]))
        if message["type"].startswith("binary"):
            continue
        assert form in known, f"{form} was never recorded"
        data = known[form] if message["data"].get("node", "") is not None else {**known[form], "node": None}
        assert list(differences(data, message["data"], loose=LOOSE | {"node"})) == []
    states = [n for m in recorded if m.get("type") == "progress_state" for n in m["data"]["nodes"].values()]
    for message in live:
        if message["type"] == "progress_state":
            for node in message["data"]["nodes"].values():
                assert list(differences(states[0], node, loose=LOOSE)) == []


async def test_a_run_and_an_identical_one(ready: Server) -> None:
    await run_of_03(ready)
    first, again = recording("05_ws_success"), recording("07_ws_cached")
    async with ready.socket(CLIENT) as socket:
        await ready.post(first["graph"], client_id=CLIENT)
        messages = await until_end(socket)
        assert story(messages) == story(first["messages"])
        check_shapes(first["messages"], messages)
        await ready.post(first["graph"], client_id=CLIENT)
        messages = await until_end(socket)
        assert story(messages) == story(again["messages"])
        check_shapes(first["messages"] + again["messages"], messages)
        shown = [m["data"]["output"] for m in messages if m["type"] == "executed"]
        assert shown == [{"images": [{"filename": "run_70212e_00001_.mp4", "subfolder": "probe", "type": "output"}],
                          "animated": [True]}]  # fmt: skip


async def test_an_old_server_sends_every_update_and_a_new_one_ten_a_second(ready: Server) -> None:
    graph = recording("05_ws_success")["graph"]
    graph["6"]["inputs"]["seconds"] = 0.5
    async with ready.socket(CLIENT) as socket:
        await ready.post(graph, client_id=CLIENT)
        updates = [m for m in await until_end(socket) if m["type"] == "progress" and m["data"]["node"] == "6"]
    assert updates[-1]["data"]["value"] == updates[-1]["data"]["max"] == 0.5
    assert len(updates) <= 7 if ready.generation == "new" else len(updates) > 10


@pytest.mark.parametrize("generation", ["new"], indirect=True)
async def test_failing_runs(ready: Server) -> None:
    await run_of_03(ready)
    recorded = recording("10_ws_error")["messages"]
    async with ready.socket(CLIENT) as socket:
        await socket.recv()
        messages: list[Message] = []
        for exchange in exchanges("09_run_error_http"):
            if exchange.method == "POST":
                await ready.post(exchange.body["prompt"], client_id=CLIENT)
                messages += await until_end(socket)
    assert story(messages) == story(recorded)
    check_shapes(recorded, messages)


@pytest.mark.parametrize("generation", ["new"], indirect=True)
async def test_interrupts_and_the_queue(ready: Server) -> None:
    """The recording's queue numbers come from posting and deleting while one prompt runs."""
    await run_of_03(ready)
    recorded = recording("12_ws_interrupt_and_queue")["messages"]
    graph = exchanges("11_interrupt_http")[0].body["prompt"]
    async with ready.socket(CLIENT) as socket:
        await socket.recv()
        messages: list[Message] = []
        for number, seconds in enumerate((20, 21, 22)):
            graph["6"]["inputs"]["seconds"] = seconds
            running_id = await ready.post(graph, client_id=CLIENT)
            messages += [*await up_to(socket, "progress")]
            if number < 2:
                await ready.http.post("/interrupt", json={"prompt_id": running_id} if number == 0 else {})
                messages += await until_end(socket)
        waiting = [await ready.post(graph, client_id=CLIENT, front=front) for front in (False, False, True)]
        await ready.http.post("/queue", json={"delete": [waiting[0]]})
        await ready.http.post("/queue", json={"delete": [running_id]})
        await ready.http.post("/queue", json={"delete": ["zzz"]})
        await ready.http.post("/interrupt", json={"prompt_id": waiting[1]})
        await ready.http.post("/queue", json={"clear": True})
        assert (await ready.http.post(f"/api/jobs/{running_id}/cancel")).json() == {"cancelled": True}
        messages += await until_end(socket)
    assert without_updates(story(messages)) == without_updates(story(recorded))
    check_shapes(recorded, messages)


def without_updates(lines: list[str]) -> list[str]:
    """A story without progress: where an interrupt falls between updates is the clock's."""
    return [line for line in lines if not line.startswith("progress_state")]


async def up_to(socket: ClientConnection, kind: str) -> list[Message]:
    """Read up to and with the next message of this type."""
    messages: list[Message] = []
    async with asyncio.timeout(DEADLINE):
        while not messages or messages[-1]["type"] != kind:
            messages.append(json.loads(await socket.recv()))
    return messages


async def test_reconnecting(ready: Server) -> None:
    await run_of_03(ready)
    recorded = recording("18_ws_reconnect")
    graph = exchanges("17_reconnect_http")[0].body["prompt"]
    graph["6"]["inputs"]["seconds"] = 2
    client = "20884d9a9e5549c9b267441777ae19c7"
    async with ready.socket(client) as socket:
        await ready.post(graph, client_id=client)
        messages = await up_to(socket, "progress")
        assert story(messages) == story(recorded["first_connection"])
    async with ready.socket(client) as socket:
        messages = await up_to(socket, "progress")
        assert story(messages) == story(recorded["second_connection_first_500ms"])
        assert messages[1]["data"] == {"node": "6"}
    async with ready.socket("someoneelse") as socket:
        messages = await up_to(socket, "status")
        assert story(messages) == ["status 1 sid"]
    async with ready.socket(client) as socket:
        messages = await until_end(socket)
        assert story(messages) == story(recorded["fourth_connection"])
        check_shapes(recorded["first_connection"] + recorded["fourth_connection"], messages)


async def test_closing_the_older_of_two_sockets_silences_the_newer(ready: Server) -> None:
    graph = exchanges("17_reconnect_http")[0].body["prompt"]
    async with ready.socket(CLIENT) as newer_still:
        await newer_still.close()
    older_context = ready.socket(CLIENT)
    older = await older_context.__aenter__()
    prompt_id = await ready.post(graph, client_id=CLIENT)
    await next_of(older, "progress")
    async with ready.socket(CLIENT) as newer:
        await next_of(newer, "progress")
        await older_context.__aexit__(None, None, None)
        await ready.http.post("/interrupt", json={"prompt_id": prompt_id})
        await finished(ready, prompt_id)
        async with ready.socket(CLIENT) as third:  # what is published from here on comes to the third
            await third.recv()
            await newer.send("anything")  # an answer in order: nothing of the end was sent to the newer one
            await (await newer.ping())
            heard = []
            with pytest.raises(TimeoutError):
                while True:
                    heard.append(json.loads(await asyncio.wait_for(newer.recv(), 0.05)))
            assert all(message["type"] in ("progress", "progress_state") for message in heard)


async def test_a_client_that_stops_reading_silences_the_others(ready: Server) -> None:
    address = ready.simulator.base_url.replace("http", "ws", 1) + "/ws"
    pad, count = "x" * 100_000, 300
    stuck = await connect(address, proxy=None, compression=None, max_queue=1)
    async with connect(address, proxy=None, compression=None) as other:
        await other.recv()
        for number in range(count):
            ready.simulator.core.sockets.publish("progress", {"number": number, "pad": pad})
        heard = 0
        with pytest.raises(TimeoutError):
            while True:
                await asyncio.wait_for(other.recv(), 0.5)
                heard += 1
        assert heard < count
        assert (await ready.http.get("/prompt")).status_code == 200
        stuck.transport.abort()
        async with asyncio.timeout(DEADLINE):
            while heard < count:
                await other.recv()
                heard += 1
    await stuck.wait_closed()


async def test_who_hears_what(ready: Server) -> None:
    """Without a client_id the run's own messages go to nobody, its progress to everybody."""
    recorded = recording("16_ws_audience")
    await run_of_03(ready)
    await ready.http.post("/free", json={"free_memory": True})
    graph = exchanges("15_no_client_id_http")[0].body["prompt"]
    async with ready.socket("somebody") as named, ready.socket() as unnamed:
        await finished(ready, await ready.post(graph))
        await ready.http.post("/interrupt")
        prompt_id = await ready.post(exchanges("15_no_client_id_http")[2].body["prompt"])
        await running(ready)
        await asyncio.gather(up_to(named, "progress"), up_to(unnamed, "progress"))
        await ready.http.post("/interrupt")
        ends = [await up_to(socket, "execution_interrupted") for socket in (named, unnamed)]
    kinds = {message["type"] for messages in ends for message in messages}
    assert kinds <= {"status", "progress", "progress_state", "execution_interrupted"}
    assert all(end[-1]["data"]["prompt_id"] == prompt_id for end in ends)
    assert {m["type"] for m in recorded["B_without_clientId"] if "type" in m} >= kinds
    await idle(ready)


async def test_flags_garbage_and_pings(server: Server) -> None:
    flags = recording("20_ws_feature_flags")
    async with server.socket() as socket:
        await socket.send(json.dumps(flags["sent"]))
        messages = [json.loads(await socket.recv()) for _ in range(2)]
    assert story(messages) == story(flags["messages"])
    loose = LOOSE if server.generation == "new" else LOOSE | set(flags["messages"][1]["data"])
    assert list(differences(flags["messages"][1]["data"], messages[1]["data"], loose=loose)) == []
    assert messages[1]["data"]["max_upload_size"] == 104857600
    async with server.socket() as socket:
        await socket.recv()
        for garbage in ("not json", "[]", '{"type": "nothing"}'):
            await socket.send(garbage)
        await (await socket.ping())


@pytest.mark.parametrize("flagged", [False, True])
async def test_previews_are_binary(ready: Server, flagged: bool) -> None:
    recorded = recording("14_ws_binary_previews")["with_flag" if flagged else "without_flag"]
    graph = exchanges("13_preview_http")[0].body["prompt"]
    graph["3"]["inputs"]["amount"] = 2
    async with ready.socket(CLIENT) as socket:
        if flagged:
            await socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
            await next_of(socket, "feature_flags")
        prompt_id = await ready.post(graph, client_id=CLIENT)
        messages = await until_end(socket)
    previews = [m for m in messages if m["type"].startswith("binary")]
    assert len(previews) == 2
    was = next(m for m in recorded if m.get("binary"))
    if flagged:
        assert previews[0]["type"] == "binary 4"
        assert previews[0]["data"] == {**was["metadata"], "prompt_id": prompt_id}
    else:
        assert (previews[0]["type"], previews[0]["data"]["image_type"]) == ("binary 1", was["image_type_u32be"])
    order = [line for line in story(messages) if line.startswith("executing")]
    if not flagged:
        assert order == [line for line in story(recorded) if line.startswith("executing")]
