"""The answers of the API, as the documented server words them; what it did not have comes after what it had."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from license_server.generations import Tracked, reset
from license_server.http_messages import Response
from license_server.kv.interface import Done, StoreError
from license_server.licenses import Result, device_id
from license_server.pings import BadPing
from license_server.records import License

T = TypeVar("T")
Answer: TypeAlias = Callable[[Response], None]

log = logging.getLogger("license_server.api")

CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type"),
)
TEXT = "text/plain;charset=UTF-8"

OPTIONS = Response(200, b"", TEXT, CORS)
NOT_FOUND = Response(404, b"Not Found", TEXT, CORS)
WEBHOOK_OK = Response(200, b"OK", TEXT)
WEBHOOK_IGNORED = Response(200, b"OK - ignored", TEXT)
WEBHOOK_ACTIVE = Response(200, b"active", TEXT)
WEBHOOK_DENIED = Response(403, b"Unauthorized", TEXT)
WEBHOOK_BAD = Response(400, b"Bad Request", TEXT)
INTERNAL = Response(500, b'{"error":"internal","code":"INTERNAL"}', headers=CORS)
UNAVAILABLE = Response(
    503, b'{"error":"Try again in a moment","code":"UNAVAILABLE"}', headers=(*CORS, ("Retry-After", "1"))
)


class Refused(Exception):
    """The request gets this answer, before any rule is run."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def then(answer: Answer, render: Callable[[T], Response]) -> Done[T]:
    """What answers with a rule's result, or says that there is none."""

    def done(result: T | Exception) -> None:
        answer(failed(result) if isinstance(result, Exception) else render(result))

    return done


def failed(error: Exception) -> Response:
    """What went wrong here goes to the log, never into an answer."""
    if isinstance(error, StoreError):
        return UNAVAILABLE
    if isinstance(error, BadPing):
        return WEBHOOK_BAD
    log.error("a request failed", exc_info=error)
    return INTERNAL


_GONE = {
    "suspended": "License is suspended",
    "refunded": "License was refunded",
    "revoked": "License was revoked",
}


def answer_json(status: int, fields: dict[str, Any]) -> Response:
    """An answer with these fields, in their order, for any site."""
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(status, body, headers=CORS)


def bad_request(flag: dict[str, Any], error: str) -> Response:
    """400, with the route's false flag, if it has one."""
    return answer_json(400, {**flag, "error": error, "code": "BAD_REQUEST"})


def too_many(flag: dict[str, Any], seconds: int) -> Response:
    """429: the same is welcome again in so many seconds."""
    fields = {**flag, "error": "Too many requests", "code": "RATE_LIMITED", "retryAfter": seconds}
    return answer_json(429, fields)._replace(headers=(*CORS, ("Retry-After", str(seconds))))


def no_method(allowed: str) -> Response:
    """405, for those who prefer it to the documented 404."""
    return Response(405, b"Method Not Allowed", TEXT, (*CORS, ("Allow", f"{allowed}, OPTIONS")))


# Licenses

UNKNOWN_KEY = answer_json(404, {"success": False, "error": "Invalid license key", "code": "NOT_FOUND"})


@lru_cache(maxsize=1024)
def validated(result: Result, fingerprint: str) -> Response:
    """Of `licenses.validate`; says of a device, where one was named, whether it is among those activated."""
    record = result.license
    if record is None:
        return answer_json(404, {"valid": False, "error": "License key not found", "code": "NOT_FOUND"})
    if result.outcome != "ok":
        return _inactive("valid", record)
    fields: dict[str, Any] = {
        "valid": True,
        "email": record.email,
        **_places(record),
        "purchaseDate": record.purchased[:10],
        "status": record.status,
        "purchasedAt": record.purchased,
        "source": record.source,
    }
    if fingerprint:
        fields["activatedHere"] = record.device(fingerprint) is not None
    return answer_json(200, fields)


def activated(result: Result, key_too: bool) -> Response:
    """Of `licenses.activate` or `claim`; whoever came with a claim learns the key."""
    record = result.license
    if record is None:
        return UNKNOWN_KEY
    if result.outcome == "inactive":
        return _inactive("success", record)
    if result.outcome == "full":
        error = f"License already activated on {record.max_devices} devices"
        return answer_json(403, {"success": False, "error": error, "code": "DEVICE_LIMIT", **_places(record)})
    message = "Already activated on this device" if result.outcome == "already" else "License activated on this device"
    fields = {"success": True, "message": message, **_places(record), "token": result.token}
    if key_too:
        fields["licenseKey"] = record.key
    return answer_json(200, fields)


def deactivated(result: Result) -> Response:
    """Of `licenses.deactivate`; a device that was not on the license is off it too."""
    record = result.license
    if record is None:
        return UNKNOWN_KEY
    message = "License removed from this device" if result.outcome == "ok" else "Not activated on this device"
    return answer_json(200, {"success": True, "message": message, **_places(record)})


def devices(result: Result, fingerprint: str) -> Response:
    """The devices of a license, without what would open it: no fingerprints."""
    record = result.license
    if record is None:
        return UNKNOWN_KEY
    listed = [
        {
            "deviceId": device_id(device.fingerprint),
            "deviceName": device.name,
            "activatedAt": int(device.activated),
            "lastSeen": int(device.seen),
            "thisDevice": device.fingerprint == fingerprint,
        }
        for device in record.devices
    ]
    return answer_json(200, {"success": True, "devices": listed, **_places(record), "status": record.status})


def _places(record: License) -> dict[str, Any]:
    return {"activationsUsed": len(record.devices), "maxActivations": record.max_devices}


def _inactive(flag: str, record: License) -> Response:
    status = record.status
    fields = {flag: False, "error": _GONE.get(status, "License is not active"), "code": status.upper()}
    return answer_json(403, {**fields, "status": status})


# Generations. Checks are most of the traffic: an answer that is the same is made once.


@lru_cache(maxsize=1024)
def checked_pro(key: str, token: str, reveal: bool) -> Response:
    """A licensed device; the key is whole, as documented, unless the owner of the server wants it masked."""
    shown = key if reveal else f"OAVR-****-****-****-{key[-4:]}"
    return answer_json(200, {"canGenerate": True, "isPro": True, "licenseKey": shown, "token": token or None})


@lru_cache(maxsize=256)
def checked_free(used: int, limit: int, now_ms: int) -> Response:
    """A device without a license, at `now_ms` (`generations.moment`)."""
    left = used < limit
    fields = {"canGenerate": left, "isPro": False, "limit": limit, "used": used, **_reset(now_ms)}
    return answer_json(200, fields if left else {**fields, "code": "DAILY_LIMIT"})


@lru_cache(maxsize=1024)
def tracked(result: Tracked, limit: int, now_ms: int, state: str | None) -> Response:
    """Of `generations.track` and `track_job`, at `now_ms`."""
    if result.pro:
        return answer_json(200, {"success": True, "count": 0, "isPro": True})
    fields: dict[str, Any] = {"count": result.used, "isPro": False, "limit": limit}
    if state:
        fields |= {"state": state, "canGenerate": result.used < limit}
    fields |= _reset(now_ms)
    if result.outcome == "limit":
        return answer_json(403, {"success": False, "error": "Daily limit reached", "code": "DAILY_LIMIT", **fields})
    if result.outcome == "committed":
        error = "This video is counted already"
        return answer_json(409, {"success": False, "error": error, "code": "COMMITTED", **fields, "state": "commit"})
    return answer_json(200, {"success": True, **fields})


def _reset(now_ms: int) -> dict[str, Any]:
    text, at, seconds = reset(now_ms)
    return {"resetsIn": text, "resetsAt": at, "resetsInSeconds": seconds}
