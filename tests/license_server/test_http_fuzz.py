"""Any bytes at all into a real connection object: it never raises, never answers two for one, and never depends on how
the bytes were cut up."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterable

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from license_server.http_heads import KnownHeads
from license_server.http_messages import CLOSE, Limits, Request
from license_server.http_parse import RequestParser, Stage
from license_server.http_server import Response, serve

LIMITS = Limits(head_bytes=300, body_bytes=50)


class Found:
    """Takes what the parser finds."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.endings: list[bytes] = []
        self.going_on = 0

    def receive(self, request: Request, ending: bytes) -> None:
        self.requests.append(request)
        self.endings.append(ending)

    def go_on(self) -> None:
        self.going_on += 1


def parse(parts: Iterable[bytes], limits: Limits = LIMITS, heads: KnownHeads | None = None) -> tuple[Found, int, Stage]:
    """What is found in some bytes, the status of the refusal that ended it (or 0), and what is waited for."""
    found = Found()
    parser = RequestParser(found, limits, heads)
    for part in parts:
        status = parser.feed(memoryview(part))
        if found.endings[-1:] == [CLOSE]:
            break  # as a connection does: nothing after it counts
        if status:
            return found, status, parser.stage
    return found, 0, parser.stage


METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI", b"get", b"G", b"PUT "])
TARGETS = st.sampled_from([b"/", b"/a?b=c", b"*", b"http://a/b", b"http://a", b"a:1", b"/\xff", b"/#x", b"//a", b""])
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"", b"RTSP/1.0"])
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\n\r\n"])
HEADERS = st.sampled_from(
    [
        b"Host: a",
        b"Host: a",
        b"Host:",
        b"Content-Length: 3",
        b"Content-Length: 0",
        b"Content-Length: 51",
        b"Content-Length: +3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: Upgrade",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"X: y",
        b" folded",
        b"X : y",
        b"X: \0",
        b"nocolon",
    ]
)
BODIES = st.sampled_from(
    [b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\nHost: b\r\n\r\n", b"3;x\nabc\r\n0\r\n\r\n", b"x" * 51]
)


@st.composite
def messages(draw: Callable[..., object]) -> bytes:
    """Something like a request, with what is dangerous about requests in unlikely measure."""
    pieces = [draw(METHODS), b" ", draw(TARGETS), b" ", draw(VERSIONS), draw(ENDS)]
    for header in draw(st.lists(HEADERS, max_size=6)):  # type: ignore[attr-defined]
        pieces += [header, draw(ENDS)]
    return b"".join([*pieces, draw(ENDS), draw(BODIES)])  # type: ignore[list-item]


STREAMS = st.one_of(
    st.lists(messages(), min_size=1, max_size=3).map(b"".join),
    st.binary(max_size=200),
    st.tuples(messages(), st.binary(max_size=20), messages()).map(b"".join),
)


@given(STREAMS)
@settings(max_examples=300)
def test_any_bytes_give_requests_or_a_refusal(raw: bytes) -> None:
    found, status, _ = parse([raw])
    assert status in (0, 400, 413, 417, 431, 501, 505)
    assert len(found.requests) <= raw.count(b"/1."), "no more requests than first lines"
    for request in found.requests:
        assert request.path.startswith("/") or (request.method, request.path) == ("OPTIONS", "*")
        assert "?" not in request.path and "#" not in request.path
        assert len(request.body) <= LIMITS.body_bytes
        assert not {"\r", "\n", "\0"} & set("".join(request.headers.values()))
        if "transfer-encoding" in request.headers:
            assert "content-length" not in request.headers
        elif request.body:
            assert len(request.body) == int(request.headers["content-length"])


@given(STREAMS, st.data())
@settings(max_examples=300)
@example(
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"
    b"GET / HTTP/1.0\r\n\r\n",
    None,
)
def test_how_the_bytes_are_cut_up_makes_no_difference(raw: bytes, data: st.DataObject | None) -> None:
    """In one piece, byte by byte, and in pieces drawn at random: the same requests, the same refusal."""
    whole = parse([raw], Limits())
    cuts = [] if data is None else sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=8)))
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    for parts in ([raw[at : at + 1] for at in range(len(raw))], pieces):
        found, status, stage = parse(parts, Limits())
        assert found.requests == whole[0].requests
        assert found.endings == whole[0].endings
        assert (status, stage, found.going_on) == (whole[1], whole[2], whole[0].going_on)


LINES = st.sampled_from(
    [
        b"GET /a?b=c HTTP/1.1\r\n",
        b"GET /a%20b HTTP/1.1\r\n",
        b"POST /a? HTTP/1.1\r\n",
        b"GET /a?b?c HTTP/1.1\r\n",
        b"GET /" + b"a" * 280 + b" HTTP/1.1\r\n",
        b"\r\nGET /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.0\r\n",
        b"HEAD /a HTTP/1.1\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"GET /a#b HTTP/1.1\r\n",
        b"GET /\xff HTTP/1.1\r\n",
        b"GET  /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.1\n",
        b"GET /a HTTP/1.1\r\n ",
    ]
)
REST = st.lists(HEADERS, max_size=4).map(lambda lines: b"".join(line + b"\r\n" for line in [b"Host: a", *lines]))
WHOLE = st.tuples(LINES, st.one_of(st.just(b"Host: a\r\nContent-Length: 3\r\n"), REST), BODIES)


@given(st.lists(WHOLE, min_size=1, max_size=4), st.data())
@settings(max_examples=300)
def test_a_head_that_is_known_makes_no_difference(
    messages: list[tuple[bytes, bytes, bytes]], data: st.DataObject
) -> None:
    """Lines, headers and bodies of messages that were taken before, put together anew, and several in one piece."""
    heads = KnownHeads(most=3)
    for line, rest, body in messages:
        parse([line + rest + b"\r\n" + body], heads=heads)
    lines, rests, bodies = (st.sampled_from(parts) for parts in zip(*messages, strict=True))
    mixed = data.draw(st.lists(st.tuples(lines, rests, bodies), min_size=1, max_size=3))
    parts = [line + rest + b"\r\n" + body for line, rest, body in mixed]
    if data.draw(st.booleans()):
        parts = [b"".join(parts)]
    found, status, stage = parse(parts, heads=heads)
    plainly, refused, waits = parse(parts, heads=KnownHeads(longest=0))
    assert (found.requests, found.endings, found.going_on) == (plainly.requests, plainly.endings, plainly.going_on)
    assert (status, stage) == (refused, waits)


def test_a_head_that_is_known_is_not_parsed_again() -> None:
    heads, limits = KnownHeads(most=2), Limits()
    get = b"GET /a?n=%d HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n"
    assert heads.request(get % (1, 1)) is None
    parse([get % (1, 1), get % (1, 2)], limits, heads)
    assert heads.request(get % (5, 1)) == Request("GET", "/a", "n=5", {"host": "a", "x": "1"}, b"", "")
    parse([get % (1, 3)], limits, heads)
    assert heads.request(get % (5, 1)) is None, "the oldest is forgotten"
    assert heads.request(get % (5, 3) + b"x") is None, "more than the request"
    post = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%b"
    parse([post % b"abc"], limits, heads)
    assert heads.request(post % b"def") == Request("POST", "/a", "", {"host": "a", "content-length": "3"}, b"def", "")
    assert heads.request(post % b"de") is None
    parse([get.replace(b"X:", b"Connection:") % (1, 4)], limits, heads)
    assert heads.request(get.replace(b"X:", b"Connection:") % (1, 4)) is None


@given(STREAMS)
@settings(max_examples=200)
def test_nothing_is_accepted_that_the_parser_below_refuses(raw: bytes) -> None:
    """Against httptools by itself: we only ever find fewer requests than it does, never other ones."""

    class Plain:
        def __init__(self) -> None:
            self.urls: list[bytes] = []
            self.count = 0

        def on_message_begin(self) -> None:
            self.urls.append(b"")

        def on_url(self, url: bytes) -> None:
            self.urls[-1] += url

        def on_message_complete(self) -> None:
            self.count += 1

    plain = Plain()
    try:
        httptools.HttpRequestParser(plain).feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        refused: Exception | None = error
    else:
        refused = None
    found, status, _ = parse([raw], Limits())
    assert len(found.requests) <= plain.count
    if refused is None and len(found.requests) < plain.count:
        assert status or found.endings[-1] == CLOSE, "what is left out was refused, or followed a close"


@given(st.binary(min_size=1, max_size=40), st.integers(100, 2000))
@settings(max_examples=50)
def test_what_goes_on_without_end_is_ended(part: bytes, times: int) -> None:
    """Any piece repeated: it is refused, or it is empty lines, or it was whole requests; nothing is piled up."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for start in (b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", head, head + b"1;", head + b"0\r\nX: "):
        _, status, stage = parse([start, *[part] * times])
        sent = len(part) * times
        assert status or stage is Stage.IDLE or sent <= LIMITS.head_bytes + 4 * LIMITS.body_bytes + 40


@pytest.mark.parametrize("start", range(3))
async def test_whole_connections_live_through_any_bytes(start: int) -> None:
    """A hundred connections to a real server in this loop, with bytes from a fixed seed; it answers in the end."""
    dice = random.Random(start)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked = 0

    def handle(request: Request, answer: Callable[[Response], None]) -> None:
        nonlocal asked
        asked += 1
        answer(Response(200, b"{}"))

    serving = asyncio.create_task(
        serve(handle, "127.0.0.1", 0, limits=Limits(tick_seconds=0.05), started=lambda _, port: ready.set_result(port))
    )
    async with asyncio.timeout(60):
        port = await ready
        for _ in range(100):
            raw = mutated(dice)
            before = asked
            answers = await statuses(port, raw)
            assert set(answers) <= {100, 200, 400, 413, 417, 431, 501, 505}
            assert answers.count(200) == asked - before
            assert sum(1 for status in answers if status >= 400) <= 1, "an error is the last word"
        assert await statuses(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == [200]
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


def mutated(dice: random.Random) -> bytes:
    raw = bytearray(
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        b"GET /c HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(raw))
        change = dice.randrange(3)
        if change == 0:
            raw[at] = dice.randrange(256)
        elif change == 1:
            del raw[at : at + dice.randrange(1, 8)]
        else:
            raw[at:at] = dice.choice([b"\r\n", b"\n", b"\0", b" ", b"Content-Length: 1\r\n", b"Host: b\r\n"])
    return bytes(raw)


async def statuses(port: int, raw: bytes) -> list[int]:
    """The statuses of all answers to some bytes, after which no more are sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    writer.write_eof()
    try:
        said = await reader.read()
    except ConnectionResetError:
        said = b""
    writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]
