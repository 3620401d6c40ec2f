"""What is spent: now, today, in thirty days, by each studio. Money is dollars, time unix seconds or seconds.

All of it is reckoned here from prices and times; only the balance is asked of the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oavr_tui.models import Job, Pod, PodState, Spell, SpellKind

if TYPE_CHECKING:
    from oavr_tui.pods.provider import Account

_MONTH_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Running:
    """What costs money by the hour right now. since: when the first of it began. spent: by these pods, since then."""

    per_hour: float
    since: float
    number: int
    spent: float


@dataclass(frozen=True, slots=True)
class PodCost:
    """What one pod costs. per_hour: now, the storage of a stopped one included. running_since: None while it does not
    run. spent: ever, while it ran and while it was stopped."""

    pod: str
    name: str
    per_hour: float
    running_since: float | None
    spent: float

    def uptime(self, now: float) -> float:
        """Seconds that it has been running."""
        return 0.0 if self.running_since is None else max(now - self.running_since, 0.0)


@dataclass(frozen=True, slots=True)
class Spending:
    """Everything about money. per_hour_now: of running machines; storage_per_hour: of stopped ones. today: since
    midnight UTC; month: the last thirty days. balance: None where it is not known, and `note` says why. runway_seconds:
    how long it lasts at what the account spends now, None where nothing of ours runs. per_pod: every name that ever
    cost something, the oldest first. per_job: by the job's id. seconds_today, seconds_month: that machines ran, each
    counted for itself."""

    per_hour_now: float
    storage_per_hour: float
    today: float
    day_cap: float
    month: float
    balance: float | None
    runway_seconds: float | None
    per_pod: tuple[tuple[str, float], ...]
    per_job: tuple[tuple[str, float], ...]
    note: str = ""
    seconds_today: float = 0.0
    seconds_month: float = 0.0


def spending_of(
    pods: Sequence[Pod],
    spells: Sequence[Spell],
    jobs: Sequence[Job],
    account: Account | None,
    day_cap: float,
    now: float,
    note: str = "",
) -> Spending:
    """Reckon it. spells: all of them. note: why there is no account."""
    from oavr_tui.pods.cost import day_began, running, runway, total

    per_hour = sum(pod.per_hour for pod in pods if pod.billed)
    balance = account.balance if account is not None else None
    # The account's own figure knows of others' machines, but may be a minute old: what has just been started is not in
    # it yet, and where nothing of ours runs any more it says so too late.
    spends = max(per_hour, account.per_hour or 0.0) if per_hour and account is not None else per_hour
    by_name: dict[str, list[Spell]] = {}
    for spell in spells:
        by_name.setdefault(spell.name, []).append(spell)
    return Spending(
        per_hour_now=per_hour,
        storage_per_hour=sum(pod.storage_per_hour for pod in pods if pod.state is PodState.STOPPED),
        today=total(spells, now, day_began(now)),
        day_cap=day_cap,
        month=total(spells, now, now - _MONTH_SECONDS),
        balance=balance,
        runway_seconds=runway(balance, spends),
        per_pod=tuple((name, total(own, now)) for name, own in by_name.items()),
        per_job=tuple((job.id, job.cost) for job in jobs if job.cost),
        note=note,
        seconds_today=running(spells, now, day_began(now)),
        seconds_month=running(spells, now, now - _MONTH_SECONDS),
    )


def running_cost(pods: Sequence[Pod], spells: Sequence[Spell], now: float) -> Running | None:
    """What costs money by the hour right now; None where nothing does. Needs no disk and no net."""
    from oavr_tui.pods.cost import total

    billed = {pod.id: pod for pod in pods if pod.billed}
    if not billed:
        return None
    current = [spell for spell in spells if spell.pod in billed and _runs(spell)]
    since = min((spell.began for spell in current), default=now)
    return Running(sum(pod.per_hour for pod in billed.values()), since, len(billed), total(current, now))


def pod_cost(pod: Pod, spells: Sequence[Spell], now: float) -> PodCost:
    """What one pod costs. Needs no disk and no net."""
    from oavr_tui.pods.cost import total

    own = [spell for spell in spells if spell.pod == pod.id]
    runs = next((spell.began for spell in own if _runs(spell)), None) if pod.billed else None
    return PodCost(pod.id, pod.name, _costs_now(pod), runs, total(own, now))


def _costs_now(pod: Pod) -> float:
    if pod.billed:
        return pod.per_hour
    return pod.storage_per_hour if pod.state is PodState.STOPPED else 0.0


def _runs(spell: Spell) -> bool:
    return spell.ended is None and spell.kind is SpellKind.RUNNING
