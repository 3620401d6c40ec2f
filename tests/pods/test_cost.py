"""What time costs: to the second, never negative, and the same however it is cut up; and what is told beforehand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.models import Measure, Spell, SpellKind
from oavr_tui.pods.cost import (
    Estimate,
    Start,
    day_began,
    dollars,
    estimate,
    job_cost,
    money,
    rate,
    running,
    runway,
    storage_per_hour,
    total,
)

HOUR = 3600.0
TIMES = st.floats(0, 4e9)
GPU = "NVIDIA GeForce RTX 4090"


def spell(began: float, ended: float | None, per_hour: float = 0.36) -> Spell:
    return Spell("s", "p", "studio-1", "RTX 4090", SpellKind.RUNNING, per_hour, began, ended)


SPELLS = st.lists(st.builds(spell, TIMES, st.one_of(st.none(), TIMES), st.floats(0, 50)), max_size=12)


def measure(what: str, seconds: float, *, gpu: str = GPU, at: float = 0.0) -> Measure:
    return Measure("m", what, gpu, seconds, at)


# --- spells


def test_a_spell_costs_its_seconds() -> None:
    assert dollars(spell(0, HOUR), 2 * HOUR) == pytest.approx(0.36)
    assert dollars(spell(0, None), 100) == pytest.approx(0.01)
    assert dollars(spell(100, None), 100) == 0.0


def test_only_what_comes_after_since_counts() -> None:
    spells = [spell(0, HOUR), spell(2 * HOUR, None)]
    assert total(spells, 3 * HOUR) == pytest.approx(0.72)
    assert total(spells, 3 * HOUR, HOUR / 2) == pytest.approx(0.54)
    assert total(spells, 3 * HOUR, 2.5 * HOUR) == pytest.approx(0.18)


def test_a_clock_that_was_set_back_costs_nothing_and_a_later_end_not_yet() -> None:
    assert dollars(spell(500, None), 100) == 0.0
    assert dollars(spell(500, 400), 1000) == 0.0
    assert dollars(spell(0, 2 * HOUR), HOUR) == pytest.approx(0.36)
    assert dollars(spell(0, None, -1.0), HOUR) == 0.0


@given(SPELLS, SPELLS, TIMES, TIMES)
def test_totals_add_up(some: list[Spell], others: list[Spell], now: float, since: float) -> None:
    both = total(some + others, now, since)
    assert isclose(both, total(some, now, since) + total(others, now, since), rel_tol=1e-9, abs_tol=1e-9)
    assert isclose(total(some, now), sum(dollars(each, now) for each in some), rel_tol=1e-9, abs_tol=1e-9)


@given(SPELLS, TIMES, TIMES, TIMES)
def test_a_total_grows_with_time_and_is_never_negative(
    spells: list[Spell], one: float, two: float, three: float
) -> None:
    since, then, now = sorted((one, two, three))
    assert 0 <= total(spells, then, since) <= total(spells, now, since)
    assert total(spells, now, then) <= total(spells, now, since)
    parts = total(spells, then, since) + total(spells, now, then)
    # What is open at `then` ends there for the first part; both parts together are the whole.
    assert isclose(parts, total(spells, now, since), rel_tol=1e-9, abs_tol=1e-6)


@given(TIMES)
def test_a_day_begins_at_midnight_utc(now: float) -> None:
    began = datetime.fromtimestamp(day_began(now), UTC)
    assert (began.hour, began.minute, began.second, began.microsecond) == (0, 0, 0, 0)
    assert began.date() == datetime.fromtimestamp(now // 1, UTC).date()


# --- prices


def test_storage_runway_and_a_job() -> None:
    assert storage_per_hour(50) * 730 == pytest.approx(10.0)
    assert storage_per_hour(-1) == 0.0
    assert runway(1.0, 2.0) == 1800.0
    assert runway(-3.0, 2.0) == 0.0
    assert runway(None, 2.0) is None
    assert runway(1.0, None) is None
    assert runway(1.0, 0.0) is None
    assert job_cost(0.36, 100) == pytest.approx(0.01)
    assert job_cost(0.36, -5) == 0.0


def test_money_is_told_with_the_decimals_it_needs() -> None:
    assert [money(amount) for amount in (0, 0.004, 0.005, 0.1, 12.4)] == [
        "$0.00",
        "under $0.01",
        "$0.01",
        "$0.10",
        "$12.40",
    ]
    assert [rate(price) for price in (0.34, 0.345, 1, 0.0137, 0.4)] == [
        "$0.34/h",
        "$0.345/h",
        "$1.00/h",
        "$0.0137/h",
        "$0.40/h",
    ]


# --- estimates


def made(measures: list[Measure], start: Start = "start", windows: int = 4, factor: float = 1.0) -> Estimate:
    return estimate(measures, gpu=GPU, per_hour=0.6, windows=windows, steps_factor=factor, start=start)


def test_what_was_learned_is_told_in_minutes_and_money() -> None:
    told = made([measure("start", 480), measure("window", 60)])
    assert (told.start_seconds, told.make_seconds, told.learned) == (480, 240, True)
    assert told.dollars == pytest.approx(0.12)
    assert told.sentence() == "about 12 min this time (starting 8, making 4), about $0.12"


def test_without_a_start_only_the_making_counts() -> None:
    told = made([measure("window", 30)], start="none", windows=3, factor=2)
    assert (told.start_seconds, told.make_seconds, told.learned) == (0.0, 180.0, True)
    assert told.sentence() == "about 3 min, about $0.03"


def test_before_anything_was_learned_the_words_say_so() -> None:
    told = made([])
    assert not told.learned
    assert told.sentence().startswith("usually 8-20 minutes the first time")
    assert "roughly" in made([], start="none").sentence()
    assert made([], start="wake").start_seconds < told.start_seconds
    assert made([], start="wake").sentence().startswith("roughly")


def test_all_parts_must_be_measured_before_it_counts_as_learned() -> None:
    told = made([measure("window", 60)])
    assert (told.learned, told.start_learned) == (False, False)
    assert made([measure("window", 60)], "none").learned
    assert not made([measure("start", 60)]).learned


def test_a_start_that_was_measured_is_not_told_as_the_first() -> None:
    told = made([measure("start", 2000)])
    assert not told.learned
    assert told.sentence() == "roughly 37 min this time (starting 33, making 4), roughly $0.37"


def test_waking_and_starting_are_learned_apart() -> None:
    measures = [measure("start", 600), measure("wake", 90), measure("window", 60)]
    assert made(measures, "wake").start_seconds == 90
    assert made(measures, "start").start_seconds == 600


def test_the_same_gpu_counts_before_any_other() -> None:
    slow = [measure("window", 500, gpu="NVIDIA A40", at=at) for at in range(20)]
    assert made(slow, "none", 1).make_seconds == 500
    assert made([*slow, measure("window", 40)], "none", 1).make_seconds == 40


def test_the_median_of_the_last_ten_counts() -> None:
    measures = [measure("window", 1000, at=at) for at in range(50)] + [
        measure("window", 50, at=100 + n) for n in range(9)
    ]
    measures.append(measure("window", 9999, at=200))
    assert made(measures[::-1], "none", 1).make_seconds == 50


def test_measures_that_cannot_be_true_are_left_out() -> None:
    wrong = [measure("window", seconds) for seconds in (0.0, -5.0, float("nan"), float("inf"))]
    assert made([*wrong, measure("window", 70)], "none", 1).make_seconds == 70
    assert not made(wrong, "none", 1).learned


def test_a_few_seconds_are_told_as_a_minute() -> None:
    told = made([measure("start", 5), measure("window", 1)]).sentence()
    assert told == "about 2 min this time (starting 1, making 1), under $0.01"


def test_hours_are_told_as_hours_and_the_parts_add_up() -> None:
    assert made([measure("window", 90)], "none", 139).sentence().startswith("about 3 h 28 min,")
    told = made([measure("start", 90), measure("window", 90)], windows=1).sentence()
    assert told.startswith("about 4 min this time (starting 2, making 2)")
    told = made([measure("start", 600), measure("window", 90)], windows=139).sentence()
    assert told.startswith("about 3 h 38 min this time (starting 10 min, making 3 h 28 min)")


@given(
    st.lists(st.builds(measure, st.sampled_from(["start", "wake", "window"]), st.floats(allow_nan=True))),
    st.sampled_from(["none", "wake", "start"]),
    st.integers(0, 200),
    st.floats(0.1, 4),
)
def test_an_estimate_is_a_finite_figure(measures: list[Measure], start: Start, windows: int, factor: float) -> None:
    told = made([each for each in measures if not each.seconds > 1e9], start, windows, factor)
    assert 0 <= told.start_seconds < 1e10
    assert 0 < told.make_seconds < 1e12
    assert isclose(told.dollars, (told.start_seconds + told.make_seconds) * 0.6 / 3600)
    assert "$" in told.sentence()


def test_how_long_machines_ran_leaves_out_what_was_stopped_and_what_was_before() -> None:
    ran, stopped = spell(0, 2 * HOUR), replace(spell(2 * HOUR, None), kind=SpellKind.STORAGE)
    assert running([ran, stopped], 5 * HOUR) == 2 * HOUR
    assert running([ran, stopped], 5 * HOUR, 1.5 * HOUR) == HOUR / 2
    assert running([spell(0, None), spell(HOUR, None)], 3 * HOUR) == 5 * HOUR
