"""RunPod's GraphQL on loopback, answering what a test lays out, or what was recorded; it keeps what it was asked."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from oavr_tui.simulator.graphql import Operation, parse

RECORDINGS = Path(__file__).parents[1] / "data" / "runpod"

GPU = "NVIDIA GeForce RTX 4090"
GPU_FOUND = {"data": {"gpuTypes": [{"id": GPU, "displayName": "RTX 4090", "memoryInGb": 24}]}}


def recording(name: str) -> Any:
    """One recorded call of the SDK: its requests with their answers, and what the SDK returned or raised."""
    (path,) = RECORDINGS.glob(f"{name}_*.json")
    return json.loads(path.read_text())


@dataclass(frozen=True)
class Reply:
    """An answer to be given. headers: besides the content type."""

    body: str = ""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def said(document: object, status: int = 200) -> Reply:
    return Reply(json.dumps(document), status)


def refusal(message: str, status: int = 200, data: object = None) -> Reply:
    return said({"errors": [{"message": message}], "data": data}, status)


@dataclass(frozen=True)
class Seen:
    """A request that came in. key: as its Authorization header says it, after "Bearer "."""

    query: str
    key: str
    path: str
    headers: dict[str, str]

    @property
    def operation(self) -> Operation:
        return parse(self.query)

    @property
    def root(self) -> str:
        return self.operation.fields[0].name

    @property
    def arguments(self) -> dict[str, Any]:
        """The `input` of the root field."""
        found: dict[str, Any] = self.operation.fields[0].arguments["input"]
        return found


Handler = Callable[[Seen], Awaitable[Reply | None]]


@dataclass
class GraphqlServer:
    """replies: given in order, the last one for ever. handler: asked first, if set; None from it is the next reply."""

    url: str = ""
    replies: deque[Reply] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    handler: Handler | None = None

    def answer(self, *replies: Reply | object) -> None:
        """What to answer from now on: replies, or documents as they are."""
        self.replies = deque(each if isinstance(each, Reply) else said(each) for each in replies)

    def answer_as_recorded(self, name: str) -> None:
        self.answer(
            *(
                Reply(each["response"]["body"], each["response"]["status"], each["response"]["content_type"])
                for each in recording(name)["http_requests"]
            )
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        seen = Seen((await request.json())["query"], key, request.path_qs, dict(request.headers))
        self.seen.append(seen)
        reply = await self.handler(seen) if self.handler is not None else None
        if reply is None:
            reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        return web.Response(
            body=reply.body.encode(), status=reply.status, content_type=reply.content_type, headers=reply.headers
        )


@asynccontextmanager
async def graphql_server() -> AsyncIterator[GraphqlServer]:
    """The server, on a free port of 127.0.0.1."""
    server = GraphqlServer()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
