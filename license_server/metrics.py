"""What the server has done so far, in the text format of Prometheus (prometheus.io/docs/instrumenting)."""

from __future__ import annotations

import asyncio
import hmac
import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from license_server import openapi
from license_server.http_messages import Handler, Request, Response
from license_server.kv.ask import ask
from license_server.kv.interface import Done, Rule, Scan, Store, StoreError
from license_server.outbox import Worker
from license_server.records import license_from

T = TypeVar("T")
Answer: TypeAlias = Callable[[Response], None]

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Bounds of the histogram of latencies."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Bounds of the histogram of group sizes."""
COUNT_EVERY = 1.0
COUNT_AGAIN = 60.0
PAGE = 200
"""Licenses that are counted at a time, every `COUNT_EVERY` seconds; anew `COUNT_AGAIN` seconds after the last."""
TYPE = "text/plain; version=0.0.4; charset=utf-8"
HIDDEN = Response(404, b"Not Found", "text/plain;charset=UTF-8")
OWN = frozenset({"/metrics", "/openapi.json"})
NEAR = frozenset({"127.0.0.1", "::1"})

log = logging.getLogger("license_server.metrics")


class Histogram:
    """Counts of values up to each bound, their number and their sum."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str = "") -> Iterable[str]:
        reached = 0
        for bound, count in zip((*self.bounds, "+Inf"), self.buckets, strict=True):
            reached += count
            yield f'{name}_bucket{{{labels}{"," if labels else ""}le="{bound}"}} {reached}'
        tail = f"{{{labels}}}" if labels else ""
        yield f"{name}_sum{tail} {self.total:.6f}"
        yield f"{name}_count{tail} {reached}"


class Writes:
    """`write` of a store, counted: what fails, and how many end together.

    `groups` holds the numbers of writes that were answered in one turn of the loop: those of one commit. Reading is not
    counted, since that costs a large part of what reading does; where it fails, the request's status says so.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._ended = 0
        self.errors = 0
        self.groups = Histogram(SIZES)

    def __call__(self, rule: Rule[T], done: Done[T]) -> None:
        def counted(result: T | Exception) -> None:
            if isinstance(result, StoreError):
                self.errors += 1
            if self._ended == 0:
                self._loop.call_soon(self._turn_ended)
            self._ended += 1
            done(result)

        self._store.write(rule, counted)

    def _turn_ended(self) -> None:
        self.groups.add(self._ended)
        self._ended = 0


class Metrics:
    """A handler around another one: times what it answers, and answers `/metrics` and `/openapi.json` itself.

    Figures are for who brings `token` as Bearer; without a token, for programs on this machine, but nobody
    who comes through a proxy. `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        handler: Handler,
        store: Store,
        writes: Writes,
        worker: Worker,
        clock: Callable[[], float],
        token: str = "",
    ) -> None:
        self._handler, self._clock, self._token = handler, clock, token
        self._store, self._writes, self._worker = store, writes, worker
        self._answered: dict[tuple[str, int], Histogram] = {}
        self._document = openapi.answer()
        self.census: dict[str, int] = {}
        self.waiting: dict[str, int] = {}

    def __call__(self, request: Request, answer: Answer) -> None:
        path = request.path
        if path in OWN and request.method in ("GET", "HEAD"):
            answer(self._own(request))
            return
        clock, answered = self._clock, self._answered
        begun = clock()

        def timed(response: Response) -> None:
            seconds = clock() - begun
            histogram = answered.get((path, response.status)) or self._histogram(path, response.status)
            histogram.buckets[bisect_left(SECONDS, seconds)] += 1
            histogram.total += seconds
            answer(response)

        self._handler(request, timed)

    def _histogram(self, path: str, status: int) -> Histogram:
        """That of a route; what is no route counts as one: else anybody could make as many as they like."""
        asked = (path if path in openapi.PATHS else "other", status)
        if asked not in self._answered:
            self._answered[asked] = Histogram(SECONDS)
        return self._answered[asked]

    def _own(self, request: Request) -> Response:
        if request.path == "/openapi.json":
            return self._document
        return Response(200, self.text().encode(), TYPE) if self._may(request) else HIDDEN

    def _may(self, request: Request) -> bool:
        if self._token:
            said = request.headers.get("authorization", "").encode(errors="replace")
            return hmac.compare_digest(said, f"Bearer {self._token}".encode())
        return request.peer in NEAR and "x-forwarded-for" not in request.headers and "forwarded" not in request.headers

    def text(self) -> str:
        """All figures, as Prometheus reads them."""
        return "\n".join([*self._requests(), *self._of_store(), *self._of_outbox(), *self._of_licenses(), ""])

    def _requests(self) -> Iterable[str]:
        name = "oavr_request_seconds"
        yield from _head(name, "histogram", "Seconds from a whole request to its answer, by route and status.")
        for (route, status), histogram in sorted(self._answered.items()):
            yield from histogram.lines(name, f'route="{route}",status="{status}"')

    def _of_store(self) -> Iterable[str]:
        yield from _head("oavr_store_write_errors_total", "counter", "Writes that the store could not do.")
        yield f"oavr_store_write_errors_total {self._writes.errors}"
        yield from _head("oavr_store_group_writes", "histogram", "Writes that were made durable together.")
        yield from self._writes.groups.lines("oavr_store_group_writes")

    def _of_outbox(self) -> Iterable[str]:
        yield from _head("oavr_outbox_waiting", "gauge", "What is still to be done outside, and what was put aside.")
        yield from (f'oavr_outbox_waiting{{kind="{kind}"}} {count}' for kind, count in sorted(self.waiting.items()))
        name = "oavr_outbox_total"
        yield from _head(name, "counter", "Tries, by what became of them, since the server was started.")
        worker = self._worker
        for result, counts in (("done", worker.done), ("failed", worker.failed), ("aside", worker.aside)):
            yield from (f'{name}{{kind="{kind}",result="{result}"}} {count}' for kind, count in counts.items())

    def _of_licenses(self) -> Iterable[str]:
        yield from _head("oavr_licenses", "gauge", "Licenses by state, when they were counted last.")
        yield from (f'oavr_licenses{{status="{status}"}} {count}' for status, count in sorted(self.census.items()))

    async def count(self) -> None:
        """Counts licenses and what waits in the outbox, page by page and again and again, until cancelled."""
        while True:
            try:
                self.waiting = await self._counted("outbox", lambda name, _: name.partition("/")[0])
                self.waiting["aside"] = sum((await self._counted("aside", lambda name, _: name)).values())
                self.census = await self._counted("license", _status)
            except (StoreError, TimeoutError) as error:
                log.warning("nothing can be counted now: %s", type(error).__name__)
            await asyncio.sleep(COUNT_AGAIN)

    async def _counted(self, space: str, kind: Callable[[str, bytes], str]) -> dict[str, int]:
        counts: Counter[str] = Counter()
        after = ""
        while True:
            page = await ask(self._store.read, _page(space, after))
            counts.update(kind(name, value) for name, value in page)
            if len(page) < PAGE:
                return dict(counts)
            after = page[-1][0]
            await asyncio.sleep(COUNT_EVERY)


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _page(space: str, after: str) -> Rule[list[tuple[str, bytes]]]:
    found: list[tuple[str, bytes]] = yield Scan(space, limit=PAGE, after=after)
    return found


def _status(_: str, value: bytes) -> str:
    try:
        return license_from.__wrapped__(value).status  # not into the cache: all licenses come by here
    except ValueError:
        return "unreadable"
