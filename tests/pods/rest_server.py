"""A server on loopback that answers as RunPod's own examples do, except where a test says otherwise."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from oavr_tui.pods.provider import Cloud, Wish
from oavr_tui.pods.runpod_v2 import RunPodV2
from oavr_tui.pods.runpod_v2_http import Deadlines

EXAMPLES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "runpod" / "rest_v2_examples_from_openapi.json").read_text()
)
KEY = "rpa_SECRETKEY0123456789ABCDEF"
POD_ID = "7h9k2m4n6p"
NOW = 1_780_400_000.0
WISH = Wish("oavr-demo", "NVIDIA GeForce RTX 4090", Cloud.COMMUNITY, "tmpl9x4m2p")
QUICK = Deadlines(connect=5.0, answer=5.0, change=5.0, silence=5.0)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def example(operation: str, status: int = 200) -> Any:
    """The first example of RunPod's OpenAPI document for an operation and a status."""
    return next(iter(EXAMPLES[operation]["responses"][str(status)]["examples"].values()))


def problem(status: int, detail: str, **headers: str) -> Handler:
    """Refuses as RunPod does. headers: with _ for -."""
    body = json.dumps({"title": "No", "status": status, "detail": detail})
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type="application/problem+json", headers=named)

    return answer


def raw(body: bytes | str, status: int = 200, kind: str = "application/json", **headers: str) -> Handler:
    """Answers with this body as it is."""
    content = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=content, headers={"content-type": kind, **named})

    return answer


def document(body: Any, status: int = 200) -> Handler:
    """Answers with a JSON document."""
    return raw(json.dumps(body), status)


PAGE = "<!doctype html><title>Sign in</title><p>Sign in to this network</p>"


def page(status: int = 200) -> Handler:
    """A page for people in RunPod's place."""
    return raw(PAGE, status, "text/html")


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Take the request and break the connection instead of answering."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def cut_short(request: web.Request) -> web.StreamResponse:
    """Promise more than is sent."""
    response = web.StreamResponse(headers={"content-length": "1000", "content-type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"pods": [')
    assert request.transport is not None
    request.transport.close()
    return response


@dataclass(frozen=True)
class Seen:
    """A request that the server got. query: as written in the address."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class RestServer:
    """The server's script and what it was asked, open to the test."""

    seen: list[Seen] = field(default_factory=list)
    base: str = ""
    _scripts: dict[tuple[str, str], deque[Handler]] = field(default_factory=dict)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def script(self, method: str, path: str, *handlers: Handler) -> None:
        """Answer the next requests for a path with these, one each; afterwards the examples come again."""
        self._scripts.setdefault((method, path), deque()).extend(handlers)

    def asked(self, method: str, path: str) -> list[Seen]:
        return [each for each in self.seen if (each.method, each.path) == (method, path)]

    async def hang(self, request: web.Request) -> web.StreamResponse:
        """Take the request and say nothing until the test ends."""
        await self.released.wait()
        return await hang_up(request)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = json.loads(content) if content else None
        self.seen.append(Seen(request.method, request.path, dict(request.query), body, headers))
        script = self._scripts.get((request.method, request.path))
        if script:
            return await script.popleft()(request)
        return _usual(request)


def _usual(request: web.Request) -> web.StreamResponse:
    pod_path = f"/v2/pods/{POD_ID}"
    match (request.method, request.path):
        case ("POST", "/v2/pods"):
            return web.json_response(example("POST /v2/pods", 201), status=201)
        case ("POST", path) if path == f"{pod_path}/action":
            return web.json_response(example("POST /v2/pods/{id}/action"))
        case ("DELETE", path) if path == pod_path:
            return web.Response(status=204)
        case ("GET", path) if path == f"{pod_path}/logs":
            return web.Response(text=example("GET /v2/pods/{id}/logs"), content_type="text/event-stream")
        case ("GET", path) if path == pod_path:
            return web.json_response(example("GET /v2/pods/{id}"))
        case ("GET", path) if f"GET {path}" in EXAMPLES:
            return web.json_response(example(f"GET {path}"))
    return web.json_response(example("GET /v2/pods/{id}", 404), status=404, content_type="application/problem+json")


@asynccontextmanager
async def running() -> AsyncIterator[RestServer]:
    """The server on a port of its own, until the block ends."""
    server = RestServer()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.released.set()
        await runner.cleanup()


@dataclass
class Asking:
    """The client under test, with a clock that moves only when it sleeps."""

    client: RunPodV2
    slept: list[float]


@asynccontextmanager
async def asking(base: str, deadlines: Deadlines = QUICK) -> AsyncIterator[Asking]:
    """A client of this address that never really sleeps."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    client = RunPodV2(
        KEY, base=base, sleep=sleep, clock=lambda: sum(slept), now=lambda: NOW, jitter=lambda: 0.5, deadlines=deadlines
    )
    try:
        yield Asking(client, slept)
    finally:
        await client.close()
