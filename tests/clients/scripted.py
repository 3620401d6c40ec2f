"""A ComfyUI server on loopback that a test scripts: it keeps a queue, a history, files and sockets, and answers as the
recordings do, except where the test says otherwise."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, WSCloseCode, web

from oavr_tui.clients.comfyui_types import Timings

WIRE = Path(__file__).parents[1] / "data" / "wire"

FAST = Timings(
    connect=5.0,
    answer=5.0,
    stall=5.0,
    poll=0.05,
    hurried_poll=0.01,
    absent_again=0.02,
    give_up=1.0,
    socket_silence=5.0,
    socket_silence_most=10.0,
    backoff=0.01,
    backoff_most=0.05,
    update_every=0.0,
    lookup_again=0.01,
    lookup_give_up=0.5,
    cancel_poll=0.02,
    cancel_give_up=5.0,
)
"""Deadlines stay long, so that a busy machine fails no test; pauses are short."""

PROMPT_ID = "280e1902-7005-4fda-873a-12f9f73988bb"
OTHER_ID = "8847e79d-f853-468b-a6ce-465fc613a9a8"
TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def recorded(name: str) -> Any:
    """A file of recorded requests and answers."""
    return json.loads((WIRE / "comfyui" / name).read_text())


def recorded_body(file: str, name: str) -> Any:
    """The answer's body of one recorded exchange."""
    return next(each for each in recorded(file) if each["name"] == name)["response"]["body"]


@dataclass(frozen=True)
class Seen:
    """A request that the server got. body: its JSON, or the raw bytes."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class Scripted:
    """The server's state, open to the test."""

    new: bool = True
    running: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    history: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"18ea9cb87b228481-284b"'
    uploads: dict[str, bytes] = field(default_factory=dict)
    stubborn: int = 0
    """So many cancels and interrupts change nothing."""
    seen: list[Seen] = field(default_factory=list)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    connections: int = 0
    base: str = ""
    _scripts: dict[tuple[str, str], deque[Handler]] = field(default_factory=dict)

    def script(self, method: str, path: str, *handlers: Handler) -> None:
        """Answer the next requests for a path with these, one each; afterwards the usual answers come again."""
        self._scripts.setdefault((method, path), deque()).extend(handlers)

    def asked(self, method: str, path: str) -> list[Seen]:
        """The requests for a path so far."""
        return [each for each in self.seen if each.method == method and each.path == path]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to be so; the test's own deadline ends a wait in vain."""
        while not condition():
            await asyncio.sleep(0.005)

    async def tell(self, client_id: str, kind: str, data: dict[str, Any]) -> None:
        """Send a message to a client's newest socket, as the server does."""
        if client_id in self.sockets:
            await self.sockets[client_id].send_str(json.dumps({"type": kind, "data": data}))

    def finish(self, prompt_id: str, outputs: dict[str, Any]) -> None:
        """Move a prompt from the queue to the history."""
        self.running = [each for each in self.running if each != prompt_id]
        self.pending = [each for each in self.pending if each != prompt_id]
        status = {"status_str": "success", "completed": True, "messages": []}
        self.history[prompt_id] = {"prompt": [], "outputs": outputs, "status": status, "meta": {}}

    def interrupt(self, prompt_id: str) -> None:
        self.running.remove(prompt_id)
        messages = [
            ["execution_interrupted", {"prompt_id": prompt_id, "node_id": "6", "node_type": "T", "executed": []}]
        ]
        status = {"status_str": "error", "completed": False, "messages": messages}
        self.history[prompt_id] = {"prompt": [], "outputs": {}, "status": status, "meta": {}}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/prefix")
        if path == "/ws":
            return await self._socket(request)
        script = self._scripts.get((request.method, path))
        if path != "/upload/image":
            raw = await request.read()
            self.seen.append(
                Seen(
                    request.method,
                    path,
                    _json_or_raw(raw),
                    {name.lower(): value for name, value in request.headers.items()},
                )
            )
        if script:
            return await script.popleft()(request)
        return await self._usual(request, path)

    async def _usual(self, request: web.Request, path: str) -> web.StreamResponse:
        if path == "/system_stats":
            return web.json_response(recorded_body("01_info.json", "GET /system_stats"))
        if path == "/features":
            return web.json_response({"supports_preview_metadata": True, "max_upload_size": 104857600})
        if path == "/upload/image" and request.method == "POST":
            return await self._upload(request)
        if path == "/queue" and request.method == "GET":
            return web.json_response(self._queue())
        if path.startswith("/history/"):
            prompt_id = path.removeprefix("/history/")
            return web.json_response({key: entry for key, entry in self.history.items() if key == prompt_id})
        if path == "/prompt" and request.method == "POST":
            body = await request.json()
            self.pending.append(body["prompt_id"])
            return web.json_response({"prompt_id": body["prompt_id"], "number": 1, "node_errors": {}})
        if path == "/view":
            return self._view(request)
        if request.method == "POST":
            return await self._cancel(request, path)
        if path == "/api/jobs" and self.new:
            return web.json_response(
                {"jobs": [], "pagination": {"offset": 0, "limit": 1, "total": 0, "has_more": False}}
            )
        return web.Response(status=404)

    def _queue(self) -> dict[str, Any]:
        def item(number: int, prompt_id: str) -> list[Any]:
            return [number, prompt_id, {"1": {"class_type": "LoadImage", "inputs": {}}}, {"client_id": "c"}, ["5"]]

        return {
            "queue_running": [item(0, each) for each in self.running],
            "queue_pending": [item(place, each) for place, each in reversed(list(enumerate(self.pending, 1)))],
        }

    async def _cancel(self, request: web.Request, path: str) -> web.StreamResponse:
        """Both generations answer 200 whatever they did; only the newer has cancelling by id."""
        if path.startswith("/api/jobs/") and not self.new:
            return web.Response(status=405, text="405: Method Not Allowed")
        body = _json_or_raw(await request.read()) or {}
        if self.stubborn and path != "/queue":
            self.stubborn -= 1
            return web.json_response({"cancelled": False})
        if path.startswith("/api/jobs/"):
            prompt_id = path.split("/")[3]
            known = prompt_id in self.running or prompt_id in self.pending
            self.pending = [each for each in self.pending if each != prompt_id]
            if prompt_id in self.running:
                self.interrupt(prompt_id)
            return web.json_response({"cancelled": known})
        if path == "/queue":
            self.pending = [each for each in self.pending if each not in body["delete"]]
        elif path == "/interrupt":
            assert body.get("prompt_id"), "an interrupt without a name stops everybody's job"
            if body["prompt_id"] in self.running:
                self.interrupt(body["prompt_id"])
        return web.Response()

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        fields: dict[str, str] = {}
        content, name = b"", ""
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name == "image":
                content, name = bytes(await part.read()), part.filename or ""
            else:
                fields[part.name or ""] = (await part.read()).decode()
        self.seen.append(
            Seen("POST", "/upload/image", fields, {name.lower(): value for name, value in request.headers.items()})
        )
        self.uploads[f"{fields.get('subfolder', '')}/{name}"] = content
        return web.json_response({"name": name, "subfolder": fields.get("subfolder", ""), "type": "input"})

    def _view(self, request: web.Request) -> web.StreamResponse:
        """A file or a part of it. Like ComfyUI's, it answers a part even when If-Range names another ETag."""
        content = self.files.get(f"{request.query.get('subfolder', '')}/{request.query['filename']}")
        if content is None:
            return web.Response(status=404)
        headers = {"etag": self.etag, "content-type": "video/mp4", "accept-ranges": "bytes"}
        asked = request.headers.get("range")
        if asked is None:
            return web.Response(body=content, headers=headers)
        first = int(asked.removeprefix("bytes=").rstrip("-"))
        if first >= len(content):
            return web.Response(status=416, headers={"content-range": f"bytes */{len(content)}"})
        headers["content-range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return web.Response(status=206, body=content[first:], headers=headers)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """Sockets by client id, with the server's own flaw: whichever closes, the client's newest is forgotten."""
        assert "Origin" not in request.headers
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query["clientId"]
        self.connections += 1
        self.sockets[client_id] = socket
        await self.tell(client_id, "status", {"status": {"exec_info": {"queue_remaining": 1}}, "sid": client_id})
        try:
            async for _ in socket:
                pass
        finally:
            self.sockets.pop(client_id, None)
        return socket


def _json_or_raw(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw


def says(body: Any, status: int = 200) -> Handler:
    """Answers with a JSON document, or a text, or nothing."""

    async def answer(_: web.Request) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status) if body is not None else web.Response(status=status)

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Take the request and break the connection instead of answering."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def running(server: Scripted) -> AsyncIterator[Scripted]:
    """The server on a port of its own, until the block ends."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        for socket in list(server.sockets.values()):
            await socket.close(code=WSCloseCode.GOING_AWAY)
        await runner.cleanup()
