"""The REST client against a server on loopback: what it sends, and what every answer and fault becomes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oavr_tui.errors import BadInput, NoFunds, NoGpu, NoKey, OavrError, Rejected, Unreachable
from oavr_tui.pods.provider import ApiGone, Bill, Cloud, CloudState, NotNow, Provider, Slower, Stock, Unclear
from oavr_tui.pods.runpod_v2 import USER_AGENT, RunPodV2
from oavr_tui.pods.runpod_v2_http import LARGEST_ANSWER, Deadlines
from oavr_tui.pods.runpod_v2_requests import creation
from tests.pods.rest_server import (
    KEY,
    PAGE,
    POD_ID,
    WISH,
    Asking,
    Handler,
    RestServer,
    asking,
    cut_short,
    document,
    example,
    hang_up,
    page,
    problem,
    raw,
    running,
)

POD = f"/v2/pods/{POD_ID}"
ACTION = f"{POD}/action"

Ask = Callable[[RunPodV2], Awaitable[object]]

READS: dict[str, tuple[str, Ask]] = {
    "offers": ("/v2/catalog/gpus", lambda client: client.offers()),
    "volumes": ("/v2/network-volumes", lambda client: client.volumes()),
    "pods": ("/v2/pods", lambda client: client.pods()),
    "pod": (POD, lambda client: client.pod(POD_ID)),
    "bills": ("/v2/billing/pods", lambda client: client.bills(1_780_300_000.0)),
}
CHANGES: dict[str, tuple[str, str, Ask]] = {
    "create": ("POST", "/v2/pods", lambda client: client.create(WISH)),
    "start": ("POST", ACTION, lambda client: client.start(POD_ID)),
    "stop": ("POST", ACTION, lambda client: client.stop(POD_ID)),
    "terminate": ("DELETE", POD, lambda client: client.terminate(POD_ID)),
}


@asynccontextmanager
async def connected(deadlines: Deadlines | None = None) -> AsyncIterator[tuple[RestServer, Asking]]:
    async with running() as server:
        if deadlines is None:
            async with asking(server.base) as client:
                yield server, client
        else:
            async with asking(server.base, deadlines) as client:
                yield server, client


async def error_of(ask: Ask, client: RunPodV2) -> OavrError:
    """The error that a call ends with; it must tell nothing that is nobody's business."""
    with pytest.raises(OavrError) as caught:
        await ask(client)
    shown = str(caught.value)
    for secret in (KEY, POD_ID, PAGE, WISH.name, WISH.template, "127.0.0.1", "Traceback", "{"):
        assert secret not in shown
    assert shown == caught.value.message
    assert shown.endswith((".", "!"))
    return caught.value


async def test_it_is_a_provider() -> None:
    async with asking("http://127.0.0.1:9") as client:
        provider: Provider = client.client
        assert await provider.account() is None


async def test_questions_carry_the_key_and_a_name_and_ask_for_nothing_compressed() -> None:
    async with connected() as (server, asked):
        pods = await asked.client.pods()
        assert [(pod.id, pod.state, pod.per_hour) for pod in pods] == [(POD_ID, CloudState.RUNNING, 0.44)]
        headers = server.seen[0].headers
        assert headers["authorization"] == f"Bearer {KEY}"
        assert headers["user-agent"] == USER_AGENT
        assert headers["accept-encoding"] == "identity"
        assert asked.slept == []


async def test_the_catalogue_is_asked_for_each_cloud() -> None:
    """The stock of an answer is that of one cloud."""
    plenty, scarce = example("GET /v2/catalog/gpus"), example("GET /v2/catalog/gpus")
    scarce = {"gpus": [{**scarce["gpus"][0], "availability": "LOW"}]}
    async with connected() as (server, asked):
        server.script("GET", "/v2/catalog/gpus", document(plenty), document(scarce))
        offers = await asked.client.offers()
        assert [(each.cloud, each.per_hour, each.stock) for each in offers] == [
            (Cloud.COMMUNITY, 0.31, Stock.HIGH),
            (Cloud.SECURE, 0.44, Stock.LOW),
        ]
        common = {"include": "AVAILABILITY", "product": "POD"}
        assert [each.query for each in server.seen] == [
            common | {"cloud": "COMMUNITY"},
            common | {"cloud": "SECURE"},
        ]


async def test_all_pages_of_the_list_are_read() -> None:
    first = example("GET /v2/pods") | {"pagination": {"hasNextPage": True, "nextCursor": "c2"}}
    other = {"pods": [{"id": "other1"}], "pagination": {"hasNextPage": False}}
    async with connected() as (server, asked):
        server.script("GET", "/v2/pods", document(first), document(other))
        assert [pod.id for pod in await asked.client.pods()] == [POD_ID, "other1"]
        assert [each.query for each in server.seen] == [{}, {"cursor": "c2"}]


@pytest.mark.parametrize("cursor", [None, "", 7])
async def test_a_list_whose_rest_cannot_be_had_is_no_list(cursor: object) -> None:
    async with connected() as (server, asked):
        partly = example("GET /v2/pods") | {"pagination": {"hasNextPage": True, "nextCursor": cursor}}
        server.script("GET", "/v2/pods", document(partly))
        assert isinstance(await error_of(READS["pods"][1], asked.client), Unreachable)


async def test_a_list_without_end_is_given_up() -> None:
    async with connected() as (server, asked):
        endless = {"pods": [], "pagination": {"hasNextPage": True, "nextCursor": "again"}}
        server.script("GET", "/v2/pods", *[document(endless)] * 60)
        assert isinstance(await error_of(READS["pods"][1], asked.client), Unreachable)
        assert len(server.seen) == 50


async def test_creating_sends_only_what_the_template_does_not_own() -> None:
    async with connected() as (server, asked):
        pod = await asked.client.create(WISH)
        assert (pod.id, pod.state) == (POD_ID, CloudState.COMING)
        assert server.seen[0].body == {
            "name": "oavr-demo",
            "templateId": "tmpl9x4m2p",
            "gpu": {"id": "NVIDIA GeForce RTX 4090", "count": 1, "minCudaVersion": "12.4", "minRamPerGpu": 48},
            "cloud": "COMMUNITY",
        }


def test_a_volume_brings_its_mount_and_its_data_center() -> None:
    body = creation(
        replace(WISH, cloud=Cloud.SECURE, volume="2q9m7x4c", data_center="US-KS-2", env={"A": 'b"c\n'}, cuda="")
    )
    assert body["mounts"] == {"network": [{"volumeId": "2q9m7x4c", "path": "/workspace"}]}
    assert (body["dataCenterIds"], body["cloud"]) == (["US-KS-2"], "SECURE")
    assert body["env"] == {"A": 'b"c\n'}
    assert "minCudaVersion" not in body["gpu"]


async def test_actions_and_deletion() -> None:
    async with connected() as (server, asked):
        await asked.client.start(POD_ID)
        await asked.client.stop(POD_ID)
        await asked.client.terminate(POD_ID)
        assert [(each.method, each.path, each.body) for each in server.seen] == [
            ("POST", ACTION, {"action": "start"}),
            ("POST", ACTION, {"action": "stop"}),
            ("DELETE", POD, None),
        ]


@pytest.mark.parametrize(("since", "size"), [(1_780_390_000.0, "hour"), (1_770_000_000.0, "day"), (-5.0, "day")])
async def test_bills_name_both_ends_of_the_time(since: float, size: str) -> None:
    async with connected() as (server, asked):
        assert await asked.client.bills(since) == (Bill(POD_ID, 12.34),)
        query = server.seen[0].query
        assert query["bucketSize"] == size
        assert query["startTime"] < query["endTime"] == "2026-06-02T11:33:20Z"


async def test_a_pod_that_is_not_there() -> None:
    async with connected() as (server, asked):
        assert await asked.client.pod("elsewhere") is None
        await asked.client.terminate("elsewhere")
        error = await error_of(lambda client: client.stop("elsewhere"), asked.client)
        assert type(error) is Rejected
        assert "no longer exists" in error.message
        assert len(server.seen) == 3


@pytest.mark.parametrize("body", [raw("404 page not found", 404, "text/plain"), page(404), document({"pods": 1}, 404)])
async def test_a_pod_is_not_gone_because_somebody_else_says_so(body: Handler) -> None:
    async with connected() as (server, asked):
        server.script("GET", POD, body)
        assert type(await error_of(READS["pod"][1], asked.client)) is Unreachable
        server.script("DELETE", POD, body)
        assert type(await error_of(CHANGES["terminate"][2], asked.client)) is Unreachable


async def test_another_pod_than_the_one_asked_for_is_not_taken() -> None:
    async with connected() as (server, asked):
        server.script("GET", "/v2/pods/other1", document(example("GET /v2/pods/{id}")))
        assert type(await error_of(lambda client: client.pod("other1"), asked.client)) is Unreachable


@pytest.mark.parametrize("pod_id", ["", "a/b", "../pods", "a b", "a?b", "x" * 65, "é", "a\n"])
async def test_odd_ids_never_reach_a_path(pod_id: str) -> None:
    async with connected() as (server, asked):
        for ask in (asked.client.pod, asked.client.start, asked.client.stop, asked.client.terminate):
            with pytest.raises(Rejected):
                await ask(pod_id)
        with pytest.raises(Rejected):
            asked.client.log(pod_id, "")
        assert server.seen == []


READ_ERRORS = [
    (problem(401, "missing bearer token"), NoKey, 1),
    (problem(403, "access denied"), NoKey, 1),
    (problem(402, "pay"), NoFunds, 1),
    (problem(429, "slow", Retry_After="40"), Slower, 1),
    (problem(400, "request could not be processed"), Rejected, 1),
    (problem(422, "Request validation failed."), Rejected, 1),
    (problem(410, "This API is deprecated"), ApiGone, 1),
    (problem(400, "REST v2 was sunset"), ApiGone, 1),
    (problem(405, "not allowed"), ApiGone, 1),
    (problem(500, "internal"), Unreachable, 3),
    (problem(503, "later"), Unreachable, 3),
    (page(502), Unreachable, 3),
    (page(200), Unreachable, 3),
    (page(403), Unreachable, 1),
    (page(302), Unreachable, 1),
    (raw("", 200), Unreachable, 3),
    (raw("{", 200), Unreachable, 3),
    (raw("[" * 100_000, 200), Unreachable, 3),
    (raw(b"\xff\xfe", 200), Unreachable, 3),
    (raw("{}", 200, "application/json", Content_Encoding="br"), Unreachable, 3),
    (document([1, 2]), Unreachable, 1),
    (document(None), Unreachable, 1),
    (document({}, 201), Unreachable, 1),
    (hang_up, Unreachable, 3),
    (cut_short, Unreachable, 3),
]


@pytest.mark.parametrize("name", READS)
async def test_what_becomes_of_questions(name: str) -> None:
    path, ask = READS[name]
    async with connected() as (server, asked):
        for handler, kind, tries in READ_ERRORS:
            asked.slept[:] = [sum(asked.slept) + 1_000.0]  # long after, with no pause to keep
            server.seen.clear()
            server.script("GET", path, *[handler] * tries)
            error = await error_of(ask, asked.client)
            assert type(error) is kind, error.message
            assert len(server.asked("GET", path)) == tries
            assert len(asked.slept) == tries


@pytest.mark.parametrize("name", ["offers", "volumes", "pods", "bills"])
@pytest.mark.parametrize("handler", [problem(404, "resource not found"), page(404), page(410)])
async def test_a_list_that_is_not_there_means_that_this_way_is_gone(name: str, handler: Handler) -> None:
    path, ask = READS[name]
    async with connected() as (server, asked):
        server.script("GET", path, handler)
        assert type(await error_of(ask, asked.client)) is ApiGone


async def test_a_question_is_asked_again_with_longer_pauses() -> None:
    async with connected() as (server, asked):
        server.script("GET", "/v2/pods", hang_up, page(502))
        assert len(await asked.client.pods()) == 1
        assert asked.slept == [0.5, 1.0]


async def test_a_short_pause_is_kept_once() -> None:
    async with connected() as (server, asked):
        server.script("GET", "/v2/pods", problem(429, "slow", Retry_After="7"))
        assert len(await asked.client.pods()) == 1
        assert asked.slept[0] == 7.0

        server.script("GET", "/v2/pods", *[problem(429, "slow", Retry_After="7")] * 2)
        error = await error_of(READS["pods"][1], asked.client)
        assert isinstance(error, Slower)
        assert error.seconds == 7.0


async def test_while_runpod_wants_a_pause_questions_are_not_sent_but_changes_are() -> None:
    async with connected() as (server, asked):
        server.script("GET", "/v2/pods", problem(429, "slow", RateLimit='"minute";r=0;t=40'))
        first = await error_of(READS["pods"][1], asked.client)
        again = await error_of(READS["volumes"][1], asked.client)
        assert isinstance(first, Slower) and isinstance(again, Slower)
        assert (first.seconds, again.seconds) == (40.0, 40.0)
        await asked.client.stop(POD_ID)
        assert [each.path for each in server.seen] == ["/v2/pods", ACTION]

        asked.slept.append(35.0)  # time goes by
        assert len(await asked.client.pods()) == 1
        assert asked.slept[-1] == 5.0


NO_INSTANCES = "There are no longer any instances available with the requested specifications. Please refresh."
HOST_FULL = "There are not enough free GPUs on the host machine to start this pod."
ANY = tuple(CHANGES)
AS_A_LIST = {"errors": ["gpu.id: not a GPU type"], "title": "Unprocessable Entity"}
INVALID = (problem(422, "Request validation failed."), document(AS_A_LIST, 422))
CHANGE_ERRORS: list[tuple[tuple[str, ...], Handler, type[OavrError]]] = [
    (ANY, problem(401, "missing bearer token"), NoKey),
    (ANY, problem(402, "no balance"), NoFunds),
    (ANY, problem(403, "access denied"), NoKey),
    (("create",), problem(403, "your account cannot access this GPU pool"), NoGpu),
    (("start", "stop", "terminate"), problem(403, "you cannot access this GPU pool"), NoKey),
    (ANY, problem(429, "slow"), Slower),
    (ANY, problem(400, "request could not be processed"), Rejected),
    *((ANY, invalid, Rejected) for invalid in INVALID),
    (ANY, document({}, 400), Rejected),
    (ANY, problem(418, "no"), Rejected),
    (("create", "start"), problem(400, "Insufficient balance to start."), NoFunds),
    (("create",), problem(400, NO_INSTANCES), NoGpu),
    (("create",), raw(NO_INSTANCES, 400, "text/plain"), NoGpu),
    (("create",), problem(400, "This GPU type is deprecated."), NoGpu),
    (("create",), problem(400, "This endpoint is deprecated."), ApiGone),
    (("start",), problem(400, HOST_FULL), NotNow),
    (("create",), problem(400, HOST_FULL), NoGpu),
    (("stop", "terminate"), problem(400, HOST_FULL), Rejected),
    (ANY, problem(409, "action not valid"), Rejected),
    (ANY, problem(410, "REST v2 is deprecated"), ApiGone),
    (ANY, problem(405, "method"), ApiGone),
    (("create",), problem(404, "resource not found"), ApiGone),
    (("create",), page(404), ApiGone),
    (("create",), problem(404, "template not found"), Rejected),
    (("start", "stop"), problem(404, "resource not found"), Rejected),
    (ANY, page(400), Unreachable),
    (ANY, page(403), Unreachable),
    (ANY, problem(500, "internal"), Unclear),
    (ANY, page(502), Unclear),
    (ANY, page(524), Unclear),
    (ANY, problem(408, "timeout"), Unclear),
    (ANY, page(200), Unclear),
    (ANY, page(302), Unclear),
    (ANY, raw("{", 201), Unclear),
    (ANY, document({"ok": True}, 200), Unclear),
    (("create",), raw("", 204), Unclear),
    (ANY, hang_up, Unclear),
    (ANY, cut_short, Unclear),
]


@pytest.mark.parametrize("name", CHANGES)
async def test_what_becomes_of_changes_which_are_sent_once(name: str) -> None:
    method, path, ask = CHANGES[name]
    async with connected() as (server, asked):
        for names, handler, kind in CHANGE_ERRORS:
            if name in names:
                server.seen.clear()
                server.script(method, path, handler, *[handler] * (handler in INVALID and name == "create"))
                error = await error_of(ask, asked.client)
                assert type(error) is kind, error.message
                assert len(server.seen) == 1 + (handler in INVALID and name == "create")
        assert asked.slept == []


async def test_a_runpod_that_cannot_choose_by_memory_is_asked_without() -> None:
    async with connected() as (server, asked):
        server.script("POST", "/v2/pods", document({"errors": ["gpu.minRamPerGpu is not known"]}, 422))
        assert (await asked.client.create(WISH)).id == POD_ID
        first, second = server.seen
        assert first.body["gpu"].pop("minRamPerGpu") == 48
        assert first.body == second.body


async def test_the_reason_is_told_where_it_is_plain() -> None:
    async with connected() as (server, asked):
        for said, shown in [
            ("Volume size must be at least 10 GB.", "Volume size must be at least 10 GB"),
            (f"pod {POD_ID} is locked", ""),
            (f"key {KEY} is odd", ""),
            ("the pod k3j9x2m8vq1z is locked", "the pod … is locked"),
            ("<b>no</b>", ""),
        ]:
            server.script("POST", ACTION, problem(400, said))
            error = await error_of(CHANGES["stop"][2], asked.client)
            assert error.message.startswith("RunPod refuses this" + (f": {shown}. " if shown else ", and does not"))


async def test_silence_ends_with_the_deadline() -> None:
    impatient = Deadlines(connect=5.0, answer=0.05, change=0.05, silence=0.05)
    async with connected(impatient) as (server, asked):
        server.script("GET", "/v2/pods", *[server.hang] * 3)
        assert type(await error_of(READS["pods"][1], asked.client)) is Unreachable
        server.script("POST", "/v2/pods", server.hang)
        assert type(await error_of(CHANGES["create"][2], asked.client)) is Unclear


async def test_a_drip_does_not_hold_up_for_longer_than_the_deadline() -> None:
    async with connected(Deadlines(connect=5.0, answer=0.2, change=0.2, silence=5.0)) as (server, asked):
        server.script("GET", "/v2/pods", *[_drip(server)] * 3)
        assert type(await error_of(READS["pods"][1], asked.client)) is Unreachable


def _drip(server: RestServer) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while not server.released.is_set():
            try:
                await response.write(b" ")
            except ConnectionError:
                break
            await asyncio.sleep(0.01)
        return response

    return answer


async def test_an_answer_without_end_is_left() -> None:
    async with connected() as (server, asked):
        large = raw(b'{"pods": []' + b" " * LARGEST_ANSWER + b"}")
        server.script("GET", "/v2/pods", *[large] * 3)
        assert type(await error_of(READS["pods"][1], asked.client)) is Unreachable
        server.script("POST", "/v2/pods", large)
        assert type(await error_of(CHANGES["create"][2], asked.client)) is Unclear


@pytest.mark.parametrize("name", CHANGES)
async def test_where_nothing_listens_nothing_was_done(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with asking(f"http://127.0.0.1:{taken.getsockname()[1]}") as asked:
            assert type(await error_of(CHANGES[name][2], asked.client)) is Unreachable
            assert asked.slept == []


async def test_a_call_can_be_cancelled() -> None:
    async with connected() as (server, asked):
        server.script("GET", "/v2/pods", server.hang)
        call = asyncio.create_task(asked.client.pods())
        while not server.seen:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(await asked.client.pods()) == 1


async def test_closing_twice_is_fine() -> None:
    async with asking("http://127.0.0.1:9") as asked:
        await asked.client.close()


@pytest.mark.parametrize("key", ["", "  ", "two words", "käse", "x" * 300, "a\r\nb"])
def test_what_cannot_be_a_key(key: str) -> None:
    with pytest.raises(NoKey):
        RunPodV2(key)


@pytest.mark.parametrize(
    "base",
    [
        "",
        "api.runpod.io",
        "http://api.runpod.io",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://a:b@api.runpod.io",
        "https://api.runpod.io/?a=1",
        "https://[",
        "https://api.runpod.io:99999",
    ],
)
def test_what_cannot_be_the_address(base: str) -> None:
    with pytest.raises(BadInput) as caught:
        RunPodV2(KEY, base=base)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "base", ["https://api.runpod.io", "https://example.org/", "http://localhost:1", "http://[::1]:1"]
)
async def test_what_can_be_the_address(base: str) -> None:
    await RunPodV2(f" {KEY}\n", base=base).close()


async def test_a_proxy_that_cannot_be_used_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://proxy")
    with pytest.raises(Unreachable, match="HTTPS_PROXY"):
        RunPodV2(KEY)
    await RunPodV2(KEY, base="http://127.0.0.1:1").close()


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    """Nothing is sent, the key least of all."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=_made_up_certificate(tmp_path))
    async with server, asking(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as asked:
        for ask in (READS["pods"][1], CHANGES["create"][2]):
            error = await error_of(ask, asked.client)
            assert type(error) is Unreachable
            assert "certificate" in error.message
    assert b"".join(heard) == b""


def _made_up_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = made.not_valid_before(begin).not_valid_after(begin + timedelta(days=9)).sign(key, hashes.SHA256())
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
