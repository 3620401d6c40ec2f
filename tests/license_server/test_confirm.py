"""Asking Gumroad: hints become licenses, refunds are learned of, keys whose ping was lost are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from license_server.confirm import ASK_AGAIN, LOOK_AGAIN_AFTER, Gumroad, Keys, ask_again, confirmer
from license_server.gumroad import Seller, receive
from license_server.outbox import FIRST_WAIT, Worker, wait
from license_server.records import License, license_from
from tests.license_server import programs
from tests.license_server.child import server
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


def look(here: World, there: programs.Gumroad, keys: Keys | None = None, key: str = KEY, times: int = 1) -> list[bool]:
    keys = keys or Keys(Gumroad("", there.url), SELLER, here.store, lambda: here.now, fresh_key)

    async def looked() -> list[bool]:
        told: list[bool] = []
        for _ in range(times):
            keys(key, told.append)
        tasks = list(keys._tasks)
        for task in tasks:
            await task
        return told

    return here.runner.run(looked())


def test_a_key_whose_ping_was_lost_is_found_and_makes_one_license() -> None:
    with world() as here, gumroad() as there:
        there.purchases[KEY] = {**PING, "refunded": False, "chargebacked": False}
        assert look(here, there, times=4) == [True] * 4
        (record,) = licenses(here)
        assert record.status == "active" and record.sale == SALE_ID
        assert look(here, there) == [True] and len(licenses(here)) == 1


@pytest.mark.parametrize(
    ("changes", "found", "status"),
    [
        ({"refunded": True}, True, "refunded"),
        ({"chargebacked": True}, True, "suspended"),
        ({"seller_id": "another"}, False, None),
        ({"is_gift_sender_purchase": True}, False, None),
        ({"test": True}, False, None),
    ],
)
def test_success_is_not_enough(changes: dict[str, Any], found: bool, status: str | None) -> None:
    with world() as here, gumroad() as there:
        there.purchases[KEY] = PING | changes
        assert look(here, there) == [found]
        assert [record.status for record in licenses(here)] == ([status] if status else [])


def test_an_unknown_key_is_asked_about_once_for_a_while() -> None:
    with world() as here, gumroad() as there:
        keys = Keys(Gumroad("", there.url), SELLER, here.store, lambda: here.now, fresh_key)
        assert look(here, there, keys) == [False]
        assert look(here, there, keys) == [False]
        assert there.asked == [KEY]
        here.now += 601
        there.purchases[KEY] = PING
        assert look(here, there, keys) == [True]


def test_no_more_than_a_few_are_asked_about_at_once_and_nobody_is_left_waiting() -> None:
    with world() as here, gumroad() as there:
        there.broken = (500, b"")
        assert look(here, there, times=50) == [False] * 50
        assert len(there.asked) == 4


def test_a_server_finds_a_lost_sale_by_its_key_and_forgets_no_hint(tmp_path: Path) -> None:
    with gumroad() as there:
        there.purchases[KEY] = PING
        env = {"GUMROAD_PRODUCT_ID": PING["product_id"], "GUMROAD_API": there.url}
        with server(tmp_path, **env) as here:
            body = {"licenseKey": KEY.lower().replace("-", " "), "fingerprint": "device"}
            told = here.post("/api/license/activate", body)
            assert (told.status, told.json["success"]) == (200, True)
            assert here.get("/api/generation/check?fingerprint=device").json["isPro"] is True
            unknown = {"licenseKey": "0" * 32, "fingerprint": "device"}
            assert here.post("/api/license/activate", unknown).status == 404
    assert there.asked[0] == KEY
