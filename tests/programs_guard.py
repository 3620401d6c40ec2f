"""A guard in front of a ComfyUI server that lets in whoever shows the right Bearer token, by HTTP and by WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import ClientSession, WSMsgType, web

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "content-encoding"})
_LARGEST_BODY = 100 << 20


@dataclass
class Guard:
    """url: where to ask. refused: requests without the token; sockets: WebSockets that were let in."""

    behind: str
    token: str
    url: str = ""
    refused: int = 0
    sockets: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            self.refused += 1
            return web.json_response({"error": "a token is needed"}, status=401)
        async with ClientSession() as session:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._socket(request, session)
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
            body = await request.read()
            async with session.request(
                request.method, self.behind + request.path_qs, data=body, headers=headers
            ) as got:
                kept = {name: value for name, value in got.headers.items() if name.lower() not in _HOP_BY_HOP}
                return web.Response(status=got.status, body=await got.read(), headers=kept)

    async def _socket(self, request: web.Request, session: ClientSession) -> web.WebSocketResponse:
        self.sockets += 1
        front = web.WebSocketResponse()
        await front.prepare(request)
        async with session.ws_connect(self.behind + request.path_qs) as back:
            leaving = asyncio.create_task(front.receive())
            try:
                while not leaving.done():
                    coming = asyncio.create_task(back.receive())
                    await asyncio.wait({leaving, coming}, return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        coming.cancel()
                        continue
                    message = coming.result()
                    if message.type is WSMsgType.TEXT:
                        await front.send_str(message.data)
                    elif message.type is WSMsgType.BINARY:
                        await front.send_bytes(message.data)
                    else:
                        break
            except ConnectionError:
                return front  # who asked has gone
            finally:
                leaving.cancel()
        return front


@contextlib.contextmanager
def guarded(behind: str, token: str) -> Iterator[Guard]:
    """A guard that runs beside the test, in a thread of its own."""
    guard = Guard(behind, token)
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", guard.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            guard.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await over.wait()
        finally:
            await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="guard")
    thread.start()
    try:
        assert ready.wait(30), "the guard does not listen"
        yield guard
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()
