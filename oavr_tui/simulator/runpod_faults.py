"""What may go wrong between a client and the simulated RunPod: the faults of an account script.

Each entry names the requests it is for and what happens to them:

    {"match": {"deed": "create", "nth": 1}, "do": "drop", "when": "after"}

match.api      "v2" or "graphql"; left out for both
match.deed     what is asked for, by either API: create, start, stop, restart, terminate, list, get, logs, catalog,
               volumes, templates, billing, account, rename, other
match.method   GET, POST, ... of v2
match.path     the path, a prefix ("/v2/pods") or a glob with * ? [ ("/v2/pods/*/action"); default all
match.field    the root field of GraphQL, or a glob ("pod*")
match.nth      which of the matching requests, counted from 1: a number, or [first, last] with last null for no end;
               left out: every one

do             what happens, and with which further keys
latency        answered `seconds` later
unauthorized   401
forbidden      403, `form` "json" or "html"
rate_limit     429 with Retry-After: `retry_after` seconds and, unless `headers` is false, RateLimit headers
error          `status` (500-599, default 500) in the `form` "json", "html" or "empty"; `when` "before" (nothing was
               done) or "after" (it was done, and the answer is this all the same)
hang           the connection stays open and silent for `seconds` at most; `when` as above
drop           the connection is cut; `when` as above
no_capacity    no machine of this kind: 400, or a GraphQL error; `message` instead of the usual words
no_funds       402, or a GraphQL error; `message`
not_free       the pod's host has given its GPU away: 400, or a GraphQL error; `message`
gone           this API exists no longer: 410, or `status` 404; GraphQL answers with errors that say "deprecated"
               (status 200 with errors where `status` is 200)
body           answered with `body` (text), `status` 200-599 and `content_type`, whatever that may mean

These are for the pod that a matching request creates or starts (match.deed is create unless said otherwise):

broken         the pod goes to ERROR `seconds` after it
vanish         the pod disappears `seconds` after it, without a trace
boot           its machine is made with this `boot` script instead of the account's (create only)

Several entries may match one request; of those that answer it, the first one wins, except that latency adds to it.
Seconds are divided by the script's time_scale.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from oavr_tui.simulator import faults
from oavr_tui.simulator.pod_script import BootScript

Api = Literal["v2", "graphql"]
Deed = Literal[
    "create",
    "start",
    "stop",
    "restart",
    "terminate",
    "list",
    "get",
    "logs",
    "catalog",
    "volumes",
    "templates",
    "billing",
    "account",
    "rename",
    "other",
]
When = Literal["before", "after"]
Form = Literal["json", "html", "empty"]
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Nth = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as faults and books see it. field: GraphQL's root field, empty for v2."""

    api: Api
    method: str
    path: str
    field: str
    deed: Deed


class Match(faults.Match):
    """Which requests an entry is for: besides method, path and turn, which of the two APIs, and what it is to do."""

    api: Api | None = None
    deed: Deed | None = None
    field: str | None = None
    nth: Nth | tuple[Nth, Nth | None] | None = None

    def is_for(self, asked: Asked) -> bool:
        """Whether everything but nth matches; that is counted elsewhere."""
        return (
            (self.api is None or self.api == asked.api)
            and (self.deed is None or self.deed == asked.deed)
            and (self.field is None or (bool(asked.field) and fnmatch.fnmatchcase(asked.field, self.field)))
            and self.covers(asked.method, asked.path)
        )


class _Fault(faults.Part):
    match: Match = Match()


class Latency(_Fault):
    do: Literal["latency"]
    seconds: Seconds = 1.0


class Unauthorized(_Fault):
    do: Literal["unauthorized"]


class Forbidden(_Fault):
    do: Literal["forbidden"]
    form: Literal["json", "html"] = "json"


class RateLimit(_Fault):
    do: Literal["rate_limit"]
    retry_after: Annotated[int, Field(ge=0, le=86_400)] = 1
    headers: bool = True


class ServerError(_Fault):
    do: Literal["error"]
    status: Annotated[int, Field(ge=500, le=599)] = 500
    form: Form = "json"
    when: When = "before"


class Hang(_Fault):
    do: Literal["hang"]
    seconds: Seconds = 600.0
    when: When = "before"


class Drop(_Fault):
    do: Literal["drop"]
    when: When = "before"


class NoCapacity(_Fault):
    do: Literal["no_capacity"]
    message: str | None = None


class NoFunds(_Fault):
    do: Literal["no_funds"]
    message: str | None = None


class NotFree(_Fault):
    do: Literal["not_free"]
    message: str | None = None


class Gone(_Fault):
    do: Literal["gone"]
    status: Literal[200, 404, 410] = 410


class Body(_Fault):
    do: Literal["body"]
    body: str = ""
    status: Annotated[int, Field(ge=200, le=599)] = 200
    content_type: str = "application/json"


class _PodFault(_Fault):
    """What comes over a pod. A match that names no deed means create."""

    @field_validator("match")
    @classmethod
    def _of_creating(cls, match: Match) -> Match:
        return match if match.deed is not None else match.model_copy(update={"deed": "create"})

    match: Match = Field(default=Match(), validate_default=True)


class Broken(_PodFault):
    do: Literal["broken"]
    seconds: Seconds = 0.0


class Vanish(_PodFault):
    do: Literal["vanish"]
    seconds: Seconds = 0.0


class Boot(_PodFault):
    do: Literal["boot"]
    boot: BootScript


PodFault = Broken | Vanish | Boot
AnswerFault = (
    Unauthorized | Forbidden | RateLimit | ServerError | Hang | Drop | NoCapacity | NoFunds | NotFree | Gone | Body
)
Fault = Annotated[Latency | AnswerFault | PodFault, Field(discriminator="do")]


@dataclass(frozen=True, slots=True)
class Doom:
    """What is to happen to one request, and to the pod it makes."""

    latency: float
    answer: AnswerFault | None
    pod: tuple[PodFault, ...]


class Faults:
    """The faults of a script, and how often each has matched so far."""

    def __init__(self, entries: Sequence[Latency | AnswerFault | PodFault] = ()) -> None:
        self._entries = list(entries)
        self._counts = [0] * len(self._entries)

    def doom(self, asked: Asked) -> Doom:
        """Count this request, and say what is to happen to it."""
        latency = 0.0
        answer: AnswerFault | None = None
        pod: list[PodFault] = []
        for index, entry in enumerate(self._entries):
            if not entry.match.is_for(asked):
                continue
            self._counts[index] += 1
            if not entry.match.is_turn(self._counts[index]):
                continue
            if isinstance(entry, Latency):
                latency += entry.seconds
            elif isinstance(entry, PodFault):
                pod.append(entry)
            elif answer is None:
                answer = entry
        return Doom(latency, answer, tuple(pod))

    def as_json(self) -> list[dict[str, Any]]:
        """The faults with how often each has matched."""
        pairs = zip(self._entries, self._counts, strict=True)
        return [{**entry.model_dump(mode="json"), "matched": count} for entry, count in pairs]
