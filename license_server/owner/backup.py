"""`backup`: a copy of the database as it is at one moment, while the server goes on."""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from license_server.owner.files import new_file
from license_server.owner.notes import Note, many, nothing
from license_server.owner.session import Refused, Session, Told, file_of

WAIT = 10.0
"""Seconds that a lock of another process is waited for."""


async def backup(session: Session, given: argparse.Namespace) -> Told:
    """Copies the database with SQLite's own backup (sqlite.org/backup.html), looks whether the copy is sound."""
    source = file_of(session.url)
    if source is None:
        raise Refused("this store is no file; back it up by its own means (for Redis: its append-only file)")
    with new_file(given.file) as path:
        await asyncio.to_thread(copy, source, path)
        licenses = await asyncio.to_thread(check, path)
    size = Path(given.file).stat().st_size
    await session.act(nothing(), lambda _: Note("backup", details={"licenses": licenses}))
    data = {"file": given.file, "bytes": size, "licenses": licenses}
    return Told(data, [f"{given.file}: {many(licenses, 'license')}, {size} bytes, sound"])


def copy(source: Path, target: Path) -> None:
    """Copies a database file that others may write to meanwhile.

    Raises:
        Refused: it could not be read or written.
    """
    try:
        with closing(_open(source)) as of, closing(_open(target)) as to:
            # In one step, so that what the server writes meanwhile does not make it begin anew: in a log, readers and
            # writers do not wait for each other.
            of.backup(to, pages=-1)
            # One file that is the whole of it, without a log beside it.
            to.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise Refused(f"no copy could be made: {error}") from error


def check(path: Path) -> int:
    """How many licenses are in a database file that was looked through.

    Raises:
        Refused: it is damaged.
    """
    try:
        with closing(_open(path)) as db:
            (said,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise Refused(f"the copy is damaged: {said}")
            (count,) = db.execute("SELECT count(*) FROM kv WHERE space = 'license'").fetchone()
    except sqlite3.Error as error:
        raise Refused(f"the copy is damaged: {error}") from error
    return int(count)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT)
