"""Following a job: the queue and history decide, the socket only hurries, and no hiccup ends a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from oavr_tui.clients.comfyui import ComfyUI, FollowUpdate, Timings
from oavr_tui.errors import Cancelled, Lost, OavrError, OutOfMemory, Rejected, Unreachable
from oavr_tui.models import OutputFile
from tests.clients.scripted import FAST, OTHER_ID, PROMPT_ID, Handler, Scripted, hang_up, recorded_body, says

GIFS = {"317": {"gifs": [{"filename": "v-audio.mp4", "subfolder": "oavr", "type": "output"}]}}
VIDEO = (OutputFile("v-audio.mp4", "oavr", "output"),)
SLOW_POLL = replace(FAST, poll=30.0)
"""With this, only the socket can say in time that something happened."""
NO_SOCKET = 1_000_000.0

Heard = list[FollowUpdate]


@asynccontextmanager
async def following(
    server: Scripted, timings: Timings = FAST, heard: Heard | None = None, client_id: str = "c1"
) -> AsyncIterator[asyncio.Task[tuple[OutputFile, ...]]]:
    async with ComfyUI(server.base, client_id=client_id, timings=timings) as comfy:
        on_update = heard.append if heard is not None else None
        task = asyncio.create_task(comfy.follow(PROMPT_ID, on_update=on_update))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def connected(server: Scripted) -> Callable[[], bool]:
    return lambda: "c1" in server.sockets


async def test_to_the_end(either: Scripted) -> None:
    either.pending = [OTHER_ID, PROMPT_ID]
    heard: Heard = []
    async with following(either, heard=heard) as task:
        await either.until(lambda: any(each.kind == "queued" for each in heard))
        either.pending, either.running = [], [PROMPT_ID]
        await either.until(lambda: "c1" in either.sockets)
        await either.tell("c1", "executing", {"node": "6", "display_node": "6", "prompt_id": PROMPT_ID})
        await either.tell("c1", "progress", {"value": 2, "max": 6, "prompt_id": PROMPT_ID, "node": "6"})
        await either.until(lambda: any(each.kind == "progress" for each in heard))
        either.finish(PROMPT_ID, GIFS)
        assert await task == VIDEO
    assert heard[0] == FollowUpdate("queued", position=1)
    assert FollowUpdate("node", node="6") in heard
    assert FollowUpdate("progress", node="6", value=2.0, max=6.0) in heard


@pytest.mark.parametrize("sign", ["executing", "execution_success", "execution_error"])
async def test_the_socket_says_when_to_look(server: Scripted, sign: str) -> None:
    server.running = [PROMPT_ID]
    async with following(server, SLOW_POLL) as task:
        await server.until(connected(server))
        server.finish(PROMPT_ID, GIFS)
        await server.tell("c1", sign, {"node": None, "prompt_id": PROMPT_ID})
        assert await task == VIDEO


async def test_success_may_come_before_the_history(server: Scripted) -> None:
    server.running = [PROMPT_ID]
    async with following(server, SLOW_POLL) as task:
        await server.until(connected(server))
        looks = len(server.asked("GET", "/queue"))
        await server.tell("c1", "execution_success", {"prompt_id": PROMPT_ID})
        await server.until(lambda: len(server.asked("GET", "/queue")) > looks)
        server.finish(PROMPT_ID, GIFS)
        assert await task == VIDEO, "one look too early is followed by others, soon"


@pytest.mark.parametrize(
    ("status", "headers"),
    [(404, {}), (403, {}), (302, {"location": "http://[::1"}), (307, {"location": "/prefix/ws"}), (200, {})],
)
async def test_without_any_socket(server: Scripted, status: int, headers: dict[str, str]) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        assert request.path == "/ws", "a socket is not looked for elsewhere"
        return web.Response(status=status, headers=headers)

    server._socket = refuse  # type: ignore[method-assign]
    server.running = [PROMPT_ID]
    async with following(server) as task:
        await server.until(lambda: len(server.asked("GET", "/queue")) > 3)
        server.finish(PROMPT_ID, GIFS)
        assert await task == VIDEO


async def test_others_news_is_not_ours(server: Scripted) -> None:
    server.running = [OTHER_ID]
    server.pending = [PROMPT_ID]
    heard: Heard = []
    async with following(server, SLOW_POLL, heard) as task:
        await server.until(connected(server))
        await server.until(lambda: bool(heard))
        looks = len(server.asked("GET", "/queue"))
        await server.tell("c1", "executing", {"node": "6", "prompt_id": OTHER_ID})
        await server.tell("c1", "progress", {"value": 1, "max": 6, "prompt_id": OTHER_ID, "node": "6"})
        await server.tell("c1", "executing", {"node": "6"})
        await server.tell("c1", "executing", {"node": None, "prompt_id": OTHER_ID})
        await server.tell("c1", "execution_cached", {"nodes": ["1"], "prompt_id": PROMPT_ID})
        await server.until(lambda: heard[-1].kind == "cached")
        assert len(server.asked("GET", "/queue")) == looks
        assert not task.done()
    assert [each.kind for each in heard] == ["queued", "cached"]


async def test_a_new_connection_names_no_prompt(server: Scripted) -> None:
    server.running = [PROMPT_ID]
    heard: Heard = []
    async with following(server, heard=heard):
        await server.until(connected(server))
        await server.until(lambda: len(server.asked("GET", "/queue")) > 1)
        await server.tell("c1", "executing", {"node": "6"})
        await server.until(lambda: bool(heard))
    assert heard == [FollowUpdate("node", node="6")]


async def test_a_dropped_socket_is_opened_again(server: Scripted) -> None:
    server.running = [PROMPT_ID]
    async with following(server, SLOW_POLL) as task:
        for times in range(1, 4):
            await server.until(lambda times=times: server.connections == times and "c1" in server.sockets)  # type: ignore[misc]
            if times < 3:
                await server.sockets["c1"].close()
        server.finish(PROMPT_ID, GIFS)
        await server.tell("c1", "executing", {"node": None, "prompt_id": PROMPT_ID})
        assert await task == VIDEO
    assert server.connections == 3


async def test_a_socket_that_the_server_forgot(server: Scripted) -> None:
    """The newer connection is open but silent for good: silence while the job runs leads to yet another."""
    server.running = [PROMPT_ID]
    async with following(server, replace(SLOW_POLL, socket_silence=0.1, socket_silence_most=0.4)) as task:
        await server.until(connected(server))
        first = server.sockets.pop("c1")
        await server.until(lambda: server.connections >= 2 and "c1" in server.sockets)
        assert first.closed, "the silent connection is closed before another is opened"
        server.finish(PROMPT_ID, GIFS)
        while not task.done():  # each new connection in turn may be the one that is being replaced
            await server.tell("c1", "executing", {"node": None, "prompt_id": PROMPT_ID})
            await asyncio.sleep(0.01)
        assert await task == VIDEO


async def test_a_long_wait_in_the_queue_is_no_silence(server: Scripted) -> None:
    server.pending = [PROMPT_ID]
    async with following(server, replace(FAST, socket_silence=0.05)):
        await server.until(lambda: len(server.asked("GET", "/queue")) > 10)
    assert server.connections == 1


async def test_a_silent_socket_and_a_finished_job(server: Scripted) -> None:
    """Another client that stops reading makes the server's sockets stand still: the polling brings the end."""
    server.running = [PROMPT_ID]
    async with following(server) as task:
        await server.until(connected(server))
        server.sockets.clear()
        server.finish(PROMPT_ID, GIFS)
        assert await task == VIDEO


async def test_a_half_open_connection_ends_with_the_follow(server: Scripted) -> None:
    """A socket whose other end neither answers nor closes must not hold up the end of a job."""

    async def deaf(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        server.connections += 1
        await asyncio.sleep(20)
        return socket

    server._socket = deaf  # type: ignore[method-assign]
    server.running = [PROMPT_ID]
    async with following(server) as task:
        await server.until(lambda: server.connections > 0)
        server.finish(PROMPT_ID, GIFS)
        async with asyncio.timeout(10):
            assert await task == VIDEO


@pytest.mark.parametrize(
    "message", ["", "not json", "[]", '{"type": 5}', '{"type": "VHS_latentpreview"}', "[" * 90_000]
)
async def test_garbage_on_the_socket(server: Scripted, message: str) -> None:
    server.running = [PROMPT_ID]
    async with following(server, SLOW_POLL) as task:
        await server.until(connected(server))
        await server.sockets["c1"].send_str(message)
        await server.sockets["c1"].send_bytes(b"\x00\x00\x00\x01\x00\x00\x00\x01" + bytes(2_000_000))
        server.finish(PROMPT_ID, GIFS)
        await server.tell("c1", "executing", {"node": None, "prompt_id": PROMPT_ID})
        assert await task == VIDEO
    assert server.connections == 1, "frames of over a megabyte and of unknown kinds leave the connection open"


async def test_lost_only_when_absent_twice(server: Scripted) -> None:
    server.running = [PROMPT_ID]
    gone = says({"queue_running": [], "queue_pending": []})
    async with following(server, replace(FAST, poll=0.02)) as task:
        await server.until(lambda: len(server.asked("GET", "/queue")) > 1)
        server.script("GET", "/queue", gone)
        await server.until(lambda: len(server.asked("GET", "/history/" + PROMPT_ID)) == 1)
        await server.until(lambda: len(server.asked("GET", "/queue")) > 5)
        assert not task.done(), "absent once may be a job on its way from one list to the other"
        server.running = []
        with pytest.raises(Lost, match="no longer knows"):
            await task


@pytest.mark.parametrize(
    "hiccup", [hang_up, says("", 502), says("<html>starting</html>"), says("", 401), says({}), says([])]
)
async def test_hiccups_never_end_a_job(server: Scripted, hiccup: Handler) -> None:
    server.running = [PROMPT_ID]
    server.script("GET", "/queue", hiccup, hiccup, hiccup, hiccup)
    heard: Heard = []
    async with following(server, heard=heard) as task:
        await server.until(lambda: len(server.asked("GET", "/queue")) > 5)
        server.finish(PROMPT_ID, GIFS)
        assert await task == VIDEO
    told = [each for each in heard if each.kind == "connection"]
    assert [each.ok for each in told] == [False, True], "said once that it went and once that it came back"
    assert all(each.text for each in told)


async def test_unreachable_after_long_enough(server: Scripted) -> None:
    now = 0.0
    server.running = [PROMPT_ID]
    server.script("GET", "/queue", *[hang_up] * 10_000)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        await asyncio.sleep(0)

    async with ComfyUI(server.base, client_id="c1", sleep=sleep, clock=lambda: now, timings=Timings()) as comfy:
        with pytest.raises(Unreachable, match="Nothing is lost"):
            await comfy.follow(PROMPT_ID)
    assert 300 <= now < 700, "five minutes of the given clock, spent by polls and reconnects"


async def test_a_server_that_restarts(server: Scripted) -> None:
    """It comes back with an empty queue and no history: the job is gone, not waiting."""
    server.running = [PROMPT_ID]
    async with following(server) as task:
        await server.until(connected(server))
        await server.sockets["c1"].close()
        server.running = []
        server.script("GET", "/queue", hang_up, hang_up)
        with pytest.raises(Lost):
            await task


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("history of error", Rejected, "TestSyncError: Intentional sync execution error"),
        ("history of undecodable audio", Rejected, "cannot open the voice"),
        ("history of undecodable image", Rejected, "cannot open the picture"),
    ],
)
async def test_recorded_failures(server: Scripted, name: str, kind: type[OavrError], word: str) -> None:
    entry = next(iter(recorded_body("09_run_error_http.json", name).values()))
    server.history[PROMPT_ID] = entry
    async with following(server) as task:
        with pytest.raises(kind) as caught:
            await task
    assert word in str(caught.value)
    assert "Traceback" not in str(caught.value) and "\n" not in str(caught.value)


async def test_recorded_interrupt_is_a_cancel_and_no_error(server: Scripted) -> None:
    entry = next(iter(recorded_body("11_interrupt_http.json", "history of interrupted").values()))
    assert entry["status"]["status_str"] == "error"
    server.history[PROMPT_ID] = entry
    async with following(server) as task:
        with pytest.raises(Cancelled):
            await task


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory. (out of memory)\n"),
        ("torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 MiB"),
        ("RuntimeError", "CUDA error: out of memory"),
        ("RuntimeError", "Allocation on device"),
    ],
)
async def test_out_of_memory(server: Scripted, kind: str, message: str) -> None:
    details = {"node_id": "128", "node_type": "WanVideoSampler", "exception_type": kind, "exception_message": message}
    status = {"status_str": "error", "completed": False, "messages": [["execution_error", details]]}
    server.history[PROMPT_ID] = {"outputs": {}, "status": status}
    async with following(server) as task:
        with pytest.raises(OutOfMemory, match="WanVideoSampler"):
            await task


@pytest.mark.parametrize("messages", [[], None, [["x"]], [[1, 2]], [["execution_error", None]], "text"])
async def test_failures_that_say_nothing(server: Scripted, messages: Any) -> None:
    status = {"status_str": "error", "completed": False, "messages": messages}
    server.history[PROMPT_ID] = {"outputs": {}, "status": status}
    async with following(server, replace(FAST, give_up=0.2)) as task:
        with pytest.raises(OavrError) as caught:
            await task
    assert caught.value.message.endswith(".")


async def test_a_rerun_from_the_cache_gives_its_old_file(server: Scripted) -> None:
    server.finish(PROMPT_ID, GIFS)
    async with following(server) as task:
        assert await task == VIDEO


async def test_a_watcher_that_fails_is_a_fault_and_not_hidden(server: Scripted) -> None:
    server.pending = [PROMPT_ID]

    def fail(_: FollowUpdate) -> None:
        raise ZeroDivisionError

    async with ComfyUI(server.base, client_id="c1", timings=FAST) as comfy:
        with pytest.raises(ZeroDivisionError):
            await comfy.follow(PROMPT_ID, on_update=fail)


async def test_fast_news_is_thinned_but_the_last_comes_through(server: Scripted) -> None:
    server.running = [PROMPT_ID]
    heard: Heard = []
    async with following(server, replace(FAST, update_every=NO_SOCKET), heard):
        await server.until(connected(server))
        for value in range(1, 501):
            await server.tell("c1", "progress", {"value": value, "max": 1000, "prompt_id": PROMPT_ID, "node": "6"})
        await server.until(lambda: any(each.value == 500 for each in heard))
    assert len(heard) < 100
    assert [each.value for each in heard] == sorted(each.value for each in heard)


async def test_cancelling_the_follow_leaves_the_prompt_alone(server: Scripted) -> None:
    server.running = [PROMPT_ID]
    async with following(server) as task:
        await server.until(connected(server))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert server.running == [PROMPT_ID]
    await server.until(lambda: not server.sockets)
