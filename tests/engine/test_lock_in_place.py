"""A lock whose folder was deleted is no longer the one that others find."""

from __future__ import annotations

import shutil
from pathlib import Path

from oavr_tui.engine.lock import FileLock


def test_a_lock_knows_whether_its_file_is_still_there(tmp_path: Path) -> None:
    file = tmp_path / "state" / "keeper.lock"
    lock = FileLock(file)
    assert not lock.is_in_place()
    assert lock.take() and lock.is_in_place()
    shutil.rmtree(file.parent)
    assert not lock.is_in_place()
    other = FileLock(file)
    assert other.take(), "a new folder has a lock of its own"
    assert other.is_in_place() and not lock.is_in_place()
    lock.release()
    other.release()
