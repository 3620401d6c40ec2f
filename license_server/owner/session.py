"""What every command of the owner works with: the store, a clock, and the log of what the owner did."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from license_server.kv import close_store, open_store
from license_server.kv.ask import ask
from license_server.kv.interface import Rule, Scan, Store
from license_server.owner.notes import Note, noted

T = TypeVar("T")

PAGE = 1000
"""Rows that are read at a time: the server, where it shares the store, is not held up for long."""


class Told(NamedTuple):
    """What a command has to say: `data` for `--json`, `lines` for a person; `code` is the exit code, 0 or 1."""

    data: dict[str, Any]
    lines: Sequence[str]
    code: int = 0


class Refused(Exception):
    """The command cannot do it, or not so (exit code 1); the text says why, and what would help."""


class Session:
    """An open store. `clock` gives Unix seconds, `chance` a few random characters, `by` is who acts."""

    def __init__(
        self,
        url: str,
        store: Store,
        by: str,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self.url = url
        self.clock = clock
        self._store, self._by, self._chance = store, by, chance

    async def look(self, rule: Rule[T]) -> T:
        """Runs a rule that only reads. Raises what `ask` does."""
        return await ask(self._store.read, rule)

    async def do(self, rule: Rule[T]) -> T:
        """Runs a rule as one transaction. Raises what `ask` does."""
        return await ask(self._store.write, rule)

    async def act(self, rule: Rule[T], note: Callable[[T], Note | None]) -> T:
        """Runs a rule and notes in the same transaction what it did; None as the note: it did nothing."""
        return await self.do(noted(rule, note, self.clock(), self._by, self._chance()))

    async def rows(self, space: str, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        """All keys and values of a space that begin with `prefix`, in their order, read in pages."""
        after = ""
        while True:
            page = await self.look(_page(space, prefix, after))
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            after = page[-1][0]


def _page(space: str, prefix: str, after: str) -> Rule[list[tuple[str, bytes]]]:
    found: list[tuple[str, bytes]] = yield Scan(space, prefix, PAGE, after)
    return found


@asynccontextmanager
async def opened(url: str, env: Mapping[str, str], *, make: bool = False) -> AsyncIterator[Session]:
    """A session on the store at `url`, closed at the end; with `make` also on one that does not exist yet.

    Raises:
        ValueError, StoreError: as `open_store`. Refused: there is no such file.
    """
    path = file_of(url)
    if path is not None and not make and not path.exists():
        raise Refused(f"there is no database at {path}; the server makes it when it first starts (is --kv right?)")
    store = open_store(url, time.time)
    try:
        yield Session(url, store, actor(env))
    finally:
        await close_store(store)


def file_of(url: str) -> Path | None:
    """The file of an SQLite store; None where the store is no file."""
    parts = urlsplit(url)
    return Path(unquote(parts.path[1:])) if parts.scheme == "sqlite" and len(parts.path) > 1 else None


def actor(env: Mapping[str, str]) -> str:
    """Who gives the command, as the system knows them."""
    return env.get("SUDO_USER") or env.get("USER") or f"uid {os.getuid()}"
