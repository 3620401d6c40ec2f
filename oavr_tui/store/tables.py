"""TinyDB's tables on the journal: the same methods, but a write costs what it changes and is one change set.

TinyDB's own Table hands its updaters the whole table and writes the whole file. Here they get a view that remembers
what they touched. What is read out is a copy, as it is with TinyDB's JSONStorage, so that a caller who changes it
changes nothing here. Queries are not cached: another process may have written in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, cast

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from oavr_tui.store import records
from oavr_tui.store.journal import JournalStorage
from oavr_tui.store.records import Change

Key = Any
"""int in a JournalTable, str in a KeyedTable; TinyDB itself only writes int."""
Fields = Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None]
_Raw = dict[str, Any]


class JournalTable(Table):
    """A TinyDB table with whole-number ids. Needs a JournalStorage."""

    def __init__(self, storage: JournalStorage, name: str, cache_size: int = 0, persist_empty: bool = False) -> None:
        self.journal = storage
        self._view: _View | None = None
        super().__init__(storage, name, cache_size, persist_empty)

    def insert(self, document: Mapping[str, Any]) -> int:
        """Add a document and return its id, which no other process can have taken."""
        return self.insert_multiple([document])[0]

    def update(self, fields: Fields, cond: QueryLike | None = None, doc_ids: Iterable[Key] | None = None) -> list[Key]:
        """Change documents by id, by query, or all of them; returns the ids that were changed."""
        changed: list[Key] = []

        def updater(view: _View) -> None:
            if doc_ids is not None:
                changed.extend(key for key in doc_ids if key in view)
            else:
                changed.extend(key for key in view if cond is None or cond(view[key]))
            for key in changed:
                _change(view.edit(key), fields)

        self._update_view(updater)
        return changed

    def update_multiple(self, updates: Iterable[tuple[Fields, QueryLike]]) -> list[Key]:
        """Carry out several changes by query, in order, as one; returns an id for each change made."""
        steps = list(updates)
        changed: list[Key] = []

        def updater(view: _View) -> None:
            for key in list(view):
                for fields, cond in steps:
                    if cond(view[key]):
                        changed.append(key)
                        _change(view.edit(key), fields)

        self._update_view(updater)
        return changed

    def upsert(self, document: Mapping[str, Any], cond: QueryLike | None = None) -> list[Key]:
        """Change what matches, or add it; no other process comes in between."""
        with self.journal.exclusive():
            return super().upsert(document, cond)

    def search(self, cond: QueryLike) -> list[Document]:
        """All documents that match."""
        return [self._copy(key, raw) for key, raw in self._read_table().items() if cond(raw)]

    def get(
        self, cond: QueryLike | None = None, doc_id: Key | None = None, doc_ids: list[Key] | None = None
    ) -> Any:  # TinyDB's: a document, a list of them for doc_ids, or None
        """One document by id or query, or several by their ids."""
        table = self._read_table()
        if doc_id is not None:
            raw = table.get(str(doc_id))
            return None if raw is None else self._copy(str(doc_id), raw)
        if doc_ids is not None:
            wanted = {str(key) for key in doc_ids}
            return [self._copy(key, raw) for key, raw in table.items() if key in wanted]
        if cond is not None:
            return next((self._copy(key, raw) for key, raw in table.items() if cond(raw)), None)
        raise RuntimeError("get() needs a query or an id")

    def __iter__(self) -> Iterator[Document]:
        return iter([self._copy(key, raw) for key, raw in self._read_table().items()])

    def _copy(self, key: str, raw: Mapping[str, Any]) -> Document:
        return self.document_class(copied(raw), self.document_id_class(key))

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        return cast("dict[str, Mapping[str, Any]]", self.journal.table(self.name))

    def _get_next_id(self) -> int:
        if self._view is None:
            raise RuntimeError("ids are given out while inserting")
        return self._view.next_id()

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        self._update_view(cast("Callable[[_View], None]", updater))

    def _update_view(self, updater: Callable[[_View], None]) -> None:
        with self.journal.exclusive():
            self._view = _View(self.journal, self.name, self.document_id_class)
            try:
                updater(self._view)
                self.journal.commit(self._view.changes())
            finally:
                self._view = None


class KeyedTable(JournalTable):
    """A TinyDB table whose ids are strings of ours: finding, putting and removing by id take no search."""

    document_id_class = str  # type: ignore[assignment] # TinyDB uses it only to turn stored keys into ids

    def put(self, key: str, document: Mapping[str, Any]) -> None:
        """Store a document under its id, in place of any other."""
        self.journal.commit([self.putting(key, document)])

    def putting(self, key: str, document: Mapping[str, Any]) -> Change:
        """The change that `put` makes, to be committed together with others."""
        return records.put(self.name, key, dict(document))

    def discard(self, key: str) -> None:
        """Remove a document; nothing happens when there is none."""
        with self.journal.exclusive():
            if key in self._read_table():
                self.journal.commit([records.delete(self.name, key)])

    def raw(self) -> Mapping[str, Mapping[str, Any]]:
        """The documents by id, without copying: not to be changed."""
        return self._read_table()


class JournalDB(TinyDB):
    """A TinyDB on a JournalStorage. Arguments go to the storage."""

    table_class: type[Table] = JournalTable
    default_storage_class: type[Storage] = JournalStorage  # type: ignore[assignment] # TinyDB takes any Storage

    @property
    def journal(self) -> JournalStorage:
        return cast(JournalStorage, self.storage)

    def keyed(self, name: str) -> KeyedTable:
        """A table with string ids."""
        return KeyedTable(self.journal, name)

    def drop_table(self, name: str) -> None:
        """Remove a table and all that is in it."""
        self._tables.pop(name, None)
        with self.journal.exclusive():
            if name in (self.journal.read() or {}):
                self.journal.commit([records.drop(name)])

    def drop_tables(self) -> None:
        """Remove all tables and all that is in them."""
        with self.journal.exclusive():
            self.journal.commit([records.drop(name) for name in self.journal.read() or {}])
        self._tables.clear()


class _View(MutableMapping[Key, _Raw]):
    """A table as an updater sees it: what was there, overlaid with what it has changed so far."""

    def __init__(self, journal: JournalStorage, name: str, id_class: Callable[[str], Key]) -> None:
        self.journal = journal
        self._name = name
        self._id_class = id_class
        self._base: Mapping[str, _Raw] = journal.table(name)
        self._changed: dict[str, _Raw | None] = {}
        self._cleared = False
        self._highest = -1

    def __getitem__(self, key: Key) -> _Raw:
        raw = self._find(str(key))
        if raw is None:
            raise KeyError(key)
        return raw

    def __setitem__(self, key: Key, raw: _Raw) -> None:
        self._changed[str(key)] = raw
        if isinstance(key, int):
            self._highest = max(self._highest_so_far(), key)

    def __delitem__(self, key: Key) -> None:
        if key not in self:
            raise KeyError(key)
        self._changed[str(key)] = None

    def __contains__(self, key: object) -> bool:
        return self._find(str(key)) is not None

    def __iter__(self) -> Iterator[Key]:
        base = () if self._cleared else tuple(self._base)
        added = [key for key in self._changed if self._cleared or key not in self._base]
        return (self._id_class(key) for key in (*base, *added) if self._find(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        self._cleared = True
        self._changed.clear()
        self._highest = 0

    def edit(self, key: Key) -> _Raw:
        """A copy of one document that takes its place."""
        raw = self._changed.get(str(key))
        if raw is None:
            raw = self._changed[str(key)] = copied(self[key])
        return raw

    def next_id(self) -> int:
        self._highest = self._highest_so_far() + 1
        return self._highest

    def changes(self) -> list[Change]:
        made = [records.clear(self._name)] if self._cleared else []
        for key, raw in self._changed.items():
            if raw is not None:
                made.append(records.put(self._name, key, raw))
            elif not self._cleared and key in self._base:
                made.append(records.delete(self._name, key))
        return made

    def _find(self, key: str) -> _Raw | None:
        if key in self._changed:
            return self._changed[key]
        return None if self._cleared else self._base.get(key)

    def _highest_so_far(self) -> int:
        return self._highest if self._highest >= 0 else self.journal.highest(self._name)


def _change(document: _Raw, fields: Fields) -> None:
    if callable(fields):
        fields(document)
    else:
        document.update(fields)


def copied(value: Any) -> Any:
    """A copy of something made of JSON's types, in depth; several times faster than copy.deepcopy."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value
