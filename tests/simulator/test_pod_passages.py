"""The proxy in front of a program that does what our own servers never do: compress, close with codes, break off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiohttp import WSMsgType, web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from oavr_tui.simulator.pod_listener import Listener
from oavr_tui.simulator.pod_proxy import PodProxy
from oavr_tui.simulator.pod_script import ProxyOptions
from tests.simulator.pods import DEADLINE

TEXT = "all work and no play\n" * 5000


@dataclass
class Behind:
    """A program behind the proxy, and what it saw."""

    codes: list[int | None] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def listener(self) -> Listener:
        app = web.Application()
        app.router.add_get("/zipped", self._zipped)
        app.router.add_get("/broken", self._broken)
        app.router.add_get("/moved", self._moved)
        app.router.add_get("/ws", self._socket)
        return Listener(app)

    async def _zipped(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        response = web.Response(text=TEXT)
        response.enable_compression()
        return response

    async def _broken(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half of")
        assert request.transport is not None
        request.transport.close()
        return response

    async def _moved(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/elsewhere", "Set-Cookie": "a=1"})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.arrived.set()
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data == "close":
                await socket.close(code=4001, message=b"had enough")
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data[::-1])
        self.codes.append(socket.close_code)
        return socket


@asynccontextmanager
async def a_proxy(**options: Any) -> AsyncIterator[tuple[Behind, PodProxy, str]]:
    """The program, the proxy in front of it, and the proxy's address."""
    behind = Behind()
    listener = behind.listener()
    address = await listener.start()
    proxy = PodProxy(ProxyOptions.model_validate(options), {8188: address}.get, asyncio.sleep)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await proxy.handle(request, 8188, request.path)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    front = Listener(app)
    try:
        yield behind, proxy, await front.start()
    finally:
        await front.stop()
        await proxy.close()
        await listener.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
        yield client


async def test_compressed_bodies_stay_compressed(http: httpx.AsyncClient) -> None:
    async with a_proxy() as (behind, _, base):
        answer = await http.get(f"{base}/zipped", headers={"Accept-Encoding": "gzip", "User-Agent": "me/1"})
        assert (answer.headers["content-encoding"], answer.text) == ("gzip", TEXT)
        assert answer.num_bytes_downloaded < len(TEXT) / 10
        plain = await http.get(f"{base}/zipped", headers={"Accept-Encoding": "identity"})
        assert ("content-encoding" in plain.headers, plain.text) == (False, TEXT)
        assert [seen["User-Agent"] for seen in behind.headers] == ["me/1", http.headers["user-agent"]]
        assert [seen["Accept-Encoding"] for seen in behind.headers] == ["gzip", "identity"]


async def test_an_answer_that_breaks_off_breaks_off(http: httpx.AsyncClient) -> None:
    async with a_proxy() as (_, _, base):
        got = b""
        with pytest.raises(httpx.RemoteProtocolError):
            async with http.stream("GET", f"{base}/broken") as answer:
                async for piece in answer.aiter_raw():
                    got += piece
        assert got in (b"", b"half of")


async def test_redirects_and_cookies_are_for_the_client(http: httpx.AsyncClient) -> None:
    async with a_proxy() as (behind, _, base):
        answer = await http.get(f"{base}/moved")
        assert (answer.status_code, answer.headers["location"]) == (302, "/elsewhere")
        assert answer.headers["set-cookie"] == "a=1"
        await http.get(f"{base}/zipped", headers={"Cookie": ""})
        assert "a=1" not in behind.headers[-1].get("Cookie", "")


async def test_large_frames_and_closing_codes_go_both_ways() -> None:
    async with a_proxy() as (behind, _, base):
        url = f"{base.replace('http', 'ws', 1)}/ws"
        async with connect(url, proxy=None, max_size=None) as socket:
            await socket.send(b"ab" * 3_000_000)
            assert await socket.recv() == b"ba" * 3_000_000
            await socket.close(4002)
        async with connect(url, proxy=None) as socket:
            await socket.send("close")
            with pytest.raises(ConnectionClosedError) as caught:
                await socket.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "had enough")
        async with asyncio.timeout(DEADLINE):
            while len(behind.codes) < 2:
                await asyncio.sleep(0.01)
        assert behind.codes[0] == 4002


@pytest.mark.parametrize("cut", [PodProxy.cut_all, PodProxy.close])
async def test_what_is_silent_is_cut_with_the_rest(
    http: httpx.AsyncClient, cut: Callable[[PodProxy], Awaitable[None]]
) -> None:
    faults = [{"match": {"path": "/8188/zipped"}, "do": "half_open", "seconds": 600}]
    async with a_proxy(faults=faults) as (behind, proxy, base):
        silent = asyncio.create_task(http.get(f"{base}/zipped"))
        async with connect(f"{base.replace('http', 'ws', 1)}/ws", proxy=None) as socket, asyncio.timeout(DEADLINE):
            await behind.arrived.wait()
            while not silent.done():
                await cut(proxy)
                await asyncio.sleep(0.01)
            with pytest.raises(ConnectionClosedError) as caught:
                await socket.recv()
            assert caught.value.rcvd is None
        with pytest.raises(httpx.RemoteProtocolError):
            await silent
