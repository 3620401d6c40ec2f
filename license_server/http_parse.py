"""Bytes to requests: httptools finds the bounds of a message, what it leaves open is decided here. Knows no socket.

httptools 0.9 refuses two lengths, Content-Length beside Transfer-Encoding, bare LF and folded headers; it looks neither
at Host nor at the version, and it takes heads, chunk extensions and trailers of any size. It cannot tell RTSP/1.0 and
ICE/1.0 from HTTP/1.0; they are framed alike.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache
from typing import Protocol

import httptools

from .http_heads import KnownHeads
from .http_messages import CLOSE, KEEP, KEEP_OLD, Limits, Request

_ABSOLUTE = re.compile(r"(?i:https?)://[^/@]+(/.*)?")
_HOST_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+;=:[]"


class Stage(IntEnum):
    """What is being waited for from the client."""

    IDLE = 0
    HEAD = 1
    BODY = 2


IDLE, HEAD, BODY = Stage  # a member is looked up several times a request, and slowly


class Receiver(Protocol):
    """Takes what a parser finds."""

    def receive(self, request: Request, ending: bytes) -> None:
        """A whole request, its `peer` still to be filled in, and the Connection line that its answer is to carry."""

    def go_on(self) -> None:
        """The client waits to be told that its body is wanted (Expect: 100-continue)."""


class Refused(Exception):
    """Ends the parsing for good: nothing that follows can be trusted to be a request."""


class RequestParser:
    """Feeds its receiver with requests. After a refusal, or `stop`, no more come."""

    def __init__(self, receiver: Receiver, limits: Limits, heads: KnownHeads | None = None) -> None:
        self.stage: Stage = IDLE
        self.mark = 0  # counts the changes of stage
        self._receiver = receiver
        self._limits = limits
        self._heads = heads or KnownHeads()
        self._parser = httptools.HttpRequestParser(self)
        self._stopped = False
        self._refused = 400
        self._wire = 0  # bytes that came without a change of stage
        self._version = ""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0  # of the head until its end, then of the body

    def feed(self, data: memoryview) -> int:
        """Take some bytes. Gives 0, or the status with which the client is to be refused."""
        mark, raw = self.mark, b""
        if self.stage is IDLE and not self._stopped and len(data) <= self._limits.head_bytes:  # a message begins here
            raw = bytes(data)
            request = self._heads.request(raw)
            if request is not None:
                self.mark += 3
                self._receiver.receive(request, KEEP)
                return 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return 400
        except httptools.HttpParserError:
            return self._refused
        if self.mark != mark:
            self._wire = 0
            if raw and self.mark == mark + 3 and not self._stopped:  # it was one message, and all of it
                self._heads.learn(raw, self._headers)
        elif self.stage is not IDLE:
            self._wire += len(data)
            return self._endless()
        return 0

    def stop(self) -> None:
        self._stopped = True

    def _endless(self) -> int:
        """What is buffered or skipped without end: one endless header, chunk extensions, trailers, tiny chunks."""
        if self.stage is HEAD:
            return 431 if self._wire > self._limits.head_bytes else 0
        return 413 if self._wire > 4 * self._limits.body_bytes else 0

    def _refuse(self, status: int) -> None:
        self._refused = status
        raise Refused

    # What httptools calls.

    def on_message_begin(self) -> None:
        if self._stopped:
            raise Refused
        self.stage = HEAD
        self.mark += 1
        self._url = b""
        self._headers = {}
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._size += len(url)
        if self._size > self._limits.head_bytes:
            self._refuse(431)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.stage is BODY:
            return  # a trailer; nothing here has a use for one
        self._size += len(name) + len(value) + 4
        if self._size > self._limits.head_bytes:
            self._refuse(431)
        key = _header_name(name)
        headers = self._headers
        if key == "host" and (key in headers or value.translate(None, _HOST_BYTES)):
            raise Refused
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        headers = self._headers
        version = self._version = self._parser.get_http_version()
        if version != "1.1":
            if version != "1.0":
                self._refuse(505)
        elif "host" not in headers:
            raise Refused
        self.stage = BODY
        self.mark += 1
        self._size = 0
        if "transfer-encoding" in headers or "content-length" in headers:
            self._check_framing(version)
        if "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                self._refuse(417)
            if version == "1.1":  # RFC 9110 section 10.1.1: from a 1.0 client it is to be ignored
                self._receiver.go_on()

    def _check_framing(self, version: str) -> None:
        """Refuse what somebody else on the way may read differently (RFC 9112 sections 6.1 and 6.3)."""
        upgrade = self._parser.should_upgrade()  # httptools then takes the body for the new protocol's first bytes
        coding = self._headers.get("transfer-encoding")
        if coding is not None:
            if version == "1.0" or upgrade or "content-length" in self._headers:
                raise Refused
            if coding.strip().lower() != "chunked":
                self._refuse(501)
        length = self._headers.get("content-length", "0").strip()
        if not length.isdecimal() or (upgrade and int(length[:20])):
            raise Refused
        if len(length) > 20 or int(length) > self._limits.body_bytes:
            self._refuse(413)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._limits.body_bytes:
            self._refuse(413)
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.stage = IDLE
        self.mark += 1
        parser = self._parser
        method = parser.get_method().decode()
        path, query = self._target(method)
        if parser.should_upgrade() or not parser.should_keep_alive():
            self._stopped = True
            ending = CLOSE
        else:
            ending = KEEP if self._version == "1.1" else KEEP_OLD
        body = b"".join(self._body) if self._body else b""
        self._receiver.receive(Request(method, path, query, self._headers, body, ""), ending)

    def _target(self, method: str) -> tuple[str, str]:
        """Path and query. An absolute target counts by its path (RFC 9112 section 3.2.2), since no answer here depends
        on the host."""
        url = self._url
        if not url.isascii() or b"#" in url:
            raise Refused
        path, _, query = url.decode().partition("?")
        if path[:1] != "/" and not (path == "*" and method == "OPTIONS"):
            found = _ABSOLUTE.fullmatch(path)
            if found is None:
                raise Refused
            path = found[1] or "/"
        return path, query


@lru_cache(maxsize=256)
def _header_name(raw: bytes) -> str:
    return raw.lower().decode("latin-1")
