from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.store import records
from oavr_tui.store.records import Damaged

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.text(), json_values, max_size=3)
changes = st.one_of(
    st.builds(records.put, st.text(), st.text(), documents),
    st.builds(records.delete, st.text(), st.text()),
    st.builds(records.clear, st.text()),
    st.builds(records.drop, st.text()),
)
change_sets = st.tuples(st.integers(0, 9), st.lists(changes, min_size=1, max_size=3))


@settings(deadline=None)
@given(st.lists(change_sets, max_size=5))
def test_what_is_written_is_read_back(sets: list[tuple[int, list[records.Change]]]) -> None:
    raw = b"".join(records.encode_record(*one) for one in sets)
    found = records.scan(raw)
    assert (found.records, found.good, found.damaged, found.torn) == (sets, len(raw), [], b"")


@settings(deadline=None)
@given(st.lists(change_sets, min_size=1, max_size=4), st.data())
def test_a_stretch_cut_anywhere_loses_only_the_record_that_was_cut(
    sets: list[tuple[int, list[records.Change]]], data: st.DataObject
) -> None:
    lines = [records.encode_record(*one) for one in sets]
    raw = b"".join(lines)
    cut = data.draw(st.integers(0, len(raw)))
    found = records.scan(raw[:cut])
    whole = 0
    while whole < len(lines) and len(b"".join(lines[: whole + 1])) <= cut:
        whole += 1
    assert found.records == sets[:whole]
    assert found.torn == raw[found.good : cut]


@settings(deadline=None)
@given(st.lists(change_sets, min_size=3, max_size=5), st.data())
def test_a_damaged_byte_harms_no_other_record(
    sets: list[tuple[int, list[records.Change]]], data: st.DataObject
) -> None:
    sets = [(number, changes) for number, (_, changes) in enumerate(sets)]  # so that no two are alike
    lines = [records.encode_record(*one) for one in sets]
    hit = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[hit]) - 1))
    flipped = bytearray(lines[hit])
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    found = records.scan(b"".join([*lines[:hit], bytes(flipped), *lines[hit + 1 :]]))
    # A flipped newline also swallows the record after it; nothing else may change.
    swallowed = {hit, hit + 1} if place == len(lines[hit]) - 1 else {hit}
    expected = [one for index, one in enumerate(sets) if index not in swallowed]
    assert found.records == expected


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_never_a_record_and_never_an_exception(noise: bytes) -> None:
    found = records.scan(noise)
    assert found.good <= len(noise)
    with pytest.raises(Damaged):
        records.decode_snapshot(noise)


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.dictionaries(st.text(), documents, max_size=2), max_size=2), st.data())
def test_a_snapshot_is_read_back_or_found_damaged(tables: records.Tables, data: st.DataObject) -> None:
    raw = records.encode_snapshot(3, 4, tables)
    snapshot = records.decode_snapshot(raw)
    assert (snapshot.schema, snapshot.generation, snapshot.tables, snapshot.size) == (3, 4, tables, len(raw))
    body = raw.index(b"\n") + 1
    flipped = bytearray(raw)
    flipped[data.draw(st.integers(body, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        records.decode_snapshot(bytes(flipped))
    with pytest.raises(Damaged):
        records.decode_snapshot(raw[: data.draw(st.integers(0, len(raw) - 1))])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        records.encode_record(0, [records.put("t", "1", {"x": value})])


def test_deep_nesting_is_damage_not_a_crash() -> None:
    import zlib

    body = b"[" * 100_000 + b"]" * 100_000
    found = records.scan(b"%08x %s\n" % (zlib.crc32(body), body))
    assert found.records == []
