"""Where licenses and counters are kept: one interface, several engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from license_server.kv.interface import Store, StoreError


def open_store(url: str, clock: Callable[[], float]) -> Store:
    """Opens the store at `url`; to be called on the running loop.

    `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`; the file is made, readable by its owner only, where
    there is none. `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS, needs the extra `redis`.
    `clock` gives Unix seconds and decides what has expired.

    Raises:
        ValueError: the address is of no kind that is known here.
        StoreError: it cannot be opened.
    """
    parts = urlsplit(url)
    if url.startswith("sqlite:///") and len(parts.path) > 1:
        from license_server.kv.sqlite import SQLiteStore

        return SQLiteStore(unquote(parts.path[1:]), clock)
    if parts.scheme in ("redis", "rediss"):
        try:
            from license_server.kv.redis import RedisStore
        except ImportError as error:
            raise StoreError("a store in Redis needs the extra: pip install 'oavr-license-server[redis]'") from error
        return RedisStore(url, clock)
    raise ValueError("the store's address must look like sqlite:///path/to/file.db or redis://host:6379/0")


@runtime_checkable
class _Lingers(Protocol):
    async def wait_closed(self) -> None: ...


async def close_store(store: Store) -> None:
    """Closes a store, and waits until what it was asked for is done."""
    store.close()
    if isinstance(store, _Lingers):
        await store.wait_closed()
