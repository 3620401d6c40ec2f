"""The proxy in front of a simulated pod, with all that is known to go wrong there.

What it answers by itself: 404 for a port that is not exposed, 502 while nothing listens there, 524 after a silence,
413 for a body that is too large. What it cuts: answers that fall silent, idle WebSockets, and at times anything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import quote

import aiohttp
import yarl
from aiohttp import web

from oavr_tui.simulator import faults as kinds
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.faulty import without_api
from oavr_tui.simulator.pod_exchange import Exchange
from oavr_tui.simulator.pod_page import cut, page
from oavr_tui.simulator.pod_script import ProxyOptions
from oavr_tui.simulator.pod_socket import SocketRelay, is_socket

_LOOKS = 10
"""How often a silence is looked at before it is over, so that it is noticed a tenth too late at most."""
_AS_IT_IS = "/%:@!$&'()*+,;=-._~"


class Passage(Protocol):
    """Something under way through the proxy. passed: pieces or frames so far, either way; begun: the answer's head
    has been sent; lasting: set once it turns out to be something without an end of its own."""

    passed: int
    begun: bool
    lasting: asyncio.Event

    async def run(self) -> web.StreamResponse: ...


class PodProxy:
    """Carries requests to the pod's ports; whoever made it closes it.

    find(port): the base URL of what listens there, None for nothing. sleep: what all its seconds are measured with.
    """

    def __init__(
        self, options: ProxyOptions, find: Callable[[int], str | None], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._options = options
        self._find = find
        self._sleep = sleep
        self._faults = Faults(options.faults)
        self._random = random.Random(options.seed)
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Task[web.StreamResponse]] = set()

    async def close(self) -> None:
        """Cut everything, and let go of all connections to the pod."""
        await self.cut_all()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def cut_all(self) -> None:
        """Cut everything that is under way, as when the pod behind it goes."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def handle(self, request: web.Request, port: int, path: str) -> web.StreamResponse:
        """Answer one request for a port of the pod. path: what follows the port, without the query."""
        if port not in self._options.ports:
            return page(404)
        path = "/" + path.lstrip("/")
        fault = await self._fault_of(request, port, path)
        match fault:
            case kinds.Status():
                return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)
            case kinds.TooLarge():
                return page(413)
            case kinds.Drop(when="before") if not is_socket(request):
                return cut(request)
        base = self._find(port)
        if base is None:
            return page(502)
        url = yarl.URL(f"{base}{quote(path, safe=_AS_IT_IS)}", encoded=True)
        if request.rel_url.raw_query_string:
            url = yarl.URL(f"{url}?{request.rel_url.raw_query_string}", encoded=True)
        if is_socket(request):
            broken = fault if isinstance(fault, kinds.Drop | kinds.HalfOpen) else None
            return await self._watched(
                request, SocketRelay(request, url, self._client(), fault=broken), self._options.ws_idle_seconds
            )
        limit = self._options.upload_limit
        if request.content_length is not None and request.content_length > limit:
            return page(413)
        exchange = Exchange(request, url, self._client(), fault=fault, upload_limit=limit, sleep=self._sleep)
        silence = None if isinstance(fault, kinds.HalfOpen) else self._options.silence_seconds
        return await self._watched(request, exchange, silence)

    async def _fault_of(self, request: web.Request, port: int, path: str) -> kinds.Fault | None:
        """What the script does to this request, after any delay that it asks for."""
        for fault in self._faults.for_request(request.method, f"/{port}{without_api(path)}"):
            if not isinstance(fault, kinds.Latency):
                return fault
            await self._sleep(fault.seconds)
        return None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(total=None),  # a silence is what ends it
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    async def _watched(self, request: web.Request, passage: Passage, silence: float | None) -> web.StreamResponse:
        """Let it go on until it ends, falls silent for so many seconds, is cut at random, or the pod goes."""
        work = asyncio.create_task(passage.run(), name="proxy-passage")
        silent = asyncio.create_task(self._silence(passage, silence), name="proxy-silence")
        chance = asyncio.create_task(self._chance(passage), name="proxy-chance")
        self._under_way.add(work)
        try:
            await asyncio.wait({work, silent, chance}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not work.cancelled():
                return work.result()
            timed_out = silent.done()
        finally:
            self._under_way.discard(work)
            for task in (work, silent, chance):
                task.cancel()
            await asyncio.gather(work, silent, chance, return_exceptions=True)
        return page(524) if timed_out and not passage.begun else cut(request)

    async def _silence(self, passage: Passage, seconds: float | None) -> None:
        """Wait until nothing has passed for so long; None: for ever."""
        if seconds is None:
            await asyncio.Event().wait()
            return
        seen, quiet = passage.passed, 0
        while quiet < _LOOKS:
            await self._sleep(seconds / _LOOKS)
            quiet = quiet + 1 if passage.passed == seen else 0
            seen = passage.passed

    async def _chance(self, passage: Passage) -> None:
        """Wait until this connection is to be cut, if the script wants any such thing."""
        await passage.lasting.wait()
        if self._options.cut_after is None:
            await asyncio.Event().wait()
            return
        await self._sleep(self._random.uniform(*self._options.cut_after))
