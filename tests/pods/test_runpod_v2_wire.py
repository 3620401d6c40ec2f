"""RunPod's documents on the way in: its own examples, odd values, and anything at all."""

from __future__ import annotations

import asyncio
import copy
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import NoFunds, NoGpu, NoKey, OavrError, Rejected, Unreachable
from oavr_tui.pods import runpod_v2_wire as wire
from oavr_tui.pods.provider import (
    ApiGone,
    Bill,
    Cloud,
    CloudPod,
    CloudState,
    NotNow,
    Offer,
    Slower,
    Stock,
    Unclear,
    Volume,
)
from oavr_tui.pods.runpod_sentences import Verb
from oavr_tui.pods.runpod_v2_answers import change_refused, question_refused
from oavr_tui.pods.runpod_v2_http import Answer
from oavr_tui.pods.runpod_v2_requests import usable_id
from oavr_tui.text import safe
from tests.pods.rest_server import EXAMPLES, KEY, NOW, POD_ID, WISH, asking, document, example, raw, running

POD = CloudPod(
    id=POD_ID,
    name="pytorch-training",
    state=CloudState.RUNNING,
    gpu="NVIDIA GeForce RTX 4090",
    per_hour=0.44,
    cloud="secure",
    template="9x4m2p7v",
    data_center="US-KS-2",
    volume_gb=20.0,
    created_at=1_780_315_200.0,
    started_at=1_780_315_320.0,
)
ALLOWED = (NoKey, NoFunds, NoGpu, Unreachable, Unclear, Slower, NotNow, ApiGone, Rejected)


def test_the_documented_pods() -> None:
    assert wire.pods_of(example("GET /v2/pods")) == ((POD,), "")
    for operation in ("GET /v2/pods/{id}", "PATCH /v2/pods/{id}", "POST /v2/pods/{id}/action"):
        assert replace(wire.pod_of(example(operation)), name=POD.name) == POD
    created = wire.pod_of(example("POST /v2/pods", 201))
    assert created == replace(POD, state=CloudState.COMING, started_at=None)


def test_the_documented_catalogue_volumes_and_bills() -> None:
    gpus = example("GET /v2/catalog/gpus")
    offer = Offer("NVIDIA GeForce RTX 4090", "RTX 4090", 24, Cloud.SECURE, 0.44, Stock.HIGH)
    assert list(wire.offers_of(gpus, Cloud.SECURE)) == [offer]
    assert list(wire.offers_of(gpus, Cloud.COMMUNITY)) == [replace(offer, cloud=Cloud.COMMUNITY, per_hour=0.31)]
    volumes = list(wire.volumes_of(example("GET /v2/network-volumes")))
    assert volumes == [Volume("2q9m7x4c", "training-dataset", 100, "US-KS-2")]
    assert wire.bills_of(example("GET /v2/billing/pods")) == (Bill(POD_ID, 12.34),)


def documented_errors() -> list[tuple[str, int]]:
    return [
        (operation, int(status))
        for operation, said in EXAMPLES.items()
        for status, answer in said["responses"].items()
        if status.isdigit() and int(status) >= 400 and answer.get("examples")
    ]


@pytest.mark.parametrize(("operation", "status"), documented_errors())
def test_every_documented_error(operation: str, status: int) -> None:
    said = example(operation, status)
    assert wire.is_problem(said)
    headers = {"content-type": "application/problem+json"}
    answer = Answer(status, headers, json.dumps(said).encode(), said, said_json=True)
    kinds = {401: NoKey, 403: NoKey, 400: Rejected, 422: Rejected, 429: Slower}
    collection = "{id}" not in operation
    read = question_refused(answer, NOW, collection=collection)
    changed = change_refused(Verb.CREATE if collection else Verb.STOP, answer, NOW, ())
    if status == 404:
        assert type(read) is (ApiGone if collection else Rejected)
        assert type(changed) is (ApiGone if collection else Rejected)
    else:
        assert type(read) is kinds[status]
        assert type(changed) is kinds[status]


def odd_pod(**changes: Any) -> CloudPod:
    return wire.pod_of({"id": "p1", "status": "RUNNING", **changes})


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PROVISIONING", CloudState.COMING),
        ("STARTING", CloudState.COMING),
        ("running", CloudState.RUNNING),
        (" EXITED ", CloudState.STOPPED),
        ("ERROR", CloudState.BROKEN),
        ("TERMINATED", CloudState.GONE),
        ("MIGRATING", CloudState.COMING),
        ("", CloudState.COMING),
        (None, CloudState.COMING),
        (["RUNNING"], CloudState.COMING),
    ],
)
def test_states_and_words_not_known_yet(word: object, state: CloudState) -> None:
    assert odd_pod(status=word).state is state


def test_a_pod_of_which_nothing_is_said_but_its_id() -> None:
    assert wire.pod_of({"id": "p1"}) == CloudPod("p1", "", CloudState.COMING)


@pytest.mark.parametrize("cost", [-1, 1_001, math.nan, math.inf, "dear", None, [], 10**400])
def test_an_odd_price_does_not_hide_a_pod(cost: object) -> None:
    assert odd_pod(cost=cost) == CloudPod("p1", "", CloudState.RUNNING)


@pytest.mark.parametrize(
    "odd",
    [
        {"gpu": "4090"},
        {"gpu": {"id": 7, "memory": -3}},
        {"mounts": []},
        {"mounts": {"persistent": 3, "network": {"a": 1}}},
        {"mounts": {"network": [{"volumeId": "../etc"}]}},
        {"runtime": {"gpus": [{"util": 101}, {"util": None}, {}]}},
        {"runtime": 5},
        {"createdAt": "yesterday", "startedAt": 12},
        {"createdAt": "9999-12-31T23:59:59-23:59"},
        {"cloud": "SKY", "template": "a b", "dataCenterId": "x" * 65},
        {"name": None},
        {"name": "x" * 3_000},
    ],
)
def test_odd_fields_count_as_not_said(odd: dict[str, Any]) -> None:
    found = odd_pod(**odd)
    assert found == CloudPod("p1", "", CloudState.RUNNING)


def test_what_else_a_pod_may_say() -> None:
    found = odd_pod(
        name="a\x1b[2Jb\u202ec",
        gpu={"id": "NVIDIA A40", "count": 1, "memory": 64.5},
        mounts={"network": [{"volumeId": "2q9m7x4c", "path": "/workspace"}]},
        runtime={"uptime": 5, "gpus": [{"util": 12.5, "memoryUtil": 3}, {"util": 80}]},
        createdAt="2026-06-01T14:00:00.123456789+02:00",
        cost="0.34",
    )
    assert (found.name, found.memory_gb, found.volume, found.gpu_load) == ("abc", 64.5, "2q9m7x4c", 80.0)
    assert found.created_at == pytest.approx(1_780_315_200.123456)
    assert found.per_hour == 0.34


@pytest.mark.parametrize("pod_id", ["", "a/b", "a b", "a\n", "é", "x" * 65, None, 7])
def test_a_pod_without_a_usable_id_makes_the_list_unusable(pod_id: object) -> None:
    with pytest.raises(wire.Malformed):
        wire.pods_of({"pods": [{"id": "p1"}, {"id": pod_id}]})


def gpu(**changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = copy.deepcopy(example("GET /v2/catalog/gpus")["gpus"][0])
    return item | changes


@pytest.mark.parametrize(
    "odd",
    [
        {"id": ""},
        {"id": "a\x1b[0m"},
        {"id": None},
        {"memory": 0},
        {"memory": "much"},
        {"secure": False},
        {"secure": None},
        {"price": None},
        {"price": {"secure": 0}},
        {"price": {"secure": -1}},
        {"price": {"secure": math.inf}},
        {"price": {"community": 1}},
    ],
)
def test_what_cannot_be_rented_is_no_offer(odd: dict[str, Any]) -> None:
    offers = list(wire.offers_of({"gpus": [gpu(**odd), "?", gpu(id="NVIDIA A40")]}, Cloud.SECURE))
    assert [each.gpu for each in offers] == ["NVIDIA A40"]


@pytest.mark.parametrize(
    ("word", "stock"),
    [("NONE", Stock.NONE), ("LOW", Stock.LOW), ("Medium", Stock.MEDIUM), ("PLENTY", Stock.UNKNOWN), (3, Stock.UNKNOWN)],
)
def test_stock(word: object, stock: Stock) -> None:
    assert [each.stock for each in wire.offers_of({"gpus": [gpu(availability=word)]}, Cloud.SECURE)] == [stock]
    item = gpu()
    del item["availability"]
    assert [each.stock for each in wire.offers_of({"gpus": [item]}, Cloud.SECURE)] == [Stock.UNKNOWN]


def test_bills_are_summed_and_odd_ones_left_out() -> None:
    records = [
        {"podId": "a", "totalAmount": 1.25},
        {"podId": "b", "totalAmount": 2},
        {"podId": "a", "totalAmount": 0.5},
        {"podId": "a", "totalAmount": -4},
        {"podId": "a", "totalAmount": math.nan},
        {"podId": "a/b", "totalAmount": 1},
        None,
    ]
    assert wire.bills_of({"records": records}) == (Bill("a", 1.75), Bill("b", 2.0))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def almost(draw: st.DrawFn, document: Any) -> Any:
    """RunPod's own document with one thing in it, at whatever depth, replaced by anything, or taken away."""
    document = copy.deepcopy(document)
    if not isinstance(document, dict | list) or not document:
        return draw(JSON)
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
            place = place[key]
            continue
        if draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(JSON)
        return document


def sane(pod: CloudPod) -> bool:
    return (
        usable_id(pod.id)
        and 0 <= pod.per_hour <= 1_000
        and all(text == safe(text) for text in (pod.name, pod.gpu))
        and (pod.gpu_load is None or 0 <= pod.gpu_load <= 100)
    )


@given(document=JSON | almost(example("GET /v2/pods")))
@settings(max_examples=300)
def test_any_list_of_pods_is_sane_or_malformed(document: Any) -> None:
    try:
        pods, _ = wire.pods_of(document)
    except wire.Malformed:
        return
    assert all(map(sane, pods))


@given(document=JSON | almost(example("GET /v2/catalog/gpus")), cloud=st.sampled_from(Cloud))
@settings(max_examples=300)
def test_any_catalogue_is_sane_or_malformed(document: Any, cloud: Cloud) -> None:
    try:
        offers = list(wire.offers_of(document, cloud))
    except wire.Malformed:
        return
    for offer in offers:
        assert offer.per_hour is not None and 0 < offer.per_hour <= 1_000
        assert offer.gpu and offer.gpu == safe(offer.gpu) and offer.name == safe(offer.name)


@given(document=JSON | almost(example("GET /v2/network-volumes")), bills=JSON | almost(example("GET /v2/billing/pods")))
@settings(max_examples=200)
def test_any_volumes_and_bills_are_sane_or_malformed(document: Any, bills: Any) -> None:
    try:
        assert all(usable_id(each.id) and each.size >= 0 for each in wire.volumes_of(document))
        assert all(usable_id(each.pod_id) and each.dollars >= 0 for each in wire.bills_of(bills))
    except wire.Malformed:
        return


HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "retry-after", "ratelimit"]),
    st.sampled_from(
        ["text/plain", "application/problem+json", "text/html", "12", "-1", "Sun, 06 Nov 1994 08:49:37 GMT"]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)


@given(
    status=st.integers(100, 599),
    document=JSON | almost(example("POST /v2/pods", 422)) | almost(example("POST /v2/pods", 201)),
    headers=HEADERS,
    verb=st.sampled_from(Verb),
    broken=st.booleans(),
)
@settings(max_examples=400)
def test_any_answer_means_one_of_the_errors(
    status: int, document: Any, headers: dict[str, str], verb: Verb, broken: bool
) -> None:
    body = b"<" if broken else json.dumps(document).encode()
    answer = Answer(status, headers, body, None if broken else document, said_json=not broken)
    for error in (
        question_refused(answer, NOW, (KEY,), collection=True),
        question_refused(answer, NOW, (KEY,), collection=False),
        change_refused(verb, answer, NOW, (KEY, POD_ID)),
    ):
        assert error is None or isinstance(error, ALLOWED)
        if error is not None:
            assert POD_ID not in error.message and error.message == safe(error.message)
            assert not isinstance(error, Slower) or 1 <= error.seconds <= 120
    if change_refused(verb, answer, NOW, ()) is None:
        # Nothing but a proper answer, or RunPod's word that there is nothing to delete, counts as done.
        assert 200 <= status < 300 or (verb is Verb.TERMINATE and status in (404, 410))


OPERATIONS: dict[str, tuple[str, str, int]] = {
    "GET /v2/pods": ("GET", "/v2/pods", 200),
    "GET /v2/pods/{id}": ("GET", f"/v2/pods/{POD_ID}", 200),
    "GET /v2/catalog/gpus": ("GET", "/v2/catalog/gpus", 200),
    "GET /v2/network-volumes": ("GET", "/v2/network-volumes", 200),
    "GET /v2/billing/pods": ("GET", "/v2/billing/pods", 200),
    "POST /v2/pods": ("POST", "/v2/pods", 201),
    "POST /v2/pods/{id}/action": ("POST", f"/v2/pods/{POD_ID}/action", 200),
}


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    return {name: draw(JSON | almost(example(name, status))) for name, (_, _, status) in OPERATIONS.items()}


async def ask_everything(documents: dict[str, Any], status: int | None) -> list[OavrError]:
    """Every call of the client, each answered with a document of ours; the errors that it ended with."""
    errors = []
    async with running() as server, asking(server.base) as asked:
        client = asked.client
        for name, (method, path, usual) in OPERATIONS.items():
            server.script(method, path, document(documents[name], status or usual))
        server.script("DELETE", f"/v2/pods/{POD_ID}", document(documents["GET /v2/pods/{id}"], status or 200))
        server.script("GET", f"/v2/pods/{POD_ID}/logs", raw(repr(documents), status or 200, "text/event-stream"))

        async def read_log() -> list[tuple[str, str]]:
            return [each async for each in client.log(POD_ID, "")]

        for call in (
            client.pods(),
            client.pod(POD_ID),
            client.offers(),
            client.volumes(),
            client.bills(NOW - 60),
            client.create(WISH),
            client.start(POD_ID),
            client.terminate(POD_ID),
            read_log(),
        ):
            try:
                await call
            except OavrError as error:
                errors.append(error)
    return errors


@given(documents=answers(), status=st.none() | st.sampled_from([200, 204, 400, 403, 404, 409, 410, 422, 429, 500]))
@settings(max_examples=25, deadline=None)
def test_anything_for_an_answer_ends_in_one_of_the_errors(documents: dict[str, Any], status: int | None) -> None:
    for error in asyncio.run(ask_everything(documents, status)):
        assert isinstance(error, ALLOWED)
        assert KEY not in error.message and POD_ID not in error.message
