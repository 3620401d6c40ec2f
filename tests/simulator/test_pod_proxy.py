"""What the proxy in front of a simulated pod lets through as it is, what it refuses, and what it breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from multidict import CIMultiDict
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from oavr_tui.simulator.pod_exchange import end_to_end
from tests.contract.wire import png
from tests.simulator.conftest import still_graph
from tests.simulator.pods import Pod, a_pod
from tests.simulator.virtual_time import VirtualTime

BLOB = bytes(range(256)) * 4000
NOW: dict[str, Any] = {"seconds_per_file": 0, "warm_seconds": 0}


def socket(pod: Pod, client_id: str = "me", **more: Any) -> connect:
    return connect(pod.url(8188, f"/ws?clientId={client_id}").replace("http", "ws", 1), proxy=None, **more)


async def upload(pod: Pod, name: str = "a.bin", data: bytes = BLOB) -> httpx.Response:
    return await pod.http.post(pod.url(8188, "/upload/image"), files={"image": (name, data)})


async def view(pod: Pod, name: str = "a.bin", **headers: str) -> httpx.Response:
    return await pod.get(8188, "/view", params={"filename": name, "type": "input"}, headers=headers)


async def submit(pod: Pod, **graph: Any) -> httpx.Response:
    body = {"prompt": still_graph(**graph), "client_id": "me"}
    return await pod.http.post(pod.url(8188, "/prompt"), json=body)


async def cut_off(connection: ClientConnection) -> list[str | bytes]:
    """All that is still heard on a socket, until it is cut without a closing frame."""
    heard: list[str | bytes] = []
    with pytest.raises(ConnectionClosedError) as caught:
        while True:
            heard.append(await connection.recv())
    assert caught.value.rcvd is None
    return heard


def test_headers_of_one_hop_are_left_out() -> None:
    given = CIMultiDict(
        [("Connection", "close, X-Mine"), ("x-mine", "1"), ("TE", "trailers"), ("Upgrade", "h2c"), ("X-Other", "2")]
    )
    assert dict(end_to_end(given)) == {"X-Other": "2"}


async def test_bodies_and_names_arrive_as_they_are(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        name = "a b+c%2F ü&d.bin"
        stored = (await upload(pod, name)).json()["name"]
        whole = await view(pod, stored)
        assert whole.content == BLOB
        assert whole.headers["content-length"] == str(len(BLOB))
        assert whole.headers["server"] == "cloudflare"
        part = await view(pod, stored, Range="bytes=1000-1999")
        assert (part.status_code, part.content) == (206, BLOB[1000:2000])
        assert part.headers["content-range"] == f"bytes 1000-1999/{len(BLOB)}"
        known = await view(pod, stored, **{"If-None-Match": whole.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        head = await pod.http.head(pod.url(8188, "/system_stats"))
        assert (head.status_code, head.content) == (200, b"")
        assert (await pod.get(8188, "/no%20such/thing")).status_code == 404


async def test_a_body_of_unknown_length_arrives(tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"prompt": '
        yield b"{}}"

    async with a_pod(tmp_path) as pod:
        await pod.up()
        answer = await pod.http.post(pod.url(8188, "/prompt"), content=body())
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "prompt_no_outputs")


async def test_other_ports_are_not_there(tmp_path: Path) -> None:
    async with a_pod(tmp_path, proxy={"ports": [8001]}) as pod:
        await pod.up()
        for port in (8188, 22):
            answer = await pod.get(port, "/system_stats")
            assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert (await pod.get(8001, "/health")).status_code == 200


async def test_a_body_over_the_limit_never_reaches_the_pod(tmp_path: Path) -> None:
    async def form() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.bin"\r\n\r\n'
        for _ in range(30):
            yield bytes(1000)
        yield b"\r\n--x--\r\n"

    async with a_pod(tmp_path, proxy={"upload_limit": 20_000}) as pod:
        await pod.up()
        assert (await upload(pod, data=bytes(30_000))).status_code == 413
        of_unknown_length = await pod.http.post(
            pod.url(8188, "/upload/image"), content=form(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert of_unknown_length.status_code == 413
        assert (await upload(pod, data=bytes(10_000))).status_code == 200
        comfy = pod.machine.comfy
        assert comfy is not None
        assert comfy.core.counters.uploads == 1


async def test_a_pod_that_says_nothing_for_too_long(tmp_path: Path) -> None:
    time = VirtualTime()
    comfy = {"faults": [{"match": {"path": "/queue"}, "do": "half_open", "seconds": 600}]}
    async with a_pod(tmp_path, sleep=time.sleep, comfy=comfy, **NOW) as pod:
        await time.advance(5)
        await pod.up()
        asked = asyncio.create_task(pod.get(8188, "/queue"))
        comfyui = pod.machine.comfy
        assert comfyui is not None
        await pod.until(lambda: comfyui.core.faults.as_json()[0]["matched"] == 1)
        await time.advance(95)
        assert not asked.done()
        await time.advance(15)
        answer = await asked
        assert answer.status_code == 524
        assert "A timeout occurred" in answer.text


async def test_silences_on_the_wire_have_a_time_of_their_own(tmp_path: Path) -> None:
    frozen = VirtualTime()
    script: dict[str, Any] = {"log": {"server": "silent"}, "proxy": {"silence_seconds": 0.1}}
    async with a_pod(tmp_path, sleep=frozen.sleep, wire_sleep=asyncio.sleep, **script) as pod:
        with pytest.raises(httpx.RemoteProtocolError):
            await pod.get(8001, "/stream")


async def test_heartbeats_keep_a_stream_alive(tmp_path: Path) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, **NOW) as pod:
        await time.advance(5)
        await pod.up()
        async with pod.http.stream("GET", pod.url(8001, "/stream")) as answer:
            pieces = answer.aiter_raw()
            heard = await anext(pieces)
            while heard.count(b": heartbeat\n\n") < 40:  # four hundred seconds
                waiting = asyncio.ensure_future(anext(pieces))
                while not waiting.done():
                    await time.advance(0.5)
                heard += await waiting


async def test_an_idle_socket_is_cut_and_a_ping_keeps_it(tmp_path: Path) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, **NOW) as pod:
        await time.advance(5)
        await pod.up()
        async with socket(pod, ping_interval=None) as connection:
            await connection.recv()
            for _ in range(4):
                await time.advance(70)
                await (await connection.ping())
            await time.advance(120)
            assert await cut_off(connection) == []


async def test_a_socket_carries_both_ways(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        await upload(pod, "face.png", png())
        async with socket(pod) as connection:
            assert json.loads(await connection.recv())["data"]["sid"] == "me"
            flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
            await connection.send(json.dumps(flags))
            assert json.loads(await connection.recv())["type"] == "feature_flags"
            assert (await submit(pod)).status_code == 200
            kinds = []
            async for message in connection:
                kinds.append(json.loads(message)["type"])
                if kinds[-1] == "execution_success":
                    break
            assert "executing" in kinds
            await connection.close(4000, "enough")
            assert (connection.close_code, connection.close_reason) == (4000, "enough")
        comfy = pod.machine.comfy
        assert comfy is not None
        async with socket(pod, "other") as connection:
            await connection.recv()
            comfy.core.sockets.cut_all()
            await cut_off(connection)


async def test_a_socket_that_is_refused(tmp_path: Path) -> None:
    comfy = {"faults": [{"match": {"path": "/ws", "nth": 1}, "do": "status", "status": 503}]}
    proxy = {"faults": [{"match": {"path": "/8188/ws", "nth": 2}, "do": "status", "status": 530}]}
    async with a_pod(tmp_path, comfy=comfy, proxy=proxy) as pod:
        for status in (502, 530):
            with pytest.raises(InvalidStatus) as caught:
                async with socket(pod):
                    raise AssertionError("let in")
            assert caught.value.response.status_code == status
        await pod.up()
        with pytest.raises(InvalidStatus) as caught:
            async with socket(pod):
                raise AssertionError("let in")
        assert caught.value.response.status_code == 503


async def test_lasting_connections_are_cut_at_random(tmp_path: Path) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, proxy={"cut_after": [20, 30]}, **NOW) as pod:
        await time.advance(5)
        await pod.up()
        async with socket(pod, ping_interval=None) as connection:
            await connection.recv()
            await time.advance(15)
            await (await connection.ping())
            await time.advance(20)
            await cut_off(connection)
        async with pod.http.stream("GET", pod.url(8001, "/stream")) as answer:
            rest = asyncio.create_task(answer.aread())
            await time.advance(15)
            assert not rest.done()
            await time.advance(20)
            with pytest.raises(httpx.RemoteProtocolError):
                await rest


def faulty(**keys: Any) -> dict[str, Any]:
    return {"faults": [keys]}


async def test_status_and_latency(tmp_path: Path) -> None:
    faults = [
        {"match": {"path": "/8188/queue", "nth": 1}, "do": "latency", "seconds": 1},
        {"match": {"path": "/8188/queue", "nth": 1}, "do": "status", "status": 530, "body": "error code: 1033"},
        {"match": {"path": "/8188/queue", "nth": 2}, "do": "413"},
    ]
    async with a_pod(tmp_path, proxy={"faults": faults}) as pod:
        await pod.up()
        first, second, third = [await pod.get(8188, path) for path in ("/queue", "/api/queue", "/queue")]
        assert (first.status_code, first.text) == (530, "error code: 1033")
        assert (second.status_code, third.status_code) == (413, 200)


@pytest.mark.parametrize(("when", "submissions"), [("before", 0), ("after", 1)])
async def test_a_lost_answer_may_still_be_a_submission(tmp_path: Path, when: str, submissions: int) -> None:
    proxy = faulty(match={"path": "/8188/prompt", "method": "POST"}, do="drop", when=when)
    async with a_pod(tmp_path, proxy=proxy) as pod:
        await pod.up()
        await upload(pod, "face.png", png())
        with pytest.raises(httpx.TransportError):
            await submit(pod)
        comfy = pod.machine.comfy
        assert comfy is not None
        assert len(comfy.submissions) == submissions


async def test_half_open_is_silent_for_as_long_as_it_says(tmp_path: Path) -> None:
    time = VirtualTime()
    proxy = faulty(match={"path": "/8188/queue"}, do="half_open", seconds=300)
    async with a_pod(tmp_path, sleep=time.sleep, proxy=proxy, **NOW) as pod:
        await time.advance(5)
        await pod.up()
        asked = asyncio.create_task(pod.get(8188, "/queue"))
        for _ in range(29):
            await asyncio.sleep(0.001)
            await time.advance(10)
        assert not asked.done()
        while not asked.done():
            await asyncio.sleep(0.001)
            await time.advance(10)
        with pytest.raises(httpx.RemoteProtocolError):
            await asked


async def test_what_is_half_open_ends_with_the_pod(tmp_path: Path) -> None:
    time = VirtualTime()
    proxy = faulty(match={"path": "/8001/health"}, do="half_open", seconds=300)
    async with a_pod(tmp_path, sleep=time.sleep, proxy=proxy) as pod:
        asked = asyncio.create_task(pod.get(8001, "/health"))
        await pod.until(lambda: any(task.get_name() == "proxy-passage" for task in asyncio.all_tasks()))
        await pod.machine.power_off(wipe=True)
        with pytest.raises(httpx.RemoteProtocolError):
            await asked


async def test_a_truncated_answer_can_be_resumed(tmp_path: Path) -> None:
    proxy = faulty(match={"path": "/8188/view", "nth": 1}, do="truncate", bytes=1000)
    async with a_pod(tmp_path, proxy=proxy) as pod:
        await pod.up()
        await upload(pod)
        got = b""
        with pytest.raises(httpx.RemoteProtocolError):
            async with pod.http.stream("GET", pod.url(8188, "/view?filename=a.bin&type=input")) as answer:
                assert answer.headers["content-length"] == str(len(BLOB))
                async for piece in answer.aiter_raw():
                    got += piece
        assert got == BLOB[:1000]
        assert got + (await view(pod, Range="bytes=1000-")).content == BLOB


async def test_slow_bytes_are_the_same_bytes(tmp_path: Path) -> None:
    proxy = faulty(match={"path": "/8188/view"}, do="slow", bytes_per_second=len(BLOB))
    async with a_pod(tmp_path, proxy=proxy) as pod:
        await pod.up()
        await upload(pod)
        assert (await view(pod)).content == BLOB


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_socket_is_cut_after_so_many_messages(tmp_path: Path, after: int) -> None:
    proxy = faulty(match={"path": "/8188/ws", "nth": 1}, do="drop", after_messages=after)
    async with a_pod(tmp_path, proxy=proxy) as pod:
        await pod.up()
        await upload(pod, "face.png", png())
        async with socket(pod) as connection:
            await submit(pod)
            assert len(await cut_off(connection)) == after


async def test_a_half_open_socket_says_nothing_more(tmp_path: Path) -> None:
    time = VirtualTime()
    proxy = faulty(match={"path": "/8188/ws", "nth": 1}, do="half_open", after_messages=1)
    async with a_pod(tmp_path, sleep=time.sleep, proxy=proxy, **NOW) as pod:
        await time.advance(5)
        await pod.up()
        async with socket(pod, ping_interval=None) as connection:
            await connection.recv()
            pong = await connection.ping()
            comfy = pod.machine.comfy
            assert comfy is not None
            comfy.core.sockets.cut_all()
            await time.advance(50)
            assert connection.close_code is None
            await time.advance(120)
            assert await cut_off(connection) == []
            with pytest.raises(ConnectionClosed):
                await pong


async def test_going_off_is_502_then_404_never_a_traceback(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        off = asyncio.create_task(pod.machine.power_off(wipe=False))
        statuses = set()
        while not off.done():
            try:
                statuses.add((await pod.get(8188, "/system_stats")).status_code)
            except httpx.TransportError:
                statuses.add(0)
        await off
        assert statuses <= {0, 200, 404, 502}
        assert (await pod.get(8188, "/system_stats")).status_code == 404


async def test_clients_that_go_leave_nothing_behind(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        before = asyncio.all_tasks()
        for _ in range(5):
            async with socket(pod) as connection:
                await connection.recv()
                connection.transport.abort()
            await pod.read(b"Starting server")
        async with asyncio.timeout(60):
            while asyncio.all_tasks() - before:
                await asyncio.sleep(0.01)
