"""The table of states, and the shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import ERROR_BY_CODE, BadInput, FailureCode, Rejected, error_for
from oavr_tui.models import ENDED, FOLLOWS, SIZES, IllegalStep, Job, JobState, Request, Shape, shape_of


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
