"""An HTTP/1.1 server for small requests: limits, deadlines, keep-alive, pipelining, shutdown. Knows no license.

`serve` listens and hands each request to a handler, which answers at once or later; `http_connection` does the talking.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate

from .http_connection import Connection, Shared
from .http_messages import Handler, Headers, Limits, Request, Response
from .proxies import Network, forwarded_reader, is_trusted

__all__ = ["Handler", "Limits", "Request", "Response", "serve"]

log = logging.getLogger(__name__)

OTHER_FILES = 64
"""Descriptors kept free beside connections: the listening sockets, the store, the loop."""


async def serve(
    handler: Handler,
    host: str,
    port: int,
    *,
    limits: Limits | None = None,
    trusted: Sequence[Network] = (),
    started: Callable[[str, int], None],
    own_headers: Headers = (),
    clock: Callable[[], float] = time.time,
) -> None:
    """Answer requests until SIGTERM, SIGINT or cancellation; then finish what is being answered and return.

    `port` 0 takes a free one; `started(host, port)` is called once connections are accepted. X-Forwarded-For counts
    only from a peer within `trusted`. `own_headers` go with the answers that the server gives by itself (too large, too
    slow, malformed). `clock` gives seconds since 1970 for the Date header. Raises OSError if the address cannot be had.
    """
    shared = Shared(handler, limits or Limits(), own_headers)
    shared.max_connections = min(shared.limits.connections, _files() - OTHER_FILES)
    shared.is_trusted = lambda peer: is_trusted(peer, trusted)
    shared.client = forwarded_reader(trusted)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    listening = await loop.create_server(lambda: Connection(shared), host, port, backlog=512)
    ticking = Ticking(shared, clock)
    try:
        with _signals(loop, stop):
            address = listening.sockets[0].getsockname()
            started(address[0], address[1])
            await stop.wait()
    finally:
        listening.close()
        await _drain(shared)
        ticking.stop()


class Ticking:
    """The server's sense of time: every tick it renews the Date and closes connections whose deadline has passed."""

    def __init__(self, shared: Shared, clock: Callable[[], float]) -> None:
        self.shared = shared
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.next = self.loop.call_soon(self._tick)

    def _tick(self) -> None:
        shared = self.shared
        self.next = self.loop.call_later(shared.limits.tick_seconds, self._tick)
        shared.date = f"Date: {formatdate(self.clock(), usegmt=True)}\r\n".encode()
        shared.tick += 1
        for connection in [it for it in shared.connections if it.deadline <= shared.tick]:
            connection.expire()

    def stop(self) -> None:
        self.next.cancel()


async def _drain(shared: Shared) -> None:
    """Let what is being asked and answered come to its end, for `drain_seconds` at most."""
    shared.draining = True
    for connection in list(shared.connections):
        connection.drain()
    try:
        async with asyncio.timeout(shared.limits.drain_seconds):
            while shared.connections:
                shared.changed.clear()
                await shared.changed.wait()
    except TimeoutError:
        log.warning("%d connections were cut off", len(shared.connections))
    finally:
        for connection in list(shared.connections):
            connection.transport.abort()


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`. Only a main thread gets signals, and Windows has none to give."""
    names = [signal.SIGTERM, signal.SIGINT]
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        names = []
    for name in names:
        loop.add_signal_handler(name, stop.set)
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)


def _files() -> int:
    """How many descriptors this process may have open."""
    if sys.platform == "win32":
        return 512
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
