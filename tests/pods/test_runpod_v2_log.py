"""RunPod's own log of a pod: bytes in any portions, resuming, and connections that end in every way."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import NoKey, OavrError, Rejected, Unreachable
from oavr_tui.pods.provider import ApiGone, Slower
from oavr_tui.pods.runpod_v2 import RunPodV2
from oavr_tui.pods.runpod_v2_http import Deadlines
from oavr_tui.pods.runpod_v2_log import LONGEST_LINE, LogParser, usable_event_id
from tests.pods.rest_server import (
    KEY,
    POD_ID,
    Handler,
    RestServer,
    asking,
    document,
    example,
    hang_up,
    page,
    problem,
    raw,
    running,
)

LOGS = f"/v2/pods/{POD_ID}/logs"


def event(event_id: str, line: str) -> bytes:
    said = json.dumps({"ts": "2026-06-01T12:02:03Z", "source": "container", "line": line}, ensure_ascii=False)
    return f"id: {event_id}\ndata: {said}\n\n".encode()


def parsed(stream: bytes, cuts: list[int] | None = None, after: str = "") -> list[tuple[str, str]]:
    parser = LogParser(after)
    places = sorted({0, len(stream), *(place % (len(stream) + 1) for place in cuts or [])})
    pieces = [stream[begin:end] for begin, end in pairwise(places)]
    return [found for piece in pieces for found in parser.feed(piece)]


def test_the_documented_example() -> None:
    assert parsed(example("GET /v2/pods/{id}/logs").encode()) == [
        ("2026-06-01T12:02:03Z/000000000001", "Model loaded."),
    ]


@given(
    lines=st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=12),
    cuts=st.lists(st.integers(0, 5_000), max_size=30),
)
def test_portions_do_not_matter(lines: list[str], cuts: list[int]) -> None:
    stream = b"".join(event(f"e/{number}", line) for number, line in enumerate(lines))
    whole = parsed(stream)
    assert [event_id for event_id, _ in whole] == [f"e/{number}" for number in range(len(lines))]
    assert parsed(stream, cuts) == whole


@given(stream=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=10), after=st.text(max_size=5))
def test_any_bytes_give_lines_that_can_be_shown(stream: bytes, cuts: list[int], after: str) -> None:
    for event_id, line in parsed(stream, cuts, after):
        assert line == line.strip()
        assert "\n" not in line and "\x1b" not in line
        assert event_id == after or usable_event_id(event_id)


def test_only_a_line_feed_ends_a_line() -> None:
    """Characters at which Python's own splitting would cut are a part of the line."""
    said = "a\u2028b\x85c"
    assert parsed(event("1", said)) == [("1", "a bc")]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        (" 10%|#\r 50%|##\r100%|###\n", "100%|###"),
        ("two\nlines", "two lines"),
        ("x" * (LONGEST_LINE + 500), "x" * (LONGEST_LINE - 1) + "…"),
        ("", ""),
    ],
)
def test_lines_as_a_terminal_would_show_them(said: str, shown: str) -> None:
    assert parsed(event("1", said)) == [("1", shown)]


def test_a_line_of_megabytes_is_left_out_and_the_next_is_read() -> None:
    stream = event("1", "x" * 1_500_000) + event("2", "after")
    assert parsed(stream, list(range(0, len(stream), 60_000))) == [
        ("1", "(a line that is too long was left out)"),
        ("2", "after"),
    ]


def test_comments_other_fields_and_plain_data() -> None:
    stream = b": heartbeat\n\nretry: 5\nevent: log\ndata: not json\n\nid:\x01\ndata:[1]\r\n\ndata\n\n"
    assert parsed(stream) == [("", "not json"), ("", "[1]"), ("", "")]


def test_going_on_leaves_out_what_was_had_and_nothing_else() -> None:
    stream = event("t1", "had") + event("t1", "had too") + event("t2", "new") + event("t1", "late")
    assert parsed(stream, after="t1") == [("t2", "new"), ("t1", "late")]
    assert parsed(b'data: {"line": "unnamed"}\n\n', after="t1") == [("t1", "unnamed")]


async def lines_of(client: RunPodV2, after: str = "") -> list[tuple[str, str]]:
    async with aclosing(client.log(POD_ID, after)) as log:
        return [each async for each in log]


async def test_the_log_is_asked_from_its_beginning_or_from_where_it_ended() -> None:
    async with running() as server, asking(server.base) as asked:
        found = await lines_of(asked.client)
        assert [line for _, line in found] == ["Model loaded."]
        await lines_of(asked.client, found[-1][0])
        await lines_of(asked.client, "not\na header")
        first, second, third = server.asked("GET", LOGS)
        assert (first.query, second.query, third.query) == ({"tail": "5000"}, {}, {"tail": "5000"})
        assert second.headers["last-event-id"] == found[-1][0]
        assert "last-event-id" not in first.headers and "last-event-id" not in third.headers
        assert first.headers["accept"] == "text/event-stream"


def streaming(server: RestServer, *pieces: bytes, cut: bool) -> Handler:
    """Sends these, then breaks off, or is silent until the test ends."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        return await (hang_up(request) if cut else server.hang(request))

    return answer


async def test_being_cut_is_the_end_and_no_error() -> None:
    async with running() as server, asking(server.base) as asked:
        server.script("GET", LOGS, streaming(server, event("1", "a"), event("2", "b")[:9], cut=True))
        assert await lines_of(asked.client) == [("1", "a")]


async def test_silence_is_the_end_and_no_error() -> None:
    async with running() as server, asking(server.base, Deadlines(silence=0.1)) as asked:
        server.script("GET", LOGS, streaming(server, event("1", "a"), cut=False))
        assert await lines_of(asked.client) == [("1", "a")]


async def test_leaving_early_closes_the_connection() -> None:
    async with running() as server, asking(server.base) as asked:
        server.script("GET", LOGS, streaming(server, event("1", "a"), cut=False))
        async with aclosing(asked.client.log(POD_ID, "")) as log:
            assert await anext(log) == ("1", "a")
        assert await asked.client.pods()


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (problem(401, "missing bearer token"), NoKey),
        (problem(403, "access denied"), NoKey),
        (problem(404, "resource not found"), Rejected),
        (page(404), Unreachable),
        (problem(429, "slow", Retry_After="3"), Slower),
        (problem(500, "internal"), Unreachable),
        (problem(400, "This endpoint is deprecated"), ApiGone),
        (problem(400, "tail is odd"), Rejected),
        (page(200), Unreachable),
        (document({"logs": []}), Unreachable),
        (raw(b"data: x\n", 200, "text/event-stream", Content_Encoding="gzip"), Unreachable),
        (raw(b"x" * 9_000_000, 500, "text/plain"), Unreachable),
        (hang_up, Unreachable),
    ],
)
async def test_what_is_no_log(handler: Handler, kind: type[OavrError]) -> None:
    async with running() as server, asking(server.base) as asked:
        server.script("GET", LOGS, handler)
        with pytest.raises(OavrError) as caught:
            await lines_of(asked.client)
        assert type(caught.value) is kind
        assert KEY not in caught.value.message and POD_ID not in caught.value.message
        assert len(server.seen) == 1
