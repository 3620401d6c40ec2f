"""The routes asked in ways that nobody recorded: what is malformed, what is new, what an owner may switch."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from license_server.kv.interface import Put
from tests.license_server.child import SECRET, Server, licenses_in, server
from tests.license_server.stores import ops, world
from tests.license_server.test_gumroad import PINGS
from tests.license_server.test_races import PING, buy
from tests.license_server.tokens import read_token

VALIDATE, ACTIVATE = "/api/license/validate", "/api/license/activate"
DEACTIVATE, DEVICES = "/api/license/deactivate", "/api/license/devices"
CHECK, TRACK = "/api/generation/check", "/api/generation/track"
FLAGS = {VALIDATE: "valid", ACTIVATE: "success", DEACTIVATE: "success", DEVICES: "success", TRACK: "success"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this module; each uses names of its own."""
    with server(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def key(here: Server) -> str:
    """A key for nine devices."""
    return buy(here, "quantity")


BAD_BODIES: list[Any] = [
    b"", b"{", b"null", b"[]", b'"text"', b"1", b"{}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 60_000, b'{"a":' * 10_000,
    b"9" * 5000, b'{"licenseKey":NaN}',
    {"licenseKey": 1, "fingerprint": 1}, {"licenseKey": {}, "fingerprint": {}}, {"licenseKey": [], "fingerprint": []},
    {"licenseKey": None, "fingerprint": None}, {"licenseKey": "", "fingerprint": ""},
    {"licenseKey": " - ", "fingerprint": "  "}, {"licenseKey": "x" * 129, "fingerprint": "x" * 129},
    {"licenseKey": "\ud800", "fingerprint": "\ud800"}, {"licenseKey": True, "fingerprint": "é"},
    {"licenseKey": "", "fingerprint": "a\nb"}, {"licenseKey": "", "fingerprint": "\x7f"},
]  # fmt: skip


@pytest.mark.parametrize("path", FLAGS)
def test_what_is_malformed_is_400_with_the_flag_of_its_route(here: Server, path: str) -> None:
    for body in BAD_BODIES:
        told = here.post(path, body)
        assert told.status == 400, (path, body)
        assert told.json[FLAGS[path]] is False and told.json["code"] == "BAD_REQUEST"
        assert told.json["error"].startswith("Missing ")


def test_a_check_without_a_fingerprint_is_400(here: Server) -> None:
    long = "x" * 129
    for query in ("", "?", "?fingerprint=", "?fingerprint=%20", "?finger=a", "?fingerprint=%C3%A9", "?fingerprint=%00",
                  f"?fingerprint={long}", "?fingerprint=%ff", "?" + "&".join("a=1" for _ in range(50))):  # fmt: skip
        told = here.get(CHECK + query)
        assert (told.status, told.json["error"]) == (400, "Missing fingerprint"), query


@given(body=st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.just("device"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["licenseKey", "fingerprint", "jobId", "state", "claim", "deviceName", "deviceId"]), inner
    ),
    max_leaves=8,
), path=st.sampled_from(list(FLAGS)))  # fmt: skip
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_makes_a_server_fail(here: Server, body: object, path: str) -> None:
    told = here.post(path, json.dumps(body))
    assert told.status in (200, 400, 403, 404, 409)
    assert told.json["success" if path != VALIDATE else "valid"] is (told.status == 200)


@pytest.mark.parametrize(
    "path", ["/", "/nope", "//api/generation/check", CHECK + "/", CHECK.upper(), "/api/%76alidate"]
)
def test_other_paths_are_not_found(here: Server, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        told = here.ask(method, path)
        assert (told.status, told.body) == (404, b"Not Found")
    assert here.ask("OPTIONS", path).status == 200


def test_head_is_answered_as_get_without_the_body(here: Server) -> None:
    told = here.ask("HEAD", CHECK + "?fingerprint=head")
    assert (told.status, told.body) == (200, b"") and int(told.headers["content-length"]) > 0
    assert here.ask("HEAD", VALIDATE).status == 404


def test_a_key_is_known_however_it_is_typed(here: Server, key: str) -> None:
    gumroads = PINGS["quantity"]["fields"]["license_key"]
    for typed in (key, key.lower(), f"  {key}\n", key.replace("-", " "), key.replace("-", "–"), gumroads.lower()):
        told = here.post(VALIDATE, {"licenseKey": typed})
        assert (told.status, told.json["maxActivations"], told.json["purchaseDate"]) == (200, 9, "2026-11-20")


def test_a_device_from_activation_to_leaving(here: Server, key: str) -> None:
    device = {"licenseKey": key, "fingerprint": "way-1"}
    told = here.post(ACTIVATE, {**device, "deviceName": "Ada's laptop\x1b[31m"}).json
    public = here.get("/api/license/public-key").json
    payload = read_token(told["token"], base64.b64decode(public["publicKey"]))
    assert (payload["fp"], payload["kid"], payload["exp"] - payload["iat"]) == ("way-1", public["kid"], 14 * 86_400)
    assert here.get(CHECK + "?fingerprint=way-1").json["token"] == told["token"], "once a day"
    assert here.post(VALIDATE, device).json["activatedHere"] is True
    assert here.post(VALIDATE, {**device, "fingerprint": "way-2"}).json["activatedHere"] is False
    here.post(ACTIVATE, {**device, "fingerprint": " way-2 "})
    listed = {it["deviceName"]: it for it in here.post(DEVICES, device).json["devices"]}
    assert listed["Ada's laptop[31m"]["thisDevice"] is True
    assert "way-" not in json.dumps(listed), "whoever has a fingerprint has the license"
    assert here.post(DEACTIVATE, {"licenseKey": key, "deviceId": listed[None]["deviceId"]}).status == 200
    assert here.get(CHECK + "?fingerprint=way-2").json["isPro"] is False
    told = here.post(DEACTIVATE, device).json
    assert (told["success"], told["activationsUsed"]) == (True, 0)
    assert here.post(DEACTIVATE, device).json["message"] == "Not activated on this device"
    assert here.post(DEACTIVATE, {**device, "licenseKey": "OAVR-NONE"}).status == 404


def test_reserving_over_the_wire(here: Server) -> None:
    def report(job: str, state: str | None) -> tuple[int, dict[str, Any]]:
        body = {"fingerprint": "jobs", "jobId": job} | ({} if state is None else {"state": state})
        told = here.post(TRACK, body)
        return told.status, told.json

    assert report("a", "reserve")[0] == 200
    assert here.get(CHECK + "?fingerprint=jobs").json["canGenerate"] is False
    status, told = report("b", "reserve")
    assert (status, told["success"], told["code"], told["count"]) == (403, False, "DAILY_LIMIT", 1)
    assert told["resetsInSeconds"] > 0 and told["resetsAt"].endswith("T00:00:00Z")
    assert report("a", "release")[0] == 200
    assert report("b", None)[1]["state"] == "commit"
    assert report("b", "release")[1]["code"] == "COMMITTED"
    for job, state in (("", "reserve"), ("x" * 129, "commit"), ("a", "Reserve"), ("a", "")):
        assert report(job, state)[0] == 400
    for body in ({"state": "reserve"}, {"jobId": 1}, {"jobId": "a", "state": 1}, {"jobId": "a", "state": []}):
        assert here.post(TRACK, {"fingerprint": "jobs", **body}).status == 400


def test_a_device_becomes_licensed_by_the_nonce_it_sent_along(here: Server) -> None:
    ping = PINGS["free"]
    asked = CHECK + "?fingerprint=claimer&claim=my-own-nonce-77"
    assert here.get(asked).json["isPro"] is False
    here.post(PING, ping["body"].replace("n0nce-5f2c", "my-own-nonce-77"), ping["headers"])
    assert here.get("/api/generation/check?fingerprint=thief&claim=my-own-nonce").json["isPro"] is False
    told = here.get(asked).json
    assert told["isPro"] is True and told["token"]
    assert here.get(CHECK + "?fingerprint=second&claim=my-own-nonce-77").json["isPro"] is False
    body = {"fingerprint": "second", "claim": "my-own-nonce-77"}
    assert here.post(ACTIVATE, body).status == 404


def test_activating_by_claim_tells_the_key(here: Server) -> None:
    ping = PINGS["gift"]
    here.post(PING, ping["body"].replace("n0nce-5f2c", "another-nonce-5"), ping["headers"])
    told = here.post(ACTIVATE, {"fingerprint": "gifted", "claim": "another-nonce-5"}).json
    assert (
        here.post(VALIDATE, {"licenseKey": told["licenseKey"], "fingerprint": "gifted"}).json["activatedHere"] is True
    )


def test_a_refund_ends_what_was_bought(here: Server) -> None:
    sold = buy(here, "sale")
    here.post(ACTIVATE, {"licenseKey": sold, "fingerprint": "refunder"})
    assert here.get(CHECK + "?fingerprint=refunder").json["isPro"] is True
    here.post(PING, PINGS["refund.full"]["body"], PINGS["refund.full"]["headers"])
    assert here.get(CHECK + "?fingerprint=refunder").json["isPro"] is False
    for path, flag in ((VALIDATE, "valid"), (ACTIVATE, "success")):
        told = here.post(path, {"licenseKey": sold, "fingerprint": "refunder"})
        assert (told.status, told.json[flag], told.json["code"]) == (403, False, "REFUNDED")


def test_where_the_secret_of_a_ping_may_stand(here: Server) -> None:
    ping = PINGS["other_product"]
    for path in (f"?secret={SECRET}", f"?token={SECRET}", f"/{SECRET}", "/contract%2Dtest%2Dsecret"):
        assert here.post("/api/gumroad/webhook" + path, ping["body"], ping["headers"]).status == 200, path
    for path in ("", "/", "?secret=", "?secret=wrong", f"?Secret={SECRET}", f"/{SECRET}/", "?secret=%ff"):
        told = here.post("/api/gumroad/webhook" + path, ping["body"], ping["headers"])
        assert (told.status, told.body) == (403, b"Unauthorized"), path
    for path in ("", f"/{SECRET}", "/wrong"):
        assert (here.get("/api/gumroad/webhook" + path).status) == 200, "people look whether it is there"
    assert here.post(PING, b"{", {"Content-Type": "application/json"}).status == 400
    assert here.post(PING, "email=a%40example.com", ping["headers"]).status == 400


def test_the_log_gives_nothing_away(here: Server, key: str) -> None:
    here.post(ACTIVATE, {"licenseKey": key, "fingerprint": "a-device-nobody-should-know"})
    here.get(CHECK + "?fingerprint=a-device-nobody-should-know")
    log = (here.folder / "server.log").read_text()
    assert "a ping of Gumroad: minted" in log
    for secret in (SECRET, key, key.replace("-", ""), "a-device-nobody", "buyer@example.com"):
        assert secret not in log


def test_what_an_owner_may_switch(tmp_path: Path) -> None:
    options = {
        "FREE_DAILY_LIMIT": "3",
        "REVEAL_KEY_IN_CHECK": "0",
        "METHOD_NOT_ALLOWED": "1",
        "GUMROAD_PRODUCT_ID": "x, oavrp",
    }
    with server(tmp_path, **options) as other:
        key = buy(other)
        other.post(ACTIVATE, {"licenseKey": key, "fingerprint": "masked"})
        assert other.get(CHECK + "?fingerprint=masked").json["licenseKey"] == f"OAVR-****-****-****-{key[-4:]}"
        assert other.get(CHECK + "?fingerprint=free").json["limit"] == 3
        told = other.get(VALIDATE)
        assert (told.status, told.headers["allow"]) == (405, "POST, OPTIONS")
        assert other.get("/nope").status == 404
        ping = PINGS["other_product"]
        assert other.post(PING, ping["body"], ping["headers"]).body == b"OK - ignored"


def test_a_token_comes_on_the_next_day_and_outlives_a_restart(tmp_path: Path) -> None:
    with server(tmp_path) as first:
        key = buy(first)
        token = first.post(ACTIVATE, {"licenseKey": key, "fingerprint": "device"}).json["token"]
    with server(tmp_path) as second:
        assert second.get(CHECK + "?fingerprint=device").json["token"] == token
    with world(tmp_path) as store:
        bound = json.loads(store.rows("device")["device"])
        yesterday = json.dumps({**bound, "minted": bound["minted"] - 86_400}).encode()
        store.do(ops(Put("device", "device", yesterday)))
    with server(tmp_path) as third:
        renewed = third.get(CHECK + "?fingerprint=device").json["token"]
        assert renewed and third.get(CHECK + "?fingerprint=device").json["token"] == renewed
        with world(tmp_path) as store:
            assert json.loads(store.rows("device")["device"])["minted"] > bound["minted"]
            assert len(licenses_in(store)) == 1


def test_who_asks_too_often_or_guesses_keys_has_to_wait(tmp_path: Path) -> None:
    with server(tmp_path, "--rate-limit", "on") as limited:
        ping = PINGS["sale"]
        for n in range(10):
            assert limited.post(VALIDATE, {"licenseKey": f"OAVR-GUESS-{n}"}).status == 404
        for path, body in ((VALIDATE, {"licenseKey": "x"}), (ACTIVATE, {"licenseKey": "x", "fingerprint": "x"})):
            told = limited.post(path, body)
            assert (told.status, told.json["code"], told.json[FLAGS[path]]) == (429, "RATE_LIMITED", False)
            assert 0 < int(told.headers["retry-after"]) <= 1800
        assert limited.post("/api/gumroad/webhook?secret=guess", ping["body"], ping["headers"]).status == 429
        assert limited.post(PING, ping["body"], ping["headers"]).status == 200, "a sale is never turned away"
        told_all = [limited.get(CHECK + "?fingerprint=device") for _ in range(70)]
        assert {told.status for told in told_all} == {200, 429}
        assert told_all[-1].json["canGenerate"] is False and int(told_all[-1].headers["retry-after"]) >= 1


def test_pings_that_nobody_vouches_for_cannot_fill_the_store(tmp_path: Path) -> None:
    sent = 30
    env = {"GUMROAD_SECRET": "", "GUMROAD_ACCESS_TOKEN": "token", "GUMROAD_API": "http://127.0.0.1:9"}
    with server(tmp_path, "--rate-limit", "on", **env) as hinted:
        told = [hinted.post("/api/gumroad/webhook", f"sale_id={n}&a=b") for n in range(sent)]
        assert {it.status for it in told} == {200, 503}, "a 429 Gumroad would not try again after"
        assert told[0].body == b"OK" and int(told[-1].headers["retry-after"]) >= 1
        with world(tmp_path) as store:
            waiting = len(store.rows("outbox"))
            assert waiting == sum(it.status == 200 for it in told) < sent
            assert licenses_in(store) == [] and store.rows("event") == {}
