"""Where licenses and counters are kept: one interface, several engines."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from license_server.kv.interface import Store


def open_store(url: str, clock: Callable[[], float]) -> Store:
    """Opens the store at `url`; to be called on the running loop.

    `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`; the file is made, readable by its owner only, where
    there is none. `clock` gives Unix seconds and decides what has expired.

    Raises:
        ValueError: the address is of no kind that is known here.
        StoreError: it cannot be opened.
    """
    parts = urlsplit(url)
    if url.startswith("sqlite:///") and len(parts.path) > 1:
        from license_server.kv.sqlite import SQLiteStore

        return SQLiteStore(unquote(parts.path[1:]), clock)
    raise ValueError("the store's address must look like sqlite:///path/to/file.db")
