"""The engine for several processes or machines: a Redis, asked by all of them.

A rule is run on values that were read before, and its changes are made by one script that first looks whether those
values are still the same; where somebody else was quicker, the rule is run again. So every rule is as if it were alone,
and no lock is held by a machine that may die. All rules of a moment share their round trips; nothing is cached.

Each value lies under `oavr:<space>/<key>`, behind its expiry (see `group.pack`); all their names lie in the sorted set
`oavr-names`, from which scans are answered. Expiry goes by the server's clock; Redis lets go of what has expired an
hour later.

An answer of Redis that is lost leaves open whether the changes were made: the asker gets a `StoreError` and may ask
again. A change is never sent twice by this client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from license_server.kv.group import Page, Run, Slot, View, run_group
from license_server.kv.interface import Done, Get, Rule, Scan, StoreError
from license_server.kv.redis_scripts import COMMIT, FORGET, SCAN, shortcomings

T = TypeVar("T")

GROUP = 256
"""Rules that share their round trips, at most."""
ANSWERS_WITHIN = 3.0
"""Seconds for one round trip, and for connecting."""
RULE_WITHIN = 10.0
"""Seconds in which a rule is run again and again, when others are always quicker."""
KEPT_LONGER = 3600
"""Seconds that Redis keeps a value after its expiry: the clocks of several machines differ."""
SWEPT = 500
"""Keys that one sweep looks at."""

_NAMES = b"oavr-names"

log = logging.getLogger("license_server.kv")


class _Lane:
    """Rules that wait, and the task that runs them, group by group."""

    def __init__(self, serve: Callable[[list[Run]], Awaitable[list[Run]]]) -> None:
        self._serve = serve
        self._waiting: list[Run] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, run: Run) -> None:
        self._waiting.append(run)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
                again = await self._serve(group)
                self._waiting = again + self._waiting
        finally:
            self._task = None

    async def ended(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])


class RedisStore:
    """A `Store` in the Redis at `url`: `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.

    `clock` gives Unix seconds. A rule that asks for several pages sees each as it was when that page was read; all else
    that a rule reads is of one moment. What a rule changes rests on all values that it was given still being so, but
    not on there being no new ones between those of a page.

    Raises:
        StoreError: the address is none.
    """

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=ANSWERS_WITHIN,
                socket_connect_timeout=ANSWERS_WITHIN,
                # A change whose answer was lost must not be made again: whoever asked for it decides.
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise StoreError("the address of the Redis is not understood") from error
        self._reading = _Lane(self._serve_reads)
        self._writing = _Lane(self._serve_writes)
        self._sweeping: asyncio.Task[None] | None = None
        self._swept_to = b"-"
        self._looked_at = False
        self._closed = False

    def read(self, rule: Rule[T], done: Done[T]) -> None:
        self._add(self._reading, rule, done)

    def write(self, rule: Rule[T], done: Done[T]) -> None:
        self._add(self._writing, rule, done)

    def _add(self, lane: _Lane, rule: Rule[T], done: Done[T]) -> None:
        if self._closed:
            done(StoreError("the store is closed"))
        else:
            lane.add(Run(rule, done, asyncio.get_running_loop().time() + RULE_WITHIN))

    # Serving

    async def _serve_reads(self, group: list[Run]) -> list[Run]:
        view = View(may_write=False)
        left = group
        try:
            await self._look_at_once()
            while left:
                for run in run_group(left, view, self._clock()):
                    _tell(run, run.result)
                left = [run for run in left if not run.ended]
                # What was known is read again with the rest: so all that a rule has seen is of one moment.
                await self._fetch(view, again=True)
        except Exception as error:
            _fail(left, error)
        return []

    async def _serve_writes(self, group: list[Run]) -> list[Run]:
        """Runs a group, and makes its changes; gives back those rules that somebody else was quicker than."""
        view = View(may_write=True)
        try:
            await self._look_at_once()
            left = group
            while left:
                ended = run_group(left, view, self._clock())
                left = left[len(ended) :]
                await self._fetch(view, again=False)
            told = await self._commit(group)
        except Exception as error:
            _fail(group, error)
            return []
        again = [run for run, made in zip(group, told, strict=True) if not self._settled(run, made)]
        for run in again:
            run.begin()
        return again

    def _settled(self, run: Run, made: object) -> bool:
        """Whether a rule's asker has been told; not yet, where it is to be run again."""
        if made == 1:
            _tell(run, run.result)
        elif isinstance(made, Exception):
            _fail([run], made)
        elif asyncio.get_running_loop().time() > run.until:
            _fail([run], StoreError("others were always quicker"))
        else:
            return False
        return True

    async def _fetch(self, view: View, again: bool) -> None:
        """Reads what is wanted, in one round trip and at one moment."""
        slots = {op[:2] for op in view.wanted if isinstance(op, Get)}
        scans = [op for op in view.wanted if isinstance(op, Scan)]
        if not view.wanted:
            return
        asked = list(slots | view.known.keys() if again else slots)
        pipe = self._redis.pipeline(transaction=bool(scans))
        if asked:
            pipe.mget([_name(slot) for slot in asked])
        limits = [_rows_for(op, view) for op in scans]
        for op, limit in zip(scans, limits, strict=True):
            pipe.eval(SCAN, 1, _NAMES, *_bounds(op), limit)
        answers = await _executed(pipe)
        if asked:
            view.known.update(zip(asked, answers.pop(0), strict=True))
        for op, limit, found in zip(scans, limits, answers, strict=True):
            cut = len(_name((op.space, "")))
            rows = [(name[cut:].decode(), raw) for name, raw in zip(found[::2], found[1::2], strict=True)]
            view.pages[op] = Page(rows, len(rows) < limit)

    async def _commit(self, runs: list[Run]) -> list[Any]:
        """Makes the changes of each rule, where what it has read is still so: 1, else 0, or what went wrong."""
        pipe = self._redis.pipeline(transaction=False)
        now = self._clock()
        for run in runs:
            values: list[bytes | int] = [len(run.reads), *(raw or b"" for raw in run.reads.values())]
            for slot, raw in run.packed().items():
                values += [raw or b"", _lives(run.own[slot][1], now)]
            keys = [_name(slot) for slot in (*run.reads, *run.own)]
            pipe.eval(COMMIT, len(keys) + 1, *keys, _NAMES, *values)
        return await _executed(pipe, raise_on_error=False)

    # Keeping house

    async def _look_at_once(self) -> None:
        """Refuses, once, a Redis that would forget what it has said is kept."""
        if self._looked_at:
            return
        for refused, text in await shortcomings(self._redis):
            if refused:
                raise StoreError(text)
            log.warning("%s", text)
        self._looked_at = True

    def sweep(self) -> None:
        if self._sweeping is None and not self._closed:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Takes the next names of what has expired out of the set of names; begins anew at the end."""
        try:
            last = await self._redis.eval(FORGET, 1, _NAMES, self._swept_to, SWEPT)
            self._swept_to = b"(" + last if last else b"-"
        except (RedisError, OSError) as error:
            log.warning("expired names stay for now: %s", type(error).__name__)
        finally:
            self._sweeping = None

    def close(self) -> None:
        """Takes no more; `wait_closed` finishes what was asked for."""
        self._closed = True

    async def wait_closed(self) -> None:
        await self._writing.ended()
        await self._reading.ended()
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])
        await self._redis.aclose()


def _name(slot: Slot) -> bytes:
    return f"oavr:{slot[0]}/{slot[1]}".encode()


def _bounds(op: Scan) -> tuple[bytes, bytes]:
    """The first and last name of a scan, as ZRANGEBYLEX takes them; no name holds the byte 0xff."""
    prefix = _name((op.space, op.prefix))
    first = b"(" + _name((op.space, op.after)) if op.after >= op.prefix and op.after else b"[" + prefix
    return first, b"(" + prefix + b"\xff"


def _rows_for(op: Scan, view: View) -> int:
    """Rows to read for a scan: some more than it asks for, more still where that was not enough."""
    page = view.pages.get(op)
    return 2 * len(page.rows) if page else op.limit + 8


def _lives(expires_at: float | None, now: float) -> int:
    """Milliseconds that Redis should keep a value."""
    return 0 if expires_at is None else max(1, round((expires_at - now + KEPT_LONGER) * 1000))


async def _executed(pipe: Pipeline, raise_on_error: bool = True) -> list[Any]:
    async with asyncio.timeout(2 * ANSWERS_WITHIN):
        return await pipe.execute(raise_on_error)


def _tell(run: Run, result: object) -> None:
    """One whose asker has gone must not cost the others their answers."""
    try:
        run.done(result)
    except Exception:
        log.exception("an answer could not be given")


def _fail(runs: list[Run], error: Exception) -> None:
    """What a Redis says of itself goes to the log; the asker learns that it may ask again."""
    expected = isinstance(error, RedisError | OSError | StoreError)
    log.error("the Redis could not do it: %s: %s", type(error).__name__, error, exc_info=None if expected else error)
    for run in runs:
        _tell(run, error if isinstance(error, StoreError) else StoreError("the Redis could not do it"))
