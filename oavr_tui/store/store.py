"""What the app remembers: its jobs and videos, durable at each change, shared with other processes.

Calls block (a write waits for the disk, well under a millisecond to a few); the engine makes them in one worker thread.
One Store is for one thread at a time. Any method may raise OavrError: DiskFull, or Rejected where the store may not be
read or written, or another process does not let go of it within ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from oavr_tui.errors import Rejected
from oavr_tui.models import Job, Video
from oavr_tui.store.checkup import Checkup, check_files
from oavr_tui.store.documents import Unreadable, to_document, to_job, to_video
from oavr_tui.store.journal import JournalStorage, Migration
from oavr_tui.store.records import Change, delete, put
from oavr_tui.store.tables import JournalDB, KeyedTable
from oavr_tui.text import safe

SCHEMA = 1
"""Raised whenever an older program could misread what this one writes; each step then has an entry in MIGRATIONS."""
MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})

SET_ASIDE = "set_aside"
"""The table of documents that nobody could read and that something else has taken the place of."""

_Noun = TypeVar("_Noun", Job, Video)


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `verify` found. Sizes in bytes. problems: sentences; none when all is well."""

    schema: int
    generation: int
    jobs: int
    videos: int
    snapshot_bytes: int
    journal_bytes: int
    backup_readable: bool
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


class Store:
    """Jobs and videos by id.

    file: the snapshot; the other files stand next to it. read_only: nothing is created, repaired or written.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        storage = JournalStorage(file, schema=SCHEMA, migrations=MIGRATIONS, read_only=read_only)
        self._db = JournalDB(storage=lambda: storage)
        self._jobs = _Shelf(self._db.keyed("jobs"), "job", to_job)
        self._videos = _Shelf(self._db.keyed("videos"), "video", to_video)

    @property
    def read_only(self) -> bool:
        return self._db.journal.read_only

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about repairs, skipped documents, a newer version; each once, in the order they came up."""
        return (*self._db.journal.notes, *self._jobs.notes, *self._videos.notes)

    def put_job(self, job: Job) -> None:
        """Remember a job, in place of what was known of it; durable when this returns."""
        with self._db.journal.exclusive():
            self._db.journal.commit(self._jobs.putting(job))

    def get_job(self, job_id: str) -> Job | None:
        """The job of this id, or None when there is none or it cannot be read."""
        return self._jobs.get(job_id)

    def jobs(self) -> list[Job]:
        """All jobs, the oldest first."""
        return sorted(self._jobs.all(), key=lambda job: (job.created_at, job.id))

    def remove_job(self, job_id: str) -> None:
        """Forget a job; nothing happens when there is none."""
        with self._db.journal.exclusive():
            self._db.journal.commit(self._jobs.removing(job_id))

    def update_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Read a job, change it and write it back, with no other process in between; returns the job as written.

        Nothing is written when `change` returns the job as it was, or raises. Raises Rejected where there is no such
        job.
        """
        with self._db.journal.exclusive():
            before = self.get_job(job_id)
            if before is None:
                raise Rejected("This job is no longer in the list, so it was left alone. Start it anew if you need it.")
            after = change(before)
            if after.id != job_id:
                raise ValueError("a job keeps its id")
            if after != before:
                self.put_job(after)
            return after

    def put_video(self, video: Video) -> None:
        """Remember a video, in place of what was known of it; durable when this returns."""
        with self._db.journal.exclusive():
            self._db.journal.commit(self._videos.putting(video))

    def get_video(self, video_id: str) -> Video | None:
        """The video of this id, deleted ones included, or None when there is none or it cannot be read."""
        return self._videos.get(video_id)

    def videos(self, include_deleted: bool = False) -> list[Video]:
        """All videos, the newest first; those in the trash only when asked for."""
        wanted = (video for video in self._videos.all() if include_deleted or video.deleted_at is None)
        return sorted(wanted, key=lambda video: (-video.created_at, video.id))

    def remove_video(self, video_id: str) -> None:
        """Forget a video (its files are the library's affair); nothing happens when there is none."""
        with self._db.journal.exclusive():
            self._db.journal.commit(self._videos.removing(video_id))

    def finish(self, job: Job, video: Video) -> None:
        """Remember a job and its video as one: either both are there afterwards, or neither is changed."""
        with self._db.journal.exclusive():
            self._db.journal.commit([*self._jobs.putting(job), *self._videos.putting(video)])

    def change_counter(self) -> object:
        """Something cheap (two stat calls) that compares unequal after any process has written."""
        return self._db.journal.token()

    def verify(self) -> StoreReport:
        """Read everything on disk anew and say what is wrong with it, if anything. Changes nothing."""
        with self._db.journal.exclusive():
            found: Checkup = check_files(self._db.journal)
            unreadable = [*self._jobs.unreadable(), *self._videos.unreadable()]
            return StoreReport(
                schema=found.schema,
                generation=found.generation,
                jobs=len(self._jobs.table.raw()),
                videos=len(self._videos.table.raw()),
                snapshot_bytes=found.snapshot_bytes,
                journal_bytes=found.journal_bytes,
                backup_readable=found.backup_readable,
                problems=(*found.problems, *unreadable),
            )

    def compact(self) -> None:
        """Write one new snapshot in place of snapshot and journal."""
        self._db.journal.compact()

    def close(self) -> None:
        """Let the files go. Everything was durable already."""
        self._db.close()


class _Shelf(Generic[_Noun]):
    """One kind of noun in its table: checked when read, and read only once as long as it stays the same."""

    def __init__(self, table: KeyedTable, kind: str, read: Callable[[Mapping[str, Any]], _Noun]) -> None:
        self.table = table
        self._kind = kind
        self._read: Callable[[Mapping[str, Any]], _Noun] = read
        self._known: dict[str, tuple[Mapping[str, Any], _Noun | str]] = {}
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def get(self, key: str) -> _Noun | None:
        raw = self.table.raw().get(key)
        return None if raw is None else self._noun(key, raw)

    def all(self) -> list[_Noun]:
        raws = self.table.raw()
        if len(self._known) > 2 * len(raws):
            self._known = {key: known for key, known in self._known.items() if key in raws}
        nouns = (self._noun(key, raw) for key, raw in raws.items())
        return [noun for noun in nouns if noun is not None]

    def unreadable(self) -> list[str]:
        """A sentence for each document that cannot be read."""
        found = ((key, self._checked(key, raw)) for key, raw in self.table.raw().items())
        return [self._sentence(key, why) for key, why in found if isinstance(why, str)]

    def putting(self, noun: _Noun) -> list[Change]:
        """The changes that store a noun. An unreadable document of the same id is kept aside. The lock is held."""
        return [*self._keeping(noun.id), self.table.putting(noun.id, to_document(noun))]

    def removing(self, key: str) -> list[Change]:
        """The changes that forget a noun, if there is one. The lock is held."""
        return [*self._keeping(key), delete(self.table.name, key)] if key in self.table.raw() else []

    def _keeping(self, key: str) -> list[Change]:
        raw = self.table.raw().get(key)
        if raw is None or not isinstance(self._checked(key, raw), str):
            return []
        count = len(self.table.journal.table(SET_ASIDE))
        return [put(SET_ASIDE, f"{self.table.name}/{key}/{count}", dict(raw))]

    def _noun(self, key: str, raw: Mapping[str, Any]) -> _Noun | None:
        checked = self._checked(key, raw)
        if not isinstance(checked, str):
            return checked
        self._notes[self._sentence(key, checked)] = None
        return None

    def _checked(self, key: str, raw: Mapping[str, Any]) -> _Noun | str:
        """The noun, or why it cannot be read."""
        known = self._known.get(key)
        # The storage puts a new object in place of a changed document, so the same object means the same content.
        if known is not None and known[0] is raw:
            return known[1]
        checked: _Noun | str
        try:
            noun = self._read(raw)
            checked = noun if noun.id == key else "id: differs"
        except Unreadable as error:
            checked = str(error)
        self._known[key] = (raw, checked)
        return checked

    def _sentence(self, key: str, why: str) -> str:
        return (
            f"The {self._kind} {safe(key, 40)} could not be read ({safe(why, 120)}); it is left out of the list and"
            " kept in the store as it is."
        )
