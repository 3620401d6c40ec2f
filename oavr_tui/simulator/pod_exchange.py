"""One HTTP request carried through the proxy: both bodies as streams, and what a fault script does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict

from oavr_tui.simulator import faults as kinds
from oavr_tui.simulator.pod_page import cut, page

_CHUNK = 1 << 16
_PACE = 0.05
"""Seconds between two pieces of a slow body."""
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)
_OWN = frozenset({"server", "date"})
_NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_EVENT_STREAM = "text/event-stream"


def end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers that a proxy passes on (RFC 9110, 7.6.1)."""
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    leave = _HOP_BY_HOP | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in leave)


class Exchange:
    """One request and its answer. passed: how many pieces went by, either way; begun: the answer's head has been sent;
    lasting: it is an event stream, which has no end of its own."""

    def __init__(
        self,
        request: web.Request,
        url: yarl.URL,
        client: aiohttp.ClientSession,
        *,
        fault: kinds.Fault | None,
        upload_limit: int,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._request = request
        self._url = url
        self._client = client
        self._fault = fault
        self._upload_limit = upload_limit
        self._sleep = sleep
        self._too_long = False
        self.passed = 0
        self.begun = False
        self.lasting = asyncio.Event()

    async def run(self) -> web.StreamResponse:
        """Carry it out. Whatever goes wrong behind the proxy is an answer or a cut connection."""
        if isinstance(self._fault, kinds.HalfOpen):
            await self._sleep(self._fault.seconds)
            return cut(self._request)
        request = self._request
        headers = end_to_end(CIMultiDict(request.headers))
        if not request.body_exists:
            headers.popall("Content-Length", None)
        try:
            async with self._client.request(
                request.method,
                self._url,
                headers=headers,
                data=self._body() if request.body_exists else None,
                allow_redirects=False,
                skip_auto_headers=_NOT_ADDED,
            ) as answer:
                return await self._pass_on(answer)
        except (aiohttp.ClientError, OSError):
            if self.begun:
                return cut(request)
            return page(413 if self._too_long else 502)

    async def _body(self) -> AsyncIterator[bytes]:
        """The request's body as it comes in, up to the limit."""
        total = 0
        async for piece in self._request.content.iter_any():
            total += len(piece)
            if total > self._upload_limit:
                self._too_long = True
                raise ConnectionAbortedError("the body is over the proxy's limit")
            self.passed += 1
            yield piece

    async def _pass_on(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        if isinstance(self._fault, kinds.Drop):
            await answer.read()
            return cut(self._request)
        headers = end_to_end(CIMultiDict(answer.headers))
        for name in _OWN:
            headers.popall(name, None)
        headers["Server"] = "cloudflare"
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        await response.prepare(self._request)
        self.begun = True
        if answer.content_type == _EVENT_STREAM:
            self.lasting.set()
        if await self._write(response, answer.content):
            await response.write_eof()
        elif self._request.transport is not None:
            self._request.transport.close()  # not abort: what was sent so far arrives
        return response

    async def _write(self, response: web.StreamResponse, content: aiohttp.StreamReader) -> bool:
        """Pass the answer's body on. Returns whether all of it was meant to arrive."""
        left = self._fault.bytes if isinstance(self._fault, kinds.Truncate) else None
        rate = self._fault.bytes_per_second if isinstance(self._fault, kinds.Slow) else None
        step = _CHUNK if rate is None else max(1, round(rate * _PACE))
        while piece := await (content.readany() if rate is None else content.read(step)):
            self.passed += 1
            if left is not None and len(piece) > left:
                await response.write(piece[:left])
                return False
            await response.write(piece)
            if left is not None:
                left -= len(piece)
            if rate is not None:
                await self._sleep(len(piece) / rate)
        return True
