"""What machines cost and have cost, and how long a start and a video are likely to take.

Money is dollars, time unix seconds or seconds. The provider bills by the second (its pricing page), so what is computed
here is as exact as the prices and the times are; it is never presented as the bill itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

from oavr_tui.models import Spell

_DAY = 86_400.0
_HOUR = 3_600.0
_MONTH_HOURS = 730.0
_STOPPED_GB_MONTH = 0.20
"""Dollars for a GB of a stopped pod's volume disk a month (RunPod's pricing page); twice that of a running one."""


def dollars(spell: Spell, now: float) -> float:
    """What a stretch of time has cost up to `now`; never negative, also for a clock that was set back."""
    return total((spell,), now)


def total(spells: Iterable[Spell], now: float, since: float = 0.0) -> float:
    """What stretches of time have cost between `since` and `now` (unix seconds), in dollars; never negative."""
    return fsum(_seconds(spell, now, since) / _HOUR * max(spell.per_hour, 0.0) for spell in spells)


def _seconds(spell: Spell, now: float, since: float) -> float:
    ended = now if spell.ended is None else min(spell.ended, now)
    return max(ended - max(spell.began, since), 0.0)


def day_began(now: float) -> float:
    """Midnight UTC of the day of `now`, both unix seconds."""
    return now // _DAY * _DAY


def storage_per_hour(volume_gb: float) -> float:
    """Dollars an hour for the volume disk of a stopped pod, of so many GB: $0.20 a GB a month of 730 hours."""
    return max(volume_gb, 0.0) * _STOPPED_GB_MONTH / _MONTH_HOURS


def runway(balance: float | None, per_hour: float | None) -> float | None:
    """Seconds that a balance (dollars) lasts at a spend (dollars an hour); None where either is not known, or nothing
    is spent. A balance below zero lasts 0 seconds."""
    if balance is None or per_hour is None or per_hour <= 0:
        return None
    return max(balance, 0.0) / per_hour * _HOUR


def job_cost(per_hour: float, seconds: float) -> float:
    """Dollars for so many seconds of a machine; never negative."""
    return max(per_hour, 0.0) * max(seconds, 0.0) / _HOUR


def money(amount: float) -> str:
    """An amount of dollars as a person reads it: $0.00, under $0.01, $0.10, $12.40."""
    if 0 < amount < 0.005:
        return "under $0.01"
    return f"${amount:.2f}"


def rate(per_hour: float) -> str:
    """A price as a person reads it: $0.34/h; a third and fourth decimal only where there are some."""
    text = f"{per_hour:.4f}"
    return f"${text[:-2]}{text[-2:].rstrip('0')}/h"
