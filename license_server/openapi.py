"""The API's description at `/openapi.json` (OpenAPI 3.1, spec.openapis.org): what may be sent, and what comes back."""

from __future__ import annotations

import json
from typing import Any

from license_server.answers import CORS
from license_server.http_messages import Response

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
FLAG: dict[str, Any] = {"type": "boolean"}
INSTANT = TEXT | {"format": "date-time"}
FINGERPRINT = TEXT | {"minLength": 1, "maxLength": 128, "description": "A device's name: printable ASCII."}
KEY = TEXT | {"maxLength": 128, "description": "As typed: case, spaces and dashes do not matter."}
TOKEN = {"type": ["string", "null"], "description": "Signed with Ed25519: the device is licensed for 14 days."}
STATUS = TEXT | {"enum": ["active", "suspended", "refunded", "revoked"]}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with these fields, the first of them always there."""
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


PLACES = {"activationsUsed": WHOLE, "maxActivations": WHOLE}
ERROR = {"error": TEXT, "code": TEXT}
RESET = {"resetsIn": TEXT | {"examples": ["14h 23m"]}, "resetsAt": INSTANT, "resetsInSeconds": WHOLE}
DEVICE = _object(
    {
        "deviceId": TEXT,
        "deviceName": {"type": ["string", "null"]},
        "activatedAt": WHOLE,
        "lastSeen": WHOLE,
        "thisDevice": FLAG,
    }
)
VALIDATED = _object(
    {
        "valid": FLAG,
        "email": {"type": ["string", "null"]},
        **PLACES,
        "purchaseDate": TEXT | {"format": "date"},
        "status": STATUS,
        "purchasedAt": INSTANT,
        "source": TEXT,
    },
    activatedHere=FLAG,
)
CHECKED = {
    "oneOf": [
        _object({"canGenerate": FLAG, "isPro": {"const": True}, "licenseKey": TEXT, "token": TOKEN}),
        _object(
            {"canGenerate": FLAG, "isPro": {"const": False}, "limit": WHOLE, "used": WHOLE, **RESET},
            code=TEXT,
        ),
    ]
}
TRACKED = _object({"success": FLAG, "count": WHOLE, "isPro": FLAG}, limit=WHOLE, state=TEXT, canGenerate=FLAG, **RESET)


def _refused(flag: str | None) -> dict[str, Any]:
    fields = {flag: {"const": False}, **ERROR} if flag else ERROR
    return _object(fields, status=STATUS, retryAfter=WHOLE, **PLACES)


def _answer(about: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    kind = "application/json" if schema is not None else "text/plain"
    return {"description": about, "content": {kind: {"schema": schema if schema is not None else TEXT}}}


def _route(about: str, schema: dict[str, Any], flag: str | None, *statuses: int) -> dict[str, Any]:
    """A route that answers with JSON; what it refuses carries its false flag."""
    answers = {"200": _answer(about, schema)}
    for status in (*statuses, 503):
        answers[str(status)] = _answer(_WORDS[status], _refused(flag if status != 503 else None))
    return {"summary": about, "responses": answers}


_WORDS = {
    400: "Something is missing, or not of its kind",
    403: "The license is not good any more, or on as many devices as it may be",
    404: "There is no such license",
    409: "Too late",
    429: "Too often: again after Retry-After seconds",
    503: "Not now: again after Retry-After seconds",
}


def _post(route: dict[str, Any], required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": _object(required, **optional)}}
    return {"post": {**route, "requestBody": {"required": True, "content": content}}}


def _query(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _paths() -> dict[str, Any]:
    activated = _object({"success": FLAG, "message": TEXT, **PLACES, "token": TOKEN}, licenseKey=TEXT)
    deactivated = _object({"success": FLAG, "message": TEXT, **PLACES})
    devices = _object({"success": FLAG, "devices": {"type": "array", "items": DEVICE}, **PLACES, "status": STATUS})
    public_key = _object({"kid": TEXT, "algorithm": TEXT, "publicKey": TEXT | {"contentEncoding": "base64"}})
    check = _route("Whether a device may make a full video now", CHECKED, "canGenerate", 400, 429)
    tracked = _route("Counts a full video, or reserves, commits or releases one job's", TRACKED, "success", 400, 429)
    # Refused for the limit, or too late: with the count beside.
    for status, about in (("403", "No free video is left today"), ("409", "This video is counted already")):
        schema = _object({**TRACKED["properties"], "success": {"const": False}, **ERROR})
        schema["required"] = ["success", "error", "code", "count", "isPro", "limit"]
        tracked["responses"][status] = _answer(about, schema)
    states = TEXT | {"enum": ["reserve", "commit", "release"]}
    webhook = {
        "200": _answer("OK", None),
        "400": _answer("Bad Request", None),
        "403": _answer("Unauthorized", None),
        "503": _answer(_WORDS[503], _refused(None)),
    }
    secret = [_query("secret", TEXT, False)]
    ping = {"application/x-www-form-urlencoded": {"schema": _object({"sale_id": TEXT})}}
    return {
        "/api/license/validate": _post(
            _route("What a key is good for", VALIDATED, "valid", 400, 403, 404, 429),
            {"licenseKey": KEY},
            fingerprint=FINGERPRINT,
        ),
        "/api/license/activate": _post(
            _route("Licenses a device", activated, "success", 400, 403, 404, 429),
            {"fingerprint": FINGERPRINT},
            licenseKey=KEY,
            claim=TEXT,
            deviceName=TEXT,
        ),
        "/api/license/deactivate": _post(
            _route("Takes a device off a license", deactivated, "success", 400, 404, 429),
            {"licenseKey": KEY},
            fingerprint=FINGERPRINT,
            deviceId=TEXT,
        ),
        "/api/license/devices": _post(
            _route("The devices of a license", devices, "success", 400, 404, 429),
            {"licenseKey": KEY},
            fingerprint=FINGERPRINT,
        ),
        "/api/license/public-key": {"get": _route("What tokens are signed with", public_key, None)},
        "/api/generation/check": {
            "get": {**check, "parameters": [_query("fingerprint", FINGERPRINT, True), _query("claim", TEXT, False)]}
        },
        "/api/generation/track": _post(tracked, {"fingerprint": FINGERPRINT}, jobId=TEXT, state=states),
        "/api/gumroad/webhook": {
            "post": {
                "summary": "A ping of Gumroad",
                "parameters": secret,
                "requestBody": {"required": True, "content": ping},
                "responses": webhook,
            },
            "get": {"summary": "Whether pings are taken", "responses": {"200": _answer("active", None)}},
        },
        "/healthz": {"get": _route("Whether the store answers", _object({"ok": FLAG}), None)},
    }


def document() -> dict[str, Any]:
    """The whole description."""
    about = "Licenses, devices and free videos of oavr-tui."
    return {
        "openapi": "3.1.0",
        "info": {"title": "oavr-license-server", "version": "1", "description": about},
        "paths": _paths(),
    }


PATHS = frozenset(_paths())
"""The routes."""


def answer() -> Response:
    """What `/openapi.json` is answered with."""
    return Response(200, json.dumps(document(), separators=(",", ":")).encode(), headers=CORS)
