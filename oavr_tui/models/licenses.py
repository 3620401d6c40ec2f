"""What a person may make: free or Pro, how much of today is left, and the devices of a license."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"


class Source(StrEnum):
    """Who says so. OFFLINE: this computer, since the server is out of reach. NONE: there is no server."""

    SERVER = "server"
    OFFLINE = "offline"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LicenseStatus:
    """What is known of plan and license. Times are Unix seconds, 0 where there is none.

    used, limit: full videos of this UTC day, made or under way, and how many there may be; limit is None for Pro.
    resets_at: when the next free one comes. checked_at: when the server last answered. key: masked, empty where it is
    not known. purchased_on: YYYY-MM-DD or empty. devices_used, max_devices: 0 where they are not known. expires_at:
    until when Pro works without the server. trouble: one sentence for a person, empty where all is well.
    """

    plan: Plan = Plan.FREE
    source: Source = Source.NONE
    used: int = 0
    limit: int | None = 1
    resets_at: float = 0.0
    checked_at: float = 0.0
    key: str = ""
    purchased_on: str = ""
    devices_used: int = 0
    max_devices: int = 0
    expires_at: float = 0.0
    trouble: str = ""

    @property
    def left(self) -> int | None:
        """Full videos that may still be made today; None: as many as one likes."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def is_pro(self) -> bool:
        return self.plan is Plan.PRO


@dataclass(frozen=True, slots=True)
class LicensedDevice:
    """A device on a license. shown: 8 characters that tell it from others. last_seen: Unix seconds."""

    name: str
    shown: str
    last_seen: float
    this: bool
