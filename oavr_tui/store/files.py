"""The files of one store: opening, appending, replacing, and rescuing what is left of damaged ones.

No locking here and no rules about when: journal.py decides, under its lock. Methods raise OSError.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from oavr_tui.store import records
from oavr_tui.store.disk import NO_LINKS, Disk
from oavr_tui.store.records import Damaged, Scan, Snapshot, Tables

_KEPT_DAMAGE = 8 << 20
_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What two stat calls tell of the files: device, inode, size and time of each, or None where there is none."""

    snapshot: _Stamp | None
    journal: _Stamp | None


@dataclass(slots=True)
class Rescue:
    """What could be read without the snapshot. complete: nothing acknowledged is missing, as far as can be told."""

    tables: Tables = field(default_factory=dict)
    generation: int = 0
    schema: int | None = None
    complete: bool = False


class StoreFiles:
    """Paths and open files. journal_end: bytes of journal read or written. last_generation: highest seen in it."""

    def __init__(self, snapshot: Path, disk: Disk) -> None:
        self.snapshot = snapshot
        self.backup = _beside(snapshot, ".bak")
        self.journal = _beside(snapshot, ".journal")
        self.journal_backup = _beside(snapshot, ".journal.bak")
        self.lock = _beside(snapshot, ".lock")
        self.damaged = _beside(snapshot, ".damaged")
        self.journal_end = 0
        self.last_generation = 0
        self._disk = disk
        self._temporary = _beside(snapshot, ".new")
        self._pin = -1
        self._fd = -1

    def look(self) -> Look:
        return Look(_stamp(self.snapshot), _stamp(self.journal))

    def close(self) -> None:
        for fd in (self._pin, self._fd):
            if fd >= 0:
                os.close(fd)
        self._pin = self._fd = -1

    def load_snapshot(self) -> Snapshot | None:
        """The snapshot, or None where there is none or it is damaged. Its file stays open: while it does, no later
        file can have the same inode, so a changed one is always noticed."""
        self.close()
        try:
            self._pin = self._disk.open(self.snapshot, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return records.decode_snapshot(_read(self._pin, 0))
        except Damaged:
            return None

    def has_remains(self) -> bool:
        """Whether there is anything to rescue, as opposed to a store that is simply new."""
        return (
            any(path.exists() for path in (self.snapshot, self.backup, self.journal_backup)) or _size(self.journal) > 0
        )

    def rescue(self) -> Rescue:
        """Put together the state from the backup and both journals."""
        found = Rescue()
        with contextlib.suppress(Damaged, FileNotFoundError):
            backup = records.decode_snapshot(self.backup.read_bytes())
            # Compaction always leaves a journal beside the backup: without it, the way from there to here is missing.
            complete = self.journal_backup.exists()
            found = Rescue(backup.tables, backup.generation, backup.schema, complete)
        base = found.generation
        for path in (self.journal_backup, self.journal):
            try:
                scan = records.scan(path.read_bytes())
            except FileNotFoundError:
                continue
            found.complete = found.complete and not scan.damaged
            for generation, changes in scan.records:
                if generation >= base:
                    records.apply(found.tables, changes)
                    # A step of more than one would mean that a journal in between is gone.
                    found.complete = found.complete and generation <= found.generation + 1
                    found.generation = max(found.generation, generation)
        return found

    def set_damaged_snapshot_aside(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._disk.replace(self.snapshot, self.damaged)

    def set_aside(self, raw: bytes) -> None:
        """Keep bytes that could not be read, for somebody who may; up to 8 MB in all, and where there is room."""
        if _size(self.damaged) + len(raw) > _KEPT_DAMAGE:
            return
        # A full disk must not keep the store from opening; damaged lines are also in the journal's backup.
        with contextlib.suppress(OSError):
            fd = self._disk.open(self.damaged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                self._disk.write_all(fd, raw)
            finally:
                os.close(fd)

    def keep_version(self, schema: int, raw: bytes) -> None:
        """Keep a whole store of an older schema beside the new one."""
        self._disk.write_new(_beside(self.snapshot, f".schema-{schema}"), raw)

    def open_journal(self, *, create: bool) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.journal_end = self.last_generation = 0
        if create:
            self._fd = self._disk.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._disk.sync_folder(self.journal.parent)
        else:
            with contextlib.suppress(FileNotFoundError):
                self._fd = self._disk.open(self.journal, os.O_RDONLY)

    def journal_is_open(self, look: Look) -> bool:
        """Whether the open journal is still the one of that name, and no shorter than what was read of it."""
        if self._fd < 0 or look.journal is None:
            return self._fd < 0 and look.journal is None
        mine = os.fstat(self._fd)
        return (mine.st_dev, mine.st_ino) == look.journal[:2] and mine.st_size >= self.journal_end

    def read_journal_tail(self) -> Scan:
        """What the journal has beyond journal_end, which moves to the end of the last whole record."""
        if self._fd < 0:
            return Scan()
        found = records.scan(_read(self._fd, self.journal_end))
        self.journal_end += found.good
        self.last_generation = max([self.last_generation, *(generation for generation, _ in found.records)])
        return found

    def cut_torn_tail(self, torn: bytes) -> None:
        self.set_aside(torn + b"\n")
        self._disk.truncate(self._fd, self.journal_end)
        self._disk.sync(self._fd)

    def append(self, record: bytes) -> None:
        """Add to the journal and wait for it; on any failure cut it off again."""
        try:
            self._disk.write_all(self._fd, record)
            self._disk.sync(self._fd)
        except BaseException:
            # What cannot be cut off now is cut off, or found whole, by whoever reads next.
            with contextlib.suppress(OSError):
                self._disk.truncate(self._fd, self.journal_end)
                self._disk.sync(self._fd)
            raise
        self.journal_end += len(record)

    def replace_snapshot(self, raw: bytes) -> None:
        """A new snapshot and an empty journal; the old ones become the backup. Any step may be the last one."""
        try:
            self._disk.write_new(self._temporary, raw)
            self._back_up()
            self._disk.replace(self._temporary, self.snapshot)
        except BaseException:
            with contextlib.suppress(OSError):
                self._disk.unlink(self._temporary)
            raise
        self._disk.sync_folder(self.snapshot.parent)
        with contextlib.suppress(FileNotFoundError):
            self._disk.replace(self.journal, self.journal_backup)
        pin = self._disk.open(self.snapshot, os.O_RDONLY)
        if self._pin >= 0:
            os.close(self._pin)
        self._pin = pin
        self.open_journal(create=True)

    def _back_up(self) -> None:
        """Give the present snapshot the backup's name too, without a moment in which there is none."""
        if not self.snapshot.exists():
            return
        link = _beside(self.snapshot, ".bak.new")
        self._disk.unlink(link)
        try:
            self._disk.link(self.snapshot, link)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            self._disk.write_new(link, self.snapshot.read_bytes())  # a file system without hard links
        self._disk.replace(link, self.backup)
        self._disk.unlink(link)  # rename(2) leaves it when both were the same file already


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(fd: int, offset: int) -> bytes:
    """Everything from an offset on."""
    parts = []
    while part := os.pread(fd, 1 << 24, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)
