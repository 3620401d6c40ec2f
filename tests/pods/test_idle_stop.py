"""When a pod is stopped or deleted by itself: never what is at work, never an unfetched video, never an own address."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.pods.idle_stop import Action, Facts, decide
from oavr_tui.pods.plan import Plan
from tests.pods.nouns import FACTS, NOW, PLANS, PODS, facts, plan, pod

MINUTE, HOUR = 60.0, 3600.0
STARTS = (PodState.BOOTING, PodState.FETCHING, PodState.WARMING)


# --- the clock


def test_an_idle_pod_is_stopped_when_its_time_has_come() -> None:
    ready = pod(since=NOW - 15 * MINUTE)
    before = decide(ready, plan(), facts(now=NOW - 1))
    assert before.action is Action.NOTHING
    assert before.due_at == NOW
    assert decide(ready, plan(), facts()).action is Action.STOP


def test_the_last_use_counts_also_when_it_is_older_than_the_state() -> None:
    used = pod(since=NOW - 14 * MINUTE, last_used=NOW - 60 * MINUTE)
    assert decide(used, plan(), facts()).due_at == NOW + MINUTE
    used = pod(since=NOW - 60 * MINUTE, last_used=NOW - 5 * MINUTE)
    assert decide(used, plan(), facts()).due_at == NOW + 10 * MINUTE


def test_a_fraction_of_a_minute_is_a_period_too() -> None:
    assert decide(pod(since=NOW - 3.1), plan(idle_minutes=0.05), facts()).action is Action.STOP
    assert decide(pod(since=NOW - 2.9), plan(idle_minutes=0.05), facts()).action is Action.NOTHING


@pytest.mark.parametrize("reason", ["busy", "waiting"])
def test_what_is_needed_stays(reason: str) -> None:
    decision = decide(pod(since=NOW - 99 * HOUR), plan(), facts(**{reason: True}))
    assert decision.action is Action.NOTHING
    assert decision.due_at is None


def test_an_unfetched_video_is_waited_for_once_and_then_the_pod_is_stopped_with_it() -> None:
    idle = pod(since=NOW - 16 * MINUTE)
    waiting = decide(idle, plan(), facts(unsaved=True))
    assert waiting.action is Action.NOTHING
    assert waiting.due_at == NOW + 14 * MINUTE
    assert "not fetched" in waiting.sentence
    stopped = decide(idle, plan(), facts(unsaved=True, now=NOW + 14 * MINUTE))
    assert stopped.action is Action.STOP
    assert "not fetched" in stopped.sentence


@pytest.mark.parametrize("ahead", [16 * MINUTE, 400 * 24 * HOUR])
def test_times_from_before_the_clock_was_set_back_do_not_keep_a_pod_for_days(ahead: float) -> None:
    assert decide(pod(since=NOW + ahead), plan(), facts()).action is Action.STOP


def test_a_time_a_moment_ahead_is_no_clock_that_was_set_back() -> None:
    assert decide(pod(since=NOW + 2), plan(), facts()).action is Action.NOTHING


# --- stopped pods


def test_a_stopped_pod_is_deleted_after_its_hours() -> None:
    stopped = pod(PodState.STOPPED, since=NOW - 24 * HOUR)
    before = decide(stopped, plan(), facts(now=NOW - 1))
    assert before.action is Action.NOTHING
    assert before.due_at == NOW
    assert decide(stopped, plan(), facts()).action is Action.TERMINATE


@pytest.mark.parametrize(
    ("allowed", "case", "found"),
    [
        (plan(terminate_after_hours=0.0), facts(), False),
        (plan(), facts(unsaved=True), False),
        (plan(), facts(waiting=True), False),
        (plan(), facts(busy=True), False),
        (plan(), facts(), True),
    ],
    ids=["never", "unsaved", "waited for", "used", "not started here"],
)
def test_a_stopped_pod_is_kept(allowed: Plan, case: Facts, found: bool) -> None:
    stopped = pod(PodState.STOPPED, since=NOW - 999 * HOUR, found=found, storage_per_hour=0.0137)
    decision = decide(stopped, allowed, case)
    assert decision.action is Action.NOTHING
    assert decision.due_at is None
    assert "$0.0137/h" in decision.sentence


# --- money


@pytest.mark.parametrize("state", [*STARTS, PodState.READY])
def test_at_the_cap_of_the_day_what_is_idle_stops(state: PodState) -> None:
    reached = facts(spent_today=5.0, waiting=True)
    decision = decide(pod(state), plan(), reached)
    assert decision.action is Action.STOP
    assert "$5.00" in decision.sentence
    assert decide(pod(state), plan(), replace(reached, spent_today=4.99)).action is Action.NOTHING


def test_at_the_cap_of_the_day_a_video_in_the_making_is_finished() -> None:
    decision = decide(pod(), plan(), facts(spent_today=7.0, busy=True))
    assert decision.action is Action.NOTHING
    assert "finishes" in decision.sentence
    assert "pods.day_cap" in decision.sentence


@pytest.mark.parametrize(
    ("seconds", "busy", "action"),
    [
        (901, False, Action.NOTHING),
        (899, False, Action.FETCH_FIRST),
        (899, True, Action.FETCH_FIRST),
        (301, False, Action.FETCH_FIRST),
        (299, False, Action.STOP),
        (299, True, Action.FETCH_FIRST),
        (0, True, Action.FETCH_FIRST),
        (0, False, Action.STOP),
    ],
)
def test_a_balance_that_runs_out(seconds: float, busy: bool, action: Action) -> None:
    for waiting in (False, True):
        decision = decide(pod(), plan(), facts(balance_seconds=seconds, busy=busy, waiting=waiting))
        assert decision.action is action
        assert ("credit" in decision.sentence) is (action is not Action.NOTHING)


def test_a_low_balance_does_not_keep_an_idle_pod_longer() -> None:
    idle = pod(since=NOW - 15 * MINUTE)
    assert decide(idle, plan(), facts(balance_seconds=800)).action is Action.STOP


# --- what is left alone


@pytest.mark.parametrize("state", [PodState.ASKED, PodState.STOPPING, PodState.TERMINATING, PodState.GONE])
def test_states_that_are_on_their_way_are_left_alone(state: PodState) -> None:
    worst = facts(balance_seconds=0.0, spent_today=999.0)
    assert decide(pod(state, since=NOW - 999 * HOUR), plan(), worst).action is Action.NOTHING


@pytest.mark.parametrize("state", STARTS)
def test_the_idle_clock_does_not_run_while_a_pod_starts(state: PodState) -> None:
    decision = decide(pod(state, since=NOW - 99 * HOUR), plan(), facts())
    assert (decision.action, decision.due_at) == (Action.NOTHING, None)


def test_a_foreign_name_is_made_safe() -> None:
    named = replace(pod(), name="a\x1b[2J\nb" + "x" * 500)
    assert "\x1b" not in decide(named, plan(), facts()).sentence
    assert len(decide(named, plan(), facts()).sentence) < 200


# --- what holds whatever is the case


@given(PODS, PLANS, FACTS)
def test_the_promises(at: Pod, allowed: Plan, case: Facts) -> None:
    decision = decide(at, allowed, case)
    if at.kind is PodKind.ADDRESS:
        assert decision.action is Action.NOTHING
    if case.unsaved or at.state is not PodState.STOPPED:
        assert decision.action is not Action.TERMINATE
    if case.busy:
        assert decision.action is not Action.STOP
    if decision.action in (Action.STOP, Action.TERMINATE):
        assert decision.due_at is not None
        assert decision.due_at <= case.now
    elif decision.due_at is not None:
        assert decision.due_at > case.now
    assert decision.sentence.endswith(".")
    assert "\n" not in decision.sentence


@given(PODS, PLANS, FACTS)
def test_no_idle_pod_outlives_two_periods(at: Pod, allowed: Plan, case: Facts) -> None:
    idle = replace(at, state=PodState.READY, kind=PodKind.RUNPOD)
    period = allowed.idle_minutes * MINUTE
    latest = max(idle.last_used, idle.state_since, case.now) + 2 * period + 1
    late = replace(case, now=latest, busy=False, waiting=False)
    assert decide(idle, allowed, late).action is Action.STOP


@given(PODS, PLANS, FACTS)
def test_what_is_told_to_be_due_is_done_then(at: Pod, allowed: Plan, case: Facts) -> None:
    decision = decide(at, allowed, case)
    if decision.due_at is None or decision.action in (Action.STOP, Action.TERMINATE):
        return
    then = decide(at, allowed, replace(case, now=decision.due_at))
    assert then.action in (Action.STOP, Action.TERMINATE)


@given(PLANS, FACTS, st.floats(0, 2000), st.floats(0, 1e7))
def test_less_money_never_lets_more_run(allowed: Plan, case: Facts, spent: float, lasts: float) -> None:
    order = (Action.NOTHING, Action.FETCH_FIRST, Action.STOP)
    ready = pod(since=case.now)
    poorer = replace(
        case,
        spent_today=max(case.spent_today, spent),
        balance_seconds=lasts if case.balance_seconds is None else min(case.balance_seconds, lasts),
    )
    before, after = decide(ready, allowed, case).action, decide(ready, allowed, poorer).action
    assert order.index(after) >= order.index(before)
