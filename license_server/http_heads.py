"""Heads that were parsed before: what a program asks differs in its first line, seldom in the lines after it.

A way around the parser for the plainest requests only, and only for header lines that the parser itself took before,
byte for byte. Whatever else comes goes to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .http_messages import Request

_LINE = re.compile(
    rb"(GET|POST) (/[\w.~!$&'()*+,;=:@/%-]*+)(?:\?([\w.~!$&'()*+,;=:@/?%-]*+))?+ HTTP/1\.1\r\n", re.ASCII
)
_NOT_PLAIN = frozenset({"transfer-encoding", "expect", "upgrade", "connection"})
"""Header names that decide how a message is framed, or what becomes of the connection after it."""


class KnownHeads:
    """Remembers at most `most` of them, none longer than `longest` bytes; the oldest is forgotten first."""

    def __init__(self, most: int = 512, longest: int = 2048) -> None:
        self._most = most
        self._longest = longest
        self._known: dict[bytes, tuple[Mapping[str, str], int]] = {}

    def request(self, raw: bytes) -> Request | None:
        """The request that these bytes are, no more and no less; None if that is not certain. Its `peer` is empty."""
        line_end = raw.find(b"\r\n")
        end = raw.find(b"\r\n\r\n", line_end) + 4
        known = self._known.get(raw[line_end:end])
        if known is None or len(raw) - end != known[1]:
            return None
        line = _LINE.match(raw)
        if line is None:
            return None
        method, path, query = line.groups(b"")
        return Request(method.decode(), path.decode(), query.decode(), known[0], raw[end:], "")

    def learn(self, raw: bytes, headers: Mapping[str, str]) -> None:
        """Remember the header lines of a message in which the parser has found these headers, and no other message."""
        line_end = raw.find(b"\r\n")
        end = raw.find(b"\r\n\r\n", line_end) + 4
        length = int(headers.get("content-length", "0"))
        plain = _NOT_PLAIN.isdisjoint(headers) and _LINE.match(raw) is not None
        if not plain or len(raw) - end != length or end - line_end > self._longest:
            return
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[raw[line_end:end]] = headers, length
