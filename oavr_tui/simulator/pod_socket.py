"""One WebSocket carried through the proxy, frame by frame, pings included."""

from __future__ import annotations

import asyncio
from typing import Literal

import aiohttp
import yarl
from aiohttp import WSMessage, WSMsgType, web
from multidict import CIMultiDict

from oavr_tui.simulator import faults as kinds
from oavr_tui.simulator.pod_exchange import end_to_end
from oavr_tui.simulator.pod_page import cut, page

_CLOSING_SECONDS = 1.0
"""How long the other side gets to answer a closing frame."""
_UNSENDABLE = frozenset({1004, 1005, 1006, 1015})
"""Codes that no closing frame may carry (RFC 6455, 7.4.1)."""

_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse
_End = WSMessage | Literal["lost"]


def is_socket(request: web.Request) -> bool:
    """Whether a WebSocket is asked for."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


class SocketRelay:
    """One WebSocket between a client and the pod. passed, begun, lasting: as for an Exchange."""

    def __init__(
        self,
        request: web.Request,
        url: yarl.URL,
        client: aiohttp.ClientSession,
        *,
        fault: kinds.Drop | kinds.HalfOpen | None,
    ) -> None:
        self._request = request
        self._url = url
        self._client = client
        self._fault = fault
        self._sent = 0
        self.passed = 0
        self.begun = False
        self.lasting = asyncio.Event()

    async def run(self) -> web.StreamResponse:
        """Carry frames both ways until either side goes, which the other one then notices in the same way."""
        headers = end_to_end(CIMultiDict(self._request.headers))
        for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
            headers.popall(name, None)
        try:
            behind = await self._client.ws_connect(
                self._url,
                headers=headers,
                autoping=False,
                autoclose=False,
                max_msg_size=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS),
            )
        except aiohttp.WSServerHandshakeError as error:
            return page(error.status) if error.status >= 400 else page(502)
        except (aiohttp.ClientError, OSError):
            return page(502)
        async with behind:
            return await self._relay(behind)

    async def _relay(self, behind: aiohttp.ClientWebSocketResponse) -> web.StreamResponse:
        front = web.WebSocketResponse(autoping=False, autoclose=False, max_msg_size=0, timeout=_CLOSING_SECONDS)
        await front.prepare(self._request)
        self.begun = True
        self.lasting.set()
        pumps = [
            asyncio.create_task(self._to_pod(front, behind), name="proxy-socket-to-pod"),
            asyncio.create_task(self._to_client(behind, front), name="proxy-socket-to-client"),
        ]
        try:
            ended, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        end = ended.pop().result()
        if not isinstance(end, WSMessage):
            return cut(self._request)
        code, reason = _code_of(end), (end.extra or "").encode()
        await behind.close(code=code, message=reason)
        await front.close(code=code, message=reason)
        return front

    async def _to_pod(self, front: web.WebSocketResponse, behind: aiohttp.ClientWebSocketResponse) -> _End:
        while True:
            message = await front.receive()
            self.passed += 1
            if self._silent and message.type is WSMsgType.PING:
                continue
            if not await _forward(message, behind):
                return message if message.type is WSMsgType.CLOSE else "lost"

    async def _to_client(self, behind: aiohttp.ClientWebSocketResponse, front: web.WebSocketResponse) -> _End:
        while True:
            message = await behind.receive()
            if self._silent:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
                    continue
                await asyncio.Event().wait()  # a dead connection does not tell that the other end is gone
            if isinstance(self._fault, kinds.Drop) and self._sent >= self._fault.after_messages:
                return "lost"
            self.passed += 1
            self._sent += message.type in (WSMsgType.TEXT, WSMsgType.BINARY)
            if not await _forward(message, front):
                return message if message.type is WSMsgType.CLOSE else "lost"

    @property
    def _silent(self) -> bool:
        return isinstance(self._fault, kinds.HalfOpen) and self._sent >= self._fault.after_messages


async def _forward(message: WSMessage, target: _Socket) -> bool:
    """Send one frame on. Returns False where it is the end of the connection, or the other side has gone."""
    try:
        match message.type:
            case WSMsgType.TEXT:
                await target.send_str(message.data)
            case WSMsgType.BINARY:
                await target.send_bytes(message.data)
            case WSMsgType.PING:
                await target.ping(message.data)
            case WSMsgType.PONG:
                await target.pong(message.data)
            case _:
                return False
    except ConnectionError:
        return False
    return True


def _code_of(end: WSMessage) -> int:
    code = end.data if isinstance(end.data, int) else 0
    return code if 1000 <= code < 5000 and code not in _UNSENDABLE else 1000
