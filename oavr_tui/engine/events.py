"""What the engine tells: typed events, and the bus that carries them to whoever listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from oavr_tui.models import Job, Progress, Video


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


Event = JobChanged | JobProgressed | VideosChanged | DrivingChanged | Notice


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

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener.put(event)

    @contextmanager
    def listen(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._listeners.append(subscription)
        try:
            yield subscription
        finally:
            self._listeners.remove(subscription)
