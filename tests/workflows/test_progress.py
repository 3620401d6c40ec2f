"""Progress: real windows and steps, never backwards, and a time left that is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.models import Quality
from oavr_tui.workflows.graph import load_graph
from oavr_tui.workflows.patcher import Fill, Patched, patch
from oavr_tui.workflows.progress import GraphProgress
from tests.workflows.test_graph import FOREIGN

FILL = Fill("i.png", "a.wav", "p", 480, 832, 250, 5, 1.0, Quality.STANDARD, 0, "x/y")
LOADERS = ["313", "281", "125", "120", "134", "138", "122", "129", "238", "237", "241", "300", "194", "192"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ours(frames: int = 250) -> Patched:
    return patch(load_graph(None), replace(FILL, frames=frames), {})


def test_a_whole_run() -> None:
    clock = Clock()
    progress = GraphProgress(ours(), clock=clock)
    assert progress.detail == "waiting for the server"
    for node in LOADERS:
        percent, detail = progress.update("node", node=node)
        assert detail and not detail.startswith("window")
    assert 5 < percent < 30, "loading is a part of the bar"
    assert progress.update("node", node="128")[1] == "part 1 of 4 · step 1 of 6"
    assert progress.eta_seconds is None
    details = []
    for value in range(1, 25):
        clock.now += 10.0
        percent, detail = progress.update("progress", node="128", value=value, maximum=24)
        details.append(detail)
    assert details[0] == "part 1 of 4 · step 2 of 6"
    assert details[6] == "part 2 of 4 · step 2 of 6"
    assert details[-1] == "part 4 of 4 · step 6 of 6"
    assert percent > 85
    progress.update("node", node="309")
    assert seconds_left(progress) < 10
    assert progress.update("node", node="317")[1] == "joining the frames"
    halfway, _ = progress.update("progress", node="317", value=150, maximum=297)
    joined, _ = progress.update("progress", node="317", value=297, maximum=297)
    assert percent < halfway < joined < 100
    assert progress.finished() == (100.0, "finished")
    assert progress.eta_seconds == 0.0


def test_a_maximum_of_one_window_too_many() -> None:
    """150 frames are two windows, and the server says three: the count goes by ours and ends cleanly."""
    patched = ours(150)
    assert (patched.windows, patched.steps) == (2, 6)
    progress = GraphProgress(patched, clock=Clock())
    for value in range(1, 13):
        percent, detail = progress.update("progress", node="128", value=value, maximum=18)
    assert detail == "part 2 of 2 · step 6 of 6"
    assert percent > 80, "all the steps that there are have been made"


def test_time_left_is_measured_and_counts_down() -> None:
    clock = Clock()
    progress = GraphProgress(ours(), clock=clock)
    progress.update("node", node="128")
    clock.now = 30.0  # the first step also warms up, and is not counted
    progress.update("progress", node="128", value=1, maximum=24)
    assert progress.eta_seconds is None
    for value in range(2, 13):
        clock.now += 5.0
        progress.update("progress", node="128", value=value, maximum=24)
    assert seconds_left(progress) == pytest.approx(67, abs=8), "twelve steps of five seconds, and joining"
    before = seconds_left(progress)
    clock.now += 4.0
    assert seconds_left(progress) == pytest.approx(before - 4.0)
    clock.now += 1000.0
    assert seconds_left(progress) == 0.0


def seconds_left(progress: GraphProgress) -> float:
    found = progress.eta_seconds
    assert found is not None
    return found


def test_cached_nodes_count_as_done() -> None:
    fresh, cached = GraphProgress(ours(), clock=Clock()), GraphProgress(ours(), clock=Clock())
    assert cached.update("cached", nodes=LOADERS)[0] > fresh.update("cached", nodes=["313"])[0]


def test_joining_again_in_the_middle() -> None:
    """After a reconnect the first news is a list of finished nodes, and a step far in."""
    progress = GraphProgress(ours(), clock=Clock())
    for node in LOADERS:
        progress.update("progress", node=node, value=1.0, maximum=1.0)
    percent, detail = progress.update("progress", node="128", value=13, maximum=24)
    assert detail == "part 3 of 4 · step 2 of 6"
    assert 50 < percent < 75


def test_a_sampler_that_is_through_by_its_state() -> None:
    progress = GraphProgress(ours(), clock=Clock())
    percent, _ = progress.update("progress", node="128", value=1.0, maximum=1.0)
    assert percent > 70


def test_late_news_takes_nothing_back() -> None:
    progress = GraphProgress(ours(), clock=Clock())
    through, _ = progress.update("node", node="309")
    late, _ = progress.update("progress", node="128", value=3, maximum=24)
    assert late == through > 80


def test_unknown_graphs_and_nodes() -> None:
    progress = GraphProgress(patch(FOREIGN, FILL, {}), clock=Clock())
    assert progress.update("node", node="zzz")[0] == 0.0
    assert progress.update("progress", node="zzz", value=3, maximum=4)[0] == 0.0
    begun, detail = progress.update("node", node="c")
    half, _ = progress.update("progress", node="c", value=5, maximum=10)
    assert half > begun and detail == "preparing"
    assert progress.update("node", node="d")[1] == "joining the frames"
    assert progress.eta_seconds is None


NEWS: Any = st.tuples(
    st.sampled_from(["node", "progress", "cached", "queued", "connection"]),
    st.sampled_from([*LOADERS, "128", "309", "317", "zzz", ""]),
    st.floats(allow_nan=True) | st.integers(-5, 100),
    st.floats(allow_nan=True) | st.integers(-5, 100),
    st.floats(0, 1000),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(NEWS, max_size=60), st.integers(1, 10_000))
def test_never_backwards_whatever_is_said(news: list[tuple[str, str, float, float, float]], frames: int) -> None:
    clock = Clock()
    progress = GraphProgress(ours(frames), clock=clock)
    before = 0.0
    for kind, node, value, maximum, passed in news:
        clock.now += passed
        percent, detail = progress.update(kind, node=node, value=value, maximum=maximum, nodes=[node])
        assert before <= percent < 100 and detail
        eta = progress.eta_seconds
        assert eta is None or eta >= 0
        before = percent
    assert progress.finished()[0] == 100.0
    assert progress.update("node", node="313")[0] == 100.0
