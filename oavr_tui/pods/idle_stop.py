"""When a machine is stopped or deleted without anybody asking: the provider never does it, so this is all there is.

Rules:
1. An own address is never touched.
2. A machine that is making a video is never stopped, whatever it costs; nothing new starts on it instead.
3. A machine with a video that is not fetched yet is never deleted.
4. Whatever happens to the clock, an idle machine is stopped within two idle periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oavr_tui.models import BILLED_STATES, Pod, PodKind, PodState
from oavr_tui.pods.cost import money, rate
from oavr_tui.pods.plan import Plan
from oavr_tui.text import safe

LOW_SECONDS = 900.0
"""A balance that lasts no longer: videos are fetched first, and nothing new starts."""
LAST_SECONDS = 300.0
"""A balance that lasts no longer: stop what is idle. At zero the provider deletes pods without a network volume; and
it bills every five minutes, so that it may be zero sooner than it looks."""


class Action(StrEnum):
    """FETCH_FIRST: money runs out; hurry to fetch what is made, and start nothing new."""

    NOTHING = "nothing"
    STOP = "stop"
    TERMINATE = "terminate"
    FETCH_FIRST = "fetch_first"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the case around one pod at `now` (unix seconds).

    busy: a job is on it, or its server's own queue is not empty. waiting: jobs that may come to it. unsaved: a video on
    it is not fetched. balance_seconds: how long the balance lasts at the present spend, None where that is not known.
    spent_today: dollars since midnight UTC, for all pods.
    """

    now: float
    busy: bool
    waiting: bool
    unsaved: bool
    balance_seconds: float | None
    spent_today: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and why in one sentence. due_at: when something will be done if all stays as it is (unix
    seconds); `now` or earlier when it is to be done at once, None when nothing is."""

    action: Action
    sentence: str
    due_at: float | None = None


def decide(pod: Pod, plan: Plan, facts: Facts) -> Decision:
    """What is to be done about a pod that nobody gave an order for."""
    name = safe(pod.name, 40)
    if pod.kind is PodKind.ADDRESS:
        return Decision(Action.NOTHING, f"{name} is an address of your own and is left as it is.")
    if pod.state is PodState.STOPPED:
        return _stopped(pod, plan, facts, name)
    if pod.state not in BILLED_STATES or pod.state in (PodState.STOPPING, PodState.TERMINATING, PodState.ASKED):
        return Decision(Action.NOTHING, f"{name} is {pod.state}; nothing is due.")
    if facts.busy:
        return _busy(plan, facts, name)
    return _idle(pod, plan, facts, name)


def _stopped(pod: Pod, plan: Plan, facts: Facts, name: str) -> Decision:
    price = f"its storage costs {rate(pod.storage_per_hour)}"
    if plan.terminate_after_hours <= 0:
        return Decision(Action.NOTHING, f"{name} is stopped and stays until you delete it; {price}.")
    if facts.unsaved:
        return Decision(Action.NOTHING, f"{name} is stopped and kept, since a video on it is not fetched yet; {price}.")
    if pod.found:
        return Decision(
            Action.NOTHING, f"{name} is stopped and kept, since it was not started here; delete it yourself; {price}."
        )
    if facts.busy or facts.waiting:
        return Decision(Action.NOTHING, f"{name} is stopped and kept, since videos are waiting for it; {price}.")
    due = pod.state_since + plan.terminate_after_hours * 3600
    if facts.now < due:
        left = _span(due - facts.now)
        return Decision(Action.NOTHING, f"{name} is stopped and is deleted in {left} unless it is used; {price}.", due)
    after = _span(plan.terminate_after_hours * 3600)
    return Decision(Action.TERMINATE, f"{name} has been stopped for {after}, so it is deleted; nothing is on it.", due)


def _busy(plan: Plan, facts: Facts, name: str) -> Decision:
    if _lasts_only(facts, LOW_SECONDS):
        return Decision(Action.FETCH_FIRST, f"{name} finishes what it is making, and {_low(facts)}")
    if facts.spent_today >= plan.day_cap:
        return Decision(
            Action.NOTHING, f"{name} finishes what it is making and is stopped then, since {_cap_reached(plan, facts)}."
        )
    return Decision(Action.NOTHING, f"{name} is at work.")


def _idle(pod: Pod, plan: Plan, facts: Facts, name: str) -> Decision:
    """A running pod with nothing on it: money first, then the clock."""
    kept = " A video on it is not fetched yet; it is kept." if facts.unsaved else ""
    if _lasts_only(facts, LAST_SECONDS):
        return Decision(Action.STOP, f"{name} is stopped, since {_low(facts)}{kept}", facts.now)
    if facts.spent_today >= plan.day_cap:
        return Decision(Action.STOP, f"{name} is stopped, since {_cap_reached(plan, facts)}.{kept}", facts.now)
    due = _idle_due(pod, plan, facts)
    if due is not None and due <= facts.now:
        return Decision(
            Action.STOP, f"{name} has been idle for {_idle_time(plan, facts)}, so it is stopped.{kept}", due
        )
    if _lasts_only(facts, LOW_SECONDS):
        return Decision(Action.FETCH_FIRST, f"{name} takes nothing new, since {_low(facts)}{kept}", due)
    if pod.starting:
        return Decision(Action.NOTHING, f"{name} is starting.")
    if due is None:
        return Decision(Action.NOTHING, f"{name} is ready, and videos are waiting for it.")
    return Decision(Action.NOTHING, f"{name} is stopped in {_span(due - facts.now)} unless it is used.{kept}", due)


def _idle_due(pod: Pod, plan: Plan, facts: Facts) -> float | None:
    """When an idle pod is to be stopped; None while it is starting or awaited."""
    if pod.state is not PodState.READY or facts.waiting:
        return None
    period = plan.idle_minutes * 60
    # A time far ahead of now was written before the clock was set back; believing it could mean paying for days.
    since = max((at for at in (pod.last_used, pod.state_since) if at <= facts.now + period), default=0.0)
    return since + period * (2 if facts.unsaved else 1)


def _idle_time(plan: Plan, facts: Facts) -> str:
    return _span(plan.idle_minutes * 60 * (2 if facts.unsaved else 1))


def _lasts_only(facts: Facts, seconds: float) -> bool:
    return facts.balance_seconds is not None and facts.balance_seconds < seconds


def _low(facts: Facts) -> str:
    left = _span(facts.balance_seconds or 0.0)
    return f"your RunPod balance lasts only {left} more: add credit at runpod.io."


def _cap_reached(plan: Plan, facts: Facts) -> str:
    return f"{money(facts.spent_today)} is spent today and your limit is {money(plan.day_cap)} (setting pods.day_cap)"


def _span(seconds: float) -> str:
    """A stretch of time as a person says it: 40 s, 15 min, 24 h."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
