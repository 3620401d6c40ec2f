"""What the engine tells: typed events, and the bus that carries them to whoever listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from oavr_tui.models import Job, LicenseStatus, Pod, Progress, Video
from oavr_tui.settings import Settings


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job is new, or one of its facts changed."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """A job got further; at most some ten a second for each job."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class VideosChanged:
    """A video came, went or returned."""

    video: Video


@dataclass(frozen=True, slots=True)
class DrivingChanged:
    """This process began or ceased to be the one that drives the queue."""

    driving: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that a person should read once; job_id tells which job it is about, if any."""

    text: str
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Other settings are in force, whoever changed them."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class PodChanged:
    """A pod is new, or one of its facts changed."""

    pod: Pod


class Step(StrEnum):
    """The steps from wanting a studio to having one, as a person sees them."""

    ASKED = "asked"
    FOUND = "found"
    BOOTING = "booting"
    FETCHING = "fetching"
    WARMING = "warming"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class PodStepped:
    """A pod that is being started got further. done, total: files fetched so far, and how many there will be;
    0 where it does not apply or is not known. text: a sentence for a person. per_hour: dollars, 0 while no machine is
    found."""

    pod: str
    name: str
    step: Step
    text: str
    gpu_name: str = ""
    per_hour: float = 0.0
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Estimated:
    """What a job will take, before it begins: seconds of starting and of making, dollars, and a sentence.

    learned: from what was measured here; otherwise from general experience. job_id: empty where there is none yet.
    brief: the same as text for one line of a form. gpu_name, per_hour (dollars): the machine that is reckoned with;
    per_hour is 0 where no price is known, and dollars too then."""

    job_id: str
    start_seconds: float
    make_seconds: float
    dollars: float
    learned: bool
    text: str
    brief: str = ""
    gpu_name: str = ""
    per_hour: float = 0.0


@dataclass(frozen=True, slots=True)
class LicenseChanged:
    """Another plan, or another number of videos left today, or who says so."""

    status: LicenseStatus


Event = (
    JobChanged
    | JobProgressed
    | VideosChanged
    | DrivingChanged
    | Notice
    | SettingsChanged
    | PodChanged
    | PodStepped
    | Estimated
    | LicenseChanged
)


class Subscription:
    """One listener's queue. A progress event replaces an unread one of the same job, so a slow listener never lags."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        if isinstance(event, JobProgressed) and self._events:
            last = self._events[-1]
            if isinstance(last, JobProgressed) and last.progress.job_id == event.progress.job_id:
                self._events.pop()
        self._events.append(event)
        self._filled.set()

    async def next(self) -> Event:
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        return self._events.popleft()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            yield await self.next()


class Bus:
    """Carries every event to every listener, in order. Not thread-safe: everything happens on the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Subscription] = []
        self._hearers: list[Callable[[Event], None]] = []

    def emit(self, event: Event) -> None:
        for hear in self._hearers:
            hear(event)
        for listener in self._listeners:
            listener.put(event)

    def also(self, hear: Callable[[Event], None]) -> None:
        """Call this with every event from now on, at once; it must be quick and raise nothing."""
        self._hearers.append(hear)

    @contextmanager
    def listen(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._listeners.append(subscription)
        try:
            yield subscription
        finally:
            self._listeners.remove(subscription)
