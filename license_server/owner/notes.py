"""The log of what the owner did: notes that are only ever added, beside the log of Gumroad's pings."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from license_server.kv.interface import Put, Rule

T = TypeVar("T")

PREFIX = "owner/"
"""Of their keys in the space `event`; the keys of pings are hexadecimal."""


class Note(NamedTuple):
    """What was done (`revoke`, `kv import`), to which license ("" for none), and what else is worth knowing."""

    did: str
    license: str = ""
    details: dict[str, Any] = {}  # noqa: RUF012 - never changed


def noted(rule: Rule[T], note: Callable[[T], Note | None], now: float, by: str, chance: str) -> Rule[T]:
    """A rule, and the note of it at `now` (Unix seconds). `chance` tells two of one moment apart."""
    result = yield from rule
    written = note(result)
    if written is not None:
        value = {"at": round(now, 3), "by": by, "did": written.did, "license": written.license, **written.details}
        yield Put("event", f"{PREFIX}{instant(now)}/{chance}", json.dumps(value).encode())
    return result


def nothing() -> Rule[None]:
    """Changes nothing: for a note of what was done outside a rule."""
    yield from ()


def instant(moment: float) -> str:
    """Unix seconds as ISO 8601 in UTC with microseconds: in order of time also as text."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def many(count: int, word: str) -> str:
    """So many of something, as it is read aloud."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def minute(moment: float) -> str:
    """Unix seconds as a person reads them."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
