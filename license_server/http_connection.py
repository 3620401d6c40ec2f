"""One connection: requests go to the handler, answers go out in order; deadlines, and a close that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import deque
from typing import TYPE_CHECKING, cast

from .http_messages import CLOSE, CONTINUE, KEEP, Request, Response, render
from .http_parse import HEAD, IDLE, RequestParser

if TYPE_CHECKING:
    from .http_server import Shared

log = logging.getLogger(__name__)

REFUSED_AT_ONCE = 64
"""Connections above the limit that are told so; more than that are cut off without a word."""


class Answer:
    """The place of one answer in a connection's queue. Calling it answers; that never raises, whatever the peer did."""

    __slots__ = ("connection", "ending", "head_only", "response")

    def __init__(self, connection: Connection, ending: bytes, head_only: bool = False) -> None:
        self.connection = connection
        self.ending = ending
        self.head_only = head_only
        self.response: Response | None = None

    def __call__(self, response: Response) -> None:
        if self.response is not None:
            log.error("a request was answered twice; the second answer is dropped")
            return
        self.response = response
        self.connection.flush()

    def render(self, response: Response, shared: Shared, last: bool) -> bytes:
        ending = CLOSE if last else self.ending
        try:
            return render(response, shared.date, ending, self.head_only)
        except (TypeError, ValueError) as error:
            log_error("an answer could not be written", error)
            return render(shared.refusal(500), shared.date, ending, self.head_only)


class Connection(asyncio.BufferedProtocol):
    """An HTTP/1.0 or 1.1 connection. The loop, the parser and the server's ticks call in; none is ever raised at."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.pending: deque[Answer] = deque()
        self.deadline = 0
        self.last = False  # nothing after what is pending is read
        self.ended = False  # the peer sends no more
        self.stalled = False  # the peer does not take its answers
        self.lingering = False
        self.gone = False
        self.out: list[bytes] = []
        self.queued = False
        self.closing = False
        self.peer = ""
        self.proxied = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        shared = self.shared
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self.proxied = shared.is_trusted(self.peer)
        self.parser: RequestParser | None = RequestParser(self, shared.limits, shared.heads)
        self.deadline = shared.tick + shared.stage_ticks[HEAD]
        count = len(shared.connections)
        shared.connections.add(self)
        if count >= shared.max_connections + REFUSED_AT_ONCE:
            self.transport.abort()
        elif shared.draining or (count >= shared.max_connections and not self._make_room()):
            self.fail(503)

    def _make_room(self) -> bool:
        """Whether a connection that rests after a request could be given up for this one."""
        resting = (other for other in self.shared.connections if other.is_resting() and other.has_asked())
        longest = min(resting, key=lambda other: other.deadline, default=None)
        if longest is not None:
            longest.close()
        return longest is not None

    def is_resting(self) -> bool:
        """Whether nothing is being asked or answered."""
        parser = self.parser
        return not self.pending and not self.last and parser is not None and parser.stage is IDLE

    def has_asked(self) -> bool:
        return self.parser is not None and self.parser.mark > 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        parser = self.parser
        if self.last or parser is None:
            return
        mark = parser.mark
        status = parser.feed(self.shared.buffer[:nbytes])
        if status:
            self.fail(status)
        elif parser.stage is not IDLE and parser.mark != mark:
            self._rearm()

    def eof_received(self) -> bool:
        """A client that has sent all its requests may still wait for the answers."""
        self.last = self.ended = True
        return bool(self.pending)

    def pause_writing(self) -> None:
        self.stalled = True
        self.transport.pause_reading()
        self._rearm()

    def resume_writing(self) -> None:
        self.stalled = False
        self.transport.resume_reading()
        self._rearm()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.parser = None  # it holds this connection in turn
        self.pending.clear()
        self.shared.connections.discard(self)
        self.shared.changed.set()

    # What the parser calls.

    def receive(self, request: Request, ending: bytes) -> None:
        shared = self.shared
        if len(self.pending) >= shared.limits.pipelined:
            shared.handle_waiting()  # what is answered at once does not count
        if len(self.pending) >= shared.limits.pipelined:
            self.fail(503)
            return
        if ending is CLOSE:
            self.last = True
        request.peer = self.peer
        if self.proxied and "x-forwarded-for" in request.headers:
            request.peer = shared.client(self.peer, request.headers["x-forwarded-for"])
        answer = Answer(self, ending, request.method == "HEAD")
        self.pending.append(answer)
        self.deadline = shared.tick + shared.answer_ticks
        shared.handle_soon(request, answer)

    def go_on(self) -> None:
        self._answer(CONTINUE)

    # Answers, and the end.

    def _answer(self, response: Response) -> None:
        """Put an answer of the server's own behind those pending."""
        answer = Answer(self, KEEP)
        answer.response = response
        self.pending.append(answer)
        self.flush()

    def flush(self) -> None:
        """Write the answers whose turn it is."""
        if self.gone:
            return
        pending, shared = self.pending, self.shared
        last = False
        while pending and (response := pending[0].response) is not None:
            answer = pending.popleft()
            last = not pending and (self.last or (shared.draining and self._between()))
            self.out.append(answer.render(response, shared, last))
        if self.out and not self.queued:
            self.queued = True
            shared.write_soon(self)
        if last:
            self._stop()
            self.closing = True
        elif not pending:
            self._rearm()

    def write_out(self) -> None:
        """Hand over what has been answered since the last time."""
        self.queued = False
        out, self.out = self.out, []
        if self.gone:
            return
        try:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))
            if self.closing:
                self._finish()
        except (OSError, RuntimeError):  # reset meanwhile: shutdown(2) gives ENOTCONN, uvloop says that it is closed
            self.transport.abort()

    def _between(self) -> bool:
        return self.parser is None or self.parser.stage is IDLE

    def _rearm(self) -> None:
        """Set the deadline for what is being waited for now."""
        shared = self.shared
        if self.lingering:
            return
        if self.stalled:
            self.deadline = shared.tick + shared.limits.ticks(shared.limits.write_seconds)
        elif self.pending:
            self.deadline = shared.tick + shared.answer_ticks
        elif self.parser is not None:
            self.deadline = shared.tick + shared.stage_ticks[self.parser.stage]

    def fail(self, status: int) -> None:
        """Answer with an error after what is pending, then close; nothing more is read."""
        if not self.last:
            self._stop()
            self._answer(self.shared.refusal(status))

    def _stop(self) -> None:
        self.last = True
        if self.parser is not None:
            self.parser.stop()

    def _finish(self) -> None:
        """Close so that the last answer arrives: what the peer still sends is taken and dropped for a while, because to
        close with unread bytes resets the connection, and the answer is lost (RFC 9112 section 9.6)."""
        self._stop()
        if self.lingering or self.transport.is_closing():
            return
        self._linger()
        if self.ended:
            self.transport.close()
        else:
            self.transport.write_eof()

    def _linger(self) -> None:
        self.lingering = True
        self.deadline = self.shared.tick + self.shared.limits.ticks(self.shared.limits.linger_seconds)

    def close(self) -> None:
        """Close without an answer, as soon as what is written has gone out."""
        self._stop()
        self._linger()
        self.transport.close()

    def drain(self) -> None:
        """Close if nothing is being asked or answered; else the next answer is the last."""
        if self.lingering or self.is_resting():
            self.close()

    def expire(self) -> None:
        """The deadline has passed."""
        if self.lingering or self.stalled:
            self.transport.abort()
        elif self.pending:
            log.error("a request was not answered in time")
            overdue = self.pending[0]
            self.pending.clear()
            self.pending.append(overdue)
            self._stop()
            overdue(self.shared.refusal(503))
        elif self.is_resting():
            self.close()
        else:
            self.fail(408)


def log_error(what: str, error: Exception) -> None:
    """Where it was raised and what it is; not its text, which may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(frames[-4:]))
    log.error("%s: %s in %s", what, type(error).__name__, where)
