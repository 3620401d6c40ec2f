"""Asking Gumroad: hints become licenses, refunds are learned of, keys whose ping was lost are found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from license_server.confirm import ASK_AGAIN, LOOK_AGAIN_AFTER, Gumroad, ask_again, confirmer
from license_server.gumroad import receive
from license_server.outbox import FIRST_WAIT, Worker, wait
from license_server.pings import Seller
from license_server.records import License, license_from
from tests.license_server import programs
from tests.license_server.programs import gumroad
from tests.license_server.stores import World, fresh_key, world
from tests.license_server.test_gumroad import PINGS

PING: dict[str, Any] = PINGS["sale"]["fields"]
SALE_ID: str = PING["sale_id"]
KEY: str = PING["license_key"]
SALE: dict[str, Any] = {
    "id": SALE_ID,
    "email": PING["email"],
    "seller_id": PING["seller_id"],
    "timestamp": "3 days ago",
    "created_at": PING["sale_timestamp"],
    "product_id": PING["product_id"],
    "product_name": PING["product_name"],
    "price": 2900,
    "quantity": 2,
    "license_key": KEY,
    "refunded": False,
    "partially_refunded": False,
    "chargedback": False,
    "disputed": False,
    "dispute_won": False,
    "is_gift_sender_purchase": False,
    "variants": {"Tier": "Pro"},
}
"""As the API tells of a sale."""
SELLER = Seller(products=frozenset({PING["product_id"]}), seller_id=PING["seller_id"], confirm=True)


def receive_ping(here: World, trusted: bool, **changes: str) -> str:
    fields = {**PING, **changes}
    return here.do(receive(SELLER, fields, trusted, here.now, fresh_key)).outcome


def confirm(here: World, there: programs.Gumroad, token: str = "") -> Worker:
    """Does what is due of the outbox."""
    api = Gumroad(token or there.token, there.url)
    do = confirmer(api, SELLER, lambda: here.now, fresh_key)
    working = Worker(here.store, lambda: here.now, "one", {"confirm": do})
    here.runner.run(working.round("confirm"))
    return working


def licenses(here: World) -> list[License]:
    return [license_from(value) for value in here.rows("license").values()]


def test_a_hint_becomes_a_license_by_what_gumroad_says_not_by_what_it_said_itself() -> None:
    with world() as here, gumroad() as there:
        there.sales[SALE_ID] = SALE
        assert receive_ping(here, trusted=False, email="thief@example.com", quantity="50") == "hint"
        assert licenses(here) == []
        confirm(here, there)
        (record,) = licenses(here)
        assert (record.email, record.max_devices, record.status) == (PING["email"], 6, "active")
        assert record.purchased == PING["sale_timestamp"]
        assert here.rows("outbox") == {}
        assert there.asked == [SALE_ID]


def test_a_forged_hint_becomes_nothing() -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=False)
        for tries in range(1, ASK_AGAIN + 1):
            confirm(here, there)
            here.now += wait(tries)
        assert licenses(here) == [] and here.rows("outbox") == {}
        assert "no such sale" in here.rows("aside")[f"confirm/{SALE_ID}"].decode()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"refunded": True}, "refunded"),
        ({"disputed": True}, "suspended"),
        ({"chargedback": True}, "suspended"),
        ({"disputed": True, "dispute_won": True}, "active"),
        ({"partially_refunded": True}, "active"),
        ({}, "active"),
    ],
)
def test_a_license_learns_what_became_of_its_sale(changes: dict[str, bool], status: str) -> None:
    with world() as here, gumroad() as there:
        assert receive_ping(here, trusted=True) == "minted"
        before = licenses(here)[0]
        there.sales[SALE_ID] = SALE | changes
        confirm(here, there)
        (after,) = licenses(here)
        assert after.status == status
        assert replace(after, refunded=False, disputed=False, dispute_won=False) == before, "nothing else changes"


def test_a_license_made_for_a_sale_that_gumroad_does_not_know_stays_for_its_owner_to_judge() -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=True)
        for tries in range(1, ASK_AGAIN + 1):
            confirm(here, there)
            here.now += wait(tries)
        assert licenses(here)[0].status == "active" and list(here.rows("aside")) == [f"confirm/{SALE_ID}"]
        here.now += LOOK_AGAIN_AFTER
        here.do(ask_again(here.now, ""))
        assert here.rows("outbox") == {}, "it is not asked about for ever"


@pytest.mark.parametrize(
    "changes", [{"product_id": "another"}, {"seller_id": "another"}, {"is_gift_sender_purchase": True}, {"test": True}]
)
def test_what_is_not_ours_to_license_makes_no_license(changes: dict[str, Any]) -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=False)
        there.sales[SALE_ID] = SALE | changes
        confirm(here, there)
        assert licenses(here) == [] and here.rows("outbox") == {}


@pytest.mark.parametrize(
    "broken",
    [
        (500, b"oops"),
        (503, b'{"success": false}'),
        (429, b'{"success": false}'),
        (200, b"[]"),
        (200, b"null"),
        (200, b"<html>"),
        (200, b'{"success": true, "sale": 7}'),
        (200, b'{"success": true, "sale": {"id": "another"}}'),
        (200, b"x" * 400_000),
        (404, b"<html>no such page</html>"),
        (302, b""),
    ],
)
def test_an_answer_that_is_none_changes_nothing_and_is_asked_for_again(broken: tuple[int, bytes]) -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=True)
        there.sales[SALE_ID] = SALE | {"refunded": True}
        there.broken = broken
        assert confirm(here, there).failed == {"confirm": 1}
        assert licenses(here)[0].status == "active" and here.rows("aside") == {}
        there.broken = None
        here.now += FIRST_WAIT
        confirm(here, there)
        assert licenses(here)[0].status == "refunded"


def test_a_token_that_is_not_taken_loses_nothing_and_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=False)
        assert confirm(here, there, "wrong-token").failed == {"confirm": 1}
        assert len(here.rows("outbox")) == 1
    assert "401" in caplog.text
    for secret in ("wrong-token", SALE_ID, PING["email"]):
        assert secret not in caplog.text


def test_sales_are_asked_about_again_after_a_week() -> None:
    with world() as here, gumroad() as there:
        there.sales[SALE_ID] = SALE
        receive_ping(here, trusted=True)
        confirm(here, there)
        here.do(ask_again(here.now, ""))
        assert here.rows("outbox") == {}
        here.now += LOOK_AGAIN_AFTER
        assert here.do(ask_again(here.now, "")) == ""
        assert list(here.rows("outbox")) == [f"confirm/{SALE_ID}"]
        there.sales[SALE_ID] = SALE | {"refunded": True}
        confirm(here, there)
        assert licenses(here)[0].status == "refunded"
        here.now += LOOK_AGAIN_AFTER
        here.do(ask_again(here.now, ""))
        assert here.rows("outbox") == {}, "what is refunded stays so"
