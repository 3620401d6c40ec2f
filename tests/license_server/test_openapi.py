"""`/openapi.json` against a real server: every answer is as it is described, and everything described is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from license_server.openapi import document
from tests.license_server.child import SECRET, Server, Told, server
from tests.license_server.test_gumroad import PINGS

KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
}


def wrong(value: Any, schema: dict[str, Any], where: str = "$") -> Iterator[str]:
    """What of a value is not as the schema says; fields that it does not know are wrong, too."""
    if "oneOf" in schema:
        if sum(not list(wrong(value, one)) for one in schema["oneOf"]) != 1:
            yield f"{where}: {value!r} is not one of those"
        return
    if "const" in schema and value is not schema["const"]:
        yield f"{where}: {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r}"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fits = (value is None if kind == "null" else isinstance(value, KINDS[kind]) for kind in kinds)
    if (kinds and not any(fits)) or ("integer" in kinds and isinstance(value, bool)):
        yield f"{where}: {value!r} is no {kinds}"
    elif isinstance(value, dict):
        yield from (f"{where}: no {name}" for name in schema.get("required", []) if name not in value)
        for name, part in value.items():
            if name in schema["properties"]:
                yield from wrong(part, schema["properties"][name], f"{where}.{name}")
            else:
                yield f"{where}.{name} is not described"
    elif isinstance(value, list):
        for part in value:
            yield from wrong(part, schema["items"], f"{where}[]")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, Told]]:
    """Requests of all kinds, and what a real server answered."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    with server(folder, "--rate-limit", "off") as here:
        return [(method.lower(), path.partition("?")[0], told) for method, path, told in asked(here)]


def asked(here: Server) -> Iterator[tuple[str, str, Told]]:
    def ask(
        method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[str, str, Told]:
        return method, path, here.ask(method, path, body, headers)

    hook, sale, refund = f"/api/gumroad/webhook?secret={SECRET}", PINGS["sale"], PINGS["refund.full"]
    key = {"licenseKey": sale["fields"]["license_key"]}
    yield ask("POST", hook, sale["body"], sale["headers"])
    yield ask("POST", "/api/gumroad/webhook", sale["body"], sale["headers"])
    yield ask("POST", hook, "")
    yield ask("GET", "/api/gumroad/webhook")
    yield ask("GET", "/healthz")
    yield ask("GET", "/api/license/public-key")
    track, check = "/api/generation/track", "/api/generation/check"
    yield ask("GET", check)
    yield ask("GET", f"{check}?fingerprint=free")
    for state in ("reserve", "commit", "release"):
        yield ask("POST", track, {"fingerprint": "free", "jobId": "job", "state": state})
    yield ask("POST", track, {"fingerprint": "free", "jobId": "other", "state": "reserve"})
    yield ask("POST", track, {"fingerprint": "free"})
    yield ask("POST", track, {})
    yield ask("GET", f"{check}?fingerprint=free")
    for route in ("validate", "activate", "deactivate", "devices"):
        path = f"/api/license/{route}"
        yield ask("POST", path, "{")
        yield ask("POST", path, {"licenseKey": "nobody has it", "fingerprint": "device"})
        yield ask("POST", path, {**key, "fingerprint": "device", "deviceName": "Desk"})
    for name in ("one", "two", "three", "four"):
        yield ask("POST", "/api/license/activate", {**key, "fingerprint": name})
    yield ask("POST", "/api/license/activate", {**key, "fingerprint": "one"})
    yield ask("POST", "/api/license/activate", {"claim": sale["fields"]["url_params[claim]"], "fingerprint": "one"})
    yield ask("POST", "/api/license/devices", key)
    yield ask("POST", "/api/license/validate", key)
    yield ask("GET", f"{check}?fingerprint=one")
    yield ask("POST", track, {"fingerprint": "one"})
    yield ask("POST", track, {"fingerprint": "one", "jobId": "job", "state": "reserve"})
    yield ask("POST", hook, refund["body"], refund["headers"])
    for route in ("validate", "activate", "devices"):
        yield ask("POST", f"/api/license/{route}", {**key, "fingerprint": "one"})


def test_every_answer_is_as_described(answers: list[tuple[str, str, Told]]) -> None:
    paths = document()["paths"]
    for method, path, told in answers:
        described = paths[path][method]["responses"].get(str(told.status))
        assert described is not None, f"{method} {path} {told.status} is not described: {told.body!r}"
        ((kind, content),) = described["content"].items()
        assert told.headers["content-type"].startswith(kind), path
        if kind == "application/json":
            assert list(wrong(told.json, content["schema"])) == [], f"{method} {path} {told.status} {told.body!r}"


def test_everything_described_is_answered(answers: list[tuple[str, str, Told]]) -> None:
    """But for 429 and 503, which other tests bring about."""
    seen = {(method, path, str(told.status)) for method, path, told in answers}
    described = {
        (method, path, status)
        for path, methods in document()["paths"].items()
        for method, route in methods.items()
        for status in route["responses"]
        if status not in ("429", "503")
    }
    assert described - seen == set()


def test_every_field_described_is_answered_by_somebody(answers: list[tuple[str, str, Told]]) -> None:
    fields: set[str] = set()
    for _, _, told in answers:
        if told.headers["content-type"].startswith("application/json"):
            fields |= set(re.findall(r'"([A-Za-z]+)":', told.body.decode()))
    described = {
        name
        for methods in document()["paths"].values()
        for route in methods.values()
        for status, answer in route["responses"].items()
        if status not in ("429", "503")
        for content in answer["content"].values()
        for schema in [content["schema"], *content["schema"].get("oneOf", [])]
        for name in schema.get("properties", {})
    }
    assert described - fields == {"retryAfter"}


def test_the_description_is_served(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        told = here.get("/openapi.json")
        assert told.status == 200 and told.json == document()
        assert told.headers["access-control-allow-origin"] == "*"
        assert here.post("/openapi.json", {}).status == 404
