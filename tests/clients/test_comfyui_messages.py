"""What the socket says, read from recordings and from anything at all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.clients.comfyui_messages import LONGEST_READ, Messages, News
from oavr_tui.clients.comfyui_types import FollowUpdate
from oavr_tui.clients.throttle import Throttle
from tests.clients.scripted import PROMPT_ID, recorded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
CALM = settings(deadline=None, max_examples=60)

KINDS = ["status", "executing", "progress", "progress_state", "execution_cached", "execution_error", "executed", "x"]


def read_all(messages: list[dict[str, Any]], prompt_id: str, *, running: bool = True) -> list[News]:
    reader = Messages(prompt_id)
    return [reader.read(json.dumps(each), running=running) for each in messages if "type" in each]


def told(news: list[News]) -> list[FollowUpdate]:
    return [update for each in news for update in each.updates]


def test_recorded_run() -> None:
    messages = recorded("05_ws_success.json")["messages"]
    prompt_id = next(each["data"]["prompt_id"] for each in messages if each.get("type") == "execution_start")
    news = read_all(messages, prompt_id)
    updates = told(news)
    assert updates[0] == FollowUpdate("cached", nodes=("1", "2", "3"))
    begun = [each.node for each in updates if each.kind == "node"]
    assert list(dict.fromkeys(begun)) == ["6", "4", "5"]
    through = {each.node for each in updates if each.kind == "progress" and each.value == each.max}
    assert through == {"6", "4", "5"}
    assert news[-1].ended or news[-2].ended
    assert not told(read_all(messages, "another")), "someone else's run is none of ours"


def test_recorded_error_and_interrupt_hurry_the_next_look() -> None:
    failed = recorded("10_ws_error.json")["messages"]
    error = next(each for each in failed if each.get("type") == "execution_error")
    assert Messages(error["data"]["prompt_id"]).read(json.dumps(error), running=True).ended
    stopped = recorded("12_ws_interrupt_and_queue.json")["messages"]
    interrupt = next(each for each in stopped if each.get("type") == "execution_interrupted")
    assert Messages(interrupt["data"]["prompt_id"]).read(json.dumps(interrupt), running=True).ended


def test_recorded_reconnect() -> None:
    second = recorded("18_ws_reconnect.json")["second_connection_first_500ms"]
    prompt_id = next(each["data"]["prompt_id"] for each in second if each.get("type") == "progress")
    assert told(read_all(second, prompt_id))[0] == FollowUpdate("node", node="6")
    waiting = told(read_all(second[:2], prompt_id, running=False))
    assert not waiting, "without a prompt's name it is ours only while ours is running"


def test_nodes_that_finished_while_nobody_listened_are_told_once() -> None:
    nodes = {"1": {"state": "finished", "value": 1, "max": 1}, "2": {"state": "running", "value": 0, "max": 1}}
    state = json.dumps({"type": "progress_state", "data": {"prompt_id": PROMPT_ID, "nodes": nodes}})
    reader = Messages(PROMPT_ID)
    first, second = reader.read(state, running=True), reader.read(state, running=True)
    assert first.updates == (FollowUpdate("progress", node="1", value=1.0, max=1.0), FollowUpdate("node", node="2"))
    assert second.updates == (FollowUpdate("node", node="2"),)


def test_recorded_previews_are_passed_over() -> None:
    reader = Messages(PROMPT_ID)
    for head in (b"\x00\x00\x00\x01\x00\x00\x00\x01\xff\xd8\xff", b"\x00\x00\x00\x04\x00\x00\x00\x02{}", b"", b"\x00"):
        assert reader.read(head, running=True) == News()


def test_a_message_too_long_to_read_is_a_reason_to_look() -> None:
    news = Messages(PROMPT_ID).read("x" * (LONGEST_READ + 1), running=True)
    assert news.ended and not news.updates


@CALM
@given(st.sampled_from(KINDS), JSON)
def test_no_data_is_too_strange(kind: str, data: Any) -> None:
    reader = Messages(PROMPT_ID)
    for document in (data, {"type": kind, "data": data}, {"type": data, "data": {"prompt_id": PROMPT_ID}}):
        assert isinstance(reader.read(json.dumps(document), running=True), News)


@CALM
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(["node", "nodes", "value", "max", "x"]), JSON))
def test_nothing_strange_about_our_prompt_gets_through(kind: str, data: dict[str, Any]) -> None:
    message = json.dumps({"type": kind, "data": data | {"prompt_id": PROMPT_ID}})
    for update in Messages(PROMPT_ID).read(message, running=True).updates:
        assert all(type(each) is str for each in (update.node, *update.nodes))
        assert 0 <= update.value < 1e12 and 0 <= update.max < 1e12


@CALM
@given(st.text(max_size=200))
def test_text_that_is_no_json(text: str) -> None:
    assert not Messages(PROMPT_ID).read(text, running=True).updates


@CALM
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 5), st.floats(0, 0.3))))
def test_thinning_keeps_order_and_the_last(news: list[tuple[str, int, float]]) -> None:
    now = 0.0
    heard: list[FollowUpdate] = []
    throttle = Throttle(heard.append, lambda: now, 0.1)
    sent = []
    for node, value, passed in news:
        now += passed
        sent.append(FollowUpdate("progress", node=node, value=value, max=6))
        throttle.update(sent[-1])
    throttle.flush()
    assert heard[-1:] == sent[-1:], "the latest always comes through"
    position = 0
    for each in heard:  # what comes through is a subsequence of what was sent
        position = next(index for index in range(position, len(sent)) if sent[index] is each) + 1


def test_thinning_keeps_the_last_of_each_node() -> None:
    heard: list[FollowUpdate] = []
    throttle = Throttle(heard.append, lambda: 0.0, 10.0)
    for node, value in (("a", 1), ("a", 2), ("a", 3), ("b", 1)):
        throttle.update(FollowUpdate("progress", node=node, value=value, max=6))
    throttle.flush()
    assert [(each.node, each.value) for each in heard] == [("a", 1), ("a", 3), ("b", 1)]


def test_thinning_says_once_that_a_node_has_begun() -> None:
    heard: list[FollowUpdate] = []
    throttle = Throttle(heard.append, lambda: 0.0, 10.0)
    for node in ("a", "a", "b", "b", "a"):
        throttle.update(FollowUpdate("node", node=node))
    assert [each.node for each in heard] == ["a", "b", "a"]
