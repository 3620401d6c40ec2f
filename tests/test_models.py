"""The table of states, and the shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import ERROR_BY_CODE, BadInput, FailureCode, Rejected, error_for
from oavr_tui.models import (
    ENDED,
    FOLLOWS,
    POD_FOLLOWS,
    SIZES,
    IllegalStep,
    Job,
    JobState,
    Pod,
    PodKind,
    PodState,
    Request,
    Shape,
    shape_of,
)


def job(state: JobState = JobState.QUEUED) -> Job:
    return Job("id", "title", Request("a.png", "b.wav"), state, created_at=1.0, updated_at=1.0, seed=7)


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_its_row_and_can_reach_an_end(state: JobState) -> None:
    reached, frontier = {state}, {state}
    while frontier:
        frontier = {after for each in frontier for after in FOLLOWS[each]} - reached
        reached |= frontier
    assert reached & ENDED


@given(st.sampled_from(JobState), st.sampled_from(JobState))
def test_only_steps_in_the_table_are_taken(before: JobState, after: JobState) -> None:
    if after in FOLLOWS[before]:
        moved = job(before).moved_to(after, at=2.0)
        assert moved.state is after
        assert moved.updated_at == 2.0
    else:
        with pytest.raises(IllegalStep):
            job(before).moved_to(after, at=2.0)


def test_done_is_the_end() -> None:
    assert FOLLOWS[JobState.DONE] == frozenset()


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [
        (1200, 1000, Shape.SQUARE),
        (1201, 1000, Shape.LANDSCAPE),
        (1000, 1201, Shape.PORTRAIT),
        (1024, 1365, Shape.PORTRAIT),
        (4000, 3000, Shape.LANDSCAPE),
    ],
)
def test_shape_follows_the_picture(width: int, height: int, shape: Shape) -> None:
    assert shape_of(width, height) is shape


def test_sizes_are_multiples_of_16() -> None:
    assert all(side % 16 == 0 for pair in SIZES.values() for side in pair)


def test_errors_come_back_from_their_codes() -> None:
    for code, kind in ERROR_BY_CODE.items():
        error = error_for(code, "A sentence.")
        assert type(error) is kind
        assert error.code == code
    assert type(error_for("never heard of", "A sentence.")) is Rejected
    assert error_for(FailureCode.BAD_INPUT, "x", can_retry=True).can_retry
    assert not BadInput("x").can_retry


def reached_from(state: PodState) -> set[PodState]:
    reached, frontier = {state}, {state}
    while frontier:
        frontier = {after for each in frontier for after in POD_FOLLOWS[each]} - reached
        reached |= frontier
    return reached


def test_every_state_of_a_pod_can_be_reached_and_leads_to_its_end() -> None:
    assert reached_from(PodState.ASKED) == set(PodState) == set(POD_FOLLOWS)
    assert all(PodState.GONE in reached_from(state) for state in PodState)


def test_a_pod_that_is_gone_stays_gone_and_one_that_is_terminated_becomes_nothing_else() -> None:
    assert POD_FOLLOWS[PodState.GONE] == frozenset()
    assert POD_FOLLOWS[PodState.TERMINATING] == {PodState.GONE}


@pytest.mark.parametrize("state", [one for one in PodState if one not in (PodState.GONE, PodState.TERMINATING)])
def test_a_pod_may_be_ended_or_found_ended_at_any_time(state: PodState) -> None:
    assert {PodState.STOPPING, PodState.STOPPED, PodState.TERMINATING, PodState.GONE} <= POD_FOLLOWS[state]


@given(st.sampled_from(PodState), st.sampled_from(PodState))
def test_a_pod_takes_only_steps_in_the_table_and_its_clocks_start_anew(before: PodState, after: PodState) -> None:
    pod = Pod("id", "studio-1", PodKind.RUNPOD, before, created_at=1.0, updated_at=1.0)
    if after in POD_FOLLOWS[before]:
        moved = pod.moved_to(after, at=2.0)
        assert (moved.state, moved.updated_at, moved.state_since, moved.progress_at) == (after, 2.0, 2.0, 2.0)
    else:
        with pytest.raises(IllegalStep):
            pod.moved_to(after, at=2.0)


@pytest.mark.parametrize("state", PodState)
def test_a_pod_costs_its_price_until_the_provider_says_the_contrary(state: PodState) -> None:
    rented = Pod("id", "studio-1", PodKind.RUNPOD, state, created_at=1.0, updated_at=1.0)
    own = Pod("id", "mine", PodKind.ADDRESS, state, created_at=1.0, updated_at=1.0)
    assert rented.billed is (state not in (PodState.STOPPED, PodState.GONE))
    assert not own.billed
