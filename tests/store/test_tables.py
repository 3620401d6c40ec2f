from __future__ import annotations

import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tinydb import TinyDB, where
from tinydb.storages import MemoryStorage
from tinydb.table import Document

from oavr_tui.store.tables import JournalDB

names = st.sampled_from(["one", "two"])
handles = st.integers(0, 1)
values = st.integers(0, 3)
documents = st.fixed_dictionaries({"v": values}, optional={"list": st.lists(values, max_size=2), "text": st.text()})
ids = st.integers(1, 8)


def grow(document: Any) -> None:
    document["v"] += 1
    document.setdefault("list", []).append(document["v"])


class SameAsTinyDB(RuleBasedStateMachine):
    """Two handles on one journal do what an in-memory TinyDB does, whatever is asked of either, reopenings included."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model = TinyDB(storage=MemoryStorage)
        self.dbs: list[JournalDB] = []

    @initialize()
    def start(self) -> None:
        self.dbs = [self.opened(), self.opened()]

    def opened(self) -> JournalDB:
        return JournalDB(Path(self.folder.name) / "db.json", small_journal=600)

    def teardown(self) -> None:
        for db in self.dbs:
            db.close()
        self.model.close()
        self.folder.cleanup()

    @rule(handle=handles, name=names, document=documents)
    def insert(self, handle: int, name: str, document: dict[str, Any]) -> None:
        before = {one.doc_id for one in self.model.table(name)}
        new = self.dbs[handle].table(name).insert(document)
        assert new not in before and new > 0
        self.model.table(name).insert(Document(document, new))

    @rule(handle=handles, name=names, batch=st.lists(documents, max_size=3))
    def insert_multiple(self, handle: int, name: str, batch: list[dict[str, Any]]) -> None:
        new = self.dbs[handle].table(name).insert_multiple(batch)
        assert len(set(new)) == len(batch)
        self.model.table(name).insert_multiple([Document(one, key) for one, key in zip(batch, new, strict=True)])

    @rule(handle=handles, name=names, document=documents, key=ids)
    def insert_with_id(self, handle: int, name: str, document: dict[str, Any], key: int) -> None:
        self.same(handle, name, lambda table: table.insert(Document(document, key)))

    @rule(handle=handles, name=names, document=documents, key=ids)
    def upsert_by_id(self, handle: int, name: str, document: dict[str, Any], key: int) -> None:
        self.same(handle, name, lambda table: table.upsert(Document(document, key)))

    @rule(handle=handles, name=names, value=values)
    def upsert_by_query(self, handle: int, name: str, value: int) -> None:
        done = self.dbs[handle].table(name).upsert({"v": value, "seen": True}, where("v") == value)
        matching = [one.doc_id for one in self.model.table(name).search(where("v") == value)]
        if matching:
            assert done == self.model.table(name).upsert({"v": value, "seen": True}, where("v") == value)
        else:
            self.model.table(name).insert(Document({"v": value, "seen": True}, done[0]))

    @rule(handle=handles, name=names, keys=st.lists(ids, max_size=3), extra=documents)
    def update_by_ids(self, handle: int, name: str, keys: list[int], extra: dict[str, Any]) -> None:
        # A copy for each: TinyDB's memory would put one and the same list into several documents.
        self.same(handle, name, lambda table: table.update(lambda one: one.update(deepcopy(extra)), doc_ids=keys))

    @rule(handle=handles, name=names, value=values)
    def update_by_query(self, handle: int, name: str, value: int) -> None:
        self.same(handle, name, lambda table: table.update(grow, where("v") == value))

    @rule(handle=handles, name=names)
    def update_all(self, handle: int, name: str) -> None:
        self.same(handle, name, lambda table: table.update({"all": True}))

    @rule(handle=handles, name=names, value=values)
    def update_multiple(self, handle: int, name: str, value: int) -> None:
        steps = [(grow, where("v") == value), ({"v": 0}, where("v") == value + 1)]
        self.same(handle, name, lambda table: table.update_multiple(steps))

    @rule(handle=handles, name=names, keys=st.lists(ids, max_size=3, unique=True))
    def remove_by_ids(self, handle: int, name: str, keys: list[int]) -> None:
        self.same(handle, name, lambda table: table.remove(doc_ids=keys))

    @rule(handle=handles, name=names, value=values)
    def remove_by_query(self, handle: int, name: str, value: int) -> None:
        self.same(handle, name, lambda table: table.remove(where("v") == value))

    @rule(handle=handles, name=names)
    def truncate(self, handle: int, name: str) -> None:
        self.same(handle, name, lambda table: table.truncate())

    @rule(handle=handles, name=names)
    def drop_table(self, handle: int, name: str) -> None:
        self.dbs[handle].drop_table(name)
        self.model.drop_table(name)

    @rule(handle=handles)
    def drop_tables(self, handle: int) -> None:
        self.dbs[handle].drop_tables()
        self.model.drop_tables()

    @rule(handle=handles)
    def compact(self, handle: int) -> None:
        self.dbs[handle].journal.compact()

    @rule(handle=handles)
    def reopen(self, handle: int) -> None:
        self.dbs[handle].close()
        self.dbs[handle] = self.opened()

    @rule(handle=handles, name=names, value=values, key=ids, keys=st.lists(ids, max_size=3))
    def queries_agree(self, handle: int, name: str, value: int, key: int, keys: list[int]) -> None:
        ours, model = self.dbs[handle].table(name), self.model.table(name)
        query = where("v") == value
        assert sorted(map(str, ours.search(query))) == sorted(map(str, model.search(query)))
        assert ours.count(query) == model.count(query)
        assert ours.contains(query) == model.contains(query)
        assert ours.contains(doc_id=key) == model.contains(doc_id=key)
        assert ours.get(doc_id=key) == model.get(doc_id=key)
        assert by_id(ours.get(doc_ids=keys)) == by_id(model.get(None, None, keys))

    @invariant()
    def all_show_the_same(self) -> None:
        for name in ("one", "two"):
            expected = by_id(list(self.model.table(name)))
            for db in self.dbs:
                assert by_id(list(db.table(name))) == expected
                assert len(db.table(name)) == len(expected)
        assert not any(db.journal.notes for db in self.dbs)

    def same(self, handle: int, name: str, call: Any) -> None:
        """Ask both; they answer alike, or refuse alike."""
        outcomes = []
        for table in (self.dbs[handle].table(name), self.model.table(name)):
            try:
                outcome = call(table)
                outcomes.append(sorted(outcome) if isinstance(outcome, list) else outcome)
            except ValueError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


def by_id(found: list[Document]) -> dict[int, dict[str, Any]]:
    return {document.doc_id: dict(document) for document in found}


SameAsTinyDB.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSameAsTinyDB = SameAsTinyDB.TestCase


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_same_for_longer() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    long = settings(max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(SameAsTinyDB, settings=long)


@pytest.fixture
def db(tmp_path: Path) -> Any:
    opened = JournalDB(tmp_path / "db.json")
    yield opened
    opened.close()


def test_changing_what_was_read_changes_nothing_here(db: JournalDB) -> None:
    table = db.table("t")
    table.insert({"list": [1], "inner": {"a": 1}})
    for document in (table.get(doc_ids=[1])[0], table.all()[0], table.search(where("list").exists())[0]):
        document["list"].append(2)
        document["inner"]["a"] = 9
    assert table.all() == [{"list": [1], "inner": {"a": 1}}]


def test_an_update_that_raises_changes_nothing(db: JournalDB) -> None:
    table = db.table("t")
    table.insert_multiple([{"n": 1, "list": []}, {"n": 2, "list": []}])

    def break_at_two(document: Any) -> None:
        document["list"].append(1)
        if document["n"] == 2:
            raise RuntimeError("broken on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        table.update(break_at_two)
    assert [document["list"] for document in table] == [[], []]


def test_a_write_adds_to_the_journal_what_it_changed_and_no_more(db: JournalDB) -> None:
    table, keyed = db.table("t"), db.keyed("k")
    table.insert_multiple([{"n": n, "text": "x" * 100} for n in range(500)])
    journal = db.journal.files.journal
    for call in (
        lambda: table.update({"n": 1}, doc_ids=[7]),
        lambda: table.insert({"text": "x" * 100}),
        lambda: table.remove(doc_ids=[9]),
        lambda: table.update({"n": -1}, where("n") == 400),
        lambda: table.upsert({"n": 300}, where("n") == 300),
        lambda: keyed.put("a", {"text": "x" * 100}),
        lambda: keyed.discard("a"),
    ):
        before = journal.stat().st_size
        call()
        assert 0 < journal.stat().st_size - before < 300
    before = journal.stat().st_size
    table.truncate()
    assert journal.stat().st_size - before < 40
    before = journal.stat().st_size
    table.update({"n": 1}, doc_ids=[12345])
    keyed.discard("absent")
    assert journal.stat().st_size == before


def test_string_ids(db: JournalDB) -> None:
    table = db.keyed("k")
    table.put("job/1 é", {"n": 1})
    table.put("job/1 é", {"m": 2})
    assert table.get(doc_id="job/1 é") == {"m": 2}
    assert [str(document.doc_id) for document in table] == ["job/1 é"]
    assert table.update({"n": 3}, doc_ids=["job/1 é", "absent"]) == ["job/1 é"]
    assert table.raw() == {"job/1 é": {"m": 2, "n": 3}}
    table.discard("job/1 é")
    assert len(table) == 0


def test_ids_are_given_once_also_to_two_handles(tmp_path: Path, db: JournalDB) -> None:
    other = JournalDB(tmp_path / "db.json")
    given = [(db if n % 2 else other).table("t").insert({"n": n}) for n in range(10)]
    assert given == list(range(1, 11))
    other.table("t").insert({})
    other.journal.compact()  # the other handle now reads everything anew
    assert db.table("t").insert({}) == 12
    assert len(other.table("t")) == 12
    other.close()


def test_what_is_not_a_document_is_refused(db: JournalDB) -> None:
    with pytest.raises(ValueError, match="not a Mapping"):
        db.table("t").insert([1])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        db.table("t").remove()
    with pytest.raises(RuntimeError):
        db.table("t").get()
    with pytest.raises(TypeError):
        db.table("t").insert({"x": object()})
    assert len(db.table("t")) == 0
