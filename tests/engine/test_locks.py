"""Two processes and one folder: who drives, who would like to, and who only looks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oavr_tui.engine.lock import FileLock, Wanted

OTHER = """
import sys
from pathlib import Path
from oavr_tui.engine.lock import FileLock, Wanted

lock, wanted = FileLock(Path(sys.argv[1])), Wanted(Path(sys.argv[2]))
deeds = {
    "take": lock.take, "release": lock.release, "is_free": lock.is_free, "hold": wanted.hold,
    "let_go": wanted.release, "by_others": wanted.by_others,
}
for line in sys.stdin:
    print(deeds[line.strip()](), flush=True)
"""


class Other:
    """Another process with the same two files; it does what it is told and says what came of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def does(self, deed: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{deed}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def dies(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def another(folder: Path) -> Iterator[Other]:
    words = [sys.executable, "-c", OTHER, str(folder / "lock"), str(folder / "wanted")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


def test_the_lock_passes_on_when_its_holder_lets_go_or_dies(tmp_path: Path) -> None:
    mine = FileLock(tmp_path / "lock")
    with another(tmp_path) as other:
        assert other.does("take") == "True"
        assert not mine.take()
        assert not mine.is_free()
        other.does("release")
        assert mine.is_free()
        assert other.does("take") == "True"
        other.dies()
        assert mine.take()
        assert mine.holder() == os.getpid()


def test_looking_disturbs_nobody_and_leaves_no_name(tmp_path: Path) -> None:
    mine = FileLock(tmp_path / "lock")
    with another(tmp_path) as other:
        assert other.does("is_free") == "True"
        assert mine.holder() is None
        assert mine.is_free() and mine.is_free()
        assert not mine.held
        assert other.does("take") == "True"
        assert not mine.is_free()
        assert mine.holder() == other.process.pid


def test_a_disk_without_room_for_the_name_does_not_keep_the_lock_from_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    mine = FileLock(tmp_path / "lock")
    assert mine.take()
    assert not FileLock(tmp_path / "lock").take()
    mine.release()
    assert FileLock(tmp_path / "lock").take()


def test_several_may_want_to_drive_and_the_last_one_to_let_go_or_die_ends_it(tmp_path: Path) -> None:
    mine, keepers = Wanted(tmp_path / "wanted"), Wanted(tmp_path / "wanted")
    assert not keepers.by_others()
    with another(tmp_path) as other:
        mine.hold()
        other.does("hold")
        mine.hold()
        assert other.process.poll() is None
        mine.release()
        assert keepers.by_others()
        other.does("let_go")
        assert not keepers.by_others()
        other.does("hold")
        other.dies()
        assert not keepers.by_others()
        mine.hold()
        assert keepers.by_others()
        mine.release()


def test_one_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    lock, wanted = FileLock(tmp_path / "a" / "lock"), Wanted(tmp_path / "b" / "wanted")
    assert lock.is_free()
    wanted.hold()
    wanted.release()
    wanted.release()
    assert not Wanted(tmp_path / "c" / "wanted").by_others()
