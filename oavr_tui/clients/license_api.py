"""The license server's API: every call has a deadline, and every answer is checked or becomes one of two errors.

LicenseRefused: the server said no, with its own word for it. LicenseUnreachable: no answer, or none that a license
server gives (a web page, a server's own trouble); nothing may be concluded from it. LicenseBusy: "too many requests".
Loads httpx and pydantic; import it lazily.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from oavr_tui.clients import license_wire as wire
from oavr_tui.clients.http_client import bounded_body, open_client
from oavr_tui.clients.license_sentences import SENTENCES, too_many_devices
from oavr_tui.errors import LicenseBusy, LicenseRefused, LicenseUnreachable, OavrError

CALL_SECONDS = 6.0
"""How long a call may take in all; a video does not wait longer for its permission."""

_LARGEST = 4_000_000
_PAUSE, _LONGEST_PAUSE = 30.0, 1800.0
"""Seconds without a call after "too many requests": where it says no number, and at most."""
_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")
_OLD_WORDS = {
    "License key not found": "NOT_FOUND",
    "Invalid license key": "NOT_FOUND",
    "Daily limit reached": "DAILY_LIMIT",
}
"""What the documented server says instead of a code."""
_OLD_FULL = re.compile(r"License already activated on (\d{1,5}) devices")

State = Literal["reserve", "commit", "release"]
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Checked:
    """May this device? limit is None for Pro. key: as the server gives it, whole or masked, or empty. at: Unix seconds
    by the server's clock, 0 where it does not say."""

    is_pro: bool
    used: int
    limit: int | None
    key: str
    token: str
    at: float


@dataclass(frozen=True, slots=True)
class Tracked:
    """A report was taken. used, limit: of the job's day; limit is None for Pro, and where it is not said."""

    is_pro: bool
    used: int
    limit: int | None
    at: float


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key that is good. purchased_on: YYYY-MM-DD or empty. here: whether this device is on it, None if not said."""

    used: int
    most: int
    purchased_on: str
    here: bool | None


@dataclass(frozen=True, slots=True)
class Activated:
    """This device is on a license, or off it. key: told to whoever came with a claim. at: as in Checked."""

    used: int
    most: int
    token: str
    key: str
    at: float


@dataclass(frozen=True, slots=True)
class OnLicense:
    """A device of a license. device_id: 12 characters. Times are Unix seconds."""

    device_id: str
    name: str
    last_seen: float
    this: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    at: float
    wait: float


class LicenseApi:
    """One server. base_url: checked, without a slash at its end. seconds: the deadline of each call.

    Every method raises LicenseRefused and LicenseUnreachable.
    """

    def __init__(self, base_url: str, *, seconds: float = CALL_SECONDS) -> None:
        self._base = base_url
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def check(self, fingerprint: str, claim: str = "") -> Checked:
        """Whether this device may make a video; with the word of a purchase that has arrived, it becomes licensed."""
        query = {"fingerprint": fingerprint} | ({"claim": claim} if claim else {})
        answer = await self._ask("GET", "/api/generation/check", query=query)
        said = self._good(answer, wire.CheckSaid)
        if not said.is_pro and (said.limit is None or said.used is None):
            raise _unusable()
        limit = None if said.is_pro else said.limit
        return Checked(said.is_pro, said.used or 0, limit, said.license_key or "", said.token or "", answer.at)

    async def track(self, fingerprint: str, job_id: str, state: State) -> Tracked:
        """Reserve, count or give back one job's video. LicenseRefused with DAILY_LIMIT: none is left; COMMITTED: it is
        counted already and cannot be given back."""
        answer = await self._ask(
            "POST", "/api/generation/track", {"fingerprint": fingerprint, "jobId": job_id, "state": state}
        )
        said = self._good(answer, wire.TrackSaid)
        return Tracked(said.is_pro, said.count, None if said.is_pro else said.limit, answer.at)

    async def validate(self, key: str, fingerprint: str = "") -> KeyFacts:
        """What is known of a key."""
        answer = await self._about_key("validate", key, fingerprint=fingerprint)
        said = self._good(answer, wire.KeySaid)
        return KeyFacts(
            said.activations_used, said.max_activations, (said.purchase_date or "")[:10], said.activated_here
        )

    async def activate(self, key: str, fingerprint: str, device_name: str = "") -> Activated:
        """Put this device on a license. LicenseRefused: NOT_FOUND, DEVICE_LIMIT, REFUNDED, REVOKED, SUSPENDED."""
        answer = await self._about_key("activate", key, fingerprint=fingerprint, deviceName=device_name)
        return self._activated(answer)

    async def deactivate(self, key: str, fingerprint: str = "", device_id: str = "") -> Activated:
        """Take a device off a license; one that is not on it is off it too."""
        answer = await self._about_key("deactivate", key, fingerprint=fingerprint, deviceId=device_id)
        return self._activated(answer)

    async def devices(self, key: str, fingerprint: str = "") -> tuple[OnLicense, ...]:
        """The devices of a license."""
        said = self._good(await self._about_key("devices", key, fingerprint=fingerprint), wire.DevicesSaid)
        return tuple(
            OnLicense(one.device_id, one.device_name or "", one.last_seen or one.activated_at, one.this_device)
            for one in said.devices
        )

    async def public_key(self) -> str:
        """The key (base64) that this server signs with."""
        return self._good(await self._ask("GET", "/api/license/public-key"), wire.PublicKeySaid).public_key

    # --- one call

    async def _about_key(self, what: str, key: str, **fields: str) -> _Answer:
        given = {name: value for name, value in fields.items() if value}
        return await self._ask("POST", f"/api/license/{what}", {"licenseKey": key, **given})

    def _activated(self, answer: _Answer) -> Activated:
        said = self._good(answer, wire.ActivatedSaid)
        return Activated(
            said.activations_used, said.max_activations, said.token or "", said.license_key or "", answer.at
        )

    async def _ask(
        self, method: str, path: str, send: object = None, query: Mapping[str, str] | None = None
    ) -> _Answer:
        """One call. A connection that was kept open and is gone is tried once more: every call may be repeated."""
        try:
            async with asyncio.timeout(self._seconds):
                try:
                    return await self._once(method, path, send, query)
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    return await self._once(method, path, send, query)
        except (TimeoutError, httpx.TimeoutException):
            raise LicenseUnreachable("The license server takes too long to answer.", sent=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            sent = not isinstance(error, (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL))
            raise LicenseUnreachable("The license server cannot be reached.", sent=sent) from None
        except LicenseUnreachable:
            raise
        except OavrError as error:  # a proxy that is no use
            raise LicenseUnreachable(error.message) from None

    async def _once(self, method: str, path: str, send: object, query: Mapping[str, str] | None) -> _Answer:
        if self._client is None:
            loopback = urlsplit(self._base).hostname in _THIS_COMPUTER
            limits = httpx.Timeout(self._seconds)
            self._client = open_client({"accept": "application/json"}, limits, loopback=loopback)
        content = None if send is None else json.dumps(send).encode()
        headers = {} if content is None else {"content-type": "application/json"}
        async with self._client.stream(
            method, self._base + path, params=query, content=content, headers=headers
        ) as response:
            body = await bounded_body(response, _LARGEST)
            if body is None:
                raise _unusable()
            at, wait = _time_of(response.headers.get("date", "")), _pause_of(response.headers.get("retry-after", ""))
            return _Answer(response.status_code, body, at, wait)

    def _good(self, answer: _Answer, kind: type[T]) -> T:
        if answer.status == 429:
            raise LicenseBusy("The license server was asked too often, and wants a pause.", answer.wait)
        if answer.status not in (200, 400, 403, 404, 409):
            raise _unusable()
        try:
            if answer.status == 200:
                return wire.parse(kind, answer.body)
            refusal = wire.parse(wire.RefusalSaid, answer.body)
        except wire.Malformed:
            raise _unusable() from None
        raise _refused(refusal)


def _refused(said: wire.RefusalSaid) -> LicenseRefused | LicenseUnreachable:
    full = _OLD_FULL.fullmatch(said.error)
    reason = said.code or _OLD_WORDS.get(said.error, "DEVICE_LIMIT" if full else "")
    if reason == "DEVICE_LIMIT":
        return LicenseRefused(too_many_devices(int(full[1]) if full else 0), reason)
    if reason not in SENTENCES:  # nobody has said no
        return _unusable()
    return LicenseRefused(SENTENCES[reason], reason)


def _unusable() -> LicenseUnreachable:
    return LicenseUnreachable(
        "What answers at the license server's address is no license server at the moment.", sent=True
    )


def _pause_of(told: str) -> float:
    """Seconds, from a number of them; a date is as good as nothing."""
    seconds = float(told) if told.isascii() and told.isdigit() and len(told) < 10 else _PAUSE
    return min(max(seconds, 1.0), _LONGEST_PAUSE)


def _time_of(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() if date else 0.0
    except (ValueError, OverflowError):
        return 0.0
