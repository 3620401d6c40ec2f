"""A worker's namespace, in and out: what it says is kept, what it got wrong is put right, nothing makes it fail."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from license_server.cli import main
from license_server.generations import check
from license_server.gumroad import name_key
from license_server.licenses import activate, find, hold
from license_server.owner import kv_dump
from license_server.owner.kv_dump import BadDump, license_pairs, read
from license_server.owner.kv_import import keep_bound, keep_count, keep_license
from license_server.records import Device, License
from tests.license_server.child import SECRET, server
from tests.license_server.stores import NOON, SIGNER, World, world

KEY = "OAVR-A1B2-C3D4-E5F6"
ID = "OAVRA1B2C3D4E5F6"


def worker_license(**fields: object) -> dict[str, Any]:
    """What the documented worker keeps of a license."""
    return {
        "email": "buyer@example.com",
        "purchaseId": "sale-1==",
        "purchaseDate": "2026-02-11T09:08:07.123Z",
        "activations": ["fp-1", "fp-2"],
        "maxActivations": 3,
        "product": "OpenAvathar Pro (Lifetime)",
        "price": "2900",
        "currency": "usd",
        **fields,
    }


def pair(key: str, value: object) -> dict[str, Any]:
    return {"key": key, "value": value if isinstance(value, str) else json.dumps(value)}


def keep(world: World, *pairs: dict[str, Any]) -> list[str]:
    """Keeps what a dump says, as `kv import` does; tells the outcomes."""
    dump = read(json.dumps(pairs), world.now)
    records = sorted(dump.licenses.items(), key=lambda each: (each[1].created, each[0]))
    outcomes: list[str] = [world.do(keep_license(key, each, dump.aliases.get(key, ()))) for key, each in records]
    outcomes += [world.do(keep_bound(device, key, world.now)) for device, key in dump.unlisted().items()]
    return outcomes + [world.do(keep_count(*of, count)) for of, count in dump.counts.items()]


def license_of(world: World, key: str) -> License:
    found = world.look(find(key))
    assert found is not None
    return found[1]


# Reading


def test_a_license_of_the_worker() -> None:
    dump = read(json.dumps([pair(KEY, worker_license())]), NOON)
    record = dump.licenses[ID]
    assert dump.problems == [] and (record.key, record.email, record.max_devices) == (KEY, "buyer@example.com", 3)
    assert (record.purchased, record.sale, record.price) == ("2026-02-11T09:08:07Z", "sale-1==", 2900)
    assert (record.product, record.currency) == ("OpenAvathar Pro (Lifetime)", "usd")
    assert [device.fingerprint for device in record.devices] == ["fp-1", "fp-2"]
    assert record.status == "active" and record.source == "worker"


def test_every_form_of_a_dump() -> None:
    text = json.dumps(worker_license())
    expiring = {"key": KEY, "value": text, "expiration": 1_900_000_000, "metadata": {"a": 1}}
    forms: list[Any] = [
        [pair(KEY, text)],
        [expiring],
        [{"key": KEY, "value": base64.b64encode(text.encode()).decode(), "base64": True}],
        [{"key": KEY, "value": worker_license()}],
        {KEY: text},
        {KEY: worker_license()},
        {KEY: {"value": text, "metadata": None}},
        {KEY: {"value": text, "expiration": 1_900_000_000}},
        {"values": {KEY: text}},
        {"success": True, "errors": [], "result": {"values": {KEY: {"value": text, "metadata": None}}}},
    ]
    first = read(json.dumps(forms[0]), NOON)
    for form in forms:
        assert read(json.dumps(form), NOON) == first, form


@pytest.mark.parametrize(
    "text", ["", "[", "7", '"text"', "[[]]", '[{"name": "OAVR"}]', '[{"key": 1, "value": ""}]', "[" * 100_000]
)
def test_what_is_no_dump(text: str) -> None:
    with pytest.raises(BadDump):
        read(text, NOON)


def test_what_the_workers_missing_checks_let_in_is_left_out() -> None:
    dump = read(
        json.dumps(
            [
                pair(KEY, worker_license(activations=["fp-1", None, "", 7, {"a": 1}, "undefined", "fp-1", "f" * 129])),
                pair("fp:undefined", KEY),
                pair("fp:[object Object]", KEY),
                pair("fp:", KEY),
                pair("fp:ok", ""),
                pair("gen:fp-3:2026-11-24", "NaN"),
                pair("gen:fp-3:yesterday", "1"),
                pair("gen:fp-3:9999-12-31", "1"),
                pair("gen:undefined:2026-11-24", "1"),
                pair("OAVR-BROKEN", "not json"),
                pair("OAVR-LIST", []),
                pair(KEY.lower(), worker_license()),
                pair("\ud800", worker_license()),
            ]
        ),
        NOON,
    )
    assert [device.fingerprint for device in dump.licenses[ID].devices] == ["fp-1"]
    assert list(dump.licenses) == [ID] and dump.bound == {} and dump.counts == {}
    assert len(dump.problems) == 13
    assert KEY not in " ".join(dump.problems) and "OAVR-BROKEN" not in " ".join(dump.problems)


def test_odd_fields_do_not_cost_a_buyer_the_license() -> None:
    odd = {"purchaseDate": "soon", "maxActivations": "many", "price": 29.5, "email": 7, "purchaseId": None}
    record = read(json.dumps([pair("MYKEY", {**odd, "activations": "fp-1"})]), NOON).licenses["MYKEY"]
    assert (record.purchased, record.max_devices, record.price) == ("2026-11-24T12:00:00Z", 3, None)
    assert record.email is None and record.sale is None and record.devices == ()


def test_a_fingerprint_may_have_colons() -> None:
    dump = read(json.dumps([pair("gen:a:b:c:2026-11-24", "2"), pair("fp:a:b", KEY)]), NOON)
    assert dump.counts == {("a:b:c", "2026-11-24"): 2} and dump.bound == {"a:b": ID}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda of: st.lists(of) | st.dictionaries(st.text(), of),
)
names = st.one_of(st.text(), st.text().map("fp:{}".format), st.text().map("gen:{}:2026-11-24".format))
licenses = st.fixed_dictionaries({}, optional=dict.fromkeys(worker_license(), json_values)).map(json.dumps)


@pytest.mark.full
@settings(max_examples=25, deadline=None)
@given(st.lists(st.fixed_dictionaries({"key": names, "value": st.text() | licenses | json_values})))
def test_nothing_in_a_dump_makes_it_fail(pairs: list[dict[str, Any]]) -> None:
    dump = read(json.dumps(pairs), NOON)
    with world() as empty:
        assert all(outcome in ("new", "merged", "known", "full", "lost", "changed") for outcome in keep(empty, *pairs))
        assert set(empty.rows("license")) <= set(dump.licenses)


records = st.builds(
    License,
    key=st.just(KEY),
    email=st.none() | st.emails(),
    max_devices=st.integers(1, 9),
    created=st.just(NOON),
    purchased=st.just("2026-11-24T12:00:00Z"),
    source=st.sampled_from(["worker", "gumroad", "owner"]),
    sale=st.none() | st.just("s=="),
    product=st.none() | st.just("p"),
    price=st.none() | st.integers(0, 10_000),
    currency=st.none() | st.just("usd"),
    hold=st.sampled_from(["", "suspended", "revoked"]),
    refunded=st.booleans(),
    disputed=st.booleans(),
    dispute_won=st.booleans(),
    devices=st.lists(st.sampled_from("abcdefgh"), unique=True).map(
        lambda names: tuple(Device(name, None, NOON, NOON) for name in names)
    ),
)


@given(records, st.lists(st.sampled_from(["ALIAS1", "ALIAS2"]), unique=True))
def test_what_is_written_is_read_back(record: License, aliases: list[str]) -> None:
    pairs = list(license_pairs(record, aliases))
    dump = read(json.dumps(pairs), NOON)
    assert dump.licenses == {ID: record} and dump.problems == [] and list(dump.aliases.get(ID, ())) == aliases
    bound = {device.fingerprint for device in record.devices} if record.status == "active" else set()
    assert set(dump.bound) == bound


# Keeping


def test_devices_and_counters_go_on_where_they_were() -> None:
    with world() as moved:
        keep(moved, pair(KEY, worker_license()), pair("fp:fp-1", KEY), pair("gen:fp-9:2026-11-24", "1"))
        assert license_of(moved, KEY.lower()).key == KEY
        for fingerprint in ("fp-1", "fp-2"):
            pro = moved.look(check(fingerprint, moved.now, SIGNER)).pro
            assert pro is not None and pro.key == KEY
        assert moved.look(check("fp-9", moved.now, SIGNER)).used == 1
        assert moved.do(activate(KEY, "fp-3", moved.now, SIGNER)).outcome == "ok"
        assert moved.do(activate(KEY, "fp-4", moved.now, SIGNER)).outcome == "full"


def test_the_same_dump_again_changes_nothing() -> None:
    pairs = [pair(KEY, worker_license()), pair("fp:fp-3", KEY), pair("gen:fp-9:2026-11-24", "1")]
    spaces = ("license", "device", "sale", "alias", "count")
    with world() as moved:
        assert keep(moved, *pairs) == ["new", "new", "new"]
        before = [moved.rows(space) for space in spaces]
        moved.now += 3600
        assert keep(moved, *pairs) == ["known", "known", "known"]
        assert [moved.rows(space) for space in spaces] == before


def test_a_later_dump_adds_what_is_new_and_takes_nothing_back() -> None:
    with world() as moved:
        keep(moved, pair(KEY, worker_license()), pair("gen:fp-9:2026-11-24", "3"))
        moved.do(hold(KEY, "suspended"))
        later = pair(KEY, worker_license(activations=["fp-2", "fp-5", "fp-6"], maxActivations=9))
        assert keep(moved, later, pair("gen:fp-9:2026-11-24", "2")) == ["changed", "known"]
        record = license_of(moved, KEY)
        assert [device.fingerprint for device in record.devices] == ["fp-1", "fp-2", "fp-5"]
        assert record.max_devices == 3 and record.status == "suspended"
        assert moved.look(check("fp-9", moved.now, SIGNER)).used == 3


def test_several_keys_for_one_sale_become_one_license_that_a_refund_ends() -> None:
    older = worker_license(purchaseDate="2026-02-10T00:00:00Z", activations=["fp-0"])
    with world() as moved:
        outcomes = keep(moved, pair(KEY, worker_license()), pair("OAVR-OLDR", older), pair("fp:fp-1", KEY))
        assert outcomes == ["new", "merged"]
        assert license_of(moved, KEY) == license_of(moved, "OAVR-OLDR")
        assert license_of(moved, KEY).key == "OAVR-OLDR" and len(license_of(moved, KEY).devices) == 3
        assert keep(moved, pair(KEY, worker_license()), pair("OAVR-OLDR", older)) == ["known", "merged"]
        assert len(moved.rows("license")) == 1


def test_a_refund_that_came_before_the_dump_counts() -> None:
    from license_server.gumroad import receive
    from license_server.pings import Seller

    refund = {"resource_name": "refund", "sale_id": "sale-1==", "refunded": "true"}
    with world() as moved:
        moved.do(receive(Seller(), refund, True, moved.now, lambda: "OAVR-NONE"))
        keep(moved, pair(KEY, worker_license()))
        assert license_of(moved, KEY).status == "refunded"


def test_a_key_of_gumroads_that_came_with_a_dump_can_be_replaced_like_another() -> None:
    gumroads, other = "85DB562A-C11D4B06-A2335A6B-8C079166", "ANOTHER-KEY-OF-OURS"
    with world() as moved:
        keep(moved, pair(KEY, worker_license(aliases=[gumroads, other])))
        assert license_of(moved, gumroads) == license_of(moved, other)
        moved.do(name_key("sale-1==", "11111111-22222222-33333333-44444444", True))
        assert moved.look(find(gumroads)) is None
        assert license_of(moved, other) == license_of(moved, "11111111-22222222-33333333-44444444")


def test_devices_that_slipped_past_the_limit_are_taken_while_there_is_room() -> None:
    slipped = [pair(f"fp:slip-{number}", KEY) for number in range(33)]
    with world() as moved:
        outcomes = keep(moved, pair(KEY, worker_license()), *slipped, pair("fp:lost", "OAVR-GONE"))
        assert outcomes == ["new", "new", *["full"] * 32, "lost"]
        assert len(license_of(moved, KEY).devices) == 3


def test_a_recorded_list_above_the_limit_is_kept_whole() -> None:
    with world() as moved:
        keep(moved, pair(KEY, worker_license(activations=["a", "b", "c", "d"])))
        assert all(moved.look(check(fingerprint, moved.now, SIGNER)).pro for fingerprint in "abcd")
        assert moved.do(activate(KEY, "e", moved.now, SIGNER)).outcome == "full"


# The commands, beside a server


def test_out_of_one_server_and_into_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, dump = tmp_path / "one", tmp_path / "two", tmp_path / "dump.json"
    one.mkdir()
    two.mkdir()
    with server(one) as first:
        ping = f"/api/gumroad/webhook?secret={SECRET}"
        sale = {"sale_id": "s1", "product_id": "p", "email": "a@example.com", "license_key": "0" * 32}
        for fields in (sale, {**sale, "sale_id": "s2", "license_key": "", "refunded": True}):
            assert first.post(ping, fields, {"Content-Type": "application/json"}).status == 200
        first.post("/api/license/activate", {"licenseKey": "0" * 32, "fingerprint": "fp-1"})
        first.post("/api/generation/track", {"fingerprint": "fp-free"})
        assert main(["kv", "export", str(dump), "--kv", f"sqlite:///{one / 'kv.db'}"]) == 0
        key = first.get("/api/generation/check?fingerprint=fp-1").json["licenseKey"]
    assert dump.stat().st_mode & 0o777 == 0o600
    names = [pair["key"] for pair in json.loads(dump.read_text())]
    assert names[:2] == [key, "fp:fp-1"] and names[2].startswith("gen:fp-free:2") and len(names) == 3
    with server(two) as second:
        assert main(["kv", "import", str(dump), "--dry-run", "--kv", f"sqlite:///{two / 'kv.db'}"]) == 0
        assert not second.get("/api/generation/check?fingerprint=fp-1").json["isPro"]
        assert main(["kv", "import", str(dump), "--kv", f"sqlite:///{two / 'kv.db'}"]) == 0
        assert second.get("/api/generation/check?fingerprint=fp-1").json["licenseKey"] == key
        assert second.get("/api/generation/check?fingerprint=fp-free").json["used"] == 1
        assert second.post("/api/license/validate", {"licenseKey": "0" * 32}).json["valid"]
        # A second ping of a sale that came with the dump makes no second license.
        second.post(ping, sale, {"Content-Type": "application/json"})
        capsys.readouterr()
        main(["license", "list", "--json", "--kv", f"sqlite:///{two / 'kv.db'}"])
    assert json.loads(capsys.readouterr().out)["count"] == 1


def test_an_export_of_nothing_is_a_dump(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'kv.db'}"
    (tmp_path / "none.json").write_text("{}")
    assert main(["kv", "import", str(tmp_path / "none.json"), "--kv", url]) == 0
    capsys.readouterr()
    assert main(["kv", "export", "-", "--kv", url]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_counter_that_a_worker_would_have_forgotten_is_not_written() -> None:
    assert kv_dump.count_pair("fp", "2026-11-24", 2, NOON) == {
        "key": "gen:fp:2026-11-24",
        "value": "2",
        "expiration": int(NOON) + 36 * 3600,
    }
    assert kv_dump.count_pair("fp", "2026-11-22", 2, NOON) is None
    assert kv_dump.count_pair("fp", "2026-11-24", 0, NOON) is None
