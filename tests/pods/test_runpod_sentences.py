"""RunPod's texts told apart, and what of them a person may see."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import OavrError
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.runpod_sentences import Verb
from oavr_tui.text import safe

NO_CAPACITY = [
    "There are no longer any instances available with the requested specifications. Please refresh and try again.",
    "There are no longer any instances available with the request specifications. Please try again later.",
    "There are no longer any instances available with enough disk space.",
    "There are no instances currently available",
    "This machine does not have the resources to deploy your pod. Please try a different machine",
    "No GPU capacity available in the requested data center",
    "Insufficient capacity for NVIDIA GeForce RTX 4090",
    "This GPU type is currently out of stock.",
    "The pod could not be placed",
    "The requested GPUs are not available",
]
HOST_FULL = "There are not enough free GPUs on the host machine to start this pod."
BROKEN_RULES = [
    "request could not be processed",
    "Request validation failed.",
    "mounts.persistent and mounts.network cannot be used together",
    "minCudaVersion and allowedCudaVersions cannot both be set",
    "include=AVAILABILITY needs product",
    "Something went wrong. Please try again later or contact support.",
    "name must not be empty",
]
NO_FUNDS = [
    "Insufficient balance",
    "You do not have enough balance: insufficient funds to deploy",
    "Your balance is too low to start this pod",
    "Please add funds to your account",
    "Payment Required",
    "not enough credits",
]


@pytest.mark.parametrize("text", NO_CAPACITY)
def test_no_capacity(text: str) -> None:
    assert say.says_no_capacity(text)
    assert say.says_no_capacity(text.upper().replace(" ", "\n "))
    assert not say.says_no_funds(text)
    assert not say.says_api_gone(text)


@pytest.mark.parametrize("text", NO_FUNDS)
def test_no_funds(text: str) -> None:
    assert say.says_no_funds(text)
    assert not say.says_no_capacity(text)
    assert not say.says_host_full(text)


@pytest.mark.parametrize("text", BROKEN_RULES)
def test_broken_rules_are_neither(text: str) -> None:
    assert not say.says_no_capacity(text)
    assert not say.says_no_funds(text)
    assert not say.says_host_full(text)
    assert not say.says_api_gone(text)


def test_the_host_is_full() -> None:
    assert say.says_host_full(HOST_FULL)
    assert say.says_no_capacity(HOST_FULL)


@pytest.mark.parametrize(
    "text",
    [
        "This API is deprecated.",
        "GraphQL was sunset in 2027",
        "REST v1 has been retired",
        "This endpoint is no longer supported",
    ],
)
def test_the_api_is_gone(text: str) -> None:
    assert say.says_api_gone(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Volume size must be at least 10 GB.", "Volume size must be at least 10 GB"),
        ("The pod 7h9k2m4n6p is locked", "The pod … is locked"),
        ("machine abcdefghijklmnopqrstuvwxyzabcd is odd", "machine … is odd"),
        ("NVIDIA GeForce RTX 4090 in US-KS-2", "NVIDIA GeForce RTX 4090 in US-KS-2"),
        ("see https://example.org", ""),
        ("<h1>Bad</h1>", ""),
        ('{"a": 1}', ""),
        ("Traceback:\n  File", ""),
        ("your secret-value is odd", ""),
        ("YOUR SECRET-VALUE IS ODD", ""),
        ("", ""),
        ("x " * 400, ("x " * 80).strip()),
        ("\x1b[31mred\x1b[0m", "red"),
        ("your secret-\x00value is odd", ""),
        ("The pod 7h9k\u202e2m4n6p is locked", "The pod … is locked"),
    ],
)
def test_what_of_a_reason_is_shown(text: str, shown: str) -> None:
    assert say.plain_reason(text, ("secret-value", "")) == shown


@given(st.text(max_size=300), st.lists(st.text(max_size=12), max_size=3))
def test_a_reason_is_one_short_line_without_what_is_hidden(text: str, hidden: list[str]) -> None:
    shown = say.plain_reason(text, hidden)
    assert len(shown) <= 160
    assert shown == safe(shown)
    assert not any(secret and secret in shown for secret in hidden)


@pytest.mark.parametrize(("asked", "kept"), [(0, 1), (-5, 1), (7.5, 7.5), (1e9, 120), (math.nan, 120), (math.inf, 120)])
def test_pauses_are_within_bounds(asked: float, kept: float) -> None:
    assert say.slower(asked).seconds == kept


def every_error() -> list[OavrError]:
    plain = [
        say.no_key_yet,
        say.wrong_key,
        say.may_not_look,
        say.no_funds,
        say.no_gpu,
        say.kind_refused,
        say.not_now,
        say.log_gone,
        say.api_gone,
        say.silent,
        say.not_found,
        say.broken_off,
        say.in_trouble,
        say.not_runpod,
        say.not_trusted,
        say.bad_id,
    ]
    of_verbs = [say.may_not_change, say.not_as_it_is, say.machine_gone, say.unclear]
    return [
        *(make() for make in plain),
        *(make(verb) for make in of_verbs for verb in Verb),
        *(say.refused(verb, reason) for verb in Verb for reason in ("", "the volume is too small")),
        say.question_refused(""),
        say.question_refused("the time is odd"),
        say.slower(3),
    ]


def test_every_sentence_can_be_shown() -> None:
    for error in every_error():
        assert error.message.isprintable() and error.message[0].isupper() and error.message.endswith(".")
        assert 40 < len(error.message) <= 260
        assert not re.search(r"\bpods?\b|ComfyUI|HTTP|API (?!keys)|  |\.\.|: \.", error.message)
