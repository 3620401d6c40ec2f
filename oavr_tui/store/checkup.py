"""Looking a store's files over without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oavr_tui.store import records
from oavr_tui.store.disk import explained
from oavr_tui.store.journal import JournalStorage
from oavr_tui.store.records import Damaged, Snapshot


@dataclass(frozen=True, slots=True)
class Checkup:
    """What the files are like. Sizes in bytes; problems are sentences."""

    schema: int
    generation: int
    snapshot_bytes: int
    journal_bytes: int
    backup_readable: bool
    problems: tuple[str, ...]


def check_files(storage: JournalStorage) -> Checkup:
    """Read snapshot, journal and backup from disk anew, and compare with what memory holds. The lock is held."""
    problems: list[str] = []
    files = storage.files
    with explained("the list of jobs and videos could not be checked"):
        snapshot = _snapshot(files.snapshot)
        backup = _snapshot(files.backup)
        journal = _bytes(files.journal)
    scan = records.scan(journal)
    if snapshot is None:
        problems.append("The list of jobs and videos is damaged on disk. Opening it again restores it from its backup.")
    if scan.damaged:
        problems.append(f"{len(scan.damaged)} saved change(s) cannot be read. They are set aside when it opens again.")
    if scan.torn:
        problems.append("The last saved change is incomplete. It is left out when the list opens again.")
    if snapshot is not None and not scan.damaged:
        for generation, changes in scan.records:
            if generation >= snapshot.generation:
                records.apply(snapshot.tables, changes)
        if not storage.read_only and snapshot.tables != (storage.read() or {}):
            problems.append("What is on disk differs from what this program shows. Restart it.")
    return Checkup(
        schema=snapshot.schema if snapshot else 0,
        generation=snapshot.generation if snapshot else 0,
        snapshot_bytes=snapshot.size if snapshot else 0,
        journal_bytes=len(journal),
        backup_readable=backup is not None,
        problems=tuple(problems),
    )


def _snapshot(path: Path) -> Snapshot | None:
    try:
        return records.decode_snapshot(path.read_bytes())
    except (Damaged, FileNotFoundError):
        return None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
