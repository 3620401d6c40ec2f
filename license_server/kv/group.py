"""Rules run in a group against what has been read so far: the part of a far-away store that needs no connection.

The rules of a group run in the order in which they were asked for, each above the changes of those before it. One that
asks for what has not been read yet waits; what all of them wait for is read in one go, and they run on.
"""

from __future__ import annotations

import inspect
from types import CellType, FunctionType, GeneratorType
from typing import Any, NamedTuple, TypeAlias

from license_server.kv.interface import Done, Get, Op, Put, Rule, Scan

Slot: TypeAlias = tuple[str, str]
Raw: TypeAlias = bytes | None
"""A value as it is kept, behind its expiry; None where there is none."""


def once_more(rule: Rule[Any]) -> Rule[Any]:
    """The same rule from its beginning, so that it can be run again when somebody else was quicker.

    A generator that has not begun still holds its function's arguments; calling that function with them makes another.

    Raises:
        ValueError: the rule has begun, or is no generator.
    """
    if not isinstance(rule, GeneratorType) or inspect.getgeneratorstate(rule) != inspect.GEN_CREATED:
        raise ValueError("only a generator that has not begun can be run again")
    code, frame = rule.gi_code, rule.gi_frame
    assert frame is not None, "what has not begun has a frame"
    held = frame.f_locals
    cells = tuple(CellType(held[name]) for name in code.co_freevars)
    names = iter(code.co_varnames)
    arguments = [held[next(names)] for _ in range(code.co_argcount)]
    named = {name: held[name] for name in (next(names) for _ in range(code.co_kwonlyargcount))}
    if code.co_flags & inspect.CO_VARARGS:
        arguments += held[next(names)]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        named |= held[next(names)]
    made: Rule[Any] = FunctionType(code, frame.f_globals, code.co_name, None, cells)(*arguments, **named)
    return made


def pack(value: bytes, expires_at: float | None) -> bytes:
    """A value behind its expiry (Unix seconds, `-` for never) and a space: never empty, and readable."""
    return b"%b %b" % (b"-" if expires_at is None else repr(expires_at).encode(), value)


def unpack(raw: Raw, now: float) -> Raw:
    """The value, None where there is none or it has expired."""
    if raw is None:
        return None
    expires, _, value = raw.partition(b" ")
    return value if expires == b"-" or float(expires) > now else None


class Page(NamedTuple):
    """Rows that a scan is answered from, more than it asks for, since some may be gone; `whole`: there are no more."""

    rows: list[tuple[str, Raw]]
    whole: bool


class View:
    """What a group has read and changed. `wanted` is what somebody waits for."""

    def __init__(self, may_write: bool) -> None:
        self.may_write = may_write
        self.known: dict[Slot, Raw] = {}
        self.pages: dict[Scan, Page] = {}
        self.changes: dict[Slot, Raw] = {}
        self.wanted: set[Get | Scan] = set()

    def missing(self, op: Get | Scan) -> bool:
        if isinstance(op, Scan):
            return op not in self.pages
        return op[:2] not in self.changes and op[:2] not in self.known

    def raw(self, slot: Slot) -> Raw:
        return self.changes[slot] if slot in self.changes else self.known[slot]


class Run:
    """One rule on its way through a group; `reads` are the values that its result rests on."""

    def __init__(self, rule: Rule[Any], done: Done[Any], until: float) -> None:
        self.rule, self.done, self.until = rule, done, until
        self.tries = 0
        self.result: Any = None
        self.begin()

    def begin(self) -> None:
        """From the start, forgetting what was read."""
        self._steps = once_more(self.rule)
        self._asks: Op | None = None
        self._changes_seen = 0
        self.reads: dict[Slot, Raw] = {}
        self.own: dict[Slot, tuple[bytes | None, float | None]] = {}
        self.scanned = False
        self.ended = False

    def advance(self, view: View, now: float) -> None:
        """Runs on as far as what is known goes; from the start, if what it has read is no longer so."""
        moved = any(view.raw(slot) != raw for slot, raw in self.reads.items())
        if moved or (self.scanned and self._changes_seen != len(view.changes)):
            self.begin()
        self._changes_seen = len(view.changes)
        try:
            while not self.ended:
                if isinstance(self._asks, Get | Scan) and self._unknown(self._asks, view):
                    view.wanted.add(self._asks)
                    return
                asks, self._asks = self._asks, None
                answer = self._do(asks, view, now) if asks is not None else None
                if answer is None and isinstance(asks, Scan):
                    self._asks = asks
                    view.wanted.add(asks)
                    return
                self._asks = self._steps.send(answer)
        except StopIteration as end:
            self.result, self.ended = end.value, True
        except Exception as error:
            self.result, self.ended, self.own = error, True, {}

    def packed(self) -> dict[Slot, Raw]:
        """Its changes as they are kept."""
        return {slot: None if value is None else pack(value, at) for slot, (value, at) in self.own.items()}

    def _unknown(self, op: Get | Scan, view: View) -> bool:
        return (isinstance(op, Scan) or op[:2] not in self.own) and view.missing(op)

    def _do(self, op: Op, view: View, now: float) -> Any:
        if isinstance(op, Scan):
            return self._scan(op, view, now)
        if isinstance(op, Get):
            return self._get(op[:2], view, now)
        if not view.may_write:
            raise TypeError("a rule that is only read with may not write")
        self.own[op[:2]] = (op.value, op.expires_at) if isinstance(op, Put) else (None, None)
        return None

    def _get(self, slot: Slot, view: View, now: float) -> bytes | None:
        if slot in self.own:
            return _live(*self.own[slot], now)
        self.reads[slot] = raw = view.raw(slot)
        return unpack(raw, now)

    def _scan(self, op: Scan, view: View, now: float) -> list[tuple[str, bytes]] | None:
        """A page as it was read, under what the group and the rule itself have changed since.

        None where so many of the rows that were read are gone that more of them are needed.
        """
        self.scanned = True
        page = view.pages[op]
        found: dict[str, bytes | None] = {}
        for key, raw in page.rows:
            found[key] = unpack(raw, now)
            if view.may_write:
                # What the changes rest on must still be so when they are made.
                slot = (op.space, key)
                view.known.setdefault(slot, raw)
                self.reads.setdefault(slot, view.raw(slot))
                found[key] = unpack(view.raw(slot), now)
        changed = {slot: unpack(raw, now) for slot, raw in view.changes.items()}
        changed |= {slot: _live(*entry, now) for slot, entry in self.own.items()}
        # Beyond the last row that was read there may be others before the changed one.
        last = page.rows[-1][0] if page.rows and not page.whole else None
        for (space, key), value in changed.items():
            if space == op.space and key.startswith(op.prefix) and key > op.after and (last is None or key <= last):
                found[key] = value
        live = [(key, value) for key, value in sorted(found.items()) if value is not None]
        return live[: op.limit] if page.whole or len(live) >= op.limit else None


def _live(value: bytes | None, expires_at: float | None, now: float) -> bytes | None:
    return value if expires_at is None or expires_at > now else None


def run_group(runs: list[Run], view: View, now: float) -> list[Run]:
    """Runs the rules on, in order; those that have ended (all before them have, too), above each other.

    What is still waited for stands in `view.wanted` afterwards; nothing there: all have ended.
    """
    view.wanted.clear()
    ended: list[Run] = []
    waiting = False
    for run in runs:
        run.advance(view, now)
        # A later one is only run to learn what it wants: what is before it may still change what it reads.
        waiting = waiting or not run.ended
        if not waiting or (run.ended and not view.may_write):
            view.changes |= run.packed()
            ended.append(run)
    return ended
