"""The border: what a server says is taken as it should be, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.clients.comfyui_sentences import execution_error, node_errors, refused
from oavr_tui.clients.comfyui_wire import (
    Accepted,
    Features,
    Malformed,
    SystemStats,
    checked,
    history_status,
    outputs_of,
    queue_status,
    uploaded,
)
from oavr_tui.errors import OutOfMemory
from oavr_tui.text import safe
from tests.clients.scripted import OTHER_ID, PROMPT_ID, recorded_body
from tests.clients.test_comfyui_messages import CALM, JSON


def test_recorded_queue() -> None:
    queue = recorded_body("11_interrupt_http.json", "GET /queue 1 running 3 pending")
    running, pending = queue["queue_running"], queue["queue_pending"]
    assert queue_status(queue, running[0][1]) is not None
    in_order = sorted(pending, key=lambda item: float(item[0]))
    ahead = [queue_status(queue, item[1]) for item in in_order]
    assert [each.ahead if each else None for each in ahead] == [1, 2, 3], "the lowest number goes first"
    assert queue_status(queue, PROMPT_ID) is None


def test_numbers_may_be_floats() -> None:
    queue = {"queue_running": [], "queue_pending": [[5.0, OTHER_ID], [4, PROMPT_ID]]}
    first, second = queue_status(queue, PROMPT_ID), queue_status(queue, OTHER_ID)
    assert first is not None and second is not None
    assert (first.ahead, second.ahead) == (0, 1)


def test_history_that_knows_nothing() -> None:
    assert history_status({}, PROMPT_ID) is None
    assert history_status({OTHER_ID: {"outputs": {}}}, PROMPT_ID) is None


def test_history_without_a_status_is_finished() -> None:
    found = history_status({PROMPT_ID: {"outputs": {}, "status": None}}, PROMPT_ID)
    assert found is not None and found.kind == "finished"


@CALM
@given(JSON)
def test_only_malformed_is_ever_raised(document: Any) -> None:
    document = json.loads(json.dumps(document))
    takers: list[Any] = [
        lambda: uploaded(document),
        lambda: queue_status(document, PROMPT_ID),
        lambda: queue_status({"queue_running": document, "queue_pending": document}, PROMPT_ID),
        lambda: history_status(document, PROMPT_ID),
        lambda: history_status({PROMPT_ID: document}, PROMPT_ID),
        lambda: history_status({PROMPT_ID: {"outputs": document, "status": document}}, PROMPT_ID),
        lambda: checked(SystemStats, document),
        lambda: checked(Features, {"max_upload_size": document}),
        lambda: checked(Accepted, {"prompt_id": PROMPT_ID, "node_errors": document}),
    ]
    for take in takers:
        try:
            take()
        except Malformed:
            continue


@CALM
@given(st.dictionaries(st.text(max_size=5), JSON))
def test_outputs_of_anything(outputs: dict[str, Any]) -> None:
    for output in outputs_of(outputs):
        assert "/" not in output.filename and "\\" not in output.filename and output.filename not in ("", ".", "..")


@CALM
@given(JSON, JSON)
def test_every_refusal_is_a_printable_sentence(document: Any, more: Any) -> None:
    document, more = json.loads(json.dumps([document, more]))
    errors = {"4": {"errors": [{"type": more, "details": document}], "class_type": document}}
    for error in (
        refused(document),
        refused({"error": document, "node_errors": more}),
        refused({"node_errors": errors}),
    ):
        assert safe(error.message, 1000) == error.message and error.message.endswith(".")
        assert len(error.message) < 800


@CALM
@given(st.text(), st.text(), st.text())
def test_every_failure_is_a_printable_sentence(node: str, kind: str, message: str) -> None:
    error = execution_error({"node_type": node, "exception_type": kind, "exception_message": message})
    assert safe(error.message, 500) == error.message and error.message.endswith(".")


@pytest.mark.parametrize("details", [{}, {"exception_message": None}, {"node_type": 5, "exception_type": []}])
def test_failures_with_gaps(details: dict[str, Any]) -> None:
    assert execution_error(details).message.endswith(".")


def test_memory_is_told_from_other_failures() -> None:
    assert isinstance(execution_error({"exception_type": "torch.OutOfMemoryError"}), OutOfMemory)
    assert not isinstance(execution_error({"exception_message": "No such file: memory.txt"}), OutOfMemory)


def test_long_lists_of_choices_are_told_short() -> None:
    problem = {"type": "value_not_in_list", "details": "model: 'x.safetensors' not in (list of length 31)"}
    sentence = node_errors({"3": {"errors": [problem], "class_type": "MultiTalkModelLoader"}})
    assert sentence is not None
    assert "MultiTalkModelLoader asks for 'x.safetensors', which the server does not have" in sentence
    assert "length 31" not in sentence
