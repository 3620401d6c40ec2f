"""What may go wrong, said in a file: the fault script of the simulated servers.

A script is a JSON list. Each entry names the requests it is for and what happens to them:

    [{"match": {"method": "GET", "path": "/view", "nth": 1}, "do": "truncate", "bytes": 4096}]

match.method   GET, POST, ... or left out for every method
match.path     the path without /api: a prefix ("/view"), or a glob if it holds * ? or [ ("/history/*"); default all
match.nth      which of the matching requests, counted from 1: a number, or [first, last] with last null for no end;
               left out: every one

do             what happens, and with which further keys (seconds 0-600, bytes and counts from 0)
latency        answered `seconds` later
status         answered with `status` (400-599) instead; `body` (default an HTML page as proxies send), `content_type`
413            answered as a server does whose upload limit is passed
drop           the connection is cut: `when` "before" (nothing was done) or "after" (it was done, the answer is lost).
               On /ws: cut once `after_messages` messages have been sent
half_open      the connection stays open and silent, for `seconds` at most. On /ws: from `after_messages` messages on
truncate       the body ends after `bytes` bytes with a cut connection, though the header promises all of it
slow           the body comes at `bytes_per_second`
lost_history   queue and history are forgotten, then the request is answered
restart        the server goes away at once and comes back after `seconds`, with queue and history empty
fail           not about a request: each run of a node of class `node` counts, and the nth ones fail with
               `exception_type` and `message` (match needs only nth)

Several entries may match one request; the first one that does anything wins, except that latency adds to the next.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from oavr_tui.errors import BadInput
from oavr_tui.text import safe

_LARGEST_SCRIPT = 1 << 20
_PROXY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>"
)

Seconds = Annotated[float, Field(ge=0, le=600)]
Count = Annotated[int, Field(ge=0, le=1 << 40)]


class Part(BaseModel):
    """A piece of a script: nothing in it may be misspelled."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(Part):
    """Which requests an entry is for."""

    method: str | None = None
    path: str = "/"
    nth: Annotated[int, Field(ge=1)] | tuple[Annotated[int, Field(ge=1)], int | None] | None = None

    def covers(self, method: str, path: str) -> bool:
        """Whether method and path match; nth is counted elsewhere."""
        if self.method is not None and self.method.upper() != method.upper():
            return False
        if any(sign in self.path for sign in "*?["):
            return fnmatch.fnmatchcase(path, self.path)
        return path.startswith(self.path)

    def is_turn(self, count: int) -> bool:
        """Whether the count-th matching request (from 1) is meant."""
        if self.nth is None:
            return True
        if isinstance(self.nth, int):
            return count == self.nth
        first, last = self.nth
        return count >= first and (last is None or count <= last)


class _Fault(Part):
    match: Match = Match()


class Latency(_Fault):
    do: Literal["latency"]
    seconds: Seconds = 1.0


class Status(_Fault):
    do: Literal["status"]
    status: Annotated[int, Field(ge=400, le=599)] = 502
    body: str = _PROXY_PAGE
    content_type: str = "text/html"


class TooLarge(_Fault):
    do: Literal["413"]


class Drop(_Fault):
    do: Literal["drop"]
    when: Literal["before", "after"] = "before"
    after_messages: Count = 0


class HalfOpen(_Fault):
    do: Literal["half_open"]
    seconds: Seconds = 600.0
    after_messages: Count = 0


class Truncate(_Fault):
    do: Literal["truncate"]
    bytes: Count = 0


class Slow(_Fault):
    do: Literal["slow"]
    bytes_per_second: Annotated[int, Field(ge=1)] = 10_000


class LostHistory(_Fault):
    do: Literal["lost_history"]


class Restart(_Fault):
    do: Literal["restart"]
    seconds: Seconds = 0.5


class Fail(_Fault):
    do: Literal["fail"]
    node: str
    exception_type: str = "torch.OutOfMemoryError"
    message: str = "Allocation on device 0 would exceed allowed memory. (out of memory)"


Fault = Latency | Status | TooLarge | Drop | HalfOpen | Truncate | Slow | LostHistory | Restart | Fail
_SCRIPT: TypeAdapter[list[Fault]] = TypeAdapter(list[Annotated[Fault, Field(discriminator="do")]])


class Faults:
    """A fault script and how often each of its entries has matched so far."""

    def __init__(self, entries: Sequence[Fault] = ()) -> None:
        self._entries = list(entries)
        self._counts = [0] * len(self._entries)

    @classmethod
    def none(cls) -> Faults:
        """No faults at all."""
        return cls()

    @classmethod
    def from_json(cls, text: str | bytes) -> Faults:
        """Read a script. Raises BadInput with the place and the reason of the first mistake."""
        if len(text) > _LARGEST_SCRIPT:
            raise BadInput("The fault script is larger than a megabyte; it is probably another file.")
        try:
            return cls(_SCRIPT.validate_json(text))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file itself"
            raise BadInput(safe(f"The fault script is wrong at {place}: {first['msg']}.")) from None

    @classmethod
    def from_file(cls, path: Path) -> Faults:
        """Read a script from a file. Raises BadInput."""
        try:
            return cls.from_json(path.read_bytes())
        except OSError as error:
            raise BadInput(safe(f"The fault script cannot be read: {error.strerror}.")) from None

    def replace(self, other: Faults) -> None:
        """Take over another script, counting from the start."""
        self._entries = other._entries
        self._counts = [0] * len(self._entries)

    def for_request(self, method: str, path: str) -> list[Fault]:
        """Count this request, and return what is to happen to it: any latencies, then at most one other fault."""
        chosen: list[Fault] = []
        for index, entry in enumerate(self._entries):
            if isinstance(entry, Fail) or not entry.match.covers(method, path):
                continue
            self._counts[index] += 1
            decided = any(not isinstance(fault, Latency) for fault in chosen)
            if entry.match.is_turn(self._counts[index]) and not decided:
                chosen.append(entry)
        return chosen

    def for_node(self, class_type: str) -> Fail | None:
        """Count this run of a node, and return how it is to fail, if it is."""
        found = None
        for index, entry in enumerate(self._entries):
            if isinstance(entry, Fail) and entry.node == class_type:
                self._counts[index] += 1
                if found is None and entry.match.is_turn(self._counts[index]):
                    found = entry
        return found

    def as_json(self) -> list[dict[str, object]]:
        """The script with how often each entry has matched."""
        pairs = zip(self._entries, self._counts, strict=True)
        return [{**entry.model_dump(mode="json"), "matched": count} for entry, count in pairs]
