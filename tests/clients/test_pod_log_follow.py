"""Following a pod's log over a real socket: replays, drops, silence, odd answers, and the provider's log instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from oavr_tui.clients.log_follow import LogTimings, backoff
from oavr_tui.clients.pod_log import RESTARTED, PodLog, follow_log_server, follow_source
from oavr_tui.errors import BadInput, NoKey, Unreachable
from oavr_tui.simulator.pod_log_server import LogServer
from tests.clients.test_imports import loaded_by

FAST = LogTimings(connect=5.0, silence=5.0)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A log server that answers one request after the other as the test says, and then for ever like the last."""

    script: list[Handler]
    base: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        handler = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await handler(request)


@asynccontextmanager
async def serving(*script: Handler) -> AsyncIterator[Server]:
    server = Server(list(script))
    app = web.Application()
    app.router.add_get("/stream", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def stream(*parts: bytes, then: str = "end") -> Handler:
    """Sends these bytes, then ends, breaks off or stays silent."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if then == "silence":
            await asyncio.Event().wait()
        if then == "break":
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


def page(status: int, text: str = "<html>starting</html>") -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type="text/html")

    return answer


class Waits:
    """A sleep that notes how long it was to be and takes no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0.001)


@dataclass
class Following:
    log: PodLog
    waits: Waits
    task: asyncio.Task[None]

    def rows(self) -> list[str]:
        return [row.text for row in self.log.lines(1000)]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert not self.task.done(), self.task
            await asyncio.sleep(0.002)


@asynccontextmanager
async def following(
    log: PodLog,
    url: str,
    *,
    timings: LogTimings = FAST,
    token: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Following]:
    waits = Waits()
    task = asyncio.create_task(
        follow_log_server(log, url, token=token, sleep=waits, clock=clock, jitter=lambda: 1.0, timings=timings)
    )
    try:
        yield Following(log, waits, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        log.close()


@pytest.fixture
def log(tmp_path: Path) -> PodLog:
    return PodLog(tmp_path / "pod.log", clock=time.time)


WHOLE = b"data: one\ndata: two\n\n"


async def test_drops_and_replays_add_nothing_twice(log: PodLog) -> None:
    more = stream(b"data: one\ndata: two\ndata: three\n\n", b": heartbeat\n\n", then="silence")
    script = (stream(WHOLE[:14], then="break"), stream(WHOLE), stream(WHOLE, b"data: thr", then="break"), more)
    async with serving(*script) as server, following(log, server.base) as seen:
        await seen.until(lambda: "three" in seen.rows())
        assert seen.rows() == ["one", "two", "three"]
        assert seen.waits.seconds == [1.0, 1.0, 1.0]  # a cut is nothing unusual
        assert log.source_note == ""
        assert not log.other_wanted.is_set()


async def test_an_address_with_stream_and_a_token(log: PodLog) -> None:
    async with serving(stream(WHOLE, then="silence")) as server:
        async with following(log, server.base + "/stream/", token="abc-123") as seen:
            await seen.until(lambda: len(seen.rows()) == 2)
        assert server.headers[0]["authorization"] == "Bearer abc-123"
        assert server.headers[0]["accept"] == "text/event-stream"
        assert server.headers[0]["accept-encoding"] == "identity"


async def test_a_pod_that_is_not_up_yet_is_asked_ever_more_rarely(log: PodLog) -> None:
    script = (*[page(502)] * 3, *[page(404)] * 3, page(200), stream(WHOLE, then="silence"))
    async with serving(*script) as server, following(log, server.base) as seen:
        await seen.until(lambda: len(seen.waits.seconds) >= 5)
        assert log.source_note == "The pod's log server does not answer."
        await seen.until(lambda: len(seen.rows()) == 2)
        assert seen.waits.seconds == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        assert not log.other_wanted.is_set()  # it was, and now the log server is there


async def test_nobody_there(log: PodLog, unused_tcp_port: int) -> None:
    async with following(log, f"http://127.0.0.1:{unused_tcp_port}") as seen:
        await asyncio.wait_for(log.other_wanted.wait(), 30)
        assert seen.rows() == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_server_that_refuses_is_asked_every_minute(log: PodLog, status: int) -> None:
    async with serving(page(status)) as server, following(log, server.base) as seen:
        await seen.until(lambda: len(seen.waits.seconds) >= 2)
        assert set(seen.waits.seconds) == {60.0}
        assert "token" in log.source_note
        assert log.other_wanted.is_set()


async def test_a_log_that_cannot_be_read_is_said_once_and_another_source_wanted(log: PodLog) -> None:
    broken = stream(b"data: --- [ERROR] Stream error: 'utf-8' codec can't decode byte 0xff\n\n")
    well = stream(WHOLE, b"data: three\n\n", then="silence")
    async with serving(stream(WHOLE), *[broken] * 3, well) as server, following(log, server.base) as seen:
        await seen.until(lambda: len(seen.waits.seconds) >= 3)
        assert log.other_wanted.is_set()
        assert log.source_note == "The pod's log server cannot read its log."
        await seen.until(lambda: "three" in seen.rows())
        assert [row for row in seen.rows() if not row.startswith("—")] == ["one", "two", "three"]
        assert len(seen.rows()) == 4
        assert seen.waits.seconds == [1.0, 60.0, 60.0, 60.0]
        assert not log.other_wanted.is_set()


async def test_silence_counts_as_a_cut(log: PodLog) -> None:
    quick = LogTimings(connect=5.0, silence=0.1)
    async with serving(stream(WHOLE, then="silence")) as server, following(log, server.base, timings=quick) as seen:
        await seen.until(lambda: len(server.headers) >= 3)
        assert seen.rows() == ["one", "two"]


async def test_nothing_but_heartbeats_for_long_is_looked_into(log: PodLog) -> None:
    """The server goes on reading a file that was replaced; only a new connection shows the new one."""
    ticks = iter(range(0, 100_000, 200))
    old, new = (
        stream(WHOLE, *[b": heartbeat\n\n"] * 3, then="silence"),
        stream(b"data: new\n\n: heartbeat\n\n", then="silence"),
    )
    async with serving(old, new) as server, following(log, server.base, clock=lambda: float(next(ticks))) as seen:
        await seen.until(lambda: "new" in seen.rows())
        assert seen.rows() == ["one", "two", RESTARTED, "new"]


async def test_a_new_log_is_fetched_at_once(log: PodLog) -> None:
    new = stream(b"data: quite another log, from its first words on\ndata: x\n\n", then="silence")
    long_one = stream(WHOLE.replace(b"two", b"two " * 100))
    async with serving(long_one, new) as server, following(log, server.base) as seen:
        await seen.until(lambda: "x" in seen.rows())
        assert seen.rows()[2:] == [RESTARTED, "quite another log, from its first words on", "x"]
        assert seen.waits.seconds == [1.0]


async def test_a_server_that_sends_another_log_each_time_is_asked_ever_more_rarely(log: PodLog) -> None:
    count = iter(range(1000))

    async def other(request: web.Request) -> web.StreamResponse:
        return await stream(f"data: {next(count)} {'x' * 100}\n: heartbeat\n\n".encode())(request)

    async with serving(other) as server, following(log, server.base) as seen:
        await seen.until(lambda: len(seen.waits.seconds) > 3)
        assert max(seen.waits.seconds) >= 1.0
        assert len(seen.rows()) <= 4 * len(server.headers)


@pytest.mark.parametrize("url", ["", "pod", "ftp://pod", "http://", "http://a b", "http://h/?x=1", "http://h:99999"])
async def test_an_address_that_is_none(log: PodLog, url: str) -> None:
    async with following(log, url) as seen:
        with pytest.raises(BadInput):
            await seen.task


@pytest.mark.parametrize("token", ["two words", "line\nend", "schlüssel"])
async def test_a_token_that_is_none_is_not_shown(log: PodLog, token: str) -> None:
    async with following(log, "http://127.0.0.1:1", token=token) as seen:
        with pytest.raises(BadInput) as caught:
            await seen.task
        assert token not in str(caught.value)


def test_pauses() -> None:
    assert [backoff(LogTimings(), failures, 1.0) for failures in (0, 1, 2, 3, 4, 5, 6, 10**6)] == [
        1,
        2,
        4,
        8,
        16,
        30,
        30,
        30,
    ]
    assert backoff(LogTimings(), 3, 0.0) == 4.0


async def test_cancelling_is_heard_while_waiting(log: PodLog) -> None:
    async with serving(stream(WHOLE, then="silence")) as server, following(log, server.base) as seen:
        await seen.until(lambda: len(seen.rows()) == 2)
        seen.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await seen.task


# --- against the simulated log server


@asynccontextmanager
async def simulated(source: Path, log: PodLog) -> AsyncIterator[Following]:
    """The simulated server over a file, a hundred times as fast, and the log following it."""

    async def quick(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    listener = LogServer(source, sleep=quick).listener()
    url = await listener.start()
    try:
        async with following(log, url) as seen:
            yield seen
    finally:
        await listener.stop()


def write(source: Path, text: str) -> None:
    with source.open("a", encoding="utf-8") as handle:
        handle.write(text)


async def test_the_simulated_server_live_and_again(tmp_path: Path, log: PodLog) -> None:
    source = tmp_path / "source.log"
    source.write_text("--- [SYSTEM] Container Started ---\nhalf a ")
    async with simulated(source, log) as seen:
        await seen.until(lambda: len(seen.rows()) == 2)
        await asyncio.sleep(0.15)  # a heartbeat, in the middle of a line
        write(source, "line\nunicode ✅ a\u2028b\n\x1b[1mbold\x1b[0m par")
        await seen.until(lambda: "bold par" in seen.rows())
    write(source, "t\nafter the cut\n")
    async with simulated(source, log) as seen:
        await seen.until(lambda: "after the cut" in seen.rows())
        assert "".join(seen.rows()[1:]) == "half a lineunicode ✅ a bbold partafter the cut"


async def test_the_simulated_server_whose_file_begins_anew(tmp_path: Path, log: PodLog) -> None:
    source = tmp_path / "source.log"
    source.write_text("--- [SYSTEM] Container Started ---\none\ntwo\n")
    async with simulated(source, log) as seen:
        await seen.until(lambda: "two" in seen.rows())
    source.write_text("--- [SYSTEM] Container Started ---\n")  # a beginning like the old one's
    async with simulated(source, log) as seen:
        await seen.until(lambda: RESTARTED in seen.rows())
        write(source, "new\n")
        await seen.until(lambda: "new" in seen.rows())
        assert seen.rows()[-3:] == [RESTARTED, "--- [SYSTEM] Container Started ---", "new"]


async def test_the_simulated_server_with_a_byte_that_is_no_text(tmp_path: Path, log: PodLog) -> None:
    source = tmp_path / "source.log"
    source.write_text("one\n")
    async with simulated(source, log) as seen:
        await seen.until(lambda: "one" in seen.rows())
        with source.open("ab") as handle:
            handle.write(b"bad \xff byte\n")
        await seen.until(lambda: seen.waits.seconds[-2:] == [60.0, 60.0])
        assert log.other_wanted.is_set()
        assert seen.rows()[0] == "one" and len(seen.rows()) == 2


# --- the provider's own log


class Provider:
    """Lines with ids, which it cuts, refuses or fails to give as the test says."""

    def __init__(self, lines: list[tuple[str, str]], *faults: Exception) -> None:
        self.lines = lines
        self.faults = list(faults)
        self.asked: list[str] = []

    async def log(self, after: str) -> AsyncIterator[tuple[str, str]]:
        self.asked.append(after)
        ids = [line_id for line_id, _ in self.lines]
        for line_id, line in self.lines[ids.index(after) + 1 if after else 0 :]:
            yield line_id, line
            if self.faults:
                raise self.faults.pop(0)


async def follow_until(log: PodLog, provider: Provider, condition: Callable[[], bool]) -> Waits:
    waits = Waits()
    task = asyncio.create_task(follow_source(log, provider.log, sleep=waits, clock=time.monotonic, jitter=lambda: 1.0))
    while not condition() and not task.done():
        await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return waits


def texts(log: PodLog) -> list[str]:
    return [row.text for row in log.lines(1000)]


async def test_the_provider_is_asked_for_what_comes_after_the_last_line(log: PodLog) -> None:
    provider = Provider([("a", "one"), ("b", "two"), ("c", "three")], Unreachable("cut"), Unreachable("cut"))
    await follow_until(log, provider, lambda: "three" in texts(log))
    assert texts(log) == ["one", "two", "three"]
    assert provider.asked[:3] == ["", "a", "b"]
    log.close()
    again = PodLog(log.file, clock=time.time)
    provider.lines.append(("d", "four"))
    await follow_until(again, provider, lambda: "four" in texts(again))
    assert texts(again) == ["one", "two", "three", "four"]
    assert provider.asked[-1] in "cd"
    again.close()


async def test_lines_that_the_log_server_sent_already_are_passed_over(log: PodLog) -> None:
    log.connect().feed(b"data: one\ndata: two\ndata: one\n\n")
    provider = Provider([("a", "pulling image"), ("b", "one"), ("c", "two"), ("d", "one"), ("e", "one"), ("f", "last")])
    await follow_until(log, provider, lambda: "last" in texts(log))
    assert texts(log) == ["one", "two", "one", "pulling image", "one", "last"]
    log.close()


async def test_lines_that_the_provider_sent_already_are_passed_over(log: PodLog) -> None:
    """As at every start: the provider's log can be read before the pod's own server is up."""
    provider = Provider([("a", "pulling image"), ("b", "\x1b[1mone\x1b[0m"), ("c", "two"), ("d", "two")])
    await follow_until(log, provider, lambda: len(texts(log)) == 4)
    stream = log.connect()
    stream.feed(b"data: \x1b[1mone\x1b[0m\ndata: two\ndata: two\ndata: two\n\ndata: thr\n")
    stream.feed(b"data: ee\n\ndata: four\n\n")
    assert texts(log) == ["pulling image", "one", "two", "two", "two", "three", "four"]
    provider.lines += [("e", "two"), ("f", "three"), ("g", "four"), ("h", "four"), ("i", "five")]
    await follow_until(log, provider, lambda: "five" in texts(log))
    assert texts(log)[5:] == ["three", "four", "four", "five"]
    stream.feed(b"data: four\n\ndata: five\n\ndata: six\n\n")
    assert texts(log)[5:] == ["three", "four", "four", "five", "six"]
    log.close()


async def test_a_provider_that_says_when_to_ask_again(log: PodLog) -> None:
    class Slow(Unreachable):
        seconds = 77.0

    provider = Provider([("a", "one"), ("b", "two")], Slow("later"))
    waits = await follow_until(log, provider, lambda: "two" in texts(log))
    assert waits.seconds[0] == 77.0
    log.close()


async def test_a_provider_without_logs(log: PodLog) -> None:
    await follow_source(log, lambda _: None, sleep=Waits(), clock=time.monotonic)
    log.close()


async def test_a_key_that_is_wrong_is_the_callers_to_mend(log: PodLog) -> None:
    provider = Provider([("a", "one")], NoKey("The key is wrong."))
    with pytest.raises(NoKey):
        await follow_source(log, provider.log, sleep=Waits(), clock=time.monotonic)
    log.close()


def test_importing_it_loads_nothing_heavy() -> None:
    assert (
        loaded_by("oavr_tui.clients.pod_log", "oavr_tui.redact", "oavr_tui.secrets_file", "oavr_tui.app_log") == set()
    )
