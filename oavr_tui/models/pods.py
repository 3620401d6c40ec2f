"""Where full videos are made, which state of such a place may follow which, and what it costs and has taught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from oavr_tui.models.steps import IllegalStep


class PodState(StrEnum):
    """How far a pod is, as this app knows. ASKED: its name is stored, and the account may or may not have it yet."""

    ASKED = "asked"
    BOOTING = "booting"
    FETCHING = "fetching"
    WARMING = "warming"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATING = "terminating"
    GONE = "gone"


_P = PodState
_LEAVING = frozenset({_P.STOPPING, _P.STOPPED, _P.TERMINATING, _P.GONE})  # by us, or in the provider's console

POD_FOLLOWS: dict[PodState, frozenset[PodState]] = {
    _P.ASKED: _LEAVING | {_P.BOOTING},
    # The log may be readable late or not at all, so steps may be skipped; a container that restarts begins again.
    _P.BOOTING: _LEAVING | {_P.FETCHING, _P.WARMING, _P.READY},
    _P.FETCHING: _LEAVING | {_P.BOOTING, _P.WARMING, _P.READY},
    _P.WARMING: _LEAVING | {_P.BOOTING, _P.FETCHING, _P.READY},
    _P.READY: _LEAVING | {_P.BOOTING},
    # A stop that the provider refuses leaves it running.
    _P.STOPPING: _LEAVING | {_P.BOOTING, _P.READY},
    _P.STOPPED: _LEAVING | {_P.BOOTING},
    _P.TERMINATING: frozenset({_P.GONE}),
    _P.GONE: frozenset(),
}

STARTING_STATES = frozenset({_P.ASKED, _P.BOOTING, _P.FETCHING, _P.WARMING})
BILLED_STATES = STARTING_STATES | {_P.READY, _P.STOPPING, _P.TERMINATING}
"""States in which the machine may cost its price by the hour: everything until the provider confirmed the contrary."""


class PodKind(StrEnum):
    """RUNPOD: rented, billed by the second. ADDRESS: somebody's own ComfyUI, never billed, never stopped."""

    RUNPOD = "runpod"
    ADDRESS = "address"


class PodWish(StrEnum):
    """What a person has asked to be done with a pod."""

    NOTHING = ""
    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Pod:
    """A place that makes full videos, and what has become of it so far. Times are unix seconds; prices dollars an hour.

    id: ours. name: unique among those not gone, what a person types ("studio-1"). cloud_name: the name it has at the
    provider, unique for ever and stored before it is asked for, so that it can always be found again. pod_id: the
    provider's id; who knows it can reach the machine, so it is shown masked. url: an own address, without secrets.
    gpu: the provider's id of the GPU type; gpu_name: for people; vram: GB. cloud: "community" or "secure".
    wish_gpu, wish_cloud: what a person insists on of these, or empty; whatever is tried, it is nothing else.
    per_hour: price while running; storage_per_hour: while stopped. volume: a network volume's id, or empty.
    state_since: when the state began. progress_at: last sign of life while starting. last_used: last end of a job, an
    upload or a download. for_jobs: started by itself for waiting videos, so it goes when nobody waits any more before
    it is ready. resumed: this start woke a stopped pod. found: seen on the account without having been started here.
    asked: what a person wants done with it next, in whichever process; the driver does it. tries: kinds of machines
    (GPU and cloud) that this start has tried already. abandoned: names at the provider that were asked for in vain;
    should one turn up after all, it goes. note: the last sentence about it.
    """

    id: str
    name: str
    kind: PodKind
    state: PodState
    created_at: float
    updated_at: float
    cloud_name: str = ""
    pod_id: str = ""
    url: str = ""
    gpu: str = ""
    gpu_name: str = ""
    vram: int = 0
    cloud: str = ""
    per_hour: float = 0.0
    storage_per_hour: float = 0.0
    wish_gpu: str = ""
    wish_cloud: str = ""
    volume: str = ""
    template: str = ""
    state_since: float = 0.0
    progress_at: float = 0.0
    last_used: float = 0.0
    for_jobs: bool = False
    resumed: bool = False
    found: bool = False
    asked: PodWish = PodWish.NOTHING
    tries: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()
    note: str = ""

    @property
    def billed(self) -> bool:
        """Whether it may cost its price by the hour right now."""
        return self.kind is PodKind.RUNPOD and self.state in BILLED_STATES

    @property
    def starting(self) -> bool:
        return self.state in STARTING_STATES

    @property
    def way_out(self) -> PodState:
        """Where a start that is given up leads: what was woken is only stopped, as there may be files on it."""
        return PodState.STOPPING if self.resumed else PodState.TERMINATING

    @property
    def machine_kind(self) -> str:
        """Its kind of machine, as `tries` holds it."""
        return machine_kind(self.gpu, self.cloud)

    def moved_to(self, state: PodState, *, at: float) -> Pod:
        """The same pod in another state; raises IllegalStep where the table does not allow it."""
        if state not in POD_FOLLOWS[self.state]:
            raise IllegalStep(f"{self.state} may not be followed by {state}")
        return replace(self, state=state, updated_at=at, state_since=at, progress_at=at)


def machine_kind(gpu: str, cloud: str) -> str:
    """A kind of machine as one word: a GPU type in one of the provider's clouds."""
    return f"{gpu}|{cloud}"


class SpellKind(StrEnum):
    """What a stretch of time is paid for: a running machine, or the storage of a stopped one."""

    RUNNING = "running"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time that a pod is paid for, at one price. began, ended: unix seconds; ended None while it lasts.

    per_hour: dollars. pod: the Pod's id; name and gpu_name: copied, since the Pod may be forgotten before its cost.
    """

    id: str
    pod: str
    name: str
    gpu_name: str
    kind: SpellKind
    per_hour: float
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """How long something took here, so that the next estimate is better than a guess. seconds > 0; at: unix seconds.

    what: "start" (from asking to answering, all files to be fetched), "wake" (the same for a stopped pod), "window"
    (one window of the sampler at standard quality), "files" (no time: how many files a start fetches, in `count`).
    gpu: the provider's id of the GPU type, or empty where it does not matter.
    """

    id: str
    what: str
    gpu: str
    seconds: float
    at: float
    count: int = 0
