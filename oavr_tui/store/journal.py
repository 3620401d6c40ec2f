"""A TinyDB storage that a crash, a full disk or a second process cannot harm, and whose writes cost what they change.

Files, next to each other:

    db.json               the snapshot: a whole state with generation number, schema and checksum
    db.json.journal       what happened since, one checked line per change set
    db.json.bak           the snapshot before this one
    db.json.journal.bak   the journal that led from there to here, so that .bak loses nothing
    db.json.lock          held by whoever writes
    db.json.damaged       what could not be read, kept aside

Rules:
1. A write is acknowledged after its line is synced. Until then memory does not show it; a failure cuts it off again.
2. Nobody reads files while another writes: looking for changes costs two stat calls, reading them takes the lock.
3. Memory is what the files say: a record is applied as decoded from its own line, never as it was handed in.
4. Compaction writes a whole new snapshot of the next generation; records of an older one are in it already and are
   passed over, so a crash between any two steps is harmless.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tinydb.storages import Storage

from oavr_tui.errors import Rejected
from oavr_tui.store import records
from oavr_tui.store.disk import Disk, explained
from oavr_tui.store.files import Look, StoreFiles
from oavr_tui.store.lock import FileLock
from oavr_tui.store.records import Change, Document, Tables

Migration = Callable[[Tables], Tables]
"""Turns the tables of one schema into those of the next. It may change what it is given."""

NEWER = (
    "The list of jobs and videos was written by a newer OpenAvathar, so this one only shows it and saves nothing."
    " Update this one to go on."
)
OLD_JOURNAL_TORN = "The last change before an abrupt end was incomplete and has been left out; all else is there."
CHANGE_DAMAGED = "{} saved change(s) could not be read and were set aside; jobs and videos may show an earlier state."
RESTORED = "The list of jobs and videos was damaged on disk and has been restored from its backup. Nothing is missing."
RESTORED_IN_PART = (
    "The list of jobs and videos was damaged on disk, and so was its backup. What could be read is shown;"
    " the videos themselves are untouched in their folder."
)
_SAVING = "the list of jobs and videos could not be saved"
_READING = "the list of jobs and videos could not be read"
_SMALL_JOURNAL = 1 << 20


class JournalStorage(Storage):
    """Tables of documents, keyed by strings, in memory and on disk.

    schema: what this program writes. migrations: by the schema they start from; applied under the lock, after a copy of
    the old store was kept. lock_wait: seconds. small_journal: bytes below which the journal is never compacted.
    Methods raise OavrError: DiskFull, or Rejected for a store that may not be read or written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        schema: int = 1,
        migrations: Mapping[int, Migration] = MappingProxyType({}),
        read_only: bool = False,
        disk: Disk | None = None,
        lock_wait: float = 10.0,
        small_journal: int = _SMALL_JOURNAL,
    ) -> None:
        self._files = StoreFiles(Path(path), disk or Disk())
        self._schema = schema
        self._migrations = migrations
        self._asked_read_only = read_only
        self._newer = False
        self._small_journal = small_journal
        self._lock = FileLock(self._files.lock, wait=lock_wait, shared=read_only)
        self._depth = 0
        self._seen: Look | None = None
        self._tables: Tables = {}
        self._highest: dict[str, int] = {}
        self._generation = 0
        self._compact_at = 0
        self._notes: dict[str, None] = {}
        with self.exclusive():
            pass

    @property
    def read_only(self) -> bool:
        """Whether writing is refused: it was asked for, or a newer program wrote the store."""
        return self._asked_read_only or self._newer

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about repairs, each once."""
        return tuple(self._notes)

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def files(self) -> StoreFiles:
        return self._files

    def read(self) -> Tables | None:
        """All tables, for TinyDB's own methods. Not to be changed by the caller."""
        self._refresh()
        return dict(self._tables) or None

    def write(self, data: Mapping[str, Mapping[Any, Mapping[str, Any]]]) -> None:
        """Replace everything, in one change set."""
        with self.exclusive():
            changes = [records.drop(name) for name in self._tables if name not in data]
            for name, table in data.items():
                changes.append(records.clear(name))
                changes += [records.put(name, str(key), dict(document)) for key, document in table.items()]
            self.commit(changes)

    def close(self) -> None:
        """Let the files go. Everything acknowledged is on disk already."""
        self._files.close()
        self._lock.close()
        self._seen = None

    def table(self, name: str) -> Mapping[str, Document]:
        """One table as it is now, other processes' changes included. Not to be changed by the caller."""
        self._refresh()
        return self._tables.get(name, {})

    def token(self) -> object:
        """Something cheap that compares unequal after any process has written."""
        with explained(_READING):
            return self._files.look()

    def highest(self, name: str) -> int:
        """The highest whole-number key that the table has had since it was read; 0 for none. Cheap after the first."""
        if name not in self._highest:
            keys = self._tables.get(name, {})
            self._highest[name] = max((int(key) for key in keys if key.isdecimal()), default=0)
        return self._highest[name]

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Inside, no other process writes, and memory is what the files say. May be nested."""
        with contextlib.ExitStack() as stack:
            with explained(_READING):
                stack.enter_context(self._lock.held())
                if self._depth == 0:
                    self._sync()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    def commit(self, changes: list[Change]) -> None:
        """Write a change set; durable, as one, when it returns. Otherwise nothing of it is seen, here or elsewhere.

        Raises TypeError or ValueError for a document that JSON cannot say.
        """
        if not changes:
            return
        with self.exclusive():
            self._refuse_if_read_only()
            if self._seen is None:
                with explained(_READING):
                    self._sync()
            record = records.encode_record(self._generation, changes)
            with explained(_SAVING):
                self._append(record)
            self._apply(records.decode_record(record[:-1])[1])
            if self._files.journal_end > self._compact_at:
                self._compact_if_possible()

    def compact(self) -> None:
        """Write a new snapshot and start a new journal. On failure the old ones stay as they are."""
        with self.exclusive():
            self._refuse_if_read_only()
            with explained("the list of jobs and videos could not be tidied up"):
                self._compact()

    def _refuse_if_read_only(self) -> None:
        if self._newer:
            raise Rejected(NEWER)
        if self._asked_read_only:
            raise Rejected("The list of jobs and videos was opened for looking only, so nothing can be saved in it.")

    def _refresh(self) -> None:
        with explained(_READING):
            current = self._seen is not None and self._files.look() == self._seen
        if not current:
            with self.exclusive():
                pass

    def _sync(self) -> None:
        """Catch up with the files. The lock is held."""
        look = self._files.look()
        if look == self._seen:
            return
        if self._seen is None or look.snapshot != self._seen.snapshot or not self._files.journal_is_open(look):
            self._load()
        else:
            self._read_tail()
        self._seen = self._files.look()

    def _load(self) -> None:
        self._seen = None
        self._highest.clear()
        snapshot = self._files.load_snapshot()
        rescued = snapshot is None and self._files.has_remains()
        if snapshot is None:
            found = self._files.rescue()
            schema = self._schema if found.schema is None else found.schema
            self._tables, self._generation, size = found.tables, found.generation, 0
            if rescued:
                self._note(RESTORED if found.complete else RESTORED_IN_PART)
        else:
            schema, self._tables, self._generation = snapshot.schema, snapshot.tables, snapshot.generation
            size = snapshot.size
        self._newer = schema > self._schema
        if self._newer:
            self._note(NEWER)
        self._compact_at = max(self._small_journal, size)
        self._files.open_journal(create=not self.read_only)
        if not rescued:
            self._read_tail()
        if self.read_only:
            self._tables = self._migrated(self._tables, schema)
        elif schema < self._schema:
            self._migrate_for_good(schema)
        elif snapshot is None:
            self._start_afresh(rescued)

    def _start_afresh(self, rescued: bool) -> None:
        if rescued:
            self._files.set_damaged_snapshot_aside()
        self._compact()
        if rescued:
            self._compact()  # so that .bak and its journal are a whole state again

    def _migrated(self, tables: Tables, schema: int) -> Tables:
        """The tables as this program writes them; a newer store's as they are."""
        for step in range(schema, self._schema):
            try:
                tables = self._migrations[step](tables)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise Rejected(
                    "The list of jobs and videos is of an older form that could not be brought up to date, so it was"
                    " left as it is. Please report this with the output of `oavr-tui doctor`."
                ) from error
        return tables

    def _migrate_for_good(self, schema: int) -> None:
        self._files.keep_version(schema, records.encode_snapshot(schema, self._generation, self._tables))
        self._tables = self._migrated(self._tables, schema)
        self._compact()

    def _read_tail(self) -> None:
        found = self._files.read_journal_tail()
        for generation, changes in found.records:
            if generation >= self._generation:
                self._apply(changes)
        if found.damaged and not self._newer:
            self._note(CHANGE_DAMAGED.format(len(found.damaged)))
        if self.read_only:
            return
        if found.torn:
            self._note(OLD_JOURNAL_TORN)
            self._files.cut_torn_tail(found.torn)
        if found.damaged:
            self._files.set_aside(b"\n".join(found.damaged) + b"\n")
            self._compact_if_possible()

    def _apply(self, changes: list[Change]) -> None:
        records.apply(self._tables, changes)
        for change in changes:
            table = change[1]
            if change[0] in ("clear", "drop"):
                self._highest.pop(table, None)
            elif change[0] == "put" and table in self._highest and change[2].isdecimal():
                self._highest[table] = max(self._highest[table], int(change[2]))

    def _append(self, record: bytes) -> None:
        """Add one line to the journal and wait for it, or leave the journal as it was."""
        try:
            self._files.append(record)
        except BaseException:
            self._seen = None  # the files are looked at again before anything else
            raise
        self._seen = self._files.look()

    def _compact_if_possible(self) -> None:
        """The change at hand is safe in the journal: where there is no room for a snapshot, it can wait."""
        try:
            self._compact()
        except OSError:
            self._compact_at = max(self._small_journal, self._files.journal_end * 2)

    def _compact(self) -> None:
        generation = max(self._generation, self._files.last_generation) + 1
        raw = records.encode_snapshot(self._schema, generation, self._tables)
        self._seen = None
        self._files.replace_snapshot(raw)
        self._generation = generation
        self._compact_at = max(self._small_journal, len(raw))
        self._seen = self._files.look()

    def _note(self, sentence: str) -> None:
        self._notes[sentence] = None
