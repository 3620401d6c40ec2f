"""Real processes on one store: writing at once, and killed at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oavr_tui.store.store import Store
from oavr_tui.store.tables import JournalDB

WRITER = """
import sys
from pathlib import Path
from oavr_tui.store.tables import JournalDB
db = JournalDB(Path(sys.argv[1]), small_journal=20_000, lock_wait=60.0)
who = sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(300):
    db.table("rows").insert({"who": who, "number": number})
    db.keyed("mine").put(f"{who}-{number}", {"number": number})
"""

# Each line that this one prints is a promise: the job and its twin are on the disk with this number.
PROMISER = """
import sys
from dataclasses import replace
from pathlib import Path
from oavr_tui.store import journal
from oavr_tui.store.store import Store
from tests.store.helpers import make_job, make_video
store = Store(Path(sys.argv[1]))
for note in store.notes:
    assert note == journal.OLD_JOURNAL_TORN, note
number = int(sys.argv[2])
while True:
    number += 1
    job = make_job("job-%d" % (number % 7), note=str(number))
    store.finish(job, replace(make_video(job.id), title=str(number)))
    print(number, flush=True)
    if number % 5 == 0:
        store.compact()
"""

CANCELLER = """
import sys
from dataclasses import replace
from pathlib import Path
from oavr_tui.store.store import Store
store = Store(Path(sys.argv[1]))
for _ in range(100):
    store.update_job("job-1", lambda job: replace(job, seed=job.seed + 1))
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "db.json"
    writers = [start(WRITER, str(file), who) for who in ("a", "b")]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(120) for writer in writers] == [0, 0]
    for writer in writers:
        writer.communicate()
    db = JournalDB(file)
    rows = [(row["who"], row["number"]) for row in db.table("rows")]
    assert len(rows) == 600 and set(rows) == {(who, number) for who in "ab" for number in range(300)}
    assert len(db.keyed("mine")) == 600
    assert db.journal.notes == () and db.journal.generation > 2
    db.close()


def test_two_processes_changing_one_job_lose_no_change(tmp_path: Path) -> None:
    from tests.store.helpers import make_job

    store = Store(tmp_path / "db.json")
    store.put_job(make_job("job-1"))
    first = make_job("job-1").seed
    writers = [start(CANCELLER, str(tmp_path / "db.json")) for _ in range(2)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    job = store.get_job("job-1")
    assert job is not None and job.seed == first + 200
    store.close()


def kill_rounds(file: Path, rounds: int, seed: int) -> None:
    """Kill a writer again and again; each time, all that it promised must be there, and whole."""
    chance = random.Random(seed)
    promised = 0
    for _ in range(rounds):
        writer = start(PROMISER, str(file), str(promised))
        assert writer.stdout is not None
        for _ in range(chance.randint(1, 60)):
            promised = int(writer.stdout.readline())
        # Not at a promise, but anywhere between two: the pipe lets the writer run ahead while this is drawn.
        for _ in range(chance.randint(0, 20_000)):
            pass
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()  # through the same buffer as the lines before
        writer.communicate()
        lines = [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        promised = int(lines[-1]) if lines else promised
        check_promise(file, promised)


def check_promise(file: Path, promised: int) -> None:
    store = Store(file, read_only=True)
    jobs, videos = store.jobs(), store.videos()
    store.close()
    assert {job.id: job.note for job in jobs} == {video.id: video.title for video in videos}, "one record, one fate"
    newest = max(int(job.note) for job in jobs)
    # One more may have reached the disk without its promise having been printed.
    assert newest in (promised, promised + 1)
    expected = {number % 7: number for number in range(max(1, newest - 6), newest + 1)}
    assert {int(job.id.removeprefix("job-")): int(job.note) for job in jobs} == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_sigkill_loses_nothing_that_was_promised(tmp_path: Path, seed: int) -> None:
    kill_rounds(tmp_path / "db.json", 4, seed)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 110))
def test_sigkill_many_times(tmp_path: Path, seed: int) -> None:
    kill_rounds(tmp_path / "db.json", 20, seed)
