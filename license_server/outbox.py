"""What is still to be done outside (confirm a sale, mail a key), kept in the store until it is done.

A record is put in by the rule that needs it, in its transaction; a worker takes it by moving its `next` time ahead,
also in a transaction, so that of several processes one has it, and another one when the first has died. What fails is
tried again, later each time; what fails for good, or too often, is put aside, where its owner can see it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias

from license_server.kv.ask import ask
from license_server.kv.interface import Delete, Get, Put, Rule, Scan, Store, StoreError
from license_server.licenses import Result, find

HELD_FOR = 120.0
"""Seconds that a worker has a record to itself; longer than `WORKS_WITHIN`."""
WORKS_WITHIN = 60.0
"""Seconds that one try may take."""
FIRST_WAIT, LONGEST_WAIT = 60.0, 6 * 3600.0
"""Seconds between the first two tries, doubled from try to try, and the most that they become."""
MOST_TRIES = 20
"""With the waits above: some three and a half days."""
LOOK_EVERY = 2.0
"""Seconds between two looks for what is due."""
PAGE = 100
ASIDE_KEPT_FOR = 90 * 86_400

log = logging.getLogger("license_server.outbox")


class Never(Exception):
    """It cannot be done, and trying again would not help; the text holds no address, key or secret."""


class Later(Exception):
    """It could not be done now; the text holds no address, key or secret."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: `kind/of` is its name, `since` and `next` are in Unix seconds, `tries` those that failed."""

    kind: str
    of: str
    since: float
    next: float
    tries: int = 0
    holder: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.of}"

    def to_bytes(self) -> bytes:
        return json.dumps({name: value for name, value in asdict(self).items() if name != "kind"}).encode()


Then: TypeAlias = Callable[[], Rule[Any]]
Do: TypeAlias = Callable[[Task], Awaitable[Then | None]]
"""Does a task outside; the rule that its answer makes is run in the transaction that takes the record out.

Raises `Later` or `Never`; anything else counts as `Later`.
"""


def task_from(name: str, value: bytes) -> Task:
    """Raises ValueError where the bytes are no task."""
    kind, _, of = name.partition("/")
    try:
        found = json.loads(value)
        times = float(found["since"]), float(found["next"])
        return Task(kind, of, *times, int(found["tries"]), str(found.get("holder", "")))
    except (KeyError, TypeError) as error:
        raise ValueError("not a task") from error


# Rules


def put_in(kind: str, of: str, now: float) -> Rule[None]:
    """Asks for something to be done now, also where it has been asked for already."""
    task = Task(kind, of, now, now)
    yield Put("outbox", task.name, task.to_bytes())


def resend(key: str, now: float) -> Rule[Result]:
    """Asks for a key to be mailed to its buyer, again: `ok`, `unknown`, `inactive`, `not_here` (no address)."""
    found = yield from find(key)
    if found is None:
        return Result("unknown")
    license_id, record = found
    if record.status != "active":
        return Result("inactive", record)
    if not record.email:
        return Result("not_here", record)
    yield from put_in("mail", license_id, now)
    return Result("ok", record)


def due(kind: str, now: float) -> Rule[list[str]]:
    """Names of records whose time has come, those that waited longest first; not more than a page."""
    found: list[tuple[float, str]] = []
    after = ""
    while True:
        page: list[tuple[str, bytes]] = yield Scan("outbox", f"{kind}/", PAGE, after)
        for name, value in page:
            try:
                task = task_from(name, value)
            except ValueError:
                found.append((0.0, name))
                continue
            if task.next <= now:
                found.append((task.next, name))
        if len(page) < PAGE or len(found) >= PAGE:
            return [name for _, name in sorted(found)]
        after = page[-1][0]


def take(name: str, holder: str, now: float) -> Rule[Task | None]:
    """Lets `holder` have a record for `HELD_FOR` seconds; None where somebody else has it, or it is gone.

    One that cannot be read is put aside.
    """
    value: bytes | None = yield Get("outbox", name)
    if value is None:
        return None
    try:
        task = task_from(name, value)
    except ValueError:
        yield from _aside(name, value, "not readable", now)
        return None
    if task.next > now:
        return None
    task = replace(task, next=now + HELD_FOR, holder=holder)
    yield Put("outbox", name, task.to_bytes())
    return task


def finish(task: Task, then: Then | None) -> Rule[bool]:
    """Takes a record out, with what is to be changed because it is done; False where it is another's by now."""
    if not (yield from _still(task)):
        return False
    if then is not None:
        yield from then()
    yield Delete("outbox", task.name)
    return True


def fail(task: Task, reason: str, for_good: bool, now: float) -> Rule[bool]:
    """Puts a record back for later or, for good or after `MOST_TRIES`, aside; whether it is aside now."""
    if not (yield from _still(task)):
        return False
    task = replace(task, tries=task.tries + 1, holder="")
    if for_good or task.tries >= MOST_TRIES:
        yield from _aside(task.name, task.to_bytes(), reason, now)
        return True
    yield Put("outbox", task.name, replace(task, next=now + wait(task.tries)).to_bytes())
    return False


def wait(tries: int) -> float:
    """Seconds to wait after so many tries that failed."""
    return min(FIRST_WAIT * 2.0 ** min(tries - 1, 30), LONGEST_WAIT)


def _still(task: Task) -> Rule[bool]:
    value: bytes | None = yield Get("outbox", task.name)
    return value is not None and task_from(task.name, value).holder == task.holder


def _aside(name: str, value: bytes, reason: str, now: float) -> Rule[None]:
    kept = json.dumps({"at": now, "reason": reason, "record": value.decode(errors="replace")}).encode()
    yield Put("aside", name, kept, now + ASIDE_KEPT_FOR)
    yield Delete("outbox", name)


# Working


class Worker:
    """Does what is in the outbox, one task of a kind at a time. `holder` is unlike that of any other process.

    `clock` gives Unix seconds. `failed` counts tries, `aside` what was put aside, `done` what was done, by kind.
    """

    def __init__(self, store: Store, clock: Callable[[], float], holder: str, kinds: Mapping[str, Do]) -> None:
        self._store, self._clock, self._holder = store, clock, holder
        self.kinds: Final = kinds
        self.done = dict.fromkeys(kinds, 0)
        self.failed = dict.fromkeys(kinds, 0)
        self.aside = dict.fromkeys(kinds, 0)

    async def run(self, kind: str) -> None:
        """Works until cancelled; a store that does not answer is asked again later."""
        while True:
            try:
                await self.round(kind)
            except (StoreError, TimeoutError) as error:
                log.warning("the outbox cannot be read now: %s", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    async def round(self, kind: str) -> int:
        """Does all that is due now; how many tasks were tried.

        Raises:
            StoreError, TimeoutError: the store does not answer.
        """
        tried = 0
        for name in await ask(self._store.read, due(kind, self._clock())):
            task = await ask(self._store.write, take(name, self._holder, self._clock()))
            if task is not None:
                tried += 1
                await self._try(task)
        return tried

    async def _try(self, task: Task) -> None:
        try:
            async with asyncio.timeout(WORKS_WITHIN):
                then = await self.kinds[task.kind](task)
        except Exception as error:
            await self._failed(task, error)
            return
        if await ask(self._store.write, finish(task, then)):
            self.done[task.kind] += 1

    async def _failed(self, task: Task, error: Exception) -> None:
        """Only our own words go into the log: what a server says may hold an address."""
        reason = str(error) if isinstance(error, Later | Never) else type(error).__name__
        self.failed[task.kind] += 1
        aside = await ask(self._store.write, fail(task, reason, isinstance(error, Never), self._clock()))
        self.aside[task.kind] += aside
        log.warning("%s: try %d failed: %s%s", task.kind, task.tries + 1, reason, "; put aside" if aside else "")
