"""What is remembered of the license while the disk refuses, and when it takes it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from oavr_tui.models.ledger import DAY, Entry, EntryState, LicenseMemory
from oavr_tui.store.license_file import LicenseFile
from oavr_tui.store.lock import FileLock
from tests.licenses.gates import Hands, gate_on, may

NOON = 20_000 * DAY + 43_200.0


def entry(job: str) -> Callable[[LicenseMemory], LicenseMemory]:
    return lambda memory: memory.with_entry(Entry(job, "own", "own", 20_000, EntryState.COMMIT, 0.0))


def jobs(memory: LicenseMemory) -> list[str]:
    return sorted(one.job for one in memory.entries)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "license.json"


def test_what_the_disk_refused_is_written_with_the_next_change(path: Path) -> None:
    file, other = LicenseFile(path), LicenseFile(path)
    file.change(entry("before"))
    with FileLock(path.with_name("license.json.lock")).held():
        assert jobs(file.change(entry("refused"))) == ["before", "refused"]
        assert jobs(file.read()) == ["before", "refused"]
        assert "cannot be written" in file.warning
        assert jobs(other.read()) == ["before"]
    other.change(entry("other"))
    assert jobs(file.read()) == ["before", "other", "refused"]  # what others write is seen meanwhile
    assert jobs(file.change(entry("after"))) == ["after", "before", "other", "refused"]
    assert file.warning == ""
    assert jobs(LicenseFile(path).read()) == ["after", "before", "other", "refused"]
    other.change(entry("later"))
    assert "later" in jobs(file.read())
    for one in (file, other):
        one.close()


def test_a_folder_that_cannot_be_made(path: Path) -> None:
    path.parent.write_text("in the way")
    file = LicenseFile(path)
    assert jobs(file.change(entry("one"))) == ["one"]
    assert jobs(file.change(entry("two"))) == ["one", "two"]
    assert file.warning
    path.parent.unlink()
    file.change(lambda memory: replace(memory, seen=1.0))
    assert jobs(LicenseFile(path).read()) == ["one", "two"]
    file.close()


@pytest.mark.parametrize("damage", [None, b"", b"{", b"[1]", b'{"entries": 5}'])
def test_a_file_that_went_is_written_anew_from_what_was_seen(path: Path, damage: bytes | None) -> None:
    file = LicenseFile(path)
    file.change(entry("one"))
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert jobs(file.read()) == ["one"]
    file.change(lambda memory: memory)
    assert jobs(LicenseFile(path).read()) == ["one"]
    file.close()


async def test_a_lock_that_is_held_for_a_while_brings_no_second_video(tmp_path: Path) -> None:
    hands = Hands(NOON)
    gate = gate_on(tmp_path, "", hands)
    await gate.open()
    with FileLock(tmp_path / "state" / "license.json.lock").held():
        assert await may(gate, "one")
        assert "cannot be written" in gate.status.trouble
        assert not await may(gate, "two")
    await gate.commit("one")
    assert gate.status.trouble == ""
    await gate.close()
    again = gate_on(tmp_path, "", hands)
    await again.open()
    assert not await may(again, "two")
    await again.close()
