"""The simulated server's /ws: who hears what, in the order and with the flaws recorded from real servers.

Two flaws are kept on purpose, since a client must live with them: one publisher sends to all sockets in turn, so that a
client which stops reading silences the others; and when the older of two sockets with one clientId closes, the newer
one is unregistered with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from oavr_tui.simulator.faults import Drop, HalfOpen

_SEND_DEADLINE = 300.0
"""Seconds that a client may refuse to read before its connection is cut; a real server would wait without end."""


@dataclass(eq=False, slots=True)
class Connection:
    """One open socket. fault: what is to become of it, counted in messages sent."""

    socket: web.WebSocketResponse
    request: web.Request
    fault: Drop | HalfOpen | None = None
    sent: int = 0
    flags: dict[str, Any] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Half-open: nothing more is said, not even the answer to a ping."""
        return isinstance(self.fault, HalfOpen) and self.sent >= self.fault.after_messages

    async def send(self, message: str | bytes) -> None:
        """Send one message, unless this connection is meant to be broken by now."""
        if self.silent or self.socket.closed:
            return
        if isinstance(self.fault, Drop) and self.sent >= self.fault.after_messages:
            self.cut()
            return
        self.sent += 1
        with contextlib.suppress(ConnectionError):
            try:
                async with asyncio.timeout(_SEND_DEADLINE):
                    if isinstance(message, bytes):
                        await self.socket.send_bytes(message)
                    else:
                        await self.socket.send_str(message)
            except TimeoutError:
                self.cut()

    def cut(self) -> None:
        """End the connection without a closing frame, as a dead server or network does."""
        if self.request.transport is not None:
            self.request.transport.abort()


class Sockets:
    """All connections, and the one publisher that feeds them."""

    def __init__(
        self, status: Callable[[], dict[str, Any]], features: Callable[[], dict[str, Any]], new_id: Callable[[], str]
    ) -> None:
        self._status = status
        self._features = features
        self._new_id = new_id
        self._by_sid: dict[str, Connection] = {}
        self._open: set[Connection] = set()
        self._messages: asyncio.Queue[tuple[str | bytes, str | None]] = asyncio.Queue()
        self.client_id: str | None = None
        self.last_node: str | None = None

    def publish(self, kind: str, data: dict[str, Any], to: str | None = None) -> None:
        """Queue a JSON message for one clientId, or for everybody where `to` is None."""
        self._messages.put_nowait((json.dumps({"type": kind, "data": data}), to))

    def publish_preview(self, image: bytes, node: dict[str, Any], to: str | None) -> None:
        """Queue a PNG preview: event 4 with its metadata for a client that asked for it, else event 1, type 2 (PNG)."""
        connection = self._by_sid.get(to) if to is not None else None
        if connection is not None and connection.flags.get("supports_preview_metadata"):
            about = json.dumps({**node, "image_type": "image/png"}).encode()
            payload = (4).to_bytes(4, "big") + len(about).to_bytes(4, "big") + about + image
        else:
            payload = (1).to_bytes(4, "big") + (2).to_bytes(4, "big") + image
        self._messages.put_nowait((payload, to))

    def status_changed(self) -> None:
        """Tell everybody how many prompts remain."""
        self.publish("status", self._status())

    async def publish_forever(self) -> None:
        """Send what is queued, one message after the other, until cancelled."""
        while True:
            message, to = await self._messages.get()
            if to is not None:
                targets = [self._by_sid[to]] if to in self._by_sid else []
            else:
                targets = list(self._by_sid.values())
            for connection in targets:
                await connection.send(message)

    def cut_all(self) -> None:
        """End every connection at once, without a closing frame."""
        for connection in list(self._open):
            connection.cut()

    async def serve(self, request: web.Request, fault: Drop | HalfOpen | None) -> web.WebSocketResponse:
        """Serve one client until it goes."""
        socket = web.WebSocketResponse(autoping=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        sid = request.query.get("clientId") or self._new_id()
        connection = Connection(socket, request, fault)
        self._by_sid[sid] = connection
        self._open.add(connection)
        try:
            await connection.send(json.dumps({"type": "status", "data": {**self._status(), "sid": sid}}))
            if self.client_id == sid and self.last_node is not None:
                await connection.send(json.dumps({"type": "executing", "data": {"node": self.last_node}}))
            await self._listen(connection)
        finally:
            self._open.discard(connection)
            self._by_sid.pop(sid, None)  # whichever connection is registered now: the overlap bug
        return socket

    async def _listen(self, connection: Connection) -> None:
        first = True
        async for message in connection.socket:
            if message.type is WSMsgType.PING and not connection.silent:
                with contextlib.suppress(ConnectionError):
                    await connection.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT and first:
                first = False
                await self._take_flags(connection, message.data)

    async def _take_flags(self, connection: Connection, text: str) -> None:
        """The first text may say what the client can do, and is answered in kind; anything else is ignored."""
        try:
            message = json.loads(text)
        except ValueError:
            return
        if isinstance(message, dict) and message.get("type") == "feature_flags":
            if isinstance(message.get("data"), dict):
                connection.flags = message["data"]
            await connection.send(json.dumps({"type": "feature_flags", "data": self._features()}))
