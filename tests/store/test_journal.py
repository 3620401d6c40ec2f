from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from oavr_tui.errors import DiskFull, Rejected
from oavr_tui.store import records
from oavr_tui.store.journal import CHANGE_DAMAGED, NEWER, OLD_JOURNAL_TORN, RESTORED, RESTORED_IN_PART, JournalStorage
from oavr_tui.store.records import Tables
from tests.limits import files_no_larger_than
from tests.store.helpers import FaultyDisk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store" / "db.json"


def put(storage: JournalStorage, key: str, value: object = 1) -> None:
    storage.commit([records.put("t", key, {"v": value})])


def keys(storage: JournalStorage) -> list[str]:
    return list(storage.table("t"))


def beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def test_a_write_is_there_after_opening_again(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a", [1, {"b": "日本"}])
    storage.close()
    again = JournalStorage(file)
    assert again.table("t") == {"a": {"v": [1, {"b": "日本"}]}}
    assert again.notes == ()
    again.close()


def test_memory_holds_what_a_reader_of_the_file_would_see(file: Path) -> None:
    storage = JournalStorage(file)
    given = {"list": [1]}
    storage.commit([records.put("t", "a", {"tuple": (1, 2), "inner": given})])
    given["list"].append(2)
    assert storage.table("t") == {"a": {"tuple": [1, 2], "inner": {"list": [1]}}}
    storage.close()


def test_files_are_for_their_owner_alone(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a")
    storage.compact()
    storage.close()
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in file.parent.iterdir()}
    assert set(modes.values()) == {"0o600"}, modes
    assert file.parent.stat().st_mode & 0o077 == 0


def test_two_handles_see_each_other_also_across_compactions(file: Path) -> None:
    one, two = JournalStorage(file), JournalStorage(file)
    for number in range(20):
        put(one if number % 2 else two, str(number))
        if number % 7 == 0:
            one.compact()
        assert len(keys(one)) == len(keys(two)) == number + 1
    token = one.token()
    assert token == two.token()
    put(two, "more")
    assert one.token() != token
    one.close()
    two.close()


def test_compaction_is_triggered_by_size_and_keeps_the_cost_of_opening_bounded(file: Path) -> None:
    storage = JournalStorage(file, small_journal=2000)
    for number in range(300):
        put(storage, str(number % 10), "x" * 50)
        assert beside(file, ".journal").stat().st_size < 3000
    assert storage.generation > 3
    assert len(keys(storage)) == 10
    storage.close()


def test_a_torn_tail_is_cut_off_and_told_of(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a")
    put(storage, "b")
    storage.close()
    journal = beside(file, ".journal")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-5])
    again = JournalStorage(file)
    assert keys(again) == ["a"]
    assert again.notes == (OLD_JOURNAL_TORN,)
    put(again, "c")
    again.close()
    assert records.scan(journal.read_bytes()).torn == b""
    assert beside(file, ".damaged").read_bytes().rstrip(b"\n") == whole[:-5].splitlines()[-1]


def test_a_damaged_change_in_the_middle_is_set_aside_and_the_rest_kept(file: Path) -> None:
    storage = JournalStorage(file)
    for key in "abc":
        put(storage, key)
    storage.close()
    journal = beside(file, ".journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1].replace(b'"b"', b'"x"') + lines[2])
    again = JournalStorage(file)
    assert keys(again) == ["a", "c"]
    assert again.notes == (CHANGE_DAMAGED.format(1),)
    again.close()
    assert b'"x"' in beside(file, ".damaged").read_bytes()
    assert JournalStorage(file).notes == ()  # healed


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "remove"])
def test_a_damaged_snapshot_is_restored_without_loss(file: Path, harm: str) -> None:
    storage = JournalStorage(file)
    put(storage, "a")
    storage.compact()
    put(storage, "b")
    storage.compact()
    put(storage, "c")
    expected = dict(storage.table("t"))
    storage.close()
    ruin(file, harm)
    again = JournalStorage(file)
    assert again.table("t") == expected
    assert again.notes == (RESTORED,)
    put(again, "d")
    again.close()
    # The restored store stands the same harm once more.
    ruin(file, harm)
    third = JournalStorage(file)
    assert keys(third) == ["a", "b", "c", "d"]
    third.close()


def ruin(path: Path, harm: str) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes({"flip": bytes(raw), "truncate": bytes(raw[:-9]), "empty": b""}[harm])


def test_a_damaged_snapshot_and_backup_still_show_what_the_journals_tell(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a")
    storage.compact()
    put(storage, "b")
    storage.close()
    ruin(file, "empty")
    ruin(beside(file, ".bak"), "flip")
    again = JournalStorage(file)
    assert keys(again) == ["a", "b"]
    assert again.notes == (RESTORED_IN_PART,)
    again.close()


def test_a_missing_journal_backup_is_not_called_complete(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a")
    storage.compact()
    storage.close()
    file.unlink()
    beside(file, ".journal.bak").unlink()
    again = JournalStorage(file)
    assert again.notes == (RESTORED_IN_PART,)
    again.close()


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_never_keeps_the_store_from_opening(file: Path, seed: int) -> None:
    import random

    chance = random.Random(seed)
    storage = JournalStorage(file, small_journal=500)
    for number in range(40):
        put(storage, str(number), "x" * 30)
    storage.close()
    for path in (file, beside(file, ".journal"), beside(file, ".bak"), beside(file, ".journal.bak")):
        if chance.random() < 0.5:
            raw = bytearray(path.read_bytes())
            for _ in range(chance.randint(1, 20)):
                if raw:
                    raw[chance.randrange(len(raw))] = chance.randrange(256)
            path.write_bytes(bytes(raw[: chance.randint(0, len(raw))] if chance.random() < 0.3 else raw))
    again = JournalStorage(file)
    for key, document in again.table("t").items():
        assert document == {"v": "x" * 30} and 0 <= int(key) < 40
    put(again, "new")
    again.close()
    assert "new" in keys(JournalStorage(file))


def test_a_newer_store_opens_for_looking_and_is_not_touched(file: Path) -> None:
    newer = JournalStorage(file, schema=2)
    put(newer, "a")
    newer.close()
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    storage = JournalStorage(file, schema=1)
    assert keys(storage) == ["a"]
    assert storage.read_only and storage.notes == (NEWER,)
    with pytest.raises(Rejected) as caught:
        put(storage, "b")
    assert caught.value.message == NEWER
    with pytest.raises(Rejected):
        storage.compact()
    with pytest.raises(Rejected):
        storage.write({})
    assert keys(storage) == ["a"]
    storage.close()
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before


def test_a_newer_program_may_take_over_while_this_one_runs(file: Path) -> None:
    old = JournalStorage(file, schema=1)
    put(old, "a")
    new = JournalStorage(file, schema=2, migrations={1: add_field})
    assert keys(old) == ["a"] and old.read_only
    with pytest.raises(Rejected):
        put(old, "b")
    assert new.table("t") == {"a": {"v": 1, "added": True}}
    old.close()
    new.close()


def add_field(tables: Tables) -> Tables:
    for document in tables.get("t", {}).values():
        document["added"] = True
    return tables


def rename_table(tables: Tables) -> Tables:
    return {"t2" if name == "t" else name: table for name, table in tables.items()}


def test_migrations_run_in_order_once_and_keep_the_old_store(file: Path) -> None:
    storage = JournalStorage(file, schema=1)
    put(storage, "a")
    storage.close()
    steps = {1: add_field, 2: rename_table}
    looking = JournalStorage(file, schema=3, migrations=steps, read_only=True)
    assert looking.table("t2") == {"a": {"v": 1, "added": True}}
    looking.close()
    for _ in range(2):
        storage = JournalStorage(file, schema=3, migrations=steps)
        assert storage.table("t2") == {"a": {"v": 1, "added": True}}
        storage.close()
    old = beside(file, ".schema-1").read_bytes()
    assert records.decode_snapshot(old).tables == {"t": {"a": {"v": 1}}}


def test_a_migration_that_fails_changes_nothing(file: Path) -> None:
    storage = JournalStorage(file, schema=1)
    put(storage, "a")
    storage.close()
    with pytest.raises(Rejected, match="left as it is"):
        JournalStorage(file, schema=2, migrations={})
    assert JournalStorage(file, schema=1).table("t") == {"a": {"v": 1}}


def test_read_only_creates_and_repairs_nothing(file: Path) -> None:
    file.parent.mkdir()
    looking = JournalStorage(file, read_only=True)
    assert keys(looking) == []
    with pytest.raises(Rejected, match="for looking only"):
        put(looking, "a")
    assert not file.exists() and not beside(file, ".journal").exists()
    writer = JournalStorage(file)
    put(writer, "a")
    assert keys(looking) == ["a"]
    writer.close()
    journal = beside(file, ".journal")
    journal.write_bytes(journal.read_bytes() + b"torn")
    assert keys(looking) == ["a"]
    assert journal.read_bytes().endswith(b"torn")
    looking.close()


def test_a_busy_lock_is_told_in_time(file: Path) -> None:
    one = JournalStorage(file)
    two = JournalStorage(file, lock_wait=0.05)
    with one.exclusive(), pytest.raises(Rejected, match="Another OpenAvathar") as caught:
        put(two, "a")
    assert caught.value.can_retry
    put(two, "b")
    assert keys(one) == ["b"]
    one.close()
    two.close()


def test_deleting_the_folder_beneath_a_running_program_does_not_break_it(file: Path) -> None:
    one, two = JournalStorage(file), JournalStorage(file)
    put(one, "a")
    shutil.rmtree(file.parent)
    put(one, "b")
    put(two, "c")
    assert keys(one) == keys(two) == ["b", "c"]
    one.close()
    two.close()


def test_deleting_the_lock_does_not_let_two_write_at_once(file: Path) -> None:
    one, two = JournalStorage(file), JournalStorage(file, lock_wait=0.05)
    beside(file, ".lock").unlink()
    put(one, "a")  # makes the lock anew; the other handle still has the deleted one open
    with one.exclusive(), pytest.raises(Rejected, match="Another OpenAvathar"):
        put(two, "b")
    one.close()
    two.close()


def test_an_unwritable_folder_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Rejected) as caught:
        JournalStorage(tmp_path / "file" / "db.json")
    assert "Traceback" not in caught.value.message and caught.value.message.endswith(".")


def test_a_full_disk_loses_nothing_and_heals_when_there_is_room(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a", "x" * 400)
    journal = beside(file, ".journal")
    before = journal.read_bytes()
    with files_no_larger_than(len(before) + 100):
        with pytest.raises(DiskFull) as caught:
            put(storage, "b", "y" * 400)
        assert "Free some space" in caught.value.message
        assert keys(storage) == ["a"]
        assert journal.read_bytes() == before
        with pytest.raises(DiskFull):
            storage.write({"t": {"a": {"v": "z" * 1000}}})
        assert storage.table("t") == {"a": {"v": "x" * 400}}
    put(storage, "c")
    storage.close()
    again = JournalStorage(file)
    assert keys(again) == ["a", "c"] and again.notes == ()
    again.close()


def test_a_disk_too_full_to_compact_still_takes_changes(file: Path) -> None:
    storage = JournalStorage(file, small_journal=1000)
    storage.commit([records.put("t", str(number), {"v": "x" * 40}) for number in range(30)])
    with files_no_larger_than(file.stat().st_size - 100):
        put(storage, "0", "y")
        put(storage, "1", "y")
        with pytest.raises(DiskFull):
            storage.compact()
        assert storage.table("t")["1"] == {"v": "y"}
    storage.close()
    again = JournalStorage(file)
    assert again.table("t")["1"] == {"v": "y"} and len(keys(again)) == 30
    assert not beside(file, ".new").exists()
    again.close()


def test_a_file_system_without_links_still_gets_a_backup(file: Path) -> None:
    class NoLinks(FaultyDisk):
        def link(self, source: Path, target: Path) -> None:
            raise PermissionError(1, "Operation not permitted")

    storage = JournalStorage(file, disk=NoLinks())
    put(storage, "a")
    storage.compact()
    put(storage, "b")
    storage.compact()
    storage.close()
    file.unlink()
    again = JournalStorage(file)
    assert keys(again) == ["a", "b"] and again.notes == (RESTORED,)
    again.close()


def test_the_snapshot_is_two_lines_of_json(file: Path) -> None:
    storage = JournalStorage(file)
    put(storage, "a")
    storage.compact()
    storage.close()
    header, body = [json.loads(line) for line in file.read_text().splitlines()]
    assert (header["store"], header["schema"], body) == ("oavr-tui", 1, {"t": {"a": {"v": 1}}})


def test_no_file_is_left_open(file: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("needs /proc")
    before = len(list(folder.iterdir()))
    for _ in range(20):
        storage = JournalStorage(file)
        put(storage, "a")
        storage.compact()
        storage.close()
    assert len(list(folder.iterdir())) <= before + 1
