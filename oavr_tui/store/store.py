"""What the app remembers: jobs, videos, pods and what they cost, durable at each change, shared with other processes.

Calls block (a write waits for the disk, well under a millisecond to a few); the engine makes them in one worker thread.
One Store is for one thread at a time. Any method may raise OavrError: DiskFull, or Rejected where the store may not be
read or written, or another process does not let go of it within ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from oavr_tui.errors import Rejected
from oavr_tui.models import Job, Measure, Pod, Spell, Video
from oavr_tui.store.checkup import Checkup, check_files
from oavr_tui.store.documents import to_job, to_measure, to_pod, to_spell, to_video
from oavr_tui.store.journal import JournalStorage, Migration
from oavr_tui.store.shelf import Shelf
from oavr_tui.store.tables import JournalDB

SCHEMA = 1
"""Raised whenever an older program could misread what this one writes; each step then has an entry in MIGRATIONS."""
MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})


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
    """Jobs, videos, pods, paid spells and measures by id.

    file: the snapshot; the other files stand next to it. read_only: nothing is created, repaired or written.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        storage = JournalStorage(file, schema=SCHEMA, migrations=MIGRATIONS, read_only=read_only)
        self._db = JournalDB(storage=lambda: storage)
        self._jobs = Shelf(self._db.keyed("jobs"), "job", to_job)
        self._videos = Shelf(self._db.keyed("videos"), "video", to_video)
        self._pods = Shelf(self._db.keyed("pods"), "pod", to_pod)
        self._spells = Shelf(self._db.keyed("spells"), "paid time", to_spell)
        self._measures = Shelf(self._db.keyed("measures"), "measure", to_measure)

    @property
    def read_only(self) -> bool:
        return self._db.journal.read_only

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about repairs, skipped documents, a newer version; each once, in the order they came up."""
        shelves = (self._jobs, self._videos, self._pods, self._spells, self._measures)
        return (*self._db.journal.notes, *(note for shelf in shelves for note in shelf.notes))

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

    def update_jobs(self, changes: Mapping[str, Callable[[Job], Job]]) -> list[Job]:
        """Change several jobs by their ids as one, with no other process in between; returns them as written.

        Those that are no longer there are passed over.
        """
        with self._db.journal.exclusive():
            found = [(change, job) for key, change in changes.items() if (job := self.get_job(key)) is not None]
            pairs = [(job, change(job)) for change, job in found]
            if any(before.id != after.id for before, after in pairs):
                raise ValueError("a job keeps its id")
            written = [one for before, after in pairs if after != before for one in self._jobs.putting(after)]
            if written:
                self._db.journal.commit(written)
            return [after for _before, after in pairs]

    def remove_jobs(self, job_ids: Sequence[str]) -> None:
        """Forget several jobs as one; those that are not there are passed over."""
        with self._db.journal.exclusive():
            gone = [change for job_id in job_ids for change in self._jobs.removing(job_id)]
            if gone:
                self._db.journal.commit(gone)

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

    def get_pod(self, pod_id: str) -> Pod | None:
        """The pod of this id (ours, not the provider's), or None when there is none or it cannot be read."""
        return self._pods.get(pod_id)

    def pods(self) -> list[Pod]:
        """All pods that are remembered, the oldest first; those that are gone included."""
        return sorted(self._pods.all(), key=lambda pod: (pod.created_at, pod.id))

    def put_pod(self, pod: Pod, spells: Sequence[Spell] = ()) -> None:
        """Remember a pod, and what is known of its paid time, as one."""
        with self._db.journal.exclusive():
            paid = [change for spell in spells for change in self._spells.putting(spell)]
            self._db.journal.commit([*self._pods.putting(pod), *paid])

    def update_pod(self, pod_id: str, change: Callable[[Pod, list[Spell]], tuple[Pod, Sequence[Spell]]]) -> Pod:
        """Change a pod and its paid time as one, with no other process in between; returns the pod as written.

        change(pod, its spells) returns the pod and the spells to be written. Raises Rejected where there is no such
        pod.
        """
        with self._db.journal.exclusive():
            before = self.get_pod(pod_id)
            if before is None:
                raise Rejected("This pod is no longer in the list. 'oavr-tui pods list' shows those that are.")
            after, spells = change(before, [spell for spell in self.spells() if spell.pod == pod_id])
            if after.id != pod_id:
                raise ValueError("a pod keeps its id")
            if after != before or spells:
                self.put_pod(after, spells)
            return after

    def remove_pod(self, pod_id: str) -> None:
        """Forget a pod; what it cost stays. Nothing happens when there is none."""
        with self._db.journal.exclusive():
            self._db.journal.commit(self._pods.removing(pod_id))

    def spells(self) -> list[Spell]:
        """All paid time, the oldest first."""
        return sorted(self._spells.all(), key=lambda spell: (spell.began, spell.id))

    def measures(self) -> list[Measure]:
        """All measures, the oldest first."""
        return sorted(self._measures.all(), key=lambda measure: (measure.at, measure.id))

    def put_measure(self, measure: Measure, keep: int = 20) -> None:
        """Remember a measure; of the same kind and GPU only the newest `keep` stay."""
        with self._db.journal.exclusive():
            alike = [one for one in self.measures() if (one.what, one.gpu) == (measure.what, measure.gpu)]
            old = [change for one in alike[: -(keep - 1) or None] for change in self._measures.removing(one.id)]
            self._db.journal.commit([*old, *self._measures.putting(measure)])

    def remove_measures(self) -> None:
        """Forget every measure that can be read."""
        with self._db.journal.exclusive():
            gone = [change for measure in self.measures() for change in self._measures.removing(measure.id)]
            self._db.journal.commit(gone)

    def change_counter(self) -> object:
        """Something cheap (two stat calls) that compares unequal after any process has written."""
        return self._db.journal.token()

    def verify(self) -> StoreReport:
        """Read everything on disk anew and say what is wrong with it, if anything. Changes nothing."""
        with self._db.journal.exclusive():
            found: Checkup = check_files(self._db.journal)
            shelves = (self._jobs, self._videos, self._pods, self._spells, self._measures)
            unreadable = [sentence for shelf in shelves for sentence in shelf.unreadable()]
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
