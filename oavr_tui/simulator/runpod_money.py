"""The books of the simulated account: what each pod has cost, and what is left.

Everything follows from spells: stretches of time at one price. Nothing is ever added up on the way, so that the books
are right to the last digit whenever they are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

STORAGE_PER_GB = 0.20 / 730
"""Dollars an hour for a GB of a stopped pod's volume disk: $0.20 a month of 730 hours (RunPod's price list)."""

SpellKind = Literal["gpu", "storage"]


@dataclass(slots=True)
class Spell:
    """A stretch of time at a price. began, ended: unix seconds, None while it lasts; per_hour: dollars."""

    kind: SpellKind
    per_hour: float
    began: float
    ended: float | None = None

    def seconds(self, now: float, since: float = 0.0) -> float:
        """How much of it lies between two moments."""
        end = now if self.ended is None else min(self.ended, now)
        return max(0.0, end - max(self.began, since))


class Meter:
    """The spells of one pod, of which at most the last one lasts. scale: how much faster money runs than time."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._spells: list[Spell] = []

    def turn(self, kind: SpellKind, per_hour: float, now: float) -> None:
        """From now on it costs this; 0 for nothing."""
        self.off(now)
        if per_hour > 0:
            self._spells.append(Spell(kind, per_hour, now))

    def off(self, now: float) -> None:
        """From now on it costs nothing."""
        if self._spells and self._spells[-1].ended is None:
            self._spells[-1].ended = max(now, self._spells[-1].began)

    @property
    def per_hour(self) -> float:
        """What it costs at present."""
        return self._spells[-1].per_hour if self._spells and self._spells[-1].ended is None else 0.0

    def billed_seconds(self, now: float, since: float = 0.0) -> float:
        """Seconds that were paid for at the GPU's price, on the account's clock."""
        return sum(each.seconds(now, since) for each in self._spells if each.kind == "gpu") * self._scale

    def dollars(self, now: float, since: float = 0.0, kind: SpellKind | None = None) -> float:
        """What it has cost between two moments, in all or of one kind."""
        wanted = [each for each in self._spells if kind is None or each.kind == kind]
        return sum(each.seconds(now, since) * each.per_hour for each in wanted) * self._scale / 3600


class Purse:
    """The account's credit, in dollars."""

    def __init__(self, balance: float, scale: float) -> None:
        self._paid_in = balance
        self._scale = scale

    def balance(self, meters: Iterable[Meter], now: float) -> float:
        """What is left."""
        return self._paid_in - sum(each.dollars(now) for each in meters)

    def set_balance(self, dollars: float, meters: Iterable[Meter], now: float) -> None:
        """Pay in or out, so that this is left."""
        self._paid_in += dollars - self.balance(meters, now)

    def empty_at(self, meters: Iterable[Meter], now: float) -> float | None:
        """When it is or was empty if nothing changes, in unix seconds; None for never."""
        meters = list(meters)
        spend = sum(each.per_hour for each in meters) * self._scale / 3600
        return now + self.balance(meters, now) / spend if spend > 0 else None
