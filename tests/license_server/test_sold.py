"""Asking Gumroad while a buyer waits: keys whose ping was lost are found, and refunds that nobody told of are seen."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from license_server.confirm import Gumroad
from license_server.gumroad import name_key
from license_server.kv.interface import Put, StoreError
from license_server.licenses import activate, claim, find, hold, validate
from license_server.records import License, to_bytes
from license_server.sold import FRESH_FOR, Sold
from tests.license_server import programs
from tests.license_server.child import server
from tests.license_server.programs import PATIENCE, gumroad
from tests.license_server.stores import SIGNER, World, fresh_key, ops, world
from tests.license_server.test_confirm import KEY, PING, SALE, SALE_ID, SELLER, confirm, licenses, receive_ping

NEW_KEY = "11111111-22222222-33333333-44444444"


def asking(here: World, there: programs.Gumroad, token: str = "") -> Sold:
    return Sold(Gumroad(token, there.url), SELLER, here.store, lambda: here.now, fresh_key)


def look(
    here: World, there: programs.Gumroad, keys: Sold | None = None, key: str = KEY, times: int = 1
) -> list[bool | Exception]:
    keys = keys or asking(here, there)

    async def looked() -> list[bool | Exception]:
        told: list[bool | Exception] = []
        for _ in range(times):
            keys.find(key, told.append)
        for task in list(keys._tasks):
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
        keys = asking(here, there)
        assert look(here, there, keys) == [False]
        assert look(here, there, keys) == [False]
        assert there.asked == [KEY]
        here.now += 601
        there.purchases[KEY] = PING
        assert look(here, there, keys) == [True]


def test_no_more_than_a_few_are_asked_about_at_once_and_nobody_is_left_waiting() -> None:
    with world() as here, gumroad() as there:
        there.broken = (500, b"")
        told = look(here, there, times=50)
        assert len(told) == 50 and all(isinstance(it, StoreError) for it in told)
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


# Sales, when a license is to be activated


def renew(here: World, there: programs.Gumroad, key: str = KEY, nonce: str = "", token: str = "", n: int = 1) -> int:
    """Activates as the API does, up to the activation itself; how many were told to go on."""
    sold = asking(here, there, token)

    async def renewed() -> int:
        waiting = [asyncio.get_running_loop().create_future() for _ in range(n)]
        for each in waiting:
            sold.renew(key, nonce, lambda each=each: each.set_result(None))  # type: ignore[misc]
        done, _ = await asyncio.wait(waiting, timeout=PATIENCE)
        return len(done)

    return here.runner.run(renewed())


def sold_yesterday(here: World) -> License:
    receive_ping(here, trusted=True)
    here.now += FRESH_FOR
    return licenses(here)[0]


@pytest.mark.parametrize("token", ["", "token-of-the-seller"])
@pytest.mark.parametrize(
    ("changes", "status"),
    [({"refunded": True}, "refunded"), ({"chargebacked": True, "chargedback": True}, "suspended"), ({}, "active")],
)
def test_a_refund_that_no_ping_told_of_ends_a_license_before_another_device_gets_it(
    changes: dict[str, bool], status: str, token: str
) -> None:
    with world() as here, gumroad() as there:
        record = sold_yesterday(here)
        there.sales[SALE_ID], there.purchases[KEY] = SALE | changes, PING | changes
        for typed in (KEY, record.key):
            assert renew(here, there, typed, token=token) == 1
            assert licenses(here)[0].status == status
        told = here.do(activate(record.key, "device", here.now, SIGNER))
        assert told.outcome == ("ok" if status == "active" else "inactive")
        assert there.asked == [SALE_ID if token else KEY], "once a day"


def test_a_claim_is_asked_about_like_a_key() -> None:
    with world() as here, gumroad() as there:
        sold_yesterday(here)
        there.purchases[KEY] = PING | {"refunded": True}
        assert renew(here, there, "", "n0nce-5f2c") == 1
        assert here.do(claim("n0nce-5f2c", "device", here.now, SIGNER)).outcome == "inactive"


def test_what_was_just_sold_or_is_not_from_gumroad_is_not_asked_about() -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=True)
        for key, nonce in ((KEY, ""), ("", "n0nce-5f2c"), ("OAVR-UNKNOWN", ""), ("", "unknown-nonce")):
            assert renew(here, there, key, nonce) == 1
        here.now += FRESH_FOR
        here.do(hold(KEY, "revoked"))
        assert renew(here, there) == 1
        assert there.asked == []


@pytest.mark.parametrize("token", ["", "token-of-the-seller"])
def test_while_gumroad_is_away_buyers_go_on_and_it_is_asked_later(token: str) -> None:
    with world() as here, gumroad() as there:
        there.sales[SALE_ID] = SALE
        receive_ping(here, trusted=True)
        confirm(here, there)
        here.now += FRESH_FOR
        there.broken = (503, b"")
        assert renew(here, there, token=token, n=9) == 9
        assert here.look(validate(KEY)).outcome == "ok"
        assert (f"confirm/{SALE_ID}" in here.rows("outbox")) == bool(token)


def test_a_sale_that_the_api_does_not_know_stays_for_its_owner_to_judge() -> None:
    with world() as here, gumroad() as there:
        sold_yesterday(here)
        assert renew(here, there, token=there.token) == 1
        assert here.look(validate(KEY)).outcome == "ok"


def test_a_license_that_was_moved_in_is_not_asked_about_by_what_its_product_is_called() -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=True)
        moved = replace(licenses(here)[0], product="OpenAvathar Pro (Lifetime)")
        here.do(ops(Put("license", moved.key.replace("-", ""), to_bytes(moved))))
        here.now += FRESH_FOR
        assert renew(here, there) == 1
        assert here.look(validate(KEY)).outcome == "ok" and there.asked == []


# Another key in the place of one that has leaked


def test_a_key_that_gumroad_has_replaced_opens_nothing_any_more() -> None:
    with world() as here, gumroad() as there:
        ours = sold_yesterday(here).key
        there.purchases[NEW_KEY] = PING | {"license_key": NEW_KEY}
        assert renew(here, there) == 1
        assert here.look(validate(KEY)).outcome == "unknown"
        assert look(here, there) == [False], "Gumroad does not know it either"
        assert look(here, there, key=NEW_KEY) == [True]
        assert here.look(find(NEW_KEY)) == here.look(find(ours)) != None  # noqa: E711
        assert len(licenses(here)) == 1
        # A ping that is late tells of the key as it was.
        receive_ping(here, trusted=True, retry_count="3")
        assert here.look(validate(KEY)).outcome == "unknown"


def test_the_new_key_takes_the_place_of_the_old_one_when_a_sale_is_asked_about() -> None:
    with world() as here, gumroad() as there:
        receive_ping(here, trusted=True)
        there.sales[SALE_ID] = SALE | {"license_key": NEW_KEY}
        confirm(here, there)
        assert here.look(validate(KEY)).outcome == "unknown"
        assert here.look(validate(NEW_KEY)).license == licenses(here)[0]
        there.sales[SALE_ID] = {name: value for name, value in SALE.items() if name != "license_key"}
        here.now += FRESH_FOR
        assert renew(here, there, NEW_KEY, token=there.token) == 1
        assert here.look(validate(NEW_KEY)).outcome == "ok", "of a key that is not told, nothing is said"


def test_our_own_key_goes_on_where_gumroads_was_replaced() -> None:
    with world() as here, gumroad() as there:
        ours = sold_yesterday(here).key
        assert renew(here, there, ours) == 1
        assert here.look(validate(ours)).outcome == "ok"
        assert here.look(validate(KEY)).outcome == "ok", "it may be the other one: only who comes with it learns that"


def test_two_keys_that_only_pings_have_told_both_stand_until_gumroad_says_which() -> None:
    with world() as here:
        for key in (KEY, NEW_KEY, KEY):
            receive_ping(here, trusted=True, license_key=key)
        assert {here.look(validate(key)).outcome for key in (KEY, NEW_KEY)} == {"ok"}
        here.do(name_key(SALE_ID, NEW_KEY, True))
        assert [here.look(validate(key)).outcome for key in (KEY, NEW_KEY)] == ["unknown", "ok"]
        assert here.do(name_key("unknown", KEY, True)) is False


def test_a_key_of_one_sale_never_becomes_that_of_another() -> None:
    with world() as here:
        receive_ping(here, trusted=True)
        receive_ping(here, trusted=True, sale_id="another")
        first = here.look(find(KEY))
        here.do(name_key("another", "", True))
        assert here.look(find(KEY)) == first != None  # noqa: E711


def test_a_server_asks_before_it_activates(tmp_path: Path) -> None:
    with gumroad() as there:
        with world(tmp_path) as here:
            here.now = time.time() - 2 * FRESH_FOR
            receive_ping(here, trusted=True)
        there.purchases[KEY] = PING | {"refunded": True}
        env = {"GUMROAD_PRODUCT_ID": PING["product_id"], "GUMROAD_API": there.url}
        with server(tmp_path, **env) as running:
            told = running.post("/api/license/activate", {"licenseKey": KEY, "fingerprint": "device"})
            assert (told.status, told.json["code"]) == (403, "REFUNDED")
            there.broken = (500, b"")
            lost = {"licenseKey": NEW_KEY, "fingerprint": "device"}
            for _ in range(12):
                told = running.post("/api/license/activate", lost)
                assert (told.status, told.json["code"]) == (503, "UNAVAILABLE"), "whether it is good nobody knows"
