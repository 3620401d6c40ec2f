"""Real stores for the tests of rules: the same tests run on every engine."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from license_server.app import ask
from license_server.keys import new_key
from license_server.kv import close_store, open_store
from license_server.kv.interface import Op, Rule, Scan, Store
from license_server.tokens import Signer

T = TypeVar("T")

NOON = 1_795_521_600.0
"""2026-11-24T12:00:00Z"""
SIGNER = Signer(bytes(range(32)))


def fresh_key() -> str:
    return new_key(secrets.choice)


class World:
    """A store with a clock that is set by hand, and a loop of its own, so that a test can be an ordinary function."""

    def __init__(self, runner: asyncio.Runner, store: Store, hands: list[float]) -> None:
        self.runner = runner
        self.store = store
        self._hands = hands

    @property
    def now(self) -> float:
        return self._hands[0]

    @now.setter
    def now(self, value: float) -> None:
        self._hands[0] = value

    def do(self, rule: Rule[T]) -> T:
        """One rule, as a transaction of its own."""
        return self.runner.run(ask(self.store.write, rule))

    def look(self, rule: Rule[T]) -> T:
        return self.runner.run(ask(self.store.read, rule))

    def all_at_once(self, rules: list[Rule[T]]) -> list[T | BaseException]:
        """All rules asked for in one turn of the loop."""

        async def together() -> list[T | BaseException]:
            return await asyncio.gather(*(ask(self.store.write, rule) for rule in rules), return_exceptions=True)

        return self.runner.run(together())

    def rows(self, space: str) -> dict[str, bytes]:
        return dict(self.look(scan(space)))


def scan(space: str) -> Rule[list[tuple[str, bytes]]]:
    found: list[tuple[str, bytes]] = yield Scan(space, limit=100_000)
    return found


def ops(*steps: Op) -> Rule[list[Any]]:
    """A rule that does these, and tells the answers."""
    told = []
    for step in steps:
        told.append((yield step))
    return told


@contextmanager
def world(folder: Path | None = None) -> Iterator[World]:
    """A world on an empty store (or on the one of `folder`), at noon, on the engine that the test is run with."""
    with TemporaryDirectory() as temporary, asyncio.Runner() as runner:
        hands = [NOON]
        url = engine_url(folder or Path(temporary))
        store = runner.run(_opened(lambda: open_store(url, lambda: hands[0])))
        try:
            yield World(runner, store, hands)
        finally:
            runner.run(close_store(store))


def engine_url(folder: Path) -> str:
    """The address of the store of a folder: always the same one, empty at first."""
    return _engine[-1](folder)


def _file(folder: Path) -> str:
    return f"sqlite:///{folder / 'kv.db'}"


_engine: list[Callable[[Path], str]] = [_file]


@contextmanager
def on_engine(url: Callable[[Path], str]) -> Iterator[None]:
    """Within it, stores are where `url` says for their folder."""
    _engine.append(url)
    try:
        yield
    finally:
        _engine.pop()


def _opened(act: Callable[[], T]) -> Coroutine[Any, Any, T]:
    async def on_the_loop() -> T:
        return act()

    return on_the_loop()
