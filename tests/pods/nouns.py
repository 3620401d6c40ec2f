"""Plans, pods and facts for the tests of the rules, with only what matters to a test spelled out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.pods.idle_stop import Facts
from oavr_tui.pods.plan import Plan, plan_of
from oavr_tui.settings import Settings

NOW = 1_800_000_000.0


def plan(**changes: Any) -> Plan:
    return replace(plan_of(Settings(videos_folder="videos")), **changes)


def pod(state: PodState = PodState.READY, *, since: float = NOW, kind: PodKind = PodKind.RUNPOD, **more: Any) -> Pod:
    """A pod that has been in a state since then."""
    facts = {"state_since": since, "progress_at": since, "last_used": since, "per_hour": 0.34, **more}
    return Pod(id="p", name="studio-1", kind=kind, state=state, created_at=since, updated_at=since, **facts)


def facts(**changes: Any) -> Facts:
    """Nothing to do, and money enough."""
    return replace(Facts(NOW, False, False, False, None, 0.0), **changes)


MOMENTS = st.floats(NOW - 1e6, NOW + 1e6)

PODS = st.builds(
    pod,
    st.sampled_from(PodState),
    since=MOMENTS,
    kind=st.sampled_from(PodKind),
    last_used=MOMENTS,
    found=st.booleans(),
    storage_per_hour=st.floats(0, 1),
)

PLANS = st.builds(
    plan,
    day_cap=st.floats(0.1, 1000),
    idle_minutes=st.floats(0.05, 1440),
    terminate_after_hours=st.one_of(st.just(0.0), st.floats(0, 720)),
)

FACTS = st.builds(
    Facts,
    now=MOMENTS,
    busy=st.booleans(),
    waiting=st.booleans(),
    unsaved=st.booleans(),
    balance_seconds=st.one_of(st.none(), st.floats(0, 1e7)),
    spent_today=st.floats(0, 2000),
)
