"""The log stream against the bytes recorded from a real log server, and each of its flaws by itself."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.simulator.pod_log_server import HEARTBEAT_POLLS, POLL_SECONDS, LogServer, events
from tests.simulator.pods import DEADLINE, quick

RECORDED = Path(__file__).parents[1] / "data" / "runpod"
BEFORE = "--- [SYSTEM] Container Started ---\nline A\n\nline after blank\nlast existing (no newline)"
WRITES = (
    " <- completes it\n",
    "new line 1\nnew line 2\n",
    "\r 0%|###| 0/100 [00:00]\r 50%|###| 50/100 [00:01]\r 100%|###| 100/100 [00:02]",
    "\n",
    "\x1b[32mgreen\x1b[0m text\r\n\r\n",
    "X" * 200_000 + "\n",
    "unicode \u2705 ls\u2028sep nel\x85end ff\x0c vt\x0b fs\x1c end\n",
    "partial...",
    "rest\n",
)
"""What was written into the recorded log while somebody read it, told from the recorded bytes."""


def write(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


class Polls:
    """Stands in for the poll's sleep: before each poll the next thing happens to the file."""

    def __init__(self, *deeds: Callable[[], object]) -> None:
        self._deeds = deque(deeds)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._deeds:
            self._deeds.popleft()()
        await asyncio.sleep(0)


async def stream_of(path: Path, polls: Polls, *, ends_with: str) -> str:
    """The stream until it ends with a text."""
    got = ""
    stream = events(path, polls.sleep)
    async with asyncio.timeout(DEADLINE):
        async for text in stream:
            got += text
            if got.endswith(ends_with):
                await stream.aclose()
                return got
    raise AssertionError(f"the stream ended by itself: {got[-300:]!r}")


async def whole(path: Path) -> str:
    """The stream of a file that ends it by itself."""
    async with asyncio.timeout(DEADLINE):
        return "".join([text async for text in events(path, Polls().sleep)])


def test_the_recorded_first_stream_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, BEFORE)
    polls = Polls(*((lambda text=text: write(path, text)) for text in WRITES))
    got = asyncio.run(stream_of(path, polls, ends_with=": heartbeat\n\n"))
    assert got.encode() == (RECORDED / "sse_first_raw.bin").read_bytes()


async def test_the_recorded_second_stream_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, BEFORE + "".join(WRITES))
    polls = Polls(lambda: write(path, "live after reconnect\n"))
    got = await stream_of(path, polls, ends_with="data: live after reconnect\n\n")
    assert got.encode() == (RECORDED / "sse_reconnect_raw.bin").read_bytes()


async def test_the_same_bytes_through_http(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, BEFORE + "".join(WRITES))
    recorded = (RECORDED / "sse_reconnect_raw.bin").read_bytes()
    backlog = recorded.removesuffix(b"data: live after reconnect\n\n")
    server = LogServer(path, sleep=quick).listener()
    base = await server.start()
    got = b""
    try:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as http,
            http.stream("GET", f"{base}/stream", headers={"Last-Event-ID": "7"}) as answer,
        ):
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["x-accel-buffering"] == "no"
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["transfer-encoding"] == "chunked"
            async for piece in answer.aiter_raw():
                got += piece
                if got == backlog:
                    write(path, "live after reconnect\n")
                if len(got) >= len(recorded):
                    break
    finally:
        await server.stop()
    assert got == recorded


async def test_health_says_where_the_log_is(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    server = LogServer(path).listener()
    base = await server.start()
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as http:
            before = (await http.get(f"{base}/health")).json()
            write(path, "x\n")
            after = (await http.get(f"{base}/health")).json()
    finally:
        await server.stop()
    assert set(before) == {"status", "log_file_exists", "log_file_path", "timestamp"}
    assert (before["log_file_exists"], after["log_file_exists"]) == (False, True)
    assert after["log_file_path"] == str(path)


async def test_a_backlog_is_one_event_that_a_half_line_leaves_open(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, "a\nb")
    got = await stream_of(path, Polls(lambda: write(path, "c\n")), ends_with="data: c\n\n")
    assert got == "data: a\ndata: b\ndata: c\n\n"


async def test_a_half_line_and_its_rest_are_one_event_live_and_one_line_later(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, "a\n")
    polls = Polls(lambda: write(path, "part"), lambda: write(path, "rest\n"))
    live = await stream_of(path, polls, ends_with="data: rest\n\n")
    assert live == "data: a\n\ndata: part\ndata: rest\n\n"
    assert await stream_of(path, Polls(), ends_with="\n\n") == "data: a\ndata: partrest\n\n"


async def test_a_heartbeat_after_ten_idle_seconds_counted_from_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, "a\n")
    polls = Polls(*[lambda: None] * 5, lambda: write(path, "b\n"))
    got = await stream_of(path, polls, ends_with=": heartbeat\n\n")
    assert got == "data: a\n\ndata: b\n\n: heartbeat\n\n"
    assert polls.slept == [POLL_SECONDS] * (6 + HEARTBEAT_POLLS)
    assert HEARTBEAT_POLLS * POLL_SECONDS == 10


async def test_carriage_returns_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, "a\r\nb\n")
    polls = Polls(lambda: write(path, "c\r\n"), lambda: write(path, "\r 10%\r 20%"), lambda: write(path, "\rend\n"))
    got = await stream_of(path, polls, ends_with="data: end\n\n")
    assert got == (
        "data: a\ndata: b\n\n" + "data: c\n\n" + "data: \n\ndata:  10%\n\ndata:  20%\n" + "data: \n\ndata: end\n\n"
    )


@pytest.mark.parametrize("sign", list("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
async def test_odd_line_ends_break_lines_on_a_replay_only(tmp_path: Path, sign: str) -> None:
    path = tmp_path / "pod.log"
    write(path, "a\n")
    live = await stream_of(path, Polls(lambda: write(path, f"x{sign}y\n")), ends_with="y\n\n")
    assert live == f"data: a\n\ndata: x{sign}y\n\n"
    assert await stream_of(path, Polls(), ends_with="\n\n") == f"data: a\ndata: x{sign}data: y\n\n"


async def test_a_wrong_byte_sends_every_reader_away(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, "a\n")
    stream = events(path, Polls(lambda: write(path, b"caf\xff\n")).sleep)
    live = "".join([text async for text in stream])
    error = r"data: --- \[ERROR\] Stream error: 'utf-8' codec can't decode byte 0xff in position \d+: .*\n\n"
    assert re.fullmatch(r"data: a\n\n" + error, live)
    for _ in range(2):
        assert re.fullmatch(error, await whole(path))


async def test_a_cut_file_leaves_old_readers_past_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pod.log"
    write(path, "0123456789\n")
    polls = Polls(
        lambda: path.write_bytes(b"new\n"),
        lambda: write(path, "line number two\n"),
    )
    got = await stream_of(path, polls, ends_with="two\n\n")
    assert got == "data: 0123456789\n\ndata: mber two\n\n"
    assert await stream_of(path, Polls(), ends_with="\n\n") == "data: new\ndata: line number two\n\n"


_TEXTS = st.text(max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(_TEXTS, max_size=8), st.integers(0, 8))
def test_live_and_replay_tell_the_same_text(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], before: int
) -> None:
    """All that differs is where lines are broken: live at LF only, on a replay at every line end there is."""
    path = tmp_path_factory.mktemp("log") / "pod.log"
    write(path, "".join(texts[:before]))
    polls = Polls(*((lambda text=text: write(path, text)) for text in texts[before:]))
    live = asyncio.run(stream_of(path, polls, ends_with=": heartbeat\n\n"))
    replay = asyncio.run(stream_of(path, Polls(), ends_with=": heartbeat\n\n"))
    read = path.read_text("utf-8")
    assert replay == "".join(f"data: {line}" for line in read.splitlines(keepends=True)) + "\n: heartbeat\n\n"
    assert told(live) == told(replay) == "".join(read.split())


def told(stream: str) -> str:
    """The text of a stream without any white space."""
    return "".join(stream.replace("data: ", "").replace(": heartbeat\n\n", "").split())
