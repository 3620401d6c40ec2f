from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import FailureCode, Rejected
from oavr_tui.models import (
    Failure,
    Job,
    JobState,
    Measure,
    OutputFile,
    Quality,
    Request,
    Shape,
    Video,
)
from oavr_tui.store import records
from oavr_tui.store.documents import Unreadable, to_document, to_job, to_video
from oavr_tui.store.journal import NEWER, JournalStorage
from oavr_tui.store.shelf import SET_ASIDE
from oavr_tui.store.store import SCHEMA, Store
from tests.store.helpers import make_job, make_video

texts = st.text(max_size=20)
numbers = st.floats(0, 1e12, allow_nan=False)
requests = st.builds(
    Request,
    image=texts,
    audio=texts,
    prompt=texts,
    shape=st.sampled_from(Shape),
    seed=st.none() | st.integers(0, 2**63 - 1),
    quality=st.sampled_from(Quality),
    audio_strength=st.floats(0.5, 2),
    max_seconds=st.none() | numbers,
    workflow=st.none() | texts,
    on=texts,
    mark=st.booleans(),
)
jobs = st.builds(
    Job,
    id=st.text(min_size=1, max_size=10),
    title=texts,
    request=requests,
    state=st.sampled_from(JobState),
    created_at=numbers,
    updated_at=numbers,
    seed=st.integers(0, 2**63 - 1),
    outputs=st.lists(st.builds(OutputFile, texts, texts, texts), max_size=2).map(tuple),
    failure=st.none() | st.builds(Failure, st.sampled_from(FailureCode), texts, st.booleans()),
)
videos = st.builds(
    Video,
    id=st.text(min_size=1, max_size=10),
    job_id=texts,
    title=texts,
    path=texts,
    duration=numbers,
    width=st.integers(0, 9000),
    height=st.integers(0, 9000),
    fps=numbers,
    bytes=st.integers(0, 2**50),
    seed=st.integers(0, 2**63 - 1),
    made_on=texts,
    seconds_taken=numbers,
    created_at=numbers,
    preview=st.booleans(),
    request=requests,
    deleted_at=st.none() | numbers,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store" / "db.json"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    opened = Store(file)
    yield opened
    opened.close()


@settings(deadline=None)
@given(jobs, videos)
def test_nouns_survive_the_way_to_disk_and_back(job: Job, video: Video) -> None:
    line = records.encode_record(
        0, [records.put("j", "1", to_document(job)), records.put("v", "1", to_document(video))]
    )
    _, (put_job, put_video) = records.decode_record(line[:-1])
    assert to_job(put_job[3]) == job
    assert to_video(put_video[3]) == video


def test_what_is_read_back_has_the_right_types() -> None:
    job = to_job(to_document(replace(make_job(), outputs=(OutputFile("a", "b", "c"),))))
    assert [type(part) for part in (job.state, job.request, job.outputs, job.outputs[0])] == [
        JobState,
        Request,
        tuple,
        OutputFile,
    ]


def test_a_document_that_lacks_something_says_where_but_not_what() -> None:
    document = to_document(make_job())
    document["request"]["shape"] = "a secret shape"
    with pytest.raises(Unreadable) as caught:
        to_job(document)
    assert "request.shape" in str(caught.value) and "secret" not in str(caught.value)


def test_fields_of_a_later_version_do_not_matter() -> None:
    assert to_job({**to_document(make_job()), "later": [1]}) == make_job()


def test_jobs_come_oldest_first_and_videos_newest_first(store: Store) -> None:
    for number in (3, 1, 2):
        store.put_job(make_job(f"job-{number}", created_at=float(number)))
        store.put_video(replace(make_video(f"video-{number}"), created_at=float(number)))
    store.put_video(replace(make_video("gone"), created_at=9.0, deleted_at=10.0))
    assert [job.id for job in store.jobs()] == ["job-1", "job-2", "job-3"]
    assert [video.id for video in store.videos()] == ["video-3", "video-2", "video-1"]
    assert store.videos(include_deleted=True)[0].id == "gone"
    assert store.get_video("gone") is not None


def test_everything_is_there_after_opening_again(file: Path, store: Store) -> None:
    job, video = make_job(), make_video()
    store.put_job(job)
    store.put_job(job.moved_to(JobState.CHECKING, at=5.0))
    store.put_video(video)
    store.put_job(make_job("job-2"))
    store.remove_job("job-2")
    store.remove_job("job-2")
    store.put_video(make_video("video-2"))
    store.remove_video("video-2")
    other = Store(file)
    assert other.jobs() == [job.moved_to(JobState.CHECKING, at=5.0)]
    assert other.get_job("job-1") == other.jobs()[0] and other.get_job("job-2") is None
    assert other.videos() == [video] and other.get_video("video-1") == video
    other.close()


def test_finish_is_one_record(file: Path, store: Store) -> None:
    journal = file.with_name("db.json.journal")
    store.finish(make_job(), make_video())
    assert len(journal.read_bytes().splitlines()) == 1
    store.close()
    # Torn anywhere, both are absent.
    raw = journal.read_bytes()
    journal.write_bytes(raw[: len(raw) // 2])
    again = Store(file)
    assert again.jobs() == [] and again.videos() == []
    again.close()


def test_update_job_changes_what_is_on_the_disk_not_what_was_known(file: Path, store: Store) -> None:
    store.put_job(make_job())
    other = Store(file)
    other.update_job("job-1", lambda job: replace(job, cancel_asked=True))
    changed = store.update_job("job-1", lambda job: job.moved_to(JobState.CHECKING, at=2.0))
    assert changed.cancel_asked and changed.state is JobState.CHECKING
    assert other.get_job("job-1") == changed
    other.close()


def test_update_job_writes_nothing_without_a_change_or_after_a_failure(store: Store) -> None:
    store.put_job(make_job())
    token = store.change_counter()
    store.update_job("job-1", lambda job: job)
    with pytest.raises(ZeroDivisionError):
        store.update_job("job-1", lambda job: replace(job, seed=1 // 0))
    with pytest.raises(ValueError, match="keeps its id"):
        store.update_job("job-1", lambda job: replace(job, id="other"))
    with pytest.raises(Rejected, match="no longer in the list"):
        store.update_job("absent", lambda job: job)
    assert store.change_counter() == token
    store.put_job(make_job("job-2"))
    assert store.change_counter() != token


def test_several_jobs_are_changed_and_forgotten_as_one(file: Path, store: Store) -> None:
    for name in "abc":
        store.put_job(make_job(name, created_at=float(ord(name))))
    journal = file.with_name("db.json.journal")
    before = len(journal.read_bytes().splitlines())
    changed = store.update_jobs(dict.fromkeys(["a", "c", "x"], lambda job: replace(job, order=5.0)))
    assert [job.id for job in changed] == ["a", "c"]
    assert [job.order for job in store.jobs()] == [5.0, 0.0, 5.0]
    store.update_jobs(dict.fromkeys(["a", "c"], lambda job: job))
    store.remove_jobs(["a", "c", "x"])
    store.remove_jobs(["x"])
    assert [job.id for job in store.jobs()] == ["b"]
    assert len(journal.read_bytes().splitlines()) - before == 2
    with pytest.raises(ValueError):
        store.update_jobs({"b": lambda job: replace(job, id="other")})


def test_measures_are_forgotten_and_nothing_else(store: Store) -> None:
    store.put_job(make_job("a"))
    store.put_measure(Measure("m", "start", "gpu", 5.0, 1.0))
    store.remove_measures()
    assert (store.measures(), len(store.jobs())) == ([], 1)


def test_an_unreadable_document_is_skipped_told_of_and_never_deleted(file: Path, store: Store) -> None:
    store.put_job(make_job("good"))
    broken = {"id": "bad", "state": "dancing"}
    raw = JournalStorage(file)
    raw.commit([records.put("jobs", "bad", broken), records.put("jobs", "moved", to_document(make_job("good")))])
    assert [job.id for job in store.jobs()] == ["good"]
    assert store.get_job("bad") is None and store.get_job("moved") is None
    assert len(store.jobs()) == 1
    assert len(store.notes) == 2 and "bad" in store.notes[0] and "dancing" not in store.notes[0]
    assert len(store.verify().problems) == 2
    with pytest.raises(Rejected):
        store.update_job("bad", lambda job: job)
    store.put_job(make_job("bad"))
    store.remove_job("moved")
    assert sorted(job.id for job in store.jobs()) == ["bad", "good"]
    assert broken in raw.table(SET_ASIDE).values() and len(raw.table(SET_ASIDE)) == 2
    raw.close()


def test_a_newer_store_is_shown_and_refuses_with_its_sentence(file: Path) -> None:
    newer = JournalStorage(file, schema=SCHEMA + 1)
    newer.commit([records.put("jobs", "job-1", to_document(make_job()))])
    newer.close()
    store = Store(file)
    assert store.read_only and store.notes == (NEWER,) and store.jobs() == [make_job()]
    with pytest.raises(Rejected, match="newer OpenAvathar"):
        store.put_job(make_job("job-2"))
    with pytest.raises(Rejected):
        store.finish(make_job(), make_video())
    assert store.jobs() == [make_job()]
    store.close()


def test_verify_tells_a_sound_store_from_a_damaged_one(file: Path, store: Store) -> None:
    store.put_job(make_job())
    store.compact()
    store.put_job(make_job("job-2"))
    report = store.verify()
    assert report.ok and (report.jobs, report.videos, report.backup_readable) == (2, 0, True)
    assert report.snapshot_bytes == file.stat().st_size and report.journal_bytes > 0
    looking = Store(file, read_only=True)
    raw = bytearray(file.read_bytes())
    raw[-10] ^= 1
    file.write_bytes(bytes(raw))
    assert looking.verify().problems
    assert looking.jobs() == store.jobs(), "the backup has it all"
    assert store.verify().ok, "a writer that looks mends it"
    assert any("restored from its backup" in note for note in store.notes)
    looking.close()


def test_importing_and_writing_loads_nothing_heavy(file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from oavr_tui.store.store import Store;"
        "from oavr_tui.store import inputs, library, tags; from tests.store.helpers import make_job;"
        "store = Store(Path(sys.argv[1])); store.put_job(make_job());"
        "heavy = {'pydantic', 'httpx', 'av', 'numpy', 'PIL', 'aiohttp', 'textual'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
