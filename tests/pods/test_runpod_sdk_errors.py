"""What goes wrong on the way through the SDK, and what a person is told: recorded answers, and broken networks."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from oavr_tui.errors import NoFunds, NoGpu, NoKey, OavrError, Rejected, Unreachable
from oavr_tui.pods.provider import ApiGone, Cloud, NotNow, Slower, Unclear, Wish
from oavr_tui.pods.runpod_sdk import Deadlines, RunPodSdk
from oavr_tui.pods.runpod_sdk_import import Sdk, loaded
from oavr_tui.pods.runpod_sdk_thread import MOST_AT_ONCE
from tests.pods.graphql_server import GPU, GPU_FOUND, GraphqlServer, Reply, Seen, graphql_server, refusal, said

KEY = "rpa_TESTKEY"
SECRET = "hunter2hunter2"
WISH = Wish("oavr-1", GPU, Cloud.COMMUNITY, "qvidd7ityi", env={"TOKEN": SECRET})
QUICK = Deadlines(answer=0.3, question=5.0, change=5.0, create=5.0)
CAPACITY = (
    "There are no longer any instances available with the requested specifications. Please refresh and try again.",
    "There are no longer any instances available with the request specifications. Please try again later.",
    "There are no longer any instances available with enough disk space.",
    "There are no instances currently available",
    "This machine does not have the resources to deploy your pod. Please try a different machine",
)
TROUBLE = "Something went wrong. Please try again later or contact support."


@pytest_asyncio.fixture
async def server() -> AsyncIterator[GraphqlServer]:
    async with graphql_server() as running:
        yield running


@pytest.fixture
def sdk(server: GraphqlServer) -> RunPodSdk:
    return RunPodSdk(KEY, base=server.url)


def check_sentence(error: OavrError) -> None:
    """One or two plain sentences without anything that came from the wire."""
    assert error.message.endswith(".")
    assert error.message[0].isupper()
    assert len(error.message) < 300
    for foreign in (KEY, SECRET, "mutation", "query", "abc123", "{", "<", "Traceback", "KeyError"):
        assert foreign not in error.message


async def trouble_of(asked: asyncio.Future[object] | object) -> OavrError:
    """The error that an awaited call ends with."""
    with pytest.raises(OavrError) as caught:
        await asked  # type: ignore[misc]
    check_sentence(caught.value)
    assert caught.value.__cause__ is None
    # A QueryError would hold the whole query, env and all.
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, TimeoutError)
    return caught.value


RECORDED: list[tuple[str, type[OavrError], type[OavrError]]] = [
    # recording, what a question becomes, what a change becomes
    ("e01", NoKey, NoKey),
    ("e02", NoKey, NoKey),
    ("e03", Unreachable, Unclear),
    ("e04", Slower, Slower),
    ("e05", Slower, Slower),
    ("e06", Unreachable, Unclear),
    ("e07", Unreachable, Unclear),
    ("e08", Rejected, NoGpu),
    ("e09", Rejected, Unclear),
    ("e10", Unreachable, Unclear),
    ("e11", Unreachable, Unclear),
    ("e12", Unreachable, Unclear),
    ("e13", Unreachable, Unclear),
    ("e14", Unreachable, Unclear),
    ("e15", Unreachable, Unclear),
]


@pytest.mark.parametrize(("name", "kind", "_"), RECORDED)
async def test_a_question_that_is_answered_as_recorded(
    server: GraphqlServer, sdk: RunPodSdk, name: str, kind: type[OavrError], _: type[OavrError]
) -> None:
    server.answer_as_recorded(name)
    for ask in (sdk.pods, sdk.volumes, sdk.account, sdk.offers):
        if name == "e11" and ask in (sdk.offers,):
            continue
        assert type(await trouble_of(ask())) is kind


@pytest.mark.parametrize(("name", "_", "kind"), RECORDED)
async def test_a_create_that_is_answered_as_recorded(
    server: GraphqlServer, sdk: RunPodSdk, name: str, _: type[OavrError], kind: type[OavrError]
) -> None:
    server.answer_as_recorded(name)
    answers = list(server.replies)
    server.answer(GPU_FOUND, *answers)
    assert type(await trouble_of(sdk.create(WISH))) is kind
    assert [seen.root for seen in server.seen] == ["gpuTypes", "podFindAndDeployOnDemand"]


@pytest.mark.parametrize(("name", "kind", "_"), RECORDED)
async def test_what_fails_before_the_create_itself_is_no_doubt(
    server: GraphqlServer, sdk: RunPodSdk, name: str, kind: type[OavrError], _: type[OavrError]
) -> None:
    server.answer_as_recorded(name)
    error = await trouble_of(sdk.create(WISH))
    assert not isinstance(error, Unclear)
    assert isinstance(error, kind) or name == "e08"
    assert [seen.root for seen in server.seen] == ["gpuTypes"]


@pytest.mark.parametrize("name", ["e03", "e06", "e07", "e10", "e11", "e12", "e13", "e14", "e15"])
async def test_stopping_and_starting_may_have_been_done(server: GraphqlServer, sdk: RunPodSdk, name: str) -> None:
    server.answer_as_recorded(name)
    for change in (sdk.stop, sdk.start):
        assert type(await trouble_of(change("abc123"))) is Unclear
    if name not in ("e11", "e12"):  # for a delete, nothing is what is expected
        assert type(await trouble_of(sdk.terminate("abc123"))) is Unclear


TEXTS: list[tuple[str, type[OavrError], type[OavrError], type[OavrError]]] = [
    # text, what create, start and a question become
    *((text, NoGpu, NotNow, Rejected) for text in CAPACITY),
    ("There are not enough free GPUs on the host machine to start this pod.", NoGpu, NotNow, Rejected),
    ("Your account balance is too low to deploy this pod.", NoFunds, NoFunds, Rejected),
    ("You need to add funds before renting.", NoFunds, NoFunds, Rejected),
    ("Not enough credits for one hour.", NoFunds, NoFunds, Rejected),
    ("You have reached your spend limit.", NoFunds, NoFunds, Rejected),
    (TROUBLE, Unclear, Unclear, Unreachable),
    ("INTERNAL_SERVER_ERROR", Unclear, Unclear, Unreachable),
    ("Internal server error", Unclear, Unclear, Unreachable),
    ("You do not have permission to perform this action", NoKey, NoKey, NoKey),
    ("Unauthorized", NoKey, NoKey, NoKey),
    ("forbidden", NoKey, NoKey, NoKey),
    ("Invalid API key or key not found", NoKey, NoKey, NoKey),
    ("This API is deprecated and has been retired.", ApiGone, ApiGone, ApiGone),
    ("The GraphQL API was sunset.", ApiGone, ApiGone, ApiGone),
    ("GPU type NVIDIA TITAN is no longer supported", NoGpu, ApiGone, ApiGone),
    ("Too many requests, slow down", Slower, Slower, Slower),
    ("Template not valid", Rejected, Rejected, Rejected),
    ("", Rejected, Rejected, Rejected),
]


@pytest.mark.parametrize(("text", "create", "start", "question"), TEXTS)
async def test_the_words_of_a_refusal(
    server: GraphqlServer,
    sdk: RunPodSdk,
    text: str,
    create: type[OavrError],
    start: type[OavrError],
    question: type[OavrError],
) -> None:
    server.answer(GPU_FOUND, refusal(text))
    assert type(await trouble_of(sdk.create(WISH))) is create
    server.answer(refusal(text))
    assert type(await trouble_of(sdk.start("abc123"))) is start
    assert type(await trouble_of(sdk.pods())) is question


async def test_a_key_that_may_only_look_says_so(server: GraphqlServer, sdk: RunPodSdk) -> None:
    server.answer(GPU_FOUND, said({"message": "forbidden"}, 403))
    error = await trouble_of(sdk.create(WISH))
    assert isinstance(error, NoKey)
    assert "may look at machines but not start" in error.message


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (said({"message": "pay"}, 402), NoFunds),
        (Reply("gone", 410, "text/plain"), ApiGone),
        (said({"message": "resource not found"}, 404), ApiGone),
        (Reply("<html>", 404, "text/html"), ApiGone),
        (refusal("An unheard-of reason", 503), Unclear),
        (Reply("", 307, headers={"Location": "https://example.com/graphql"}), Unclear),
        (Reply("{}" + " " * 8_000_000), Unclear),
        (Reply("[" * 100_000), Unclear),
        (said({"data": {"podFindAndDeployOnDemand": None}}), Unclear),
        (said({"data": {"podFindAndDeployOnDemand": {"id": None}}}), Unclear),
        (said({"data": {"podFindAndDeployOnDemand": {"id": "../evil"}}}), Unclear),
        (refusal("Template not valid", data={"podFindAndDeployOnDemand": {"id": "abc123"}}), Unclear),
        (refusal("Template not valid", data={"podFindAndDeployOnDemand": None}), Rejected),
    ],
)
async def test_other_answers_to_a_create(
    server: GraphqlServer, sdk: RunPodSdk, reply: Reply, kind: type[OavrError]
) -> None:
    server.answer(GPU_FOUND, reply)
    assert type(await trouble_of(sdk.create(WISH))) is kind
    assert len(server.seen) == 2


@pytest.mark.parametrize(("pause", "seconds"), [("7", 7.0), ("", 30.0), ("soon", 30.0), ("999999", 120.0)])
async def test_how_long_to_wait(server: GraphqlServer, sdk: RunPodSdk, pause: str, seconds: float) -> None:
    server.answer(Reply("Too many", 429, "text/plain", {"Retry-After": pause} if pause else {}))
    error = await trouble_of(sdk.pods())
    assert isinstance(error, Slower)
    assert error.seconds == seconds


async def test_a_refusal_that_quotes_secrets_does_not_pass_them_on(server: GraphqlServer, sdk: RunPodSdk) -> None:
    for text in (f"bad env {SECRET} in template", f"key {KEY} is odd", "Expected Name, found {"):
        server.answer(GPU_FOUND, refusal(text))
        assert type(await trouble_of(sdk.create(WISH))) is Rejected
    server.answer(refusal("pod abc123 is locked"))
    assert type(await trouble_of(sdk.stop("abc123"))) is Rejected


def _closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_a_refused_connection_is_no_doubt() -> None:
    sdk = RunPodSdk(KEY, base=f"http://127.0.0.1:{_closed_port()}")
    for asked in (sdk.pods(), sdk.create(WISH), sdk.stop("abc123"), sdk.terminate("abc123")):
        assert type(await trouble_of(asked)) is Unreachable


async def test_a_name_that_does_not_exist_is_no_doubt() -> None:
    sdk = RunPodSdk(KEY, base="https://nobody.invalid")
    assert type(await trouble_of(sdk.stop("abc123"))) is Unreachable


@asynccontextmanager
async def rude_server(answer: bytes, *, stay: bool) -> AsyncIterator[str]:
    """Reads a request, sends these bytes, and then stays silent or hangs up."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(answer)
        await writer.drain()
        if stay:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()


HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"


@pytest.mark.parametrize("stay", [True, False])
@pytest.mark.parametrize("answer", [b"", HALF, b"gibberish\r\n\r\n"])
async def test_an_answer_that_never_comes_whole(answer: bytes, stay: bool) -> None:
    async with rude_server(answer, stay=stay) as url:
        sdk = RunPodSdk(KEY, base=url, deadlines=QUICK)
        assert type(await trouble_of(sdk.pods())) is Unreachable
        assert type(await trouble_of(sdk.stop("abc123"))) is Unclear


async def test_a_call_past_its_deadline_is_left_and_sends_nothing_more(server: GraphqlServer) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(seen: Seen) -> Reply:
        asked.set()
        await go_on.wait()
        return said(GPU_FOUND)

    server.handler = hold
    sdk = RunPodSdk(KEY, base=server.url, deadlines=Deadlines(answer=5.0, create=0.3))
    await _load()
    assert type(await trouble_of(sdk.create(WISH))) is Unreachable  # only the GPU type was looked up
    assert asked.is_set()
    go_on.set()
    await _no_threads()
    assert [seen.root for seen in server.seen] == ["gpuTypes"]


async def test_a_cancelled_create_sends_nothing_more(server: GraphqlServer, sdk: RunPodSdk) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(seen: Seen) -> Reply:
        asked.set()
        await go_on.wait()
        return said(GPU_FOUND)

    server.handler = hold
    creating = asyncio.create_task(sdk.create(WISH))
    await asked.wait()
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    go_on.set()
    await _no_threads()
    assert [seen.root for seen in server.seen] == ["gpuTypes"]


async def test_a_stuck_call_holds_up_no_other_until_too_many_are_stuck(server: GraphqlServer) -> None:
    go_on = asyncio.Event()
    waiting = 0

    async def hold(seen: Seen) -> Reply | None:
        nonlocal waiting
        if seen.root != "pod":
            return None
        waiting += 1
        await go_on.wait()
        return None

    server.handler = hold
    server.answer({"data": {"pod": None, "myself": {"pods": []}}})
    sdk = RunPodSdk(KEY, base=server.url)
    stuck = [asyncio.create_task(sdk.pod("abc123")) for _ in range(MOST_AT_ONCE - 1)]
    while waiting < len(stuck):
        await asyncio.sleep(0.01)
    assert await sdk.pods() == ()
    last = asyncio.create_task(sdk.pod("abc123"))
    while waiting < MOST_AT_ONCE:
        await asyncio.sleep(0.01)
    assert type(await trouble_of(sdk.pods())) is Unreachable
    go_on.set()
    assert await asyncio.gather(*stuck, last) == [None] * MOST_AT_ONCE
    assert await sdk.pods() == ()


async def test_an_answer_after_the_loop_has_ended_is_dropped(server: GraphqlServer) -> None:
    """A program that ends while a call is under way: no thread fails, and none holds it up."""
    failures: list[object] = []
    previous, threading.excepthook = threading.excepthook, failures.append
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(seen: Seen) -> Reply:
        asked.set()
        await go_on.wait()
        return said({"data": {"myself": {"pods": []}}})

    server.handler = hold

    async def leave() -> None:
        task = asyncio.create_task(RunPodSdk(KEY, base=server.url).pods())
        await asyncio.sleep(0)
        while not asked.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    try:
        await asyncio.to_thread(asyncio.run, leave())
        go_on.set()
        await _no_threads()
    finally:
        threading.excepthook = previous
    assert failures == []


async def _no_threads() -> None:
    while any(thread.name == "runpod-sdk" for thread in threading.enumerate()):
        await asyncio.sleep(0.01)


async def _load() -> Sdk:
    """The package, so that its loading counts in no deadline of a test."""
    from oavr_tui.pods.runpod_sdk_post import Post

    return await asyncio.to_thread(loaded, Post)


async def test_the_query_of_a_refusal_is_kept_nowhere(
    server: GraphqlServer, sdk: RunPodSdk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    server.answer(GPU_FOUND, refusal("An unheard-of reason"))
    error = await trouble_of(sdk.create(WISH))
    assert SECRET in json.dumps([seen.query for seen in server.seen])
    shown = "".join([caplog.text, *capfd.readouterr(), repr(error), repr(error.args)])
    assert SECRET not in shown
    assert KEY not in shown
