"""What machines cost and have cost, and how long a start and a video are likely to take.

Money is dollars, time unix seconds or seconds. The provider bills by the second (its pricing page), so what is computed
here is as exact as the prices and the times are; it is never presented as the bill itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from statistics import median
from typing import Literal

from oavr_tui.models import Measure, Spell, SpellKind

_DAY = 86_400.0
_HOUR = 3_600.0
_MONTH_HOURS = 730.0
_STOPPED_GB_MONTH = 0.20
"""Dollars for a GB of a stopped pod's volume disk a month (RunPod's pricing page); twice that of a running one."""

USUAL_RENT = "$0.30 to $0.90 an hour"
"""What the graphics cards that are asked for first cost, in words: from the cheapest in the community cloud to the
dearest of usual ones in the secure cloud. Prices change; what is really paid is always read from the provider."""

_CENT = 0.01
_HOURS_FROM = 120
"""Minutes from which on hours are told."""
_REMEMBERED = 10
"""How many of the last measures count: enough for a median, few enough to follow a change of image or region."""
_GUESSED: dict[str, float] = {"start": 840.0, "wake": 180.0, "window": 60.0}
"""Seconds until something was measured here: estimates, not measurements. start: the middle of the 8-20 minutes that
are told, for the pull of the image and 34 GB of files at some 50 MB a second. wake: the start of ComfyUI, with the
files in place. window: 81 frames of 480p in 6 steps on a 24 GB card with part of the model swapped out."""

Start = Literal["none", "wake", "start"]
"""What a video has to wait for: none, a machine is ready; wake, one is stopped; start, one must be rented."""


def dollars(spell: Spell, now: float) -> float:
    """What a stretch of time has cost up to `now`; never negative, also for a clock that was set back."""
    return total((spell,), now)


def total(spells: Iterable[Spell], now: float, since: float = 0.0) -> float:
    """What stretches of time have cost between `since` and `now` (unix seconds), in dollars; never negative."""
    return fsum(_seconds(spell, now, since) / _HOUR * max(spell.per_hour, 0.0) for spell in spells)


def running(spells: Iterable[Spell], now: float, since: float = 0.0) -> float:
    """Seconds that machines have run between `since` and `now` (unix seconds), each counted for itself."""
    return fsum(_seconds(spell, now, since) for spell in spells if spell.kind is SpellKind.RUNNING)


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


def lasting(seconds: float) -> str:
    """For how long money lasts, as roughly as that is known: about 40 minutes, about 5 hours, about 38 days."""
    if seconds >= 366 * _DAY:
        return "over a year"
    units = (("day", _DAY), ("hour", _HOUR), ("minute", 60.0))
    unit, size = next((each for each in units if seconds >= 2 * each[1]), units[-1])
    number = max(round(seconds / size), 1)
    return f"about {number} {unit}{'s' * (number != 1)}"


def job_cost(per_hour: float, seconds: float) -> float:
    """Dollars for so many seconds of a machine; never negative."""
    return max(per_hour, 0.0) * max(seconds, 0.0) / _HOUR


def money(amount: float) -> str:
    """An amount of dollars as a person reads it: $0.00, under $0.01, $0.10, $12.40."""
    if 0 < amount < _CENT / 2:
        return "under $0.01"
    return f"${amount:.2f}"


def about(amount: float) -> str:
    """What something cost, as well as it is known: about $0.01, also for less."""
    return f"about {money(max(amount, _CENT))}"


def rate(per_hour: float) -> str:
    """A price as a person reads it: $0.34/h; a third and fourth decimal only where there are some."""
    text = f"{per_hour:.4f}"
    return f"${text[:-2]}{text[-2:].rstrip('0')}/h"


def storage_rate(per_hour: float) -> str:
    """The price of a stopped pod's disk as a person reads it: whole cents where there is one, since it is reckoned."""
    return f"${per_hour:.2f}/h" if per_hour >= _CENT / 2 else rate(per_hour)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long until a video is made (seconds), and what that costs (dollars).

    learned: all of it was measured here before. start_learned: the start was, or there is none.
    """

    start_seconds: float
    make_seconds: float
    dollars: float
    learned: bool
    start_learned: bool = True

    def brief(self) -> str:
        """For one line of a form: how long, and what it costs where that is known."""
        cost = f" · {self._cost()}" if self.dollars > 0 else ""
        if not self.start_learned and self.start_seconds >= _GUESSED["start"]:
            return f"usually 8-20 minutes the first time{cost}"
        return self._time() + cost

    def sentence(self) -> str:
        """In a person's words, without a full stop; guesses are called roughly, what was learned about."""
        if not self.start_learned and self.start_seconds >= _GUESSED["start"]:
            make = _told(_minutes(self.make_seconds))
            return f"usually 8-20 minutes the first time to start, then roughly {make} to make it, {self._cost()}"
        return f"{self._time()}, {self._cost()}"

    @property
    def _about(self) -> str:
        return "about" if self.learned else "roughly"

    def _cost(self) -> str:
        return money(self.dollars) if 0 < self.dollars < _CENT / 2 else f"{self._about} {money(self.dollars)}"

    def _time(self) -> str:
        start, make = _minutes(self.start_seconds), _minutes(self.make_seconds)
        if self.start_seconds <= 0:
            return f"{self._about} {_told(make)}"
        parts = (str(start), str(make)) if start + make < _HOURS_FROM else (_told(start), _told(make))
        return f"{self._about} {_told(start + make)} this time (starting {parts[0]}, making {parts[1]})"


def estimate(
    measures: Sequence[Measure], *, gpu: str, per_hour: float, windows: int, steps_factor: float, start: Start
) -> Estimate:
    """How long a video will take on a GPU type, and its cost, from what was measured here before.

    windows: of the sampler, 1 or more. steps_factor: the quality's steps by those of the standard quality, above 0.
    per_hour: dollars. Each part is the median of the last ten measures on this GPU type, else of the last ten on any,
    else a stated guess. Sending, loading the model into an idle machine and fetching are not counted.
    """
    waiting, start_learned = (0.0, True) if start == "none" else _typical(measures, start, gpu)
    window, window_learned = _typical(measures, "window", gpu)
    making = window * max(windows, 1) * max(steps_factor, 0.0)
    cost = job_cost(per_hour, waiting + making)
    return Estimate(waiting, making, cost, start_learned and window_learned, start_learned)


def _typical(measures: Sequence[Measure], what: str, gpu: str) -> tuple[float, bool]:
    """Seconds that something takes, and whether that was measured."""
    usable = [each for each in measures if each.what == what and isfinite(each.seconds) and each.seconds > 0]
    chosen = [each for each in usable if each.gpu == gpu] or usable
    if not chosen:
        return _GUESSED[what], False
    return median(each.seconds for each in sorted(chosen, key=lambda each: each.at)[-_REMEMBERED:]), True


def _minutes(seconds: float) -> int:
    """Whole minutes, of anything at least one; the parts of a sentence are rounded first, so that they add up."""
    return max(round(seconds / 60), 1) if seconds > 0 else 0


def _told(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if minutes < _HOURS_FROM:
        return f"{minutes} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"
