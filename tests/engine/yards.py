"""A yard for the tests of the fleet's parts: the real book on a real store, an account in memory, a clock by hand."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from oavr_tui.engine.events import Bus, Event, Notice, PodChanged, PodStepped, Subscription
from oavr_tui.engine.pod_book import PodBook
from oavr_tui.engine.rental import PodSetup, Rental
from oavr_tui.engine.storage import StoreThread
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.engine.yard import Yard
from oavr_tui.models import Job, JobState, Pod, PodKind, PodState, Request
from oavr_tui.paths import Paths
from oavr_tui.pods.plan import Plan, plan_of
from oavr_tui.settings import Settings
from oavr_tui.store.store import Store
from tests.engine.account import Doom, Hands, MemoryAccount

T = TypeVar("T")


class MortalStore(StoreThread):
    """The store of a process that may be killed before and after each call."""

    def __init__(self, doom: Doom) -> None:
        super().__init__()
        self.doom = doom

    async def do(self, call: Callable[[Store], T]) -> T:
        self.doom.moment()
        answer = await super().do(call)
        self.doom.moment()
        return answer


def identities() -> Callable[[], str]:
    """Identities in order, different also in their first letters, which names are made of."""
    numbers = itertools.count(1)
    return lambda: str(uuid.UUID(int=(number := next(numbers)) << 80 | number))


@dataclass
class Place:
    """One process with its book. heard: all that was told since the last look."""

    yard: Yard
    account: MemoryAccount
    hands: Hands
    store: StoreThread
    events: Subscription
    steps: list[PodStepped] = field(default_factory=list)

    @property
    def book(self) -> PodBook:
        return self.yard.book

    def heard(self) -> list[Event]:
        events = list(self.events._events)
        self.events._events.clear()
        return events

    def notices(self) -> list[str]:
        return [event.text for event in self.heard() if isinstance(event, Notice)]

    async def add(self, state: PodState = PodState.ASKED, **facts: Any) -> Pod:
        """A rented pod in the book."""
        return await self.book.add(pod(self.yard.around.new_id(), state, self.hands.now, **facts))

    async def on_disk(self, pod_id: str) -> Pod:
        """A pod as another process would read it."""
        found = await self.store.do(lambda store: store.get_pod(pod_id))
        assert found is not None
        return found


def pod(ours: str, state: PodState, now: float, /, **facts: Any) -> Pod:
    """A rented pod, with only what matters to a test spelled out."""
    given = {"name": "studio-1", "kind": PodKind.RUNPOD, "state_since": now, "progress_at": now, "last_used": now}
    return Pod(id=ours, state=state, created_at=now, updated_at=now, **{**given, **facts})


def job(job_id: str, *, at: float = 1.0, on: str = "auto", state: JobState = JobState.QUEUED, **facts: Any) -> Job:
    """A job for a studio."""
    request = Request("portrait.png", "voice.wav", on=on)
    return Job(job_id, f"title-{job_id}", request, state, created_at=at, updated_at=at, seed=1, **facts)


def plan(**changes: Any) -> Plan:
    return replace(plan_of(Settings(videos_folder="videos")), **changes)


def setup(
    account: MemoryAccount, *, key: str | None = "a-key", service: str = "http://127.0.0.1:9", **changes: Any
) -> PodSetup:
    """What the fleet is set up with, around an account in memory. changes: of the plan."""
    return PodSetup(
        plan=plan(**changes),
        key=lambda: key,
        open_account=lambda _key, _control: account,
        service=lambda _pod, _port: service,
        token=lambda _name: None,
        start_keeper=lambda: None,
    )


@asynccontextmanager
async def place(
    folder: Path,
    account: MemoryAccount,
    *,
    doom: Doom | None = None,
    new_id: Callable[[], str] | None = None,
    around: Surroundings | None = None,
    **options: Any,
) -> AsyncIterator[Place]:
    """Open a book on the store of a folder. options: for `setup`."""
    hands = account.hands
    around = around or Surroundings(hands.clock, hands.clock, hands.sleep, new_id or (lambda: str(uuid.uuid4())))
    store = MortalStore(doom or Doom())
    await store.open(folder / "store.json")
    bus = Bus()
    made = setup(account, **options)
    steps: list[PodStepped] = []
    yard = Yard(
        paths=Paths.find({"OAVR_HOME": str(folder / "home")}),
        setup=made,
        rental=Rental(made, around.monotonic),
        book=PodBook(store, bus, around.clock, around.new_id),
        bus=bus,
        around=around,
        stepped=steps.append,
    )
    try:
        with bus.listen() as events:
            await yard.book.load()
            yield Place(yard, account, hands, store, events, steps)
    finally:
        store.doom.strike_after(None)
        await store.close()


def changed(events: list[Event]) -> list[Pod]:
    return [event.pod for event in events if isinstance(event, PodChanged)]
