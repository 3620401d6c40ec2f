"""Carrying out a fault script on HTTP requests, as a middleware around the simulated server."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from oavr_tui.simulator import faults as kinds
from oavr_tui.simulator.core import Core
from oavr_tui.simulator.transfers import Served

SOCKET_FAULT: web.RequestKey[kinds.Drop | kinds.HalfOpen] = web.RequestKey(
    "SOCKET_FAULT",
    kinds.Drop | kinds.HalfOpen,  # type: ignore[arg-type]
)
_CHUNK = 1 << 16
_PACE = 0.05
"""Seconds between two pieces of a slow body."""


def without_api(path: str) -> str:
    """The path that a fault script means: the same with and without the prefix."""
    return path.removeprefix("/api") if path.startswith("/api/") else path


def too_large(limit: int) -> web.Response:
    """The answer of a server whose upload limit is passed; it reads no further."""
    response = web.Response(status=413, text=f"Maximum request body size {limit} exceeded.")
    response.force_close()
    return response


def fault_middleware(core: Core, restart: Callable[[float], None]) -> Middleware:
    """restart(seconds): take the server down and up again; called in the background by whoever owns it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = without_api(request.path)
        if path.startswith("/simulator/"):
            return await handler(request)
        for fault in core.faults.for_request(request.method, path):
            if isinstance(fault, kinds.Latency):
                await core.sleep(fault.seconds)
            elif isinstance(fault, kinds.Drop | kinds.HalfOpen) and path == "/ws":
                request[SOCKET_FAULT] = fault
            else:
                return await _answer(core, request, handler, fault, restart)
        return await handler(request)

    return middleware


async def _answer(
    core: Core, request: web.Request, handler: Handler, fault: kinds.Fault, restart: Callable[[float], None]
) -> web.StreamResponse:
    match fault:
        case kinds.Status():
            return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)
        case kinds.TooLarge():
            return too_large(core.options.max_upload_size)
        case kinds.Drop(when="before"):
            return _cut(request)
        case kinds.Drop():
            await handler(request)
            return _cut(request)
        case kinds.HalfOpen():
            await _until_gone(request, fault.seconds, core.sleep)
            return _cut(request)
        case kinds.LostHistory():
            core.queue.forget()
        case kinds.Restart():
            restart(fault.seconds)
            return _cut(request)
        case kinds.Truncate():
            return await _send(core, request, await handler(request), stop_after=fault.bytes)
        case kinds.Slow():
            return await _send(core, request, await handler(request), rate=fault.bytes_per_second)
    return await handler(request)


def _cut(request: web.Request) -> web.Response:
    """End the connection now. The answer returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _until_gone(request: web.Request, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Stay silent until the time is over or the other side has gone."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and request.transport is not None and not request.transport.is_closing():
        await sleep(_PACE)


async def _send(
    core: Core,
    request: web.Request,
    whole: web.StreamResponse,
    *,
    rate: int | None = None,
    stop_after: int | None = None,
) -> web.StreamResponse:
    """Send an answer at `rate` bytes a second, or only its first bytes although the header promises all."""
    if request.method == "HEAD" or whole.prepared or whole.status in (304, 416):
        return whole
    try:
        response, body = _opened(request, whole)
    except ValueError:  # a range that cannot be served: the server's own answer says so
        return whole
    step = _CHUNK if rate is None else max(1, round(rate * _PACE))
    sent = 0
    try:
        await response.prepare(request)
        async for piece in body(step):
            if stop_after is not None and sent + len(piece) > stop_after:
                await response.write(piece[: stop_after - sent])
                if request.transport is not None:
                    request.transport.close()  # not abort: what was sent so far arrives
                break
            await response.write(piece)
            sent += len(piece)
            if rate is not None:
                await core.sleep(len(piece) / rate)
        else:
            await response.write_eof()
    except ConnectionError:
        return response
    return response


def _opened(
    request: web.Request, whole: web.StreamResponse
) -> tuple[web.StreamResponse, Callable[[int], AsyncIterator[bytes]]]:
    """The header of an answer, and its body in pieces; for a file the range asked for. Raises ValueError."""
    if not isinstance(whole, Served):
        content = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
        response = web.StreamResponse(status=whole.status, headers={"Content-Length": str(len(content))})
        response.content_type = whole.content_type
        return response, lambda step: _pieces_of(content, step)
    facts = whole.file.stat()
    wanted = request.http_range
    start, stop, _ = slice(wanted.start, wanted.stop).indices(facts.st_size)
    if start >= stop:
        raise ValueError(request.headers.get("Range"))
    partial = "Range" in request.headers
    headers = {
        **whole.headers,
        "Content-Length": str(stop - start),
        "ETag": f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"',
        "Last-Modified": formatdate(math.ceil(facts.st_mtime), usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{facts.st_size}"
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)

    async def read(step: int) -> AsyncIterator[bytes]:
        with whole.file.open("rb") as file:
            file.seek(start)
            left = stop - start
            while left > 0 and (piece := await asyncio.to_thread(file.read, min(step, left))):
                left -= len(piece)
                yield piece

    return response, read


async def _pieces_of(content: bytes, step: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), step):
        yield content[start : start + step]
