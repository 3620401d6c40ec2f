"""The bar: never backwards, never a flood, and a time left that comes from the job's own speed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.engine.estimate import Meter, Place
from oavr_tui.models import JobState, Progress

STAGES = [JobState.CHECKING, JobState.STARTING, JobState.SENDING, JobState.GENERATING, JobState.FETCHING]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def meter(on: Place = Place.HERE) -> tuple[Meter, Clock, list[Progress]]:
    clock, told = Clock(), list[Progress]()
    return Meter("job", on, told.append, clock), clock, told


@given(
    st.sampled_from(list(Place)),
    st.lists(st.tuples(st.sampled_from(STAGES), st.floats(-1, 2), st.floats(0, 3)), max_size=60),
)
def test_percent_never_falls_and_stays_in_bounds(on: Place, steps: list[tuple[JobState, float, float]]) -> None:
    measure, clock, told = meter(on)
    for stage, fraction, pause in steps:
        clock.now += pause
        measure.at(stage, fraction)
    percents = [progress.percent for progress in told]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    assert all(progress.eta_seconds is None or progress.eta_seconds >= 0 for progress in told)


def test_at_most_some_ten_a_second() -> None:
    measure, clock, told = meter()
    for step in range(1000):
        clock.now += 0.001
        measure.at(JobState.GENERATING, step / 2000)
    assert len(told) <= 12


def test_a_new_stage_and_an_end_are_told_at_once() -> None:
    measure, _clock, told = meter()
    measure.at(JobState.CHECKING)
    measure.at(JobState.GENERATING)
    measure.at(JobState.GENERATING, 1.0)
    assert [progress.stage for progress in told] == ["checking", "generating", "generating"]


def test_time_left_follows_the_speed() -> None:
    measure, clock, told = meter()
    measure.at(JobState.GENERATING, 0.0)
    assert told[-1].eta_seconds is None
    clock.now += 5
    measure.at(JobState.GENERATING, 0.25)
    assert told[-1].eta_seconds == 15.0


def test_time_left_is_taken_from_the_work_where_it_knows() -> None:
    measure, _clock, told = meter(Place.ADDRESS)
    measure.at(JobState.GENERATING, 0.5, eta=42.0)
    assert told[-1].eta_seconds == 42.0
