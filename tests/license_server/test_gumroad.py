"""Pings of Gumroad: each kind of them, in any order and any number, believed only with the secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from license_server import gumroad, licenses
from license_server.gumroad import Outcome
from license_server.pings import BadPing, Seller, as_sold, believed, ours, parse
from license_server.records import License, Status
from tests.license_server.child import licenses_in
from tests.license_server.stores import NOON, SIGNER, World, fresh_key, world

DATA = Path(__file__).parents[1] / "data" / "license_server"
PINGS: dict[str, dict[str, Any]] = {
    ping["id"]: ping for ping in json.loads((DATA / "gumroad_pings.json").read_text())["pings"]
}
FORM = "application/x-www-form-urlencoded"
SELLER = Seller(("s3cret",), frozenset({"Pr0duct1dBase64=="}), "S3ll3r1dBase64==", confirm=True, mail=True)
SALE = "6Yq2b2qF1dLZ3f9m8o1V0A=="


def fields_of(name: str, **changed: str) -> dict[str, Any]:
    ping = PINGS[name]
    return parse(ping["headers"]["Content-Type"], ping["body"].encode()) | changed


def receive(here: World, fields: dict[str, Any], seller: Seller = SELLER, trusted: bool = True) -> Outcome:
    return here.do(gumroad.receive(seller, fields, trusted, here.now, fresh_key)).outcome


def only_license(here: World) -> License:
    (record,) = licenses_in(here)
    return record


def test_the_forms_that_gumroad_sends_are_read_as_they_are_meant() -> None:
    for name, ping in PINGS.items():
        assert fields_of(name) == ping["fields"]


def test_a_sale_makes_a_license_with_all_that_belongs_to_it() -> None:
    with world() as here:
        assert receive(here, fields_of("sale")) == "minted"
        record = only_license(here)
        assert (record.email, record.sale, record.price, record.currency) == ("buyer@example.com", SALE, 2900, "usd")
        assert (record.max_devices, record.purchased, record.status) == (3, "2026-11-20T10:15:30Z", "active")
        assert here.look(licenses.validate("85DB562A-C11D4B06-A2335A6B-8C079166")).license == record
        assert sorted(here.rows("outbox")) == [f"confirm/{SALE}", f"mail/{record.key.replace('-', '')}"]
        assert here.do(licenses.claim("n0nce-5f2c", "device", NOON, SIGNER)).outcome == "ok"


def test_a_sale_told_again_makes_no_second_license() -> None:
    with world() as here:
        receive(here, fields_of("sale"))
        before = (only_license(here), here.rows("event"), here.rows("outbox"))
        assert receive(here, fields_of("sale")) == "known"
        assert receive(here, fields_of("sale.retry")) == "known"
        assert (only_license(here), here.rows("event"), here.rows("outbox")) == before, "a retry is no event of its own"
        assert receive(here, fields_of("sale.plain_ping")) == "known"
        assert only_license(here) == before[0]
        assert len(here.rows("event")) == 2


def test_ten_equal_pings_at_once_make_one_license() -> None:
    with world() as here:
        rules = [gumroad.receive(SELLER, fields_of("sale"), True, NOON, fresh_key) for _ in range(10)]
        told = [result.outcome for result in here.all_at_once(rules) if isinstance(result, gumroad.Received)]
        assert sorted(told) == ["known"] * 9 + ["minted"]
        only_license(here)


def test_a_test_ping_changes_nothing() -> None:
    with world() as here:
        assert receive(here, fields_of("test")) == "test"
        assert licenses_in(here) == [] and here.rows("sale") == {}
        receive(here, fields_of("sale"))
        before = only_license(here)
        assert receive(here, fields_of("test", refunded="true")) == "test"
        assert only_license(here) == before


@pytest.mark.parametrize(
    ("name", "devices", "email", "price"),
    [
        ("quantity", 9, "buyer@example.com", 8700),
        ("gift", 3, "buyer@example.com", 0),
        ("free", 3, "buyer@example.com", 0),
    ],
)
def test_sales_of_other_kinds_are_sales(name: str, devices: int, email: str, price: int) -> None:
    with world() as here:
        assert receive(here, fields_of(name)) == "minted"
        record = only_license(here)
        assert (record.max_devices, record.email, record.price) == (devices, email, price)


def test_a_sale_of_another_product_or_seller_is_none_of_ours() -> None:
    with world() as here:
        assert receive(here, fields_of("other_product")) == "ignored"
        assert receive(here, fields_of("sale", seller_id="another")) == "ignored"
        assert licenses_in(here) == []
    for product in ("Pr0duct1dBase64==", "oavrp", "openavathar-pro"):
        assert ours(Seller(products=frozenset({product})), fields_of("sale"))
        assert not ours(Seller(products=frozenset({product})), fields_of("other_product") | {"product_permalink": ""})
    assert ours(Seller(), fields_of("other_product"))
    link_only = {"product_permalink": "https://example.gumroad.com/l/openavathar-pro"}
    assert ours(Seller(products=frozenset({"openavathar-pro"})), link_only)


@pytest.mark.parametrize(
    ("name", "status"),
    [("refund.partial", "active"), ("refund.full", "refunded"), ("dispute", "suspended"), ("dispute_won", "active")],
)
def test_what_is_said_of_a_sale_later(name: str, status: Status) -> None:
    with world() as here:
        receive(here, fields_of("sale"))
        key = only_license(here).key
        here.do(licenses.activate(key, "device", NOON, SIGNER))
        receive(here, fields_of(name))
        assert only_license(here).status == status
        assert (here.look(licenses.pro("device", NOON, SIGNER)) is not None) == (status == "active")
        assert len(only_license(here).devices) == 1, "the device stays bound"


def test_a_won_dispute_gives_the_license_back() -> None:
    with world() as here:
        for name, status in (("sale", "active"), ("dispute", "suspended"), ("dispute_won", "active")):
            receive(here, fields_of(name))
            assert only_license(here).status == status


STORY = ["sale", "sale.retry", "sale.plain_ping", "test", "refund.partial", "dispute", "dispute_won", "refund.full"]


@given(st.lists(st.sampled_from(STORY), max_size=7), st.sampled_from(["", "suspended", "revoked"]))
@settings(max_examples=20, deadline=None)
def test_neither_order_nor_repetition_changes_where_it_ends(story: list[str], decree: str) -> None:
    told = set(story)
    flags = {"refunded": "refund.full" in told, "disputed": bool(told & {"dispute", "dispute_won"})}
    won = "dispute_won" in told
    with world() as here:
        for name in story:
            receive(here, fields_of(name))
        if not told & {"sale", "sale.retry", "sale.plain_ping"}:
            assert licenses_in(here) == []
            return
        record = only_license(here)
        assert (record.refunded, record.disputed, record.dispute_won) == (flags["refunded"], flags["disputed"], won)
        here.do(licenses.hold(record.key, decree))  # type: ignore[arg-type]
        expected = (
            "revoked"
            if decree == "revoked"
            else "refunded"
            if flags["refunded"]
            else "suspended"
            if decree == "suspended" or (flags["disputed"] and not won)
            else "active"
        )
        assert only_license(here).status == expected


def test_a_refund_that_comes_before_its_sale_is_remembered() -> None:
    with world() as here:
        refund = fields_of("refund.before_sale")
        assert receive(here, refund) == "tombstone"
        assert licenses_in(here) == []
        assert receive(here, fields_of("sale", sale_id=refund["sale_id"])) == "minted"
        assert only_license(here).status == "refunded"
        assert [key for key in here.rows("outbox") if key.startswith("mail/")] == [], (
            "a refunded key is mailed to nobody"
        )


def test_a_ping_that_nobody_vouches_for_is_only_a_hint() -> None:
    no_secret = Seller(confirm=True)
    with world() as here:
        assert receive(here, fields_of("sale"), no_secret, trusted=False) == "hint"
        assert licenses_in(here) == [] and here.rows("event") == {} and here.rows("sale") == {}
        assert sorted(here.rows("outbox")) == [f"confirm/{SALE}"]
        here.now += 8 * 86_400
        assert here.rows("outbox") == {}
        receive(here, fields_of("sale"))
        before = only_license(here)
        for forged in (fields_of("refund.full"), fields_of("sale", email="thief@example.com")):
            receive(here, forged, no_secret, trusted=False)
        assert only_license(here) == before


def test_only_a_live_secret_or_a_right_signature_is_believed() -> None:
    seller = Seller(("new", "old"))
    assert believed(seller, "new", "", b"") and believed(seller, "old", "", b"")
    for wrong in ("", "ne", "new ", "NEW", "é", "\udc80"):
        assert not believed(seller, wrong, wrong, b"body")
    assert not believed(Seller(), "", "", b"")
    # RFC 4231, test case 2
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert believed(Seller(("Jefe",)), "", f" {digest.upper()}\t", b"what do ya want for nothing?")
    assert not believed(Seller(("Jefe",)), "", digest, b"what do ya want for nothing!")


def test_the_documented_json_is_a_sale_too() -> None:
    sale = {"sale_id": "S-001", "email": "user@example.com", "price": 2900, "quantity": 2, "refunded": False}
    body = json.dumps(sale | {"url_params": {"claim": "nonce-in-json"}}).encode()
    for kind in ("application/json; charset=utf-8", "text/plain", ""):
        with world() as here:
            assert receive(here, parse(kind, body), Seller(("s",))) == "minted"
            record = only_license(here)
            assert (record.price, record.max_devices, record.purchased) == (2900, 6, "2026-11-24T12:00:00Z")
            assert here.look(licenses.find_claimed("nonce-in-json"))
            assert (
                receive(here, parse(kind, json.dumps(sale | {"refunded": True}).encode()), Seller(("s",))) == "updated"
            )
            assert only_license(here).status == "refunded"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b""),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", b"{}"),
        ("application/json", b"sale_id=1"),
        ("application/json", b'{"a":"\xff"}'),
        ("application/json", b'{"a":' * 20_000),
        ("application/json", b"9" * 5000),
        (FORM, b""),
        (FORM, b"\xff=1"),
        (FORM, b"&".join(b"a=1" for _ in range(501))),
        ("", b"["),
    ],
)
def test_what_gumroad_never_sends_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(BadPing):
        parse(kind, body)


def test_a_ping_without_a_sale_is_refused_and_leaves_nothing() -> None:
    with world() as here:
        for wrong in ("", "x" * 257):
            with pytest.raises(BadPing):
                receive(here, fields_of("sale", sale_id=wrong))
        assert here.rows("event") == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*PINGS["gift"]["fields"], "url_params", "test", "new"]), JSON))
@settings(max_examples=30, deadline=None)
def test_whatever_is_in_a_ping_it_is_done_or_refused(changed: dict[str, Any]) -> None:
    with world() as here:
        fields = parse("application/json", json.dumps({"sale_id": "S", **changed}).encode())
        try:
            outcome = receive(here, fields, Seller(("s",)))
        except BadPing:
            return
        assert outcome in ("minted", "known", "updated", "tombstone", "test", "ignored")
        for record in licenses_in(here):
            assert 3 <= record.max_devices <= licenses.MOST_DEVICES
            assert here.look(licenses.validate(record.key)).license == record


def test_a_nonce_belongs_to_the_first_that_was_bought_with_it() -> None:
    with world() as here:
        for name in ("sale", "quantity", "gift"):
            receive(here, fields_of(name))
        here.do(licenses.claim("n0nce-5f2c", "device", NOON, SIGNER))
        by_sale = {record.sale: len(record.devices) for record in licenses_in(here)}
        assert by_sale.pop(SALE) == 1 and set(by_sale.values()) == {0}
        short = fields_of("free")
        short["url_params[claim]"] = "short"
        receive(here, short)
        assert not here.look(licenses.find_claimed("short"))


def test_gumroads_key_stands_for_the_license_also_when_it_is_told_later() -> None:
    with world() as here:
        sale = fields_of("sale")
        gumroads = sale.pop("license_key")
        receive(here, sale)
        assert here.look(licenses.validate(gumroads)).outcome == "unknown"
        receive(here, fields_of("sale"))
        assert here.look(licenses.validate(gumroads)).license == only_license(here)


def test_a_key_of_gumroads_is_asked_for_in_gumroads_own_form() -> None:
    assert as_sold(" 85db562a c11d4b06–a2335a6b8c079166") == "85DB562A-C11D4B06-A2335A6B-8C079166"
    for other in ("", "OAVR-ABCD-EFGH-JKLM-NPQR", "85DB562A-C11D4B06-A2335A6B-8C07916", "x" * 999):
        assert as_sold(other) == ""
