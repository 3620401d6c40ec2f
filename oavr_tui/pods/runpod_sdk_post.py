"""What takes the place of `requests` inside the SDK: it sends the SDK's queries, with address, key and bounds of ours.

Loads requests; import it lazily, in a thread. What the SDK alone would do wrongly:
1. It takes the key from a variable of the whole process, so two accounts at once get mixed up: 51 of 400 requests
   of two threads carried the other's key. Here the key is the one of the call that the thread is on.
2. A ~/.netrc entry for the host replaces the key. Here it does not. Proxies of the environment are honored, but never
   on the way to this computer itself.
3. Its 30 seconds are between two bytes; an answer may be of any size; a redirect would take the key along. Here not.
4. It loses the status: here 402, 403, 404, 410 and 429 are told apart, and whether a change may have been done.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError

from oavr_tui.errors import OavrError, Unreachable
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.runpod_address import is_loopback
from oavr_tui.pods.runpod_sdk_thread import Errand, errand_here

LARGEST_ANSWER = 8_000_000
"""Bytes. An account's whole list of pods is some 2 kB for each."""

CONNECT_WITHIN = 10.0
"""Seconds until a connection stands."""

_PIECE = 16_384
_PAUSE_UNSAID = 30.0
_BAD_PROXY = (
    "The proxy that this computer's environment names cannot be used. Set HTTPS_PROXY to an http:// proxy, or unset it."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the SDK looks at of an answer: its status and its JSON, which is an object."""

    status_code: int
    document: dict[str, Any]

    def json(self) -> dict[str, Any]:
        return self.document


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Post:
    """Has the one function of `requests` that the SDK uses."""

    def post(self, _url: str, *, headers: dict[str, str], data: str, **_others: object) -> Answer:
        """Send a query of the SDK's. Raises an OavrError wherever the answer is none that the SDK could judge itself.

        The address and the key that the SDK made are left aside: both come from the call that this thread is on.
        """
        errand = errand_here()
        query = json.loads(data)["query"].lstrip()
        kept = {"Content-Type": "application/json", "User-Agent": headers.get("User-Agent", "oavr-tui")}
        errand.may_send(change=query.startswith("mutation"))
        status, pause, body = _sent(errand, kept, data)
        errand.status = status
        return _judged(errand, status, pause, body)


def _sent(errand: Errand, headers: dict[str, str], data: str) -> tuple[int, str, bytes]:
    """Status, Retry-After and body of an answer. Raises Unreachable, or Unclear where a change may have arrived."""
    failure: OavrError
    try:
        return _exchanged(errand, headers, data)
    except requests.exceptions.SSLError as error:
        # Only a certificate is refused before anything was sent.
        unsent = "CERTIFICATE_VERIFY_FAILED" in str(error)
        failure = say.not_trusted() if unsent else errand.lost(say.broken_off())
    except requests.exceptions.ConnectionError as error:
        failure = _not_connected(error) or errand.lost(say.broken_off())
    except requests.exceptions.Timeout:
        failure = errand.lost(say.silent())
    except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL):
        failure = Unreachable(_BAD_PROXY, can_retry=False)
    except (requests.exceptions.RequestException, OSError, ValueError):
        failure = errand.lost(say.broken_off())
    raise failure


def _exchanged(errand: Errand, headers: dict[str, str], data: str) -> tuple[int, str, bytes]:
    until = time.monotonic() + errand.answer_within
    with requests.Session() as session:
        session.auth = _Bearer(errand.key)
        session.trust_env = not is_loopback(urlsplit(errand.base).hostname or "")
        with session.post(
            f"{errand.base}/graphql",
            headers=headers,
            data=data.encode(),
            timeout=(min(CONNECT_WITHIN, errand.answer_within), errand.answer_within),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = bytearray()
            for piece in response.iter_content(_PIECE):
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise ValueError("too large")
                if time.monotonic() > until:
                    raise requests.exceptions.ReadTimeout
            return response.status_code, response.headers.get("Retry-After", ""), bytes(body)


def _not_connected(error: requests.exceptions.ConnectionError) -> OavrError | None:
    """The error where no connection was made at all, so that nothing can have arrived; None where one was."""
    if isinstance(error, requests.exceptions.ProxyError):
        return say.not_runpod()
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NameResolutionError):
        return say.not_found()
    return say.silent() if isinstance(reason, ConnectTimeoutError) else None


def _judged(errand: Errand, status: int, pause: str, body: bytes) -> Answer:
    """The answer as the SDK takes it; raises where its status or shape says enough."""
    document = _object(body)
    if status == 401:
        return Answer(status, {})
    if status == 429:
        raise say.slower(_seconds(pause))
    if status == 402:
        raise say.no_funds()
    if document is not None and document.get("errors"):
        if errand.sent and _done_in_part(document):
            raise errand.lost(say.in_trouble())
        return Answer(status, document)
    if status in (404, 410):
        raise say.api_gone()
    if status == 403 and document is not None:
        raise say.may_not_look() if errand.verb is None else say.may_not_change(errand.verb)
    if status >= 500:
        raise errand.lost(say.in_trouble())
    if document is None or status >= 300:
        raise errand.lost(say.not_runpod())
    return Answer(status, document)


def _done_in_part(document: dict[str, Any]) -> bool:
    """Whether an answer with errors also has a result, as GraphQL allows."""
    data = document.get("data")
    return isinstance(data, dict) and any(value is not None for value in data.values())


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _seconds(pause: str) -> float:
    """Retry-After in its form of seconds; RunPod does not use the form of a date."""
    return float(pause) if pause.isdecimal() and len(pause) < 10 else _PAUSE_UNSAID
