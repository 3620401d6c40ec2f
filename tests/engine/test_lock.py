"""Who drives: one at a time, and never held by the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from oavr_tui.engine.lock import FileLock

HOLD = """
import sys
from pathlib import Path
from oavr_tui.engine.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


def holder(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_only_one_holds_it_and_a_kill_frees_it(tmp_path: Path) -> None:
    file = tmp_path / "state" / "driver.lock"
    with holder(file) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "True"
        lock = FileLock(file)
        assert not lock.take()
        assert lock.holder() == process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        assert lock.take()
        assert lock.held
        assert lock.holder() == os.getpid()
        lock.release()
        assert not lock.held


def test_taking_twice_and_giving_back(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.take()
    with subprocess.Popen(["sleep", "60"]) as child:
        lock.release()
        assert FileLock(tmp_path / "lock").take()
        child.kill()
