"""The file of the embedded engine: how it is made, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

OPENS_WITHIN = 5.0
"""Seconds that opening waits for another process to let go of the file."""


def open_file(path: str) -> sqlite3.Connection:
    """A connection in autocommit to the file, which is made, with its folder, where there is none.

    Raises:
        sqlite3.Error, OSError: it cannot be opened, or is no database.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Keys lie in it readable: nobody but its owner may. The log beside it takes over the file's mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=OPENS_WITHIN, cached_statements=32)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # Holds the inner pages of a tree of a million rows, so that a row is one read away.
        db.execute("PRAGMA cache_size = -8000")
        db.execute(
            "CREATE TABLE IF NOT EXISTS kv (space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires REAL,"
            " PRIMARY KEY (space, key)) WITHOUT ROWID"
        )
        # From here on a lock is waited for by the loop, not inside SQLite.
        db.execute("PRAGMA busy_timeout = 0")
    except sqlite3.Error:
        db.close()
        raise
    return db
