"""The recordings of the documented server, asked again of ours: what it answered then, it answers now."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

from tests.license_server.child import SECRET, Server, licenses_in, server
from tests.license_server.stores import world

DATA = Path(__file__).parents[1] / "data" / "license_server"
RECORDED = json.loads((DATA / "license_api.json").read_text())

EXTRA = {
    "validate": {"code", "status", "purchasedAt", "source"},
    "activate": {"code", "activationsUsed", "maxActivations", "token"},
    "check": {"code", "canGenerate", "resetsAt", "resetsInSeconds", "token"},
    "track": {"code", "success", "isPro", "limit", "resetsIn", "resetsAt", "resetsInSeconds"},
}
"""What answers hold beyond the recorded fields."""
OF_THE_MOMENT = {"purchaseDate": r"\d{4}-\d\d-\d\d", "resetsIn": r"\d{1,2}h \d{1,2}m"}


def test_every_recorded_request_is_answered_as_recorded(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        key = ""
        for case in RECORDED["cases"]:
            check_case(here, case, key)
            if not key:
                with world(tmp_path) as store:
                    (record,) = licenses_in(store)
                key = record.key


def check_case(here: Server, case: dict[str, Any], key: str) -> None:
    request, recorded = case["request"], case["response"]
    body, expected = (
        text.replace(RECORDED["key_issued"], key) if text and key else text
        for text in (request["body"], recorded["body"])
    )
    told = here.ask(request["method"], request["path"], body, request["headers"])
    assert told.status == recorded["status"], case["id"]
    for name, value in recorded["headers"].items():
        if name != "Content-Length":
            assert told.headers[name.lower()] == value, case["id"]
    if recorded["headers"].get("Content-Type") != "application/json":
        assert told.body.decode() == expected, case["id"]
    else:
        compare(case["id"], told.json, json.loads(expected))


def compare(name: str, told: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert [field for field in told if field in recorded] == list(recorded), f"{name}: a field is missing or moved"
    for field, value in recorded.items():
        if field in OF_THE_MOMENT:
            assert re.fullmatch(OF_THE_MOMENT[field], told[field]), (name, told)
        else:
            assert told[field] == value, (name, told)
    route = re.split(r"[.]", name)[0]
    assert set(told) - set(recorded) <= EXTRA[route], (name, told)


def test_errors_can_be_read_by_any_site_and_answers_are_kept_by_nobody(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        for told in (here.get("/nope"), here.get("/api/license/validate"), here.post("/api/license/activate", "{")):
            assert told.headers["access-control-allow-origin"] == "*"
            assert told.headers["cache-control"] == "no-store"


def test_the_documented_signature_is_over_the_raw_bytes(tmp_path: Path) -> None:
    body = b'{"sale_id": "S-7", "email": "caf\xc3\xa9@example.com", "note": "  \\u00e9 "}'
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    kind = {"Content-Type": "application/json"}
    with server(tmp_path) as here:
        for given in (signature[:-1], signature + "0", "", "é"):
            told = here.post(
                "/api/gumroad/webhook", body, {**kind, "X-Gumroad-Signature": given.encode().decode("latin-1")}
            )
            assert (told.status, told.body) == (403, b"Unauthorized")
        told = here.post("/api/gumroad/webhook", body, {**kind, "X-Gumroad-Signature": f" {signature.upper()} "})
        assert (told.status, told.body) == (200, b"OK")
        with world(tmp_path) as store:
            (record,) = licenses_in(store)
        assert record.email == "café@example.com"
