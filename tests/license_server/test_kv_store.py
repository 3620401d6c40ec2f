"""The store against a plain dict: whatever is asked in whatever groups, by whoever, they agree."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from license_server.kv import open_store
from license_server.kv.cache import MISSING, Cache
from license_server.kv.interface import Delete, Get, Op, Put, Rule, Scan, StoreError
from tests.license_server.stores import NOON, World, ops, world

SPACES = st.sampled_from(["license", "count"])
KEYS = st.sampled_from(["a", "a/b", "a/c", "ab", "b", "é", "\U0001f600", "a'b\"c%_", "x\ty"])
VALUES = st.binary(max_size=8) | st.just(b"v" * 5000)
LIVES = st.none() | st.floats(-5, 50)
STEPS = st.lists(
    st.one_of(
        st.builds(Get, SPACES, KEYS),
        st.tuples(SPACES, KEYS, VALUES, LIVES),
        st.builds(Delete, SPACES, KEYS),
        st.builds(Scan, SPACES, st.sampled_from(["", "a", "a/"]), st.integers(1, 4), st.sampled_from(["", "a", "a/b"])),
    ),
    max_size=6,
)
Model = dict[tuple[str, str], tuple[bytes, float | None]]


class Failed(Exception):
    """What a rule raises on purpose."""


def fails_after(steps: list[Op]) -> Rule[list[object]]:
    yield from ops(*steps)
    raise Failed


class StoreAgainstDict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.exits = ExitStack()
        self.folder = Path(self.exits.enter_context(TemporaryDirectory()))
        self.inner = ExitStack()
        self.model: Model = {}

    @initialize()
    def open(self) -> None:
        self.world: World = self.inner.enter_context(world(self.folder))

    def dated(self, steps: list[object]) -> list[Op]:
        """The drawn steps as operations; lives become times."""
        now = self.world.now
        return [
            Put(s[0], s[1], s[2], None if s[3] is None else now + s[3]) if type(s) is tuple else s  # type: ignore[misc]
            for s in steps
        ]

    def expect(self, model: Model, steps: list[Op]) -> list[object]:
        """Does to the dict what the steps say, and tells what they should be answered."""
        told: list[object] = []
        now = self.world.now
        for step in steps:
            live = {slot: value for slot, (value, until) in model.items() if until is None or until > now}
            if isinstance(step, Get):
                told.append(live.get(step[:2]))
            elif isinstance(step, Scan):
                found = sorted(
                    (key, value)
                    for (space, key), value in live.items()
                    if space == step.space and key.startswith(step.prefix) and key > step.after
                )
                told.append(found[: step.limit])
            else:
                told.append(None)
                model.pop(step[:2], None)
                if isinstance(step, Put):
                    model[step[:2]] = (step.value, step.expires_at)
        return told

    @rule(groups=st.lists(st.tuples(STEPS, st.booleans()), min_size=1, max_size=4))
    def write_together(self, groups: list[tuple[list[object], bool]]) -> None:
        rules, expected = [], []
        for drawn, fails in groups:
            steps = self.dated(drawn)
            rules.append(fails_after(steps) if fails else ops(*steps))
            expected.append(Failed if fails else self.expect(self.model, steps))
        told = self.world.all_at_once(rules)
        assert [type(it) if isinstance(it, Exception) else it for it in told] == expected

    @rule(drawn=STEPS)
    def read(self, drawn: list[object]) -> None:
        steps: list[Op] = [step for step in self.dated(drawn) if isinstance(step, Get | Scan)]
        assert self.world.look(ops(*steps)) == self.expect(self.model, steps)

    @rule(space=SPACES, key=KEYS, value=st.binary(max_size=4))
    def somebody_else_writes(self, space: str, key: str, value: bytes) -> None:
        other = sqlite3.connect(self.folder / "kv.db", isolation_level=None)
        other.execute("INSERT OR REPLACE INTO kv (space, key, value) VALUES (?, ?, ?)", (space, key, value))
        other.close()
        self.model[space, key] = (value, None)

    @rule(seconds=st.floats(0.1, 30))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    @rule()
    def sweep(self) -> None:
        self.world.store.sweep()

    @rule()
    def open_again(self) -> None:
        now = self.world.now
        self.inner.close()
        self.open()
        self.world.now = now

    @invariant()
    def they_agree(self) -> None:
        if hasattr(self, "world"):
            now = self.world.now
            live = {slot: value for slot, (value, until) in self.model.items() if until is None or until > now}
            kept = {(space, k): v for space in ("license", "count") for k, v in self.world.rows(space).items()}
            assert kept == live

    def teardown(self) -> None:
        self.inner.close()
        self.exits.close()


StoreAgainstDict.TestCase.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
TestStoreAgainstDict = StoreAgainstDict.TestCase


def test_what_has_expired_is_swept_away_and_the_rest_stays(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.do(ops(*(Put("count", f"{n:04}", b"1", NOON + 60 if n % 3 else None) for n in range(1600))))
        here.now += 61
        for _ in range(5):
            here.store.sweep()
            here.do(ops())
        with sqlite3.connect(tmp_path / "kv.db") as db:
            (left,) = db.execute("SELECT count(*) FROM kv").fetchone()
        assert left == len(range(0, 1600, 3))


def test_a_rule_that_only_looks_may_not_write() -> None:
    with world() as here:
        with pytest.raises(TypeError):
            here.look(ops(Put("license", "a", b"1")))
        assert here.rows("license") == {}


def test_a_key_that_cannot_be_written_costs_nobody_else_an_answer() -> None:
    with world() as here:
        told = here.all_at_once([ops(Put("license", "a", b"1")), ops(Put("license", "\ud800", b"2"))])
        assert all(isinstance(it, StoreError) for it in told), "the group is one transaction"
        assert here.do(ops(Get("license", "a"))) == [None]
        assert here.do(ops(Put("license", "a", b"3"), Get("license", "a"))) == [None, b"3"]


def test_a_write_waits_for_another_process_to_finish_its_own(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        other = sqlite3.connect(tmp_path / "kv.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO kv (space, key, value) VALUES ('license', 'a', x'31')")

        async def write_while_locked() -> list[object]:
            import asyncio

            from license_server.app import ask

            writing = asyncio.create_task(ask(here.store.write, ops(Get("license", "a"), Put("license", "b", b"2"))))
            while not here.store._give_up_at:  # type: ignore[attr-defined]
                await asyncio.sleep(0)
            assert await ask(here.store.read, ops(Get("license", "a"))) == [None], "readers go on meanwhile"
            other.execute("COMMIT")
            return await writing

        assert here.runner.run(write_while_locked()) == [b"1", None]
        other.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.do(ops(Put("license", "a", b"1")))
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_no_database_and_no_address_are_said(tmp_path: Path) -> None:
    (tmp_path / "kv.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreError), world(tmp_path):
        pass
    for url in ("", "kv.db", "sqlite:kv.db", "sqlite://host/kv.db", "ftp:///kv.db", "sqlite:///"):
        with pytest.raises(ValueError):
            open_store(url, lambda: NOON)


def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    cache = Cache(entries=100, longest=10)
    for n in range(5000):
        cache.put(("count", str(n)), (b"1", None))
        assert cache.get(("count", "0")) == (b"1", None)
        assert len(cache) <= 200
    assert cache.get(("count", "4000")) is MISSING
    cache.put(("count", "0"), (b"x" * 11, None))
    assert cache.get(("count", "0")) is MISSING
