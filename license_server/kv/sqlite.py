"""The embedded engine: one SQLite file, one connection, on the loop's own thread.

Writes are committed in groups: rules asked for within a few turns of the loop share one transaction and one fsync, and
each is answered after it. A rule's changes are collected in memory and only reach SQL when it has ended well, so that a
rule that raises takes back nothing but its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from license_server.kv.cache import MISSING, Cache, Entry
from license_server.kv.gathering import GROUP, Gathering
from license_server.kv.interface import Delete, Done, Get, Put, Rule, Scan, StoreError
from license_server.kv.sqlite_file import open_file

T = TypeVar("T")
Slot: TypeAlias = tuple[str, str]
Changes: TypeAlias = dict[Slot, Entry]

LOCKED_FOR = 5.0
"""Seconds that a write waits for another process to end its transaction."""
LOOK_AGAIN = 0.005
"""Seconds between two tries to get the lock."""
SWEEP = 500
"""Rows that one sweep looks at."""
GONE: Entry = (None, None)

log = logging.getLogger("license_server.kv")


class SQLiteStore:
    """A `Store` in the file `path`.

    Durable: write-ahead log with synchronous=FULL, so a commit returns after its fsync (sqlite.org/pragma.html). Other
    processes may write to the file at any time: `PRAGMA data_version`, which changes with each commit of somebody else,
    is looked at once in each turn of the loop in which a request came, and empties the read cache.

    Raises:
        StoreError: the file cannot be opened, or is no database.
    """

    def __init__(self, path: str, clock: Callable[[], float], timer: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._cache = Cache()
        self._fresh = False
        self._seen_version = -1
        self._waiting: list[tuple[Rule[Any], Done[Any]]] = []
        self._scheduled = False
        self._gathering = Gathering(timer)
        self._give_up_at: float | None = None
        self._swept_to: Slot = ("", "")
        self._closed = False
        try:
            self._db = open_file(path)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot open the database: {error}") from error

    # Reading

    def read(self, rule: Rule[T], done: Done[T]) -> None:
        try:
            if not self._fresh:
                self._look()
            result: T | Exception = self._run_reading(rule)
        except sqlite3.Error as error:
            log.error("reading failed: %s", error)
            result = StoreError("reading failed")
        except Exception as error:
            result = error
        done(result)

    def _look(self) -> None:
        """Begins to read, for this turn of the loop: one look at what others wrote, one lock for all that is read."""
        self._db.execute("BEGIN")
        try:
            self._forget_if_changed()
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._fresh = True
        self._loop.call_soon(self._end_reading)

    def _forget_if_changed(self) -> None:
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version != self._seen_version:
            self._cache.clear()
            self._seen_version = version

    def _end_reading(self) -> None:
        if self._fresh:
            self._fresh = False
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error as error:  # nothing was written; of a damaged file even this may fail
                log.error("a look at the database could not be ended: %s", error)
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _run_reading(self, rule: Rule[T]) -> T:
        answer: Any = None
        send, known = rule.send, self._cache.young
        try:
            while True:
                op = send(answer)
                if type(op) is Get:
                    # Spelled out, for this is what a server does all day: two calls fewer for each value.
                    entry = known.get(op) or self._entry(op)
                    answer = entry[0] if entry[1] is None or entry[1] > self._clock() else None
                elif type(op) is Scan:
                    answer = self._scan(op)
                else:
                    raise TypeError("a rule that is only read with may not write")
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _entry(self, slot: Slot) -> Entry:
        """What is kept there, from the cache or from the file."""
        entry = self._cache.get(slot)
        if entry is MISSING:
            row = self._db.execute("SELECT value, expires FROM kv WHERE space = ? AND key = ?", slot).fetchone()
            entry = row or GONE
            self._cache.put(slot, entry)
        return entry

    def _scan(self, op: Scan, *changes: Changes) -> list[tuple[str, bytes]]:
        """The rows of SQL under what was changed since, the later of `changes` above the earlier."""
        pending = {
            key: entry
            for layer in changes
            for (space, key), entry in layer.items()
            if space == op.space and key.startswith(op.prefix) and key > op.after
        }
        rows = self._db.execute(
            "SELECT key, value FROM kv WHERE space = ? AND key >= ? AND key < ? AND key > ?"
            " AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?",
            (op.space, op.prefix, op.prefix + "\U0010ffff", op.after, self._clock(), op.limit + len(pending)),
        )
        found: dict[str, bytes] = {key: value for key, value in rows if key not in pending}
        found |= {key: value for key, entry in pending.items() if (value := self._live(entry)) is not None}
        return sorted(found.items())[: op.limit]

    # Writing

    def write(self, rule: Rule[T], done: Done[T]) -> None:
        self._waiting.append((rule, done))
        if not self._scheduled:
            self._scheduled = True
            self._gathering.begin()
            self._loop.call_soon(self._gather)

    def _gather(self) -> None:
        if self._gathering.is_over(len(self._waiting)):
            self._flush()
        else:
            self._loop.call_soon(self._gather)

    def _flush(self) -> None:
        """One transaction for what waits, if the lock can be had now; else once more in a moment."""
        self._scheduled = False
        if not self._waiting or not self._locked():
            return
        batch, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        if self._waiting:
            self._scheduled = True
            self._loop.call_soon(self._flush)
        _tell(self._commit(batch))

    def _locked(self) -> bool:
        """Takes SQLite's write lock without holding up the loop; fails all that wait after `LOCKED_FOR` seconds."""
        try:
            self._end_reading()
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            now = self._loop.time()
            self._give_up_at = self._give_up_at or now + LOCKED_FOR
            if _busy(error) and now < self._give_up_at and not self._closed:
                self._scheduled = True
                self._loop.call_later(LOOK_AGAIN, self._flush)
                return False
            log.error("no transaction can be begun: %s", error)
            waiting, self._waiting, self._give_up_at = self._waiting, [], None
            _tell([(done, StoreError("the database is not to be had")) for _, done in waiting])
            return False
        self._give_up_at = None
        return True

    def _commit(self, batch: list[tuple[Rule[Any], Done[Any]]]) -> list[tuple[Done[Any], Any]]:
        results: list[tuple[Done[Any], Any]] = []
        changes: Changes = {}
        try:
            self._forget_if_changed()
            for rule, done in batch:
                results.append((done, self._run_writing(rule, changes)))
            self._save(changes)
        except Exception as error:
            log.error("a group of %d writes failed: %s", len(batch), error)
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            # What became of the commit is not known, so neither is what the cache should say.
            self._cache.clear()
            return [(done, StoreError("writing failed")) for _, done in batch]
        for slot, entry in changes.items():
            self._cache.put(slot, entry)
        return results

    def _save(self, changes: Changes) -> None:
        if not changes:
            self._db.execute("ROLLBACK")
            return
        self._db.executemany(
            "INSERT INTO kv (space, key, value, expires) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value, expires = excluded.expires",
            [(*slot, *entry) for slot, entry in changes.items() if entry[0] is not None],
        )
        removed = [slot for slot, entry in changes.items() if entry[0] is None]
        if removed:
            self._db.executemany("DELETE FROM kv WHERE space = ? AND key = ?", removed)
        self._gathering.time(lambda: self._db.execute("COMMIT"))

    def _run_writing(self, rule: Rule[T], before: Changes) -> T | Exception:
        """Runs a rule above the changes of the group so far, and adds its own to them when it ends well."""
        own: Changes = {}
        answer: Any = None
        try:
            while True:
                op = rule.send(answer)
                if type(op) is Get:
                    answer = self._live(own.get(op) or before.get(op) or self._entry(op))
                elif type(op) is Scan:
                    answer = self._scan(op, before, own)
                else:
                    own[op[:2]] = (op.value, op.expires_at) if isinstance(op, Put) else GONE
                    answer = None
        except StopIteration as end:
            before.update(own)
            return end.value  # type: ignore[no-any-return]
        except sqlite3.Error:
            raise
        except Exception as error:
            return error

    def _live(self, entry: Entry) -> bytes | None:
        return entry[0] if entry[1] is None or entry[1] > self._clock() else None

    def sweep(self) -> None:
        """Deletes what has expired of the next `SWEEP` rows: an index on the expiry would cost each write."""
        sql = "SELECT space, key, expires FROM kv WHERE (space, key) > (?, ?) ORDER BY space, key LIMIT ?"
        try:
            rows = self._db.execute(sql, (*self._swept_to, SWEEP)).fetchall()
        except sqlite3.Error as error:
            _swept(error)
            return
        self._swept_to = (rows[-1][0], rows[-1][1]) if len(rows) == SWEEP else ("", "")
        now = self._clock()
        expired = [(space, key) for space, key, expires in rows if expires is not None and expires <= now]
        if expired:
            self.write(_forget(expired), _swept)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._db.execute(f"PRAGMA busy_timeout = {LOCKED_FOR * 1000:.0f}")
        while self._waiting:
            self._flush()
        self._end_reading()
        self._db.close()


def _tell(results: list[tuple[Done[Any], Any]]) -> None:
    """Tells each asker; one that has gone must not cost the others their answers."""
    for done, result in results:
        try:
            done(result)
        except Exception:
            log.exception("an answer could not be given")


def _forget(slots: list[Slot]) -> Rule[None]:
    """Deletes what has expired: a value that was set again meanwhile is seen, and stays."""
    for slot in slots:
        if (yield Get(*slot)) is None:
            yield Delete(*slot)


def _swept(result: object) -> None:
    if isinstance(result, Exception):
        log.warning("expired rows stay for now: %s", result)


def _busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
