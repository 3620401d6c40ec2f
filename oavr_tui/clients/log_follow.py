"""Keeping a pod's log coming: connecting, noticing silence, backing off, and going on where it was left.

Light to import; following a log server loads httpx.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from oavr_tui.clients.comfyui_types import Timings
from oavr_tui.clients.log_replay import LogRestarted
from oavr_tui.errors import BadInput, Unreachable

if TYPE_CHECKING:
    from oavr_tui.clients.comfyui_http import Http
    from oavr_tui.clients.pod_log import PodLog

Sleep = Callable[[float], Awaitable[object]]
Clock = Callable[[], float]
Lines = Callable[[str], AsyncIterator[tuple[str, str]] | None]

_UNREADABLE = (
    "— The pod's log server cannot read its log: something in it is no text. It is asked again every minute. —"
)
_LONGEST_WAIT = 600.0


@dataclass(frozen=True, slots=True)
class LogTimings:
    """Seconds. connect: to have a connection; silence: without a byte, after which it counts as cut (the server says
    something every 10); backoff .. backoff_most: between attempts, doubling; unusable: between attempts where the
    server cannot or will not show its log; stale: without news, after which the log is fetched anew, because the
    server does not notice when its file was replaced. failures: attempts in vain before another source is wanted."""

    connect: float = 10.0
    silence: float = 30.0
    backoff: float = 1.0
    backoff_most: float = 30.0
    unusable: float = 60.0
    stale: float = 300.0
    failures: int = 5


class _End(Enum):
    """How a connection ended. FAILED: nothing came. CUT: something came; that it ends is normal."""

    FAILED = auto()
    CUT = auto()
    RESTARTED = auto()
    UNREADABLE = auto()
    REFUSED = auto()


async def follow_log_server(
    log: PodLog,
    url: str,
    *,
    token: str | None,
    sleep: Sleep,
    clock: Clock,
    jitter: Callable[[], float] = random.random,
    timings: LogTimings = LogTimings(),
) -> None:
    """Follow the log server at an address, with or without /stream at its end, until cancelled.

    token: sent as a Bearer token. jitter: a random number of 0 .. 1. Whatever the server does, it is asked again;
    `log.source_note` says what is the matter and `log.other_wanted` when another source is better. Raises BadInput
    for an address or a token that cannot be used.
    """
    from oavr_tui.clients.comfyui_http import Http, parse_address

    address = parse_address(url.strip().rstrip("/").removesuffix("/stream"))
    http = Http(address, Timings(connect=timings.connect, stall=timings.silence))
    following = _Following(log, http, _headers(token), clock, timings)
    failures, restarts = 0, 0
    try:
        while True:
            end = await following.connection()
            failures = failures + 1 if end is _End.FAILED else 0
            restarts = restarts + 1 if end is _End.RESTARTED else 0
            following.say(end, failures)
            if restarts == 1:
                continue  # the whole of the new log is there to be had
            if end in (_End.UNREADABLE, _End.REFUSED):
                await sleep(timings.unusable)
            else:
                await sleep(backoff(timings, max(failures - 1, restarts - 1, 0), jitter()))
    finally:
        await http.close()


def backoff(timings: LogTimings, failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row: doubling to a limit, and at random the upper half of that."""
    whole = min(timings.backoff_most, timings.backoff * 2.0 ** min(failures, 16))
    return whole * (0.5 + 0.5 * jitter)


def _headers(token: str | None) -> dict[str, str]:
    headers = {"accept": "text/event-stream", "cache-control": "no-cache"}
    if token:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise BadInput("The pod's token cannot be sent: it may hold no spaces and only plain letters and signs.")
        headers["authorization"] = f"Bearer {token}"
    return headers


class _Following:
    """One log server being followed, connection by connection."""

    def __init__(self, log: PodLog, http: Http, headers: dict[str, str], clock: Clock, timings: LogTimings) -> None:
        self._log = log
        self._http = http
        self._headers = headers
        self._clock = clock
        self._timings = timings
        self._unreadable = False

    async def connection(self) -> _End:
        """Read until the connection ends, and how it ended."""
        stream = self._log.connect()
        news = self._clock()
        try:
            async with self._http.stream("GET", "/stream", headers=self._headers) as response:
                if response.status_code in (401, 403, 407):
                    return _End.REFUSED
                if response.status_code != 200 or not _is_stream(response.headers):
                    return _End.FAILED  # the pod is not up yet, or a proxy answers in its place
                async for chunk in response.aiter_raw():
                    if stream.feed(chunk):
                        news = self._clock()
                    if stream.alive and not stream.broken:
                        self._flows()
                    if self._clock() - news >= self._timings.stale:
                        return _End.CUT
        except LogRestarted:
            self._log.begin_anew()
            return _End.RESTARTED
        except Unreachable:
            pass  # a cut is the ordinary end; what came before it says how it was
        if stream.broken:
            return _End.UNREADABLE
        return _End.CUT if stream.alive else _End.FAILED

    def say(self, end: _End, failures: int) -> None:
        """Keep what the log says of its source up to date."""
        log = self._log
        if end is _End.UNREADABLE:
            if not self._unreadable:
                self._unreadable = True
                log.add(_UNREADABLE)
            log.source_note = "The pod's log server cannot read its log."
            log.other_wanted.set()
        elif end is _End.REFUSED:
            log.source_note = "The pod's log server asks for a token that it was not given, or refuses it."
            log.other_wanted.set()
        elif end is _End.FAILED:
            log.source_note = "The pod's log server does not answer."
            if failures >= self._timings.failures:
                log.other_wanted.set()

    def _flows(self) -> None:
        self._unreadable = False
        self._log.source_note = ""
        self._log.other_wanted.clear()


def _is_stream(headers: Mapping[str, str]) -> bool:
    kind, encoding = headers.get("content-type", ""), headers.get("content-encoding", "identity")
    return kind.lower().startswith("text/event-stream") and encoding.lower() == "identity"


async def follow_source(
    log: PodLog,
    lines: Lines,
    *,
    sleep: Sleep,
    clock: Clock,
    jitter: Callable[[], float] = random.random,
    timings: LogTimings = LogTimings(),
) -> None:
    """Follow a log that gives each line an id and goes on after any of them, as a provider keeps it.

    lines: called with the last id that is known (empty at first). Returns where there is no such log; runs until
    cancelled otherwise. Raises what `lines` raises, except Unreachable, after which it asks again.
    """
    failures = 0
    while True:
        began = clock()
        wait = 0.0
        try:
            coming = lines(log.last_id)
            if coming is None:
                return
            async for line_id, line in coming:
                failures = 0
                log.add_identified(line_id, line)
        except Unreachable as error:
            wait = min(_LONGEST_WAIT, float(getattr(error, "seconds", 0.0)))  # a provider that was asked too often
        failures = 0 if clock() - began >= timings.backoff_most else failures + 1
        await sleep(max(wait, backoff(timings, failures - 1 if failures else 0, jitter())))
