"""Hostile requests as raw bytes to a real server: what is answered, whether the connection ends, and that memory stays.

A closed connection after the error is asked of everything whose framing is in doubt: whatever follows such a request
may be a part of it, or another request that somebody on the way smuggled in.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.license_server.http_client import Server, running

HOST = b"Host: a\r\n"
BODY = b'{"a": 1}'
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param, connections=200) as started:
        yield started


def post(*headers: bytes, body: bytes = BODY, version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"POST /echo HTTP/" + version + b"\r\n" + host + lines + b"\r\n" + body


def get(path: bytes = b"/echo", *headers: bytes, version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    return (
        b"GET " + path + b" HTTP/" + version + b"\r\n" + host + b"".join(line + b"\r\n" for line in headers) + b"\r\n"
    )


LENGTH = b"Content-Length: 8"

ANSWERED = {
    "normal POST": (post(LENGTH), BODY),
    "no length, no body": (post(body=b""), b""),
    "chunked": (CHUNKED + b'3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n', BODY),
    "chunked, with an extension": (CHUNKED + b'8;x=y\r\n{"a": 1}\r\n0\r\n\r\n', BODY),
    "chunked, with a trailer": (CHUNKED + b'8\r\n{"a": 1}\r\n0\r\nX-Trailer: a\r\nHost: evil\r\n\r\n', BODY),
    "capital TE value": (CHUNKED.replace(b"chunked", b"Chunked") + b"1\r\na\r\n0\r\n\r\n", b"a"),
    "leading empty lines": (b"\r\n\r\n" + get(), b""),
    "two spaces after the method": (get().replace(b"GET ", b"GET  "), b""),
    "absolute target": (get(b"http://elsewhere:80/echo?x=1"), b""),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_allowed_is_answered_and_the_connection_goes_on(server: Server, name: str) -> None:
    raw, body = ANSWERED[name]
    said = server.say(raw + NEXT)
    first, second = said.answers
    assert (first.status, second.status, said.closed) == (200, 200, False)
    assert first.json["path"] == "/echo"
    assert first.json["body"].encode("latin-1") == body
    assert second.json["headers"] == {"host": "a"}, "nothing of the first is left over"


REFUSED = {
    "chunks ended by LF": (CHUNKED + b'8\n{"a": 1}\n0\n\n', 400),
    "chunk extension ended by LF": (CHUNKED + b'8;ext\n{"a": 1}\r\n0\r\n\r\n', 400),
    "chunk size 0x8": (CHUNKED + b'0x8\r\n{"a": 1}\r\n0\r\n\r\n', 400),
    "chunk size too large": (CHUNKED + b"f" * 17 + b'\r\n{"a": 1}\r\n0\r\n\r\n', 400),
    "chunk size below zero": (CHUNKED + b'-8\r\n{"a": 1}\r\n0\r\n\r\n', 400),
    "chunk without its line end": (CHUNKED + b'8\r\n{"a": 1}0\r\n\r\n', 400),
    "CL and TE": (post(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "TE and CL": (post(b"Transfer-Encoding: chunked", LENGTH, body=b"0\r\n\r\n"), 400),
    "TE xchunked and CL": (post(b"Transfer-Encoding: xchunked", LENGTH), 400),
    "space before the colon of TE": (post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), 400),
    "vertical tab in TE": (post(b"Transfer-Encoding:\x0bchunked", LENGTH), 400),
    "TE chunked, identity": (post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), 400),
    "TE twice": (post(*[b"Transfer-Encoding: chunked"] * 2, body=b"0\r\n\r\n"), 400),
    "TE gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    "TE identity": (post(b"Transfer-Encoding: identity", body=b"0\r\n\r\n"), 501),
    "TE empty": (post(b"Transfer-Encoding:", body=b"0\r\n\r\n"), 400),
    "TE on HTTP/1.0": (post(b"Transfer-Encoding: chunked", version=b"1.0", body=b"0\r\n\r\n"), 400),
    "two equal lengths": (post(LENGTH, LENGTH), 400),
    "two lengths": (post(LENGTH, b"Content-Length: 9"), 400),
    "lengths in a list": (post(b"Content-Length: 8, 8"), 400),
    "length +8": (post(b"Content-Length: +8"), 400),
    "length -1": (post(b"Content-Length: -1"), 400),
    "length 0_8": (post(b"Content-Length: 0_8"), 400),
    "length 0x8": (post(b"Content-Length: 0x8"), 400),
    "empty length": (post(b"Content-Length:"), 400),
    "length too large for any number": (post(b"Content-Length: " + b"9" * 30), 400),
    "length just above the limit": (post(b"Content-Length: 65537"), 413),
    "strange expectation": (post(LENGTH, b"Expect: a-pony"), 417),
    "HTTP/0.9": (b"GET /echo\r\n", 400),
    "HTTP/0.9 by name": (get(version=b"0.9"), 505),
    "HTTP/2.0": (get(version=b"2.0"), 505),
    "HTTP/1.2": (get(version=b"1.2"), 400),
    "no Host": (get(host=b""), 400),
    "two Hosts": (get(host=HOST + HOST), 400),
    "a list as Host": (get(host=b"Host: a, b\r\n"), 400),
    "a path as Host": (get(host=b"Host: a/b\r\n"), 400),
    "two Hosts on HTTP/1.0": (get(host=HOST + HOST, version=b"1.0"), 400),
    "absolute target with a user": (get(b"http://user@elsewhere/echo"), 400),
    "absolute target of no known scheme": (get(b"ftp://elsewhere/echo"), 400),
    "relative target": (get(b"echo"), 400),
    "target *": (get(b"*"), 400),
    "bare LF": (get().replace(b"\r\n", b"\n"), 400),
    "bare CR in a value": (get(b"/echo", b"X: a\rb"), 400),
    "NUL in a value": (get(b"/echo", b"X: a\0b"), 400),
    "folded header": (get(b"/echo", b"X: a", b" b"), 400),
    "leading space before the first header": (get(host=b" X: y\r\n" + HOST), 400),
    "header without a colon": (get(b"/echo", b"nonsense"), 400),
    "empty header name": (get(b"/echo", b": a"), 400),
    "0xff in the path": (get(b"/\xff"), 400),
    "control character in the path": (get(b"/a\x01b"), 400),
    "fragment in the target": (get(b"/echo#there"), 400),
    "binary": (bytes(range(256)), 400),
    "TLS": (bytes.fromhex("16030100b5010000b10303") + bytes(180), 400),
    "start of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400),
    "upgrade with a body": (post(LENGTH, b"Connection: Upgrade", b"Upgrade: h2c"), 400),
    "upgrade with chunks": (CHUNKED[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n0\r\n\r\n", 400),
    "unknown method": (b"FETCH /echo HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "response instead of a request": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400),
    "URL of 100 kB": (get(b"/" + b"a" * 100_000), 431),
    "URL just above the limit": (get(b"/" + b"a" * 16_384), 431),
    "100,000 headers": (get(b"/echo", *[b"X: a"] * 100_000), 431),
    "header of 10 MB": (get(b"/echo", b"X: " + b"a" * 10_000_000), 431),
    "header of 10 MB without an end": (b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 10_000_000, 431),
    "header name of 10 MB without an end": (b"GET /echo HTTP/1.1\r\nHost: a\r\n" + b"a" * 10_000_000, 431),
    "body of 50 MB": (post(b"Content-Length: 52428800", body=b"a" * 52_428_800), 413),
    "chunks of 50 MB": (CHUNKED + (b"10000\r\n" + b"a" * 65_536 + b"\r\n") * 800, 413),
    "chunk extension of 10 MB": (CHUNKED + b"8;x=" + b"y" * 10_000_000, 413),
    "trailer of 10 MB": (CHUNKED + b"0\r\nX: " + b"y" * 10_000_000, 413),
    "100,000 chunks of 1 byte": (CHUNKED + b"1\r\na\r\n" * 100_000, 413),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_allowed_is_refused_once_and_the_connection_ends(server: Server, name: str) -> None:
    """Neither the request nor one that follows it is answered by the handler."""
    raw, status = REFUSED[name]
    said = server.say(raw + NEXT, closes=True)
    [answer] = said.answers
    assert (answer.status, said.closed) == (status, True), said
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*", "a browser can read why"
    assert set(answer.json) == {"error"}
    assert "Traceback" not in answer.body.decode() and "llhttp" not in answer.body.decode()


def test_memory_stays_flat(server: Server) -> None:
    """All that is refused for its size, three times over: what is held meanwhile is a few buffers."""
    large = [raw for raw, status in REFUSED.values() if status in (413, 431)]
    for raw in large:
        server.say(raw, closes=True)
    before = server.rss()
    for raw in large * 3:
        server.say(raw, closes=True)
    assert server.rss() - before < 2048


def test_a_request_before_the_refused_one_is_answered(server: Server) -> None:
    said = server.say(get() + get(host=b"") + NEXT, closes=True)
    assert said.statuses == [200, 400] and said.closed


def test_five_requests_in_one_piece_are_answered_in_order(server: Server) -> None:
    said = server.say(get(b"/1") + post(LENGTH) + get(b"/3") + CHUNKED + b"1\r\na\r\n0\r\n\r\n" + get(b"/5"))
    assert [answer.json["path"] for answer in said.answers] == ["/1", "/echo", "/3", "/echo", "/5"]
    assert not said.closed


def test_bytes_after_a_body_are_the_next_request(server: Server) -> None:
    said = server.say(post(b"Content-Length: 7"), closes=True)
    assert said.statuses == [200, 400] and said.closed, "the eighth byte is no request"


def test_a_header_that_is_given_a_thousand_times_is_one_list(server: Server) -> None:
    said = server.say(get(b"/echo", *[b"X: a"] * 1000))
    assert said.answers[0].json["headers"]["x"] == ", ".join("a" * 1000)


def test_the_largest_head_and_body_that_are_allowed(server: Server) -> None:
    spare = 16_384 - len(b"/echo") - len(b"Hosta") - 4 - len(b"XX") - 4
    assert server.say(get(b"/echo", b"XX: " + b"a" * spare)).statuses == [200]
    assert server.say(get(b"/echo", b"XX: " + b"a" * (spare + 1)), closes=True).statuses == [431]
    assert server.say(post(b"Content-Length: 65536", body=b"a" * 65_536)).statuses == [200]


def test_fifty_thousand_chunks_of_one_byte_are_one_body_or_refused(server: Server) -> None:
    """40,000 of them stay within what a body may take on the wire; 50,000 do not."""
    said = server.say(CHUNKED + b"1\r\na\r\n" * 40_000 + b"0\r\n\r\n")
    assert said.answers[0].json["body"] == "a" * 40_000
    assert server.say(CHUNKED + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n", closes=True).statuses == [413]


@pytest.mark.parametrize(
    "lines",
    [
        (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
        (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    ],
    ids=["h2c", "websocket"],
)
def test_an_upgrade_is_answered_without_upgrading_and_closes(server: Server, lines: tuple[bytes, ...]) -> None:
    said = server.say(get(b"/echo", *lines) + NEXT, closes=True)
    [answer] = said.answers
    assert (answer.status, answer.headers["connection"], said.closed) == (200, "close", True)


def test_every_header_of_a_trailer_is_dropped(server: Server) -> None:
    trailers = b"".join(b"X-%d: a\r\n" % number for number in range(100))
    said = server.say(CHUNKED + b"0\r\n" + trailers + b"\r\n" + NEXT)
    assert [set(answer.json["headers"]) for answer in said.answers] == [{"host", "transfer-encoding"}, {"host"}]


def test_json_of_any_depth_is_only_bytes_to_the_server(server: Server) -> None:
    body = b"[" * 60_000
    said = server.say(post(b"Content-Length: 60000", body=body))
    assert said.answers[0].json["body"].encode() == body
