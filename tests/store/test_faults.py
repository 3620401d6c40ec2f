"""Every call to the disk goes wrong once, in every way: nothing acknowledged is lost, nothing refused is shown."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

import pytest

from oavr_tui.errors import DiskFull, OavrError, Rejected
from oavr_tui.store import records
from oavr_tui.store.journal import JournalStorage
from tests.store.helpers import FaultyDisk, PowerCut

FAULTS = ["error", "full", "short", "stop", "half"]
ROUNDS = 8


def scenario(file: Path, disk: FaultyDisk) -> tuple[dict[str, int], dict[str, int], list[type[OavrError]]]:
    """Write counters over and over with many compactions; returns what was acknowledged, what was tried, and errors."""
    acknowledged: dict[str, int] = {}
    tried: dict[str, int] = {}
    errors: list[type[OavrError]] = []
    storage: JournalStorage | None = None
    with contextlib.suppress(PowerCut):
        for number in range(ROUNDS):
            key = str(number % 3)
            try:
                if storage is None:
                    storage = JournalStorage(file, disk=disk, small_journal=150)
                tried[key] = number
                storage.commit([records.put("t", key, {"n": number}), records.put("twin", key, {"n": number})])
                acknowledged[key] = number
                if number == 3:
                    storage.compact()
            except OavrError as error:
                errors.append(type(error))
                if storage is not None:
                    shown = {name: document["n"] for name, document in storage.table("t").items()}
                    assert shown.items() >= acknowledged.items()
    if storage is not None:
        storage.close()
    return acknowledged, tried, errors


def count_calls(folder: Path) -> int:
    disk = FaultyDisk()
    acknowledged, _, errors = scenario(folder / "db.json", disk)
    assert acknowledged == {"0": 6, "1": 7, "2": 5} and not errors
    return disk.calls


@pytest.mark.parametrize("fault", FAULTS)
def test_each_call_may_fail(tmp_path: Path, fault: str) -> None:
    calls = count_calls(tmp_path)
    assert calls > 60
    seen: set[type[OavrError]] = set()
    for at in range(calls):
        file = tmp_path / str(at) / "db.json"
        acknowledged, tried, errors = scenario(file, FaultyDisk(at, fault))
        seen.update(errors)
        again = JournalStorage(file)
        kept = {key: document["n"] for key, document in again.table("t").items()}
        assert again.table("twin") == again.table("t"), "a change set is whole or absent"
        for key, number in acknowledged.items():
            # A power cut may come after the record was on the disk but before anybody was told.
            assert kept[key] == number or (fault in ("stop", "half") and kept[key] == tried[key]), (at, key)
        again.commit([records.put("t", "new", {"n": 1})])
        again.close()
        whole = JournalStorage(file)
        assert whole.table("t")["new"] == {"n": 1}
        whole.close()
    expected: dict[str, set[type[OavrError]]] = {"error": {Rejected}, "full": {DiskFull}}
    assert seen == expected.get(fault, set())


@pytest.mark.full
@pytest.mark.parametrize(("first", "second"), list(itertools.product(["stop", "half"], repeat=2)))
def test_power_is_cut_again_while_recovering(tmp_path: Path, first: str, second: str) -> None:
    calls = count_calls(tmp_path)
    for at in range(calls):
        for later in range(25):
            file = tmp_path / f"{at}-{later}" / "db.json"
            acknowledged, tried, _ = scenario(file, FaultyDisk(at, first))
            with contextlib.suppress(PowerCut):
                JournalStorage(file, disk=FaultyDisk(later, second), small_journal=1).close()
            again = JournalStorage(file)
            kept = {key: document["n"] for key, document in again.table("t").items()}
            again.close()
            assert all(kept[key] in (number, tried[key]) for key, number in acknowledged.items()), (at, later)


def test_a_failed_sync_is_not_acknowledged_nor_seen_by_others(tmp_path: Path) -> None:
    class NoSync(FaultyDisk):
        failing = False

        def sync(self, fd: int) -> None:
            if self.failing:
                raise OSError(5, os.strerror(5))
            super().sync(fd)

    disk = NoSync()
    one, two = JournalStorage(tmp_path / "db.json", disk=disk), JournalStorage(tmp_path / "db.json")
    one.commit([records.put("t", "a", {})])
    disk.failing = True
    with pytest.raises(Rejected, match="Check the disk"):
        one.commit([records.put("t", "b", {})])
    assert list(one.table("t")) == list(two.table("t")) == ["a"]
    disk.failing = False
    one.commit([records.put("t", "c", {})])
    assert list(one.table("t")) == list(two.table("t")) == ["a", "c"]
    one.close()
    two.close()
