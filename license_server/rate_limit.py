"""How often an address may ask, and a ban for guessing. Knows neither HTTP nor licenses; the clock is passed in."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Network
from typing import TypeVar

from .proxies import parse_address

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `count` at once, refilled evenly within `seconds`."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ban:
    """After `failures` within `seconds`, no more attempts for `lasts` seconds."""

    failures: int = 10
    seconds: float = 600.0
    lasts: float = 1800.0


PER_MINUTE: Mapping[str, Rate] = {"generation": Rate(60, 60.0), "hint": Rate(20, 60.0)}


class RateLimit:
    """Buckets and bans by address; IPv6 by /64, the least that one customer is given (RFC 6177).

    `clock` gives seconds that never go back. No more than `addresses` are remembered in each of buckets, failures and
    bans; beyond that the one not seen for longest is forgotten, so a flood of buckets pushes out no ban. With `enabled`
    False everything is admitted.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rates: Mapping[str, Rate] = PER_MINUTE,
        ban: Ban | None = None,
        *,
        addresses: int = 20_000,
        enabled: bool = True,
    ) -> None:
        self._clock = clock
        self._rates = rates
        self._ban = ban or Ban()
        self._most = addresses
        self._enabled = enabled
        self._full_at: OrderedDict[tuple[str, str], float] = OrderedDict()  # when a bucket will be full again
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._banned: OrderedDict[str, float] = OrderedDict()  # until when

    def take(self, kind: str, address: str) -> int:
        """Take one token. Gives 0 if there was one, else after how many whole seconds (at least 1) there will be.

        A `kind` without a rate is never limited.
        """
        rate = self._rates.get(kind)
        if rate is None or not self._enabled:
            return 0
        now = self._clock()
        key = (kind, group_of(address))
        each = rate.seconds / rate.count
        full_at = max(self._full_at.get(key, now), now) + each
        wait = full_at - now - rate.seconds
        if wait > 1e-9 * rate.seconds:
            return max(1, math.ceil(wait))
        self._remember(self._full_at, key, full_at)
        return 0

    def banned(self, address: str) -> int:
        """For how many more whole seconds this address may not guess; 0 if it may."""
        group = group_of(address)
        until = self._banned.get(group)
        if until is None or not self._enabled:
            return 0
        left = until - self._clock()
        if left <= 0:
            del self._banned[group]
            return 0
        return max(1, math.ceil(left))

    def failed(self, address: str) -> None:
        """Count a guess that was wrong. There is no forgetting them by a right one: a guesser may own a key."""
        if not self._enabled:
            return
        now, ban, group = self._clock(), self._ban, group_of(address)
        times = self._failures.get(group)
        if times is None:
            times = deque(maxlen=ban.failures)
        times.append(now)
        if len(times) == ban.failures and times[0] > now - ban.seconds:
            self._remember(self._banned, group, now + ban.lasts)
            self._failures.pop(group, None)
        else:
            self._remember(self._failures, group, times)

    def _remember(self, table: OrderedDict[K, V], key: K, value: V) -> None:
        table[key] = value
        table.move_to_end(key)
        if len(table) > self._most:
            table.popitem(last=False)


@lru_cache(maxsize=4096)
def group_of(address: str) -> str:
    """What counts as one client: an IPv4 address, the /64 of an IPv6 one, or the text itself if it is neither."""
    parsed = parse_address(address)
    if parsed is None:
        return address
    if parsed.version == 6:
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed)
