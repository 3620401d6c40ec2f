"""What a provider of rented machines must be able to do, and what may go wrong: one interface for every way to ask.

Rules:
1. A provider turns every answer into the nouns below and every failure into an error of this module or of errors.py;
   no raw answer, no key and no pod id is in an error's sentence.
2. Every call has a deadline of its own and may be cancelled.
3. Nothing here is tried again after it may have been done: that is `Unclear`, and whoever asked looks it up by name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from oavr_tui.errors import Rejected, Unreachable


class Cloud(StrEnum):
    """COMMUNITY: cheaper, other people's machines. SECURE: data centers."""

    COMMUNITY = "community"
    SECURE = "secure"


class CloudState(StrEnum):
    """What the provider says of a pod. COMING: accepted, its container does not run yet."""

    COMING = "coming"
    RUNNING = "running"
    STOPPED = "stopped"
    BROKEN = "broken"
    GONE = "gone"


class Stock(StrEnum):
    """How likely a machine can be had right now. UNKNOWN: the provider does not say."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CloudPod:
    """A pod as the provider describes it. Prices in dollars an hour; times unix seconds, None where it does not say.

    per_hour: what it costs now (0 when stopped or not said). memory_gb: the host's memory for it, None where unknown.
    gpu: the type's id or, where only that is known, its display name. volume_gb: its own volume disk, which stays and
    costs while it is stopped; volume: a network volume's id. gpu_load: percent, 0 .. 100.
    """

    id: str
    name: str
    state: CloudState
    gpu: str = ""
    per_hour: float = 0.0
    cloud: str = ""
    template: str = ""
    data_center: str = ""
    memory_gb: float | None = None
    volume_gb: float = 0.0
    volume: str = ""
    created_at: float | None = None
    started_at: float | None = None
    gpu_load: float | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One GPU type in one cloud. vram: GB; per_hour: dollars for one GPU, None where it is not offered or not said."""

    gpu: str
    name: str
    vram: int
    cloud: Cloud
    per_hour: float | None
    stock: Stock = Stock.UNKNOWN


@dataclass(frozen=True, slots=True)
class Volume:
    """A network volume: it keeps its files while no pod uses it. size: GB."""

    id: str
    name: str
    size: int
    data_center: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the account says of its money, in dollars; None where it does not say. per_hour: what everything on it
    costs right now, pods of other programs included."""

    balance: float | None
    per_hour: float | None
    limit_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What the provider has billed for one pod so far, in dollars. It lags behind by minutes."""

    pod_id: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Wish:
    """A machine to ask for. min_memory_gb: of the host; honored where the provider can filter by it.

    volume: a network volume's id, mounted at volume_path; cuda: the CUDA version the image needs at least.
    env: added to the template's own.
    """

    name: str
    gpu: str
    cloud: Cloud
    template: str
    volume: str = ""
    volume_path: str = "/workspace"
    data_center: str = ""
    min_memory_gb: int = 48
    cuda: str = "12.4"
    env: Mapping[str, str] = field(default_factory=dict)


class Unclear(Unreachable):
    """It was asked for, and the answer got lost: it may have been done. Look it up by name; never just ask again."""


class Slower(Unreachable):
    """Asked too often. seconds: how long to wait before asking again."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotNow(Rejected):
    """This pod cannot be started at present: its host has given the GPU to somebody else."""


class ApiGone(Rejected):
    """This way of asking the provider no longer exists; another way may."""


class Provider(Protocol):
    """The person's account at a provider. Every method may raise NoKey, NoFunds, Unreachable, Slower, Rejected."""

    async def offers(self) -> tuple[Offer, ...]:
        """The catalogue: every GPU type in every cloud, with price and stock."""
        ...

    async def volumes(self) -> tuple[Volume, ...]: ...

    async def pods(self) -> tuple[CloudPod, ...]:
        """All pods of the account, those of other programs included."""
        ...

    async def pod(self, pod_id: str) -> CloudPod | None:
        """One pod, or None when there is none of this id any more."""
        ...

    async def create(self, wish: Wish) -> CloudPod:
        """Rent a machine. Raises NoGpu where there is none of this kind, Unclear where it may have been done."""
        ...

    async def start(self, pod_id: str) -> None:
        """Wake a stopped pod. Raises NotNow where its host has no GPU free."""
        ...

    async def stop(self, pod_id: str) -> None:
        """Stop a pod, which keeps its volume disk. Raises Rejected where it cannot be stopped."""
        ...

    async def terminate(self, pod_id: str) -> None:
        """Delete a pod and everything on it; one that is gone already is fine."""
        ...

    async def account(self) -> Account | None:
        """Balance and spend, or None where this way of asking does not tell."""
        ...

    async def bills(self, since: float) -> tuple[Bill, ...] | None:
        """What was billed since a time (unix seconds), or None where this way of asking does not tell."""
        ...

    def log(self, pod_id: str, after: str) -> AsyncIterator[tuple[str, str]] | None:
        """The pod's log as the provider keeps it: (id, line) from after the line of id `after` (empty: from the
        beginning), going on until cut; None where this way of asking has none."""
        ...

    async def close(self) -> None: ...
