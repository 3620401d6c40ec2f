"""A log's file: kept over restarts and kills, bounded, private, and readable by others while it is written."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from oavr_tui.clients.log_file import older
from oavr_tui.clients.log_fold import LogLine
from oavr_tui.clients.log_replay import squeeze
from oavr_tui.clients.pod_log import Log, PodLog, follow_file, tail

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def now() -> float:
    return NOW


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "job.log"


def test_a_log_is_kept_with_its_times(file: Path) -> None:
    log = Log(file, clock=now)
    log.add("one\n\ntwo \x1b[1mbold\x1b[0m")
    log.close()
    assert file.read_text() == "2027-01-15T08:00:00Z one\n2027-01-15T08:00:00Z two bold\n"
    again = Log(file, clock=lambda: NOW + 5)
    assert again.lines(9) == [LogLine(NOW, "one", None, 1), LogLine(NOW, "two bold", None, 2)]
    again.add("three")
    assert [row.text for row in again.lines(9)] == tail(file, 9) == ["one", "two bold", "three"]
    assert again.lines(1)[0].at == NOW + 5
    again.close()


def test_nobody_else_can_read_it(file: Path) -> None:
    log = PodLog(file, clock=now)
    log.add("one")
    log.close()
    assert {stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_opening_alone_makes_no_file(file: Path) -> None:
    log = PodLog(file, clock=now)
    assert log.lines(5) == []
    log.close()
    assert not file.parent.exists()
    assert tail(file, 5) == []


def test_only_the_last_rows_are_in_memory_and_all_in_the_file(file: Path) -> None:
    log = Log(file, ring=10, clock=now)
    for number in range(1000):
        log.add(f"line {number}")
    assert [row.text for row in log.lines(99)] == [f"line {number}" for number in range(990, 1000)]
    assert len(file.read_text().splitlines()) == 1000
    log.close()
    assert len(Log(file, ring=10, clock=now).lines(99)) == 10


def test_those_who_listen_hear_of_each_change_until_they_leave(file: Path) -> None:
    log = Log(file, clock=now)
    heard: list[list[LogLine]] = []
    leave = log.listen(heard.append)
    log.add("a 10%|\na 20%|\nb")
    log.add("c")
    log.add("  ")
    leave()
    leave()
    log.add("d")
    log.close()
    assert [[(row.number, row.text) for row in rows] for rows in heard] == [[(1, "a 20%|"), (2, "b")], [(3, "c")]]


def test_a_long_log_goes_on_in_a_new_file_that_says_so(file: Path) -> None:
    log = PodLog(file, limit=5000, clock=now)
    for number in range(1000):
        log.add(f"line {number}")
    log.close()
    assert file.stat().st_size < 5200 and older(file).stat().st_size < 5200
    assert "goes on here; what came before is in job.log.1" in file.read_text().splitlines()[0]
    rows = [row for row in tail(file, 300) if not row.startswith("—")]
    assert rows == [f"line {number}" for number in range(1000 - len(rows), 1000)]
    assert len(rows) > 150  # from both files


def test_a_line_that_goes_on_is_not_torn_by_the_new_file(file: Path) -> None:
    log = PodLog(file, limit=50, clock=now)
    stream = log.connect()
    stream.feed(b"data: first line of the log so far\n\ndata: part\n")
    stream.feed(b"data: , rest\n\n")
    stream.feed(b"data: next\n\n")
    log.close()
    assert tail(older(file), 1) == ["part, rest"]
    assert tail(file, 1) == ["next"]


def test_a_full_disk_costs_lines_and_says_so(file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    file.parent.mkdir()
    file.symlink_to("/dev/full")
    log = Log(file, clock=now)
    log.add("lost")
    assert log.trouble.startswith("The disk is full")
    assert [row.text for row in log.lines(5)] == ["lost"]
    log.close()
    file.unlink()
    log.add("kept")
    assert log.trouble == ""
    assert [row.partition(":")[0] for row in tail(file, 5)] == ["— Lines are missing here", "kept"]
    log.close()


def test_a_log_that_may_not_be_written_is_still_shown(file: Path) -> None:
    file.parent.write_text("a file where a folder should be")
    log = PodLog(file, clock=now)
    log.add("one")
    assert [row.text for row in log.lines(5)] == ["one"]
    assert "Nothing can be saved" in log.trouble
    log.close()


# --- what is known of a pod's log

WHOLE = "".join(f"data: line {number} of the pod\n" for number in range(200)).encode() + b"\n"


def opened(file: Path) -> PodLog:
    return PodLog(file, clock=now)


def replayed(file: Path) -> list[str]:
    log = opened(file)
    log.connect().feed(WHOLE)
    log.close()
    return tail(file, 1000)


EXPECTED = [f"line {number} of the pod" for number in range(200)]


def test_what_was_written_and_not_noted_is_taken_back(file: Path) -> None:
    log = opened(file)
    log.connect().feed(WHOLE[:1000])
    log.close()
    with file.open("a") as handle:
        handle.write("2027-01-15T08:00:00Z a line whose place was not no")
    assert replayed(file) == EXPECTED


def test_a_log_that_somebody_removed_is_fetched_again(file: Path) -> None:
    assert replayed(file) == EXPECTED
    file.unlink()
    assert replayed(file) == EXPECTED


def test_an_end_while_the_full_file_was_put_aside(file: Path) -> None:
    log = opened(file)
    log.connect().feed(WHOLE[:1000])
    log.close()
    file.rename(older(file))
    file.write_text("2027-01-15T08:00:00Z — This log has")
    assert replayed(file) == EXPECTED


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "[]",
        "null",
        '{"size": 1}',
        json.dumps({"size": -1, "chars": 0, "checksum": 0, "marks": [], "last_id": ""}),
        json.dumps({"size": 0, "chars": 10**6, "checksum": 1, "marks": [], "last_id": ""}),
        json.dumps({"size": 0, "chars": 40, "checksum": 1, "marks": ["x"], "last_id": ""}),
        json.dumps({"size": True, "chars": 0, "checksum": 1, "marks": [], "last_id": 5}),
    ],
)
def test_a_record_that_makes_no_sense_counts_as_none(file: Path, record: str) -> None:
    file.parent.mkdir()
    file.with_name("job.log.seen").write_text(record)
    assert replayed(file) == EXPECTED


def test_many_processes_one_after_another_each_killed(file: Path) -> None:
    """Each reads the log from its beginning, as the server sends it, and is killed somewhere."""
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from oavr_tui.clients.pod_log import PodLog
        data = sys.stdin.buffer.read()
        log = PodLog(Path(sys.argv[1]), clock=time.time)
        stream = log.connect()
        for place in range(0, len(data), 7):
            stream.feed(data[place:place + 7])
            if place == 7 * int(sys.argv[2]):
                print("now", flush=True)
    """)
    data = b"".join(b"data: %d \xe2\x9c\x85 text\n" % number for number in range(4000)) + b"\n"
    for round_ in range(1, 6):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(file), str(round_ * 1500)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(data)
        process.stdin.close()
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    log = opened(file)
    log.connect().feed(data)
    log.close()
    assert [squeeze(row) for row in tail(file, 5000)] == [f"{number}✅text" for number in range(4000)]


# --- reading along from another process


class Reader:
    """Somebody who follows the file; `next` waits for one line."""

    def __init__(self, file: Path, last: int = 0) -> None:
        self._lines = follow_file(file, last=last, every=0.002)

    async def next(self, count: int = 1) -> list[str]:
        return [await asyncio.wait_for(anext(self._lines), 30) for _ in range(count)]

    async def close(self) -> None:
        assert isinstance(self._lines, AsyncIterator)
        await self._lines.aclose()  # type: ignore[attr-defined]


async def test_following_begins_with_the_last_rows(file: Path) -> None:
    log = Log(file, clock=now)
    log.add("one\ntwo\nthree")
    reader = Reader(file, last=2)
    assert await reader.next(2) == ["two", "three"]
    log.add("four\nfive")
    assert await reader.next(2) == ["four", "five"]
    await reader.close()
    log.close()


async def test_following_a_file_that_is_not_there_yet(file: Path) -> None:
    reader = Reader(file)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0.01)
    log = Log(file, clock=now)
    log.add("one")
    assert await waiting == ["one"]
    await reader.close()
    log.close()


async def test_following_over_a_file_that_was_put_aside(file: Path) -> None:
    log = Log(file, limit=2000, clock=now)
    log.add("begin")
    reader = Reader(file, last=1)
    assert await reader.next() == ["begin"]
    for number in range(0, 200, 10):
        log.add("\n".join(f"line {each}" for each in range(number, number + 10)))
        got: list[str] = []
        while len(got) < 10:
            got += [line for line in await reader.next() if not line.startswith("—")]
        assert got == [f"line {each}" for each in range(number, number + 10)]
    assert older(file).exists()
    await reader.close()
    log.close()


async def test_following_a_file_that_was_cut(file: Path) -> None:
    log = Log(file, clock=now)
    log.add("one\ntwo")
    reader = Reader(file, last=5)
    assert await reader.next(2) == ["one", "two"]
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0.01)
    os.truncate(file, 0)
    await asyncio.sleep(0.05)
    log.add("three")
    assert await waiting == ["three"]
    await reader.close()
    log.close()


async def test_a_line_without_end_is_shown_after_a_while(file: Path) -> None:
    log = PodLog(file, clock=now)
    stream = log.connect()
    stream.feed(b"data: Continue? \n")
    reader = Reader(file)
    await reader.close()
    reader = Reader(file, last=1)
    assert await reader.next() == ["Continue? "]
    stream.feed(b"data: yes\n\ndata: next\n")
    assert await reader.next(2) == ["yes", "next"]
    await reader.close()
    log.close()
