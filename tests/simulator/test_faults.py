"""Reading fault scripts, and what each fault does to a client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from oavr_tui.errors import BadInput
from oavr_tui.simulator.faults import Faults, Latency, Match
from tests.simulator.conftest import Live, Start, still_graph


def script(*entries: dict[str, Any]) -> Faults:
    return Faults.from_json(json.dumps(entries))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "the file itself"),
        ("{}", "the file itself"),
        ('[{"do": "explode"}]', "0"),
        ('[{"do": "latency", "seconds": -1}]', "0.latency.seconds"),
        ('[{"do": "latency", "second": 1}]', "0.latency.second"),
        ('[{"do": "drop", "match": {"nth": 0}}]', "0.drop.match.nth"),
        ('[{"do": "status", "status": 200}]', "0.status.status"),
    ],
)
def test_a_wrong_script_says_where(text: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        Faults.from_json(text)
    assert f"at {place}" in caught.value.message


def test_a_script_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        Faults.from_file(tmp_path / "none.json")
    with pytest.raises(BadInput, match="megabyte"):
        Faults.from_json(b" " * ((1 << 20) + 1))


def test_paths_are_prefixes_or_globs() -> None:
    assert Match(path="/history").covers("GET", "/history/abc")
    assert not Match(path="/history/*").covers("GET", "/history")
    assert Match(method="post", path="/prompt").covers("POST", "/prompt")
    assert not Match(method="POST").covers("GET", "/prompt")


@given(st.integers(1, 50), st.integers(0, 50), st.integers(1, 120))
def test_a_turn_is_a_number_or_a_range(first: int, length: int, count: int) -> None:
    assert Match(nth=first).is_turn(count) == (count == first)
    assert Match(nth=(first, first + length)).is_turn(count) == (first <= count <= first + length)
    assert Match(nth=(first, None)).is_turn(count) == (count >= first)
    assert Match().is_turn(count)


@given(st.lists(st.sampled_from(["/view", "/queue", "/history/1"]), max_size=40), st.integers(1, 5))
def test_entries_count_only_what_they_match(paths: list[str], nth: int) -> None:
    faults = script({"match": {"path": "/view", "nth": nth}, "do": "drop"})
    hit = [index for index, path in enumerate(paths) if faults.for_request("GET", path)]
    views = [index for index, path in enumerate(paths) if path == "/view"]
    assert hit == views[nth - 1 : nth]
    assert faults.as_json()[0]["matched"] == len(views)


def test_latency_adds_to_the_next_fault_and_the_first_other_one_wins() -> None:
    faults = script(
        {"do": "latency", "seconds": 1},
        {"do": "status", "status": 503},
        {"do": "drop"},
    )
    chosen = faults.for_request("GET", "/queue")
    assert [type(fault).__name__ for fault in chosen] == ["Latency", "Status"]
    assert isinstance(chosen[0], Latency)
    assert [entry["matched"] for entry in faults.as_json()] == [1, 1, 1]


async def test_status_latency_and_the_prefix(live: Live) -> None:
    live.script(
        {"match": {"path": "/queue", "nth": 1}, "do": "status"},
        {
            "match": {"path": "/queue", "nth": 2},
            "do": "status",
            "status": 503,
            "body": "x",
            "content_type": "text/plain",
        },
        {"match": {"path": "/queue", "nth": 3}, "do": "latency", "seconds": 0.01},
    )
    first, second, third = [await live.http.get(path) for path in ("/queue", "/api/queue", "/queue")]
    assert (first.status_code, first.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "<html>" in first.text
    assert (second.status_code, second.text) == (503, "x")
    assert third.json() == {"queue_running": [], "queue_pending": []}


async def test_a_lost_answer_is_still_a_submission(live: Live) -> None:
    live.script(
        {"match": {"method": "POST", "path": "/prompt", "nth": 1}, "do": "drop", "when": "before"},
        {"match": {"method": "POST", "path": "/prompt", "nth": 2}, "do": "drop", "when": "after"},
    )
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await live.post(still_graph())
    assert len(live.simulator.submissions) == 1
    entry = await live.ended(live.simulator.submissions[0])
    assert entry["status"]["completed"]


async def test_half_open_says_nothing_until_the_client_gives_up(live: Live) -> None:
    live.script({"match": {"path": "/queue", "nth": 1}, "do": "half_open"})
    with pytest.raises(httpx.ReadTimeout):
        await live.http.get("/queue", timeout=0.2)
    assert (await live.http.get("/queue")).status_code == 200


async def test_half_open_ends_by_itself(live: Live) -> None:
    live.script({"match": {"path": "/queue"}, "do": "half_open", "seconds": 0.05})
    with pytest.raises(httpx.RemoteProtocolError):
        await live.http.get("/queue")


async def view(live: Live, **headers: str) -> httpx.Response:
    query = {"filename": "voice.wav", "type": "input"}
    return await live.http.get("/view", params=query, headers=headers)


async def test_a_truncated_file_can_be_resumed(live: Live) -> None:
    whole = await view(live)
    live.script({"match": {"path": "/view", "nth": 1}, "do": "truncate", "bytes": 1000})
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with live.http.stream("GET", "/view", params={"filename": "voice.wav", "type": "input"}) as cut:
            assert cut.headers["content-length"] == whole.headers["content-length"]
            assert cut.headers["etag"] == whole.headers["etag"]
            assert cut.headers["last-modified"] == whole.headers["last-modified"]
            async for piece in cut.aiter_raw():
                got += piece
    assert got == whole.content[:1000]
    rest = await view(live, Range="bytes=1000-")
    assert rest.status_code == 206
    assert got + rest.content == whole.content


async def test_slow_bytes_are_the_same_bytes(live: Live) -> None:
    whole, part = await view(live), await view(live, Range="bytes=100-299")
    live.script({"match": {}, "do": "slow", "bytes_per_second": 2_000_000})
    slow, slow_part = await view(live), await view(live, Range="bytes=100-299")
    assert slow.content == whole.content
    assert (slow_part.status_code, slow_part.content) == (206, part.content)
    assert slow_part.headers["content-range"] == part.headers["content-range"]
    assert (await view(live, Range="bytes=9999999-")).status_code == 416
    assert (await live.http.get("/queue")).json() == {"queue_running": [], "queue_pending": []}


async def test_a_truncated_answer_is_no_json(live: Live) -> None:
    live.script({"match": {"path": "/system_stats"}, "do": "truncate", "bytes": 20})
    with pytest.raises(httpx.RemoteProtocolError):
        await live.http.get("/system_stats")


async def test_an_upload_over_the_limit(live: Live) -> None:
    live.script({"match": {"path": "/upload"}, "do": "413"})
    response = await live.http.post("/upload/image", files={"image": ("a.png", b"x")})
    assert (response.status_code, response.text) == (413, "Maximum request body size 104857600 exceeded.")
    assert live.simulator.core.counters.uploads == 0


async def test_a_lost_history_knows_nothing_of_a_running_job(live: Live) -> None:
    prompt_id = await live.post(still_graph(seconds=20))
    await live.runs()
    live.script({"match": {"path": "/queue", "nth": 1}, "do": "lost_history"})
    assert (await live.http.get("/queue")).json() == {"queue_running": [], "queue_pending": []}
    await live.http.post("/interrupt")
    second = await live.post(still_graph())
    await live.ended(second)
    assert (await live.http.get(f"/history/{prompt_id}")).json() == {}
    assert live.simulator.executed == [prompt_id, second]


async def test_a_restart_cuts_everything_and_comes_back_empty(live: Live) -> None:
    done = await live.post(still_graph())
    await live.ended(done)
    running = await live.post(still_graph(seconds=20))
    await live.runs()
    live.script({"match": {"path": "/prompt", "nth": 1}, "do": "restart", "seconds": 0.1})
    async with live.socket() as socket:
        await socket.recv()
        with pytest.raises(httpx.TransportError):
            await live.http.get("/prompt")
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    async with asyncio.timeout(10):
        while True:
            try:
                history = (await live.http.get("/history")).json()
                break
            except httpx.TransportError:
                await asyncio.sleep(0.01)
    assert history == {}
    assert (await live.http.get(f"/history/{running}")).json() == {}
    file = {"filename": "still_00001_.mp4", "type": "output"}
    assert (await live.http.get("/view", params=file)).status_code == 200
    again = await live.ended(await live.post(still_graph()))
    assert again["outputs"]["5"]["images"][0]["filename"] == "still_00002_.mp4"
    assert live.simulator.submissions[:2] == [done, running]


async def test_a_node_that_fails_once(live: Live) -> None:
    live.script({"match": {"nth": 1}, "do": "fail", "node": "TestSleep"})
    first = await live.ended(await live.post(still_graph()))
    kind, data = first["status"]["messages"][-1]
    assert (kind, data["exception_type"], data["node_type"]) == (
        "execution_error",
        "torch.OutOfMemoryError",
        "TestSleep",
    )
    assert "out of memory" in data["exception_message"]
    assert (await live.ended(await live.post(still_graph())))["status"]["completed"]


async def test_a_socket_is_cut_after_so_many_messages(live: Live) -> None:
    live.script({"match": {"path": "/ws", "nth": 1}, "do": "drop", "after_messages": 3})
    async with live.socket() as socket:
        await live.post(still_graph(), client_id="tester")
        heard = []
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                heard.append(json.loads(await socket.recv())["type"])
    assert heard == ["status", "status", "status"]
    assert caught.value.rcvd is None  # no closing frame


async def test_a_half_open_socket_stays_open_and_silent(live: Live) -> None:
    live.script({"match": {"path": "/ws", "nth": 1}, "do": "half_open", "after_messages": 2})
    async with live.socket() as socket:
        prompt_id = await live.post(still_graph(), client_id="tester")
        await live.ended(prompt_id)
        assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["status", "status"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(await socket.ping(), 0.1)
        socket.transport.abort()


async def test_faults_are_exchanged_over_http(live: Live) -> None:
    bad = await live.http.post("/simulator/faults", content=b"[1]")
    assert (bad.status_code, "wrong at 0" in bad.json()["error"]) == (400, True)
    entry = {"match": {"path": "/queue", "nth": [1, 2]}, "do": "status", "status": 500}
    assert (await live.http.post("/simulator/faults", json=[entry])).status_code == 200
    assert [(await live.http.get("/queue")).status_code for _ in range(3)] == [500, 500, 200]
    assert (await live.http.get("/simulator/faults")).json()[0]["matched"] == 3
    await live.http.post("/simulator/faults", json=[])
    assert (await live.http.get("/simulator/state")).json() == {"submissions": [], "executed": [], "uploads": 0}


async def test_the_upload_limit_counts_the_whole_body(start: Start) -> None:
    async with start(max_upload_size=5000) as live:
        exact = await live.http.post("/upload/image", files={"image": ("a.png", b"x" * 5000)})
        assert (exact.status_code, exact.text) == (413, "Maximum request body size 5000 exceeded.")

        request = httpx.Request("POST", "http://x/", files={"image": ("b.png", b"y" * 6000)})
        kind, body = request.headers["content-type"], request.read()

        async def pieces() -> Any:
            for index in range(0, len(body), 500):
                yield body[index : index + 500]

        streamed = await live.http.post("/upload/image", content=pieces(), headers={"content-type": kind})
        assert streamed.status_code == 413
        small = await live.http.post("/upload/image", files={"image": ("c.png", b"x" * 4000)})
        assert small.status_code == 200
        assert (await live.http.get("/features")).json()["max_upload_size"] == 5000
        prompt = await live.http.post("/prompt", json={"prompt": {}, "filler": "z" * 6000})
        assert prompt.status_code == 413
        assert not list((live.folder / "temp").iterdir())
