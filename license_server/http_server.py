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

from .http_connection import Answer, Connection, log_error
from .http_heads import KnownHeads
from .http_messages import Handler, Headers, Limits, Request, Response, refusal
from .proxies import Network, forwarded_reader, is_trusted

__all__ = ["Handler", "Limits", "Request", "Response", "serve"]

log = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
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
    shared.max_connections = min(shared.limits.connections, max(8, _files() - OTHER_FILES))
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


class Shared:
    """What all connections of a server have in common.

    Time is counted in ticks that the server makes, not by a clock: while the loop is held up, nobody's deadline passes
    because of bytes that lie unread. The buffer is one for all, since the loops fill it and hand it over in one step.
    """

    def __init__(self, handler: Handler, limits: Limits, own_headers: Headers) -> None:
        self.handler = handler
        self.limits = limits
        self.own_headers = own_headers
        self.heads = KnownHeads()
        self.connections: set[Connection] = set()
        self.changed = asyncio.Event()  # a connection has gone
        self.max_connections = limits.connections
        self.requests: list[tuple[Request, Answer]] = []
        self.writers: list[Connection] = []
        self.handling = False
        self.loop = asyncio.get_running_loop()
        self.draining = False
        self.date = b""
        self.tick = 0
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.stage_ticks = tuple(map(limits.ticks, (limits.idle_seconds, limits.head_seconds, limits.body_seconds)))
        self.answer_ticks = limits.ticks(limits.answer_seconds)
        self.is_trusted: Callable[[str], bool] = lambda peer: False
        self.client: Callable[[str, str], str] = lambda proxy, forwarded: proxy

    def handle_soon(self, request: Request, answer: Answer) -> None:
        """Hand this request to the handler when all that has just come in is read.

        To read all, then to answer all, then to write all is quicker than one request after the other: the processor
        finds at hand what each of the three needs. One write then carries all answers to a pipeline; and of a burst of
        writes the first wakes up the other side, which is dear on virtual machines, while the rest find it awake.
        """
        if not self.requests:
            self.loop.call_soon(self._answer_all)
        self.requests.append((request, answer))

    def _answer_all(self) -> None:
        self.handle_waiting()
        self._write_all()

    def handle_waiting(self) -> None:
        """Hand over what waits; what it is answered with is written later in the turn."""
        requests, self.requests = self.requests, []
        self.handling = True
        handler = self.handler
        for request, answer in requests:
            try:
                handler(request, answer)
            except Exception as error:
                log_error("a request failed", error)
                if answer.response is None:
                    answer(self.refusal(500))
        self.handling = False

    def write_soon(self, connection: Connection) -> None:
        """Write for this connection when all that can be answered now is answered."""
        if not self.writers and not self.handling:
            self.loop.call_soon(self._write_all)
        self.writers.append(connection)

    def _write_all(self) -> None:
        writers, self.writers = self.writers, []
        for connection in writers:
            connection.write_out()

    def refusal(self, status: int) -> Response:
        return refusal(status, self.own_headers)


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
