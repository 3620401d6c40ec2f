"""Whatever comes back, as an answer or as the words of a refusal: it is understood or refused, and nothing leaks."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import OavrError
from oavr_tui.pods import runpod_sdk_answers as answers
from oavr_tui.pods.provider import Account, Cloud, CloudPod, CloudState, Unclear, Wish
from oavr_tui.pods.runpod_address import is_pod_id
from oavr_tui.pods.runpod_sdk_errors import refused
from oavr_tui.pods.runpod_sdk_thread import Errand
from oavr_tui.pods.runpod_sentences import Verb

KEY = "rpa_0123456789"
WISH = Wish("oavr-1", "gpu", Cloud.SECURE, "template")
FIELDS = (
    *("name", "desiredStatus", "costPerHr", "memoryInGb", "volumeInGb", "lastStatusChange", "runtime", "machine"),
    *("gpuDisplayName", "displayName", "secureCloud", "communityCloud", "securePrice", "communityPrice"),
    *("lowestPrice", "stockStatus", "uninterruptablePrice", "size", "dataCenterId", "networkVolumes"),
    *("clientBalance", "currentSpendPerHr", "spendLimit"),
)
WORDS = ("pod", "gpu", "not", "found", "no", "funds", "key", "internal", "410", "removed", "free")

few = settings(max_examples=60, deadline=None)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("RUNNING")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=12,
)
items = st.fixed_dictionaries(
    {"id": st.sampled_from(["abc123", "x", "../x", ""])}, optional=dict.fromkeys(FIELDS, values)
)
documents = values | st.lists(items | values, max_size=5)


def check_amount(value: float | None) -> None:
    assert value is None or math.isfinite(value)


def check_text(*texts: str) -> None:
    for text in texts:
        assert text.isprintable()
        assert len(text) <= 200


def check_pod(pod: CloudPod) -> None:
    assert is_pod_id(pod.id)
    check_text(pod.name, pod.gpu)
    for amount in (pod.per_hour, pod.memory_gb, pod.volume_gb, pod.started_at):
        check_amount(amount)
    assert pod.per_hour >= 0
    if pod.state in (CloudState.STOPPED, CloudState.GONE):
        assert pod.per_hour == 0


@few
@given(documents)
def test_any_list_of_pods(document: Any) -> None:
    try:
        found = answers.pods(document)
    except answers.Malformed:
        assert not isinstance(document, list)
        return
    for pod in found:
        check_pod(pod)
    said = [each for each in document if isinstance(each, dict) and isinstance(each.get("id"), str)]
    assert [pod.id for pod in found] == [each["id"] for each in said if is_pod_id(each["id"])]


@few
@given(values)
def test_any_single_pod(document: Any) -> None:
    for read in (answers.pod, lambda found: answers.created(found, WISH)):
        try:
            pod = read(document)
        except answers.Malformed:
            continue
        if pod is not None:
            check_pod(pod)


@few
@given(documents)
def test_any_catalogue_and_any_volumes(document: Any) -> None:
    try:
        offers = answers.offers(document)
    except answers.Malformed:
        assert not isinstance(document, list)
    else:
        for offer in offers:
            check_text(offer.gpu, offer.name)
            check_amount(offer.per_hour)
            assert offer.per_hour is None or offer.per_hour > 0
            assert offer.vram >= 0
    try:
        volumes = answers.volumes({"networkVolumes": document})
    except answers.Malformed:
        assert not isinstance(document, list)
    else:
        for volume in volumes:
            check_text(volume.id, volume.name, volume.data_center)
            assert volume.size >= 0


@few
@given(values)
def test_any_account(document: Any) -> None:
    try:
        found = answers.account(document)
    except answers.Malformed:
        assert not isinstance(document, dict)
        return
    assert isinstance(found, Account)
    for amount in (found.balance, found.per_hour, found.limit_per_hour):
        check_amount(amount)


@pytest.mark.parametrize(
    ("prose", "seconds"),
    [
        ("Rented by User: Fri Jul 12 2024 19:14:40 GMT+0000 (Coordinated Universal Time)", 1720811680.0),
        ("Resumed by User: Fri Jul 12 2024 19:14:40 GMT-0330 (Newfoundland)", 1720824280.0),
        ("Rented by User: Fri Jul 12 2024 19:14:40", 1720811680.0),
        ("Rented by User: 2024-07-12T19:14:40.123Z", 1720811680.0),
        ("Rented by User: Fri Abc 12 2024 19:14:40 GMT+0000", None),
        ("Rented by User: Fri Feb 31 2024 19:14:40 GMT+0000", None),
        ("Rented by User: Fri Feb 01 2024 19:14:40 GMT+9900", None),
        ("Rented by User: 2024-17-12T19:14:40Z", None),
        ("Rented by User", None),
    ],
)
def test_when_a_pod_was_rented(prose: str, seconds: float | None) -> None:
    (pod,) = answers.pods([{"id": "abc123", "desiredStatus": "RUNNING", "lastStatusChange": prose}])
    assert pod.started_at == seconds


@few
@given(st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_words_of_a_refusal(text: str) -> None:
    for verb in (None, *Verb):
        errand = Errand(KEY, "http://127.0.0.1", verb, 1.0, ("abc123", "hidden-value"))
        if verb is not None:
            errand.may_send(change=True)
        error = refused(f"{text} {KEY} abc123 hidden-value", errand)
        assert isinstance(error, OavrError)
        assert not any(secret in error.message for secret in (KEY, "abc123", "hidden-value"))
        assert error.message.isprintable()
        assert verb is not None or not isinstance(error, Unclear)
