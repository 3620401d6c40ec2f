"""What goes in and out over HTTP: requests, answers, limits, and how an answer becomes bytes. Knows no socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Request:
    """One whole request.

    `path` is raw: without the query, not decoded. Names in `headers` are lower case; a repeated header is joined with
    ", ". `peer` is the client's address, after trusted proxies.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str


class Response(NamedTuple):
    """An answer. Content-Length, Connection and Date are the server's to add; `Cache-Control: no-store` is the default.

    A tuple, because it is made once a request and a frozen dataclass takes several times as long to make.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()


Handler = Callable[[Request, Callable[[Response], None]], None]
"""Called on the loop with each request; it calls the answer exactly once, at once or later, on the loop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client may send, hold and delay. Times in seconds, each kept to within two ticks.

    `head_seconds` runs from the first byte of a request (or the connection), `body_seconds` from the end of its head:
    together with four ticks they stay under 15 s. `idle_seconds` is how long a connection may rest between requests; it
    is longer than the 60 s for which common proxies keep theirs, so that a proxy seldom sends into a closing one.
    """

    head_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    connections: int = 1000
    pipelined: int = 100
    head_seconds: float = 6.0
    body_seconds: float = 6.0
    answer_seconds: float = 30.0
    write_seconds: float = 10.0
    idle_seconds: float = 75.0
    linger_seconds: float = 2.0
    drain_seconds: float = 10.0
    tick_seconds: float = 0.5

    def ticks(self, seconds: float) -> int:
        """The number of ticks after which at least so many seconds have passed, also when the first is nearly over."""
        return int(-(-seconds // self.tick_seconds)) + 1


CONTINUE = Response(100)
KEEP, KEEP_OLD, CLOSE = b"", b"Connection: keep-alive\r\n", b"Connection: close\r\n"

_WORDS = {
    400: b"bad request",
    408: b"timeout",
    413: b"too large",
    417: b"expectation failed",
    431: b"head too large",
    500: b"internal",
    501: b"not implemented",
    503: b"busy",
    505: b"version not supported",
}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OWN = frozenset({"connection", "content-length", "date", "transfer-encoding"})
_NO_BODY = frozenset({204, 304})


def refusal(status: int, headers: Headers = ()) -> Response:
    """The server's own answer to what never reaches the handler, with these headers besides."""
    return Response(status, b'{"error":"%b"}' % _WORDS[status], headers=headers)


def render(response: Response, date: bytes, connection: bytes, head_only: bool) -> bytes:
    """An answer as it goes over the wire; `date` and `connection` are whole header lines.

    Raises ValueError for a status or header that would break the framing.
    """
    status, body, content_type, headers = response
    if response is CONTINUE:
        return b"HTTP/1.1 100 Continue\r\n\r\n"
    start = _start(status, content_type, headers)
    if status in _NO_BODY:  # RFC 9110 section 8.6: a 204 has no Content-Length
        return b"%b%b%b\r\n" % (start, date, connection)
    return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (start, date, connection, len(body), b"" if head_only else body)


@lru_cache(maxsize=512)
def _start(status: int, content_type: str, headers: Headers) -> bytes:
    """Everything of the head that is the same from answer to answer."""
    if not 200 <= status <= 599:
        raise ValueError("not a final status")
    lines = [("Content-Type", content_type), *headers]
    if not any(name.lower() == "cache-control" for name, _ in headers):
        lines.append(("Cache-Control", "no-store"))
    for name, value in lines:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _OWN:
            raise ValueError("not a header that a handler may set")
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"HTTP/1.1 {status} {_reason(status)}\r\n{text}".encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
