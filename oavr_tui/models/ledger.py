"""This computer's own count of full videos, and what it remembers of its license, as frozen facts.

A video counts on the UTC day of its reservation. Days are numbered from 1970; times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

DAY = 86_400
HELD_SECONDS = 6 * 3600
"""How long a reservation is held without being renewed, here as on the server."""
KEPT_DAYS = 35
"""How long an entry is kept; and further ahead, a day was written by a clock that was wrong."""


class EntryState(StrEnum):
    """As the server's API calls them."""

    RESERVE = "reserve"
    COMMIT = "commit"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Entry:
    """One job's video. own: the device that counted it. device: the fingerprint that it is reported under.

    until: a reservation that is not renewed is void then. told: the server knows this state. known: it counts this job,
    or did. asked: it is being asked for, and nobody has granted it yet; it may have been lost on the way.
    """

    job: str
    own: str
    device: str
    day: int
    state: EntryState
    until: float
    told: bool = False
    known: bool = False
    asked: bool = False

    def counts(self, now: float) -> bool:
        if self.asked:
            return False
        return self.state is EntryState.COMMIT or (self.state is EntryState.RESERVE and now < self.until)


@dataclass(frozen=True, slots=True)
class LicenseMemory:
    """What is kept between runs. used, limit, day: what the server said last to a device without a license.

    device: the fingerprint that the server's answer is about. offset: the server's clock less ours, seconds. seen: the
    highest time of ours since the server was reached. claims: words of purchases that may yet arrive, with their time.
    pinned: the server's public keys, where the vendor names none. ended: why Pro is over, as a sentence; ended_on: the
    day on which that was found. pro_jobs: the latest that Pro let through, which are never counted.
    """

    pro: bool = False
    used: int = 0
    limit: int = 1
    day: int = 0
    device: str = ""
    checked_at: float = 0.0
    token: str = ""
    pinned: tuple[str, ...] = ()
    offset: float = 0.0
    seen: float = 0.0
    key: str = ""
    purchased_on: str = ""
    devices_used: int = 0
    max_devices: int = 0
    claims: tuple[tuple[str, float], ...] = ()
    ended: str = ""
    ended_on: int = 0
    pro_jobs: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()

    def entry(self, job: str) -> Entry | None:
        return next((one for one in self.entries if one.job == job), None)

    def with_entry(self, entry: Entry) -> LicenseMemory:
        """With this in the place of what was there of the same job; entries of long ago go."""
        kept = tuple(one for one in self.entries if one.job != entry.job and one.day > entry.day - KEPT_DAYS)
        return replace(self, entries=(*kept, entry))

    def without_entry(self, job: str) -> LicenseMemory:
        return replace(self, entries=tuple(one for one in self.entries if one.job != job))

    def counted(self, own: str, now: float, *, but: str = "") -> tuple[Entry, ...]:
        """Videos of this device that count now: of today, and of days that are still to come, since then the clock was
        set back. now: by the server's clock. but: a job that is left out."""
        today = int(now // DAY)
        return tuple(
            one
            for one in self.entries
            if one.own == own and one.job != but and today <= one.day <= today + KEPT_DAYS and one.counts(now)
        )
