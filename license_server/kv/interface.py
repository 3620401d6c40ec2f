"""What rules ask of a store, and what a store promises.

A rule is a generator: it yields operations and is sent their answers, so that the very same rule runs inside one
SQLite transaction or, retried, on a server far away. A rule may be run more than once; only its last run counts.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

T = TypeVar("T")


class Get(NamedTuple):
    """Answered with the value (bytes), or None where there is none or it has expired."""

    space: str
    key: str


class Put(NamedTuple):
    """Sets a value, replacing value and expiry. `expires_at` in Unix seconds; None: kept for ever."""

    space: str
    key: str
    value: bytes
    expires_at: float | None = None


class Delete(NamedTuple):
    """Removes a value; nothing happens where there is none."""

    space: str
    key: str


class Scan(NamedTuple):
    """Answered with a list of (key, value), in order of keys, of those that begin with `prefix` and come after `after`.

    At most `limit` of them (1 or more); the next page is asked for with `after` = the last key.
    """

    space: str
    prefix: str = ""
    limit: int = 1000
    after: str = ""


Op: TypeAlias = Get | Put | Delete | Scan
Rule: TypeAlias = Generator[Op, Any, T]
Done: TypeAlias = Callable[[T | Exception], None]


class StoreError(Exception):
    """The store could not do it now (disk, lock, connection): nothing was acknowledged, trying again may help."""


class Store(Protocol):
    """Spaces of keys (never empty) and values; each space is a namespace of its own."""

    def read(self, rule: Rule[T], done: Done[T]) -> None:
        """Runs a rule that only reads, on one state of the store.

        `done` is called on the loop with the rule's result, the exception it raised, or a `StoreError`; perhaps
        before this returns.
        """

    def write(self, rule: Rule[T], done: Done[T]) -> None:
        """Runs a rule as one transaction: all of its changes or, when it raises, none.

        `done` is called on the loop after the changes are durable, with the rule's result, the exception it raised, or
        a `StoreError`.
        """

    def sweep(self) -> None:
        """Removes some of what has expired. To be called now and then; returns soon."""

    def close(self) -> None:
        """Finishes the writes that were asked for, and lets go. Calling it again does nothing."""
