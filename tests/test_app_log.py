"""The app's own log: private, bounded, shared by processes, silent, and without secrets, values or folders."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oavr_tui import app_log
from oavr_tui.app_log import log_path, start_log, stop_log
from oavr_tui.paths import Paths
from oavr_tui.redact import Redactor

SECRET = "rpa_s3cret0s3cret0s3cret"


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Whatever a test starts, the next one begins without."""
    yield
    stop_log()


def lines(home: Paths) -> list[str]:
    return log_path(home).read_text("utf-8").splitlines()


def test_a_line_has_a_time_a_process_a_level_and_a_name(home: Paths) -> None:
    log = start_log(home, Redactor())
    log.info("studio-%d is ready", 1)
    log.getChild("pods").warning("slow")
    first, second = lines(home)
    stamp, process, rest = first.split(" ", 2)
    assert len(stamp) == len("2026-01-01T00:00:00Z") and stamp.endswith("Z")
    assert int(process) == os.getpid()
    assert rest == "INFO oavr_tui: studio-1 is ready"
    assert second.endswith("WARNING oavr_tui.pods: slow")


def test_only_its_owner_can_read_it_even_if_it_was_otherwise(home: Paths) -> None:
    log = start_log(home, Redactor())
    log.info("one")
    assert stat.S_IMODE(log_path(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(log_path(home).parent.stat().st_mode) == 0o700
    log_path(home).chmod(0o666)
    log.info("two")
    assert stat.S_IMODE(log_path(home).stat().st_mode) == 0o600


def test_nothing_is_there_before_there_is_something_to_say(home: Paths) -> None:
    start_log(home, Redactor())
    assert not home.state.exists()


def test_started_again_it_writes_once_and_with_the_newest_redactor(home: Paths, tmp_path: Path) -> None:
    other = Paths.under(tmp_path / "other")
    start_log(other, Redactor())
    start_log(home, Redactor())
    start_log(home, Redactor(["some thing"])).info("some thing")
    assert [line.rpartition(": ")[2] for line in lines(home)] == ["•••"]
    assert not other.state.exists()


def test_what_libraries_say_comes_here_from_warnings_on(home: Paths) -> None:
    start_log(home, Redactor())
    for name in ("httpx", "httpcore.connection", "websockets.client", "urllib3.connectionpool", "runpod", "whoever"):
        logging.getLogger(name).info("chatter of %s", name)
        logging.getLogger(name).warning("trouble of %s", name)
    assert [line.rpartition(" of ")[2] for line in lines(home)] == [
        "httpx",
        "httpcore.connection",
        "websockets.client",
        "urllib3.connectionpool",
        "runpod",
        "whoever",
    ]
    assert all("trouble" in line for line in lines(home))


def test_nothing_is_ever_printed(tmp_path: Path) -> None:
    """In a process of its own, as libraries, warnings and a log that cannot be written would really print."""
    code = """
import asyncio, logging, os, sys, warnings
from oavr_tui.app_log import start_log
from oavr_tui.paths import Paths
from oavr_tui.redact import Redactor
log = start_log(Paths.find(), Redactor())
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("httpx").warning("a warning")
warnings.warn("something is old")
log.info("%d", "not a number")
class Odd:
    def __str__(self): raise RuntimeError("no words")
log.info("%s", Odd())
try: open("/no/such/file")
except OSError: log.exception("it failed")
async def lost():
    asyncio.get_running_loop().call_exception_handler({"message": "a task was lost"})
asyncio.run(lost())
before = open(Paths.find().state / "log" / "oavr-tui.log").read()
assert before.count("\\n") == 6, before
os.rename(Paths.find().state, str(Paths.find().state) + "-away")
open(Paths.find().state, "w").close()
log.info("where to?")
"""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OAVR_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_what_could_not_be_written_is_counted(home: Paths) -> None:
    log = start_log(home, Redactor())
    home.state.parent.mkdir(parents=True)
    home.state.write_text("a file where the folder should be")
    log.info("one")
    log.info("two")
    home.state.unlink()
    log.info("three")
    log.info("four")
    told, three, four = lines(home)
    assert "2 lines before this one could not be written" in told
    assert three.endswith("three") and four.endswith("four")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    before=st.text(max_size=30),
    after=st.text(max_size=30),
    cut=st.integers(1, len(SECRET) - 1),
    inside=st.sampled_from(["", "\x1b[0m", "\x1b[31;1m", "\x00", "\u202e", "\x7f", "\x1b]0;title\x07"]),
)
def test_one_clean_line_without_the_secret_whatever_is_said(
    home: Paths, before: str, after: str, cut: int, inside: str
) -> None:
    log_path(home).unlink(missing_ok=True)
    log = start_log(home, Redactor([SECRET]))
    log.info("%s", before + SECRET[:cut] + inside + SECRET[cut:] + after)
    (line,) = log_path(home).read_text("utf-8").split("\n")[:-1]
    assert SECRET not in line
    assert line.isprintable() or not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in line)


def test_a_secret_at_the_end_of_a_long_line_is_not_cut_in_two(home: Paths) -> None:
    log = start_log(home, Redactor([SECRET]))
    for length in range(1960, 2001):
        log.info("%s", "x" * length + SECRET)
    log.info("%s", (SECRET + " ") * 10_000)
    assert "s3cret" not in log_path(home).read_text()
    assert all(len(line) < 2100 for line in lines(home))


def test_a_failure_is_told_by_kind_and_place_alone(home: Paths) -> None:
    log = start_log(home, Redactor())

    def inner(value: str) -> None:
        raise ValueError(f"{value} in /home/ann/secret plans/x.png")

    try:
        try:
            inner("hunter2")
        except ValueError as error:
            raise RuntimeError("outer words") from error
    except RuntimeError:
        log.exception("it went wrong with %s", "/home/ann/secret plans/x.png")
    (line,) = lines(home)
    assert "it went wrong with …/x.png" in line
    assert "RuntimeError at test_app_log.py:" in line and "from ValueError at test_app_log.py:" in line
    assert "inner" in line
    assert not any(word in line for word in ("hunter2", "outer words", "ann", "plans"))


def test_a_python_warning_is_a_line(home: Paths) -> None:
    start_log(home, Redactor())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("getting old", UserWarning, stacklevel=1)
    assert "getting old" in lines(home)[0]


def test_the_file_turns_over(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_log, "LARGEST_FILE", 2000)
    log = start_log(home, Redactor())
    for number in range(100):
        log.info("line %03d %s", number, "x" * 40)
    files = [log_path(home), Path(f"{log_path(home)}.1"), Path(f"{log_path(home)}.2")]
    assert sorted(log_path(home).parent.iterdir()) == files
    assert all(file.stat().st_size <= 2000 and stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    kept = "".join(file.read_text() for file in reversed(files))
    numbers = [int(line.split("line ")[1][:3]) for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 100))


def test_a_file_that_another_has_just_turned_over_is_left_alone(home: Paths) -> None:
    start_log(home, Redactor()).info("the first line of the new file")
    handler = app_log._SharedFile(log_path(home))
    handler._turn_over(100)
    assert len(lines(home)) == 1


def test_while_another_turns_it_over_lines_are_still_written(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_log, "LARGEST_FILE", 100)
    log = start_log(home, Redactor())
    log.info("x" * 90)
    fd = os.open(log_path(home).parent, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        log.info("meanwhile")
    finally:
        os.close(fd)
    assert len(lines(home)) == 2
    log.info("afterwards")
    assert len(lines(home)) == 1


def test_several_processes_share_it_and_no_line_is_lost_or_broken(home: Paths) -> None:
    """Few enough lines for three files; the files turn over while all of them write."""
    code = """
import sys
from oavr_tui import app_log
from oavr_tui.paths import Paths
from oavr_tui.redact import Redactor
app_log.LARGEST_FILE = 30_000
log = app_log.start_log(Paths.find(), Redactor())
for number in range(200):
    log.info("from %s: %03d", sys.argv[1], number)
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, f"w{number}"]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = sorted(log_path(home).parent.iterdir())
    assert len(files) == 2
    told = sorted(line.split("from ")[1] for file in files for line in file.read_text().splitlines())
    assert told == sorted(f"w{writer}: {number:03d}" for writer in range(3) for number in range(200))
