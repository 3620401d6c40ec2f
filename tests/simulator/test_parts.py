"""Queue, order, cache and folders by themselves."""

from __future__ import annotations

import asyncio
import heapq
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.simulator.folders import Folders, Outside
from oavr_tui.simulator.node_info import NodeInfo
from oavr_tui.simulator.order import Cache, Order, Signatures, links_of
from oavr_tui.simulator.state import Ended, Prompt, PromptQueue
from oavr_tui.simulator.validation import validate
from tests.contract.wire import png
from tests.simulator.conftest import Live, still_graph, talking_graph


def prompt(number: float, name: str) -> Prompt:
    return Prompt(number, name, {}, {}, [])


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.booleans()),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("finish"), st.booleans()),
        st.tuples(st.just("delete"), st.integers(0, 20)),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(st.just("forget"), st.none()),
    ),
    max_size=40,
)


@given(_STEPS)
def test_the_queue_against_a_plain_model(steps: list[tuple[str, Any]]) -> None:
    """Whatever happens in whatever order: nothing is lost, nothing runs twice, the order is by number."""

    async def play() -> None:
        told: list[int] = []
        queue = PromptQueue(lambda: told.append(queue.remaining))
        waiting: list[tuple[float, str]] = []
        running: str | None = None
        ended: list[str] = []
        for what, detail in steps:
            if what == "put":
                number = queue.take_number(front=detail)
                await queue.put(prompt(number, f"p{abs(number)}"))
                heapq.heappush(waiting, (number, f"p{abs(number)}"))
            elif what == "take" and waiting and running is None:
                running = heapq.heappop(waiting)[1]
                assert (await queue.take()).prompt_id == running
            elif what == "finish" and queue.running is not None:
                queue.finish(queue.running, Ended(detail, {}, {}, []))
                assert running is not None
                ended.append(running)
                running = None
            elif what == "delete":
                known = [entry for entry in waiting if entry[1] == f"p{detail}"]
                assert queue.delete(f"p{detail}") == bool(known)
                waiting = [entry for entry in waiting if entry not in known]
                heapq.heapify(waiting)
            elif what == "clear":
                queue.clear()
                waiting = []
            elif what == "forget":
                queue.forget()
                waiting, running, ended = [], None, []
            assert sorted(p.prompt_id for p in queue.pending) == sorted(name for _, name in waiting)
            assert queue.remaining == len(waiting) + (running is not None)
            assert list(queue.history) == list(dict.fromkeys(ended))
            assert not told or told[-1] == queue.remaining or what == "take"

    asyncio.run(play())


async def test_a_forgotten_prompt_leaves_no_history() -> None:
    queue = PromptQueue(lambda: None)
    await queue.put(prompt(0, "a"))
    taken = await queue.take()
    queue.forget()
    queue.finish(taken, Ended(True, {}, {}, []))
    assert queue.history == {}
    assert queue.remaining == 0


@given(st.integers(0, 8), st.one_of(st.none(), st.integers(-1, 9)), st.integers(-3, 9))
def test_recent_history(count: int, limit: int | None, offset: int) -> None:
    queue = PromptQueue(lambda: None)
    queue.history = {str(n): {} for n in range(count)}
    found = [int(name) for name in queue.recent(limit, offset)]
    expected = list(range(count))
    if offset >= 0:
        expected = expected[offset:]
    if limit is not None:
        expected = expected[: max(0, limit)] if offset >= 0 else expected[max(0, count - max(0, limit)) :]
    assert found == expected


@given(st.lists(st.lists(st.integers(0, 11), max_size=3), min_size=1, max_size=12), st.sets(st.integers(0, 11)))
def test_a_node_runs_once_and_after_all_that_feeds_it(links: list[list[int]], outputs: set[int]) -> None:
    graph = {
        str(n): {"class_type": "X", "inputs": {f"i{k}": [str(s), 0] for k, s in enumerate(feeds) if s < n}}
        for n, feeds in enumerate(links)
    }
    wanted = [str(n) for n in sorted(outputs) if n < len(links)]
    order = Order(graph, wanted, lambda n: False, lambda n: n in wanted)
    ran: list[str] = []
    while order:
        node = order.take()
        assert all(fed in ran for fed in links_of(graph[node]))
        ran.append(node)
        order.done(node)
    assert len(ran) == len(set(ran))
    assert set(wanted) <= set(ran)


def test_the_old_cache_keeps_the_last_prompt_and_the_new_one_all_but_outputs() -> None:
    for generation, kept in (("old", None), ("new", "middle")):
        cache = Cache(generation)  # type: ignore[arg-type]
        cache.begin({"a", "b"})
        cache.put("a", "middle", shown=False)
        cache.put("b", "shown", shown=True)
        cache.begin({"a", "b"})
        assert (cache.get("a"), cache.get("b")) == ("middle", "shown")
        cache.begin({"c"})
        assert (cache.get("a"), cache.get("b")) == (kept, None)
        cache.clear()
        assert cache.get("a") is None


def test_a_signature_follows_the_content_of_a_file(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.create()
    graph = still_graph()
    file = tmp_path / "input" / "face.png"

    def signed() -> tuple[str, str]:
        signatures = Signatures(graph, folders)
        return signatures.of("1"), signatures.of("5")

    absent = signed()
    file.write_bytes(png(1))
    first = signed()
    file.write_bytes(png(2))
    second = signed()
    file.write_bytes(png(1))
    assert signed() == first
    assert len({absent, first, second}) == 3
    assert len({absent[1], first[1], second[1]}) == 3


@given(st.text(st.sampled_from("ab./\\ ~\x00"), max_size=12))
def test_no_name_leaves_its_folder(name: str) -> None:
    folders = Folders(Path("/somewhere/sim"))
    try:
        path = folders.inside("input", name)
    except (Outside, ValueError):
        return
    base = Path("/somewhere/sim/input")
    assert path == base or base in path.parents
    assert ".." not in path.parts


def test_saving_counts_on_and_stays_inside(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.create()
    assert folders.saving("sub/x", "output").number == 1
    (tmp_path / "output" / "sub" / "x_00007-audio.mp4").touch()
    (tmp_path / "output" / "sub" / "xy_00009.mp4").touch()
    place = folders.saving("sub/x", "output")
    assert (place.number, place.subfolder, place.base) == (8, "sub", "x")
    with pytest.raises(Outside):
        folders.saving("../../x", "output")


def test_a_temp_folder_of_somebody_else_is_not_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "temp" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    with pytest.raises(BadInput, match="Choose another folder"):
        Folders(tmp_path).create()
    assert precious.read_text() == "years of work"
    own = Folders(tmp_path / "own")
    own.create()
    (own.root / "temp" / "old.mp4").touch()
    own.create()
    assert not list((own.root / "temp").iterdir())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(talking_graph())), st.sampled_from(["inputs", "class_type", "value", "link"]), JSON)
def test_no_graph_however_strange_breaks_validation(node: str, part: str, junk: Any) -> None:
    """Every answer is a verdict; anything else is one of the exceptions that become a 500."""
    graph = talking_graph()
    if part == "value":
        graph[node]["inputs"] = dict.fromkeys(graph[node]["inputs"], junk)
    elif part == "link":
        graph[node]["inputs"] = {key: [junk, 0] for key in graph[node]["inputs"]}
    else:
        graph[node][part] = junk
    folders = Folders(Path(__file__).parent)
    try:
        verdict = validate(graph, _INFO, folders, "new")
    except (AttributeError, TypeError):
        assert part == "class_type"
        return
    assert (verdict.error is None) == bool(verdict.outputs)


class _Listed(Folders):
    """Folders whose listing is fixed, so that validation needs no disk."""

    def listed(self, kind: str, suffixes: frozenset[str]) -> list[str]:
        return ["face.png"]


_INFO = NodeInfo(_Listed(Path("/nowhere")), "new")


async def test_a_link_into_an_input_that_does_not_exist_is_ignored(live: Live) -> None:
    graph = still_graph()
    graph["3"]["inputs"]["bogus"] = ["99", 0]
    graph["1"]["inputs"]["loop"] = ["5", 0]
    assert (await live.ended(await live.post(graph)))["status"]["completed"]


async def test_a_cycle_is_refused(live: Live) -> None:
    graph = still_graph()
    graph["3"]["inputs"]["image"] = ["6", 0]
    graph["6"]["inputs"]["value"] = ["3", 0]
    response = await live.http.post("/prompt", json={"prompt": graph})
    assert response.status_code == 400
    assert "cycle" in response.text


async def test_the_same_id_twice_is_run_twice(live: Live) -> None:
    name = "11111111-2222-3333-4444-555555555555"
    for _ in range(2):
        assert await live.post(still_graph(seconds=0.05), prompt_id=name) == name
    await live.until(lambda: live.simulator.executed == [name, name])
    assert live.simulator.submissions == [name, name]


async def test_a_prefix_that_leaves_the_folder_is_an_execution_error(live: Live) -> None:
    entry = await live.ended(await live.post(still_graph(prefix="../../escape")))
    assert entry["status"]["messages"][-1][0] == "execution_error"
    assert not list(live.folder.parent.glob("escape*"))
