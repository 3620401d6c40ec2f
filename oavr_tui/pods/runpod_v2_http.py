"""HTTP to RunPod's REST API: one key, deadlines, bounded answers, and whether a request that failed may have arrived.

Loads httpx; import it lazily.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from oavr_tui.clients.http_client import bounded_body, open_client
from oavr_tui.errors import BadInput, Unreachable
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.runpod_address import checked_base, is_loopback

LARGEST_ANSWER = 8_000_000
"""Bytes. An account's whole list of pods is some 2 kB for each."""

_PARSE_ASIDE = 500_000
_LONGEST_KEY = 256
_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. connect: until a connection stands. answer: of a whole question and its answer. change: of a request to
    create, start, stop or delete, which RunPod may take long for. silence: between two pieces of a log."""

    connect: float = 10.0
    answer: float = 30.0
    change: float = 60.0
    silence: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers with lower-case names, body of a bounded size, and its JSON.

    document is None where the body is no JSON (said_json is then False) and where it is JSON's null.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Any = None
    said_json: bool = False


class Failed(Exception):
    """No usable answer. error: what a person is told of a question. may_have_arrived: RunPod may have got it."""

    def __init__(self, error: Unreachable, *, may_have_arrived: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.may_have_arrived = may_have_arrived


def checked_key(key: str) -> str:
    """The key without surrounding spaces; raises NoKey where it is none or cannot be one."""
    stripped = key.strip()
    if not stripped:
        raise say.no_key_yet()
    if len(stripped) > _LONGEST_KEY or not _KEY.fullmatch(stripped):
        raise say.wrong_key()
    return stripped


class RunPodHttp:
    """Requests to RunPod with one key. No redirect is followed, so the key goes nowhere else."""

    def __init__(self, key: str, base: str, user_agent: str, deadlines: Deadlines) -> None:
        self._base = checked_base(base)
        try:
            loopback = is_loopback(httpx.URL(self._base).host)
        except httpx.InvalidURL:
            raise BadInput("RunPod's address cannot be read. It begins with https://.") from None
        self._deadlines = deadlines
        headers = {
            "authorization": f"Bearer {checked_key(key)}",
            "user-agent": user_agent,  # requests without a name of their own are turned away at RunPod's door
        }
        limits = httpx.Timeout(deadlines.change, connect=deadlines.connect, pool=deadlines.connect)
        self._client = open_client(headers, limits, loopback=loopback)

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self, path: str, params: Mapping[str, str] | None = None, *, method: str = "GET", send: object = None
    ) -> Answer:
        """A request and its whole answer, whatever its status. Raises Failed where none came in time."""
        deadline = self._deadlines.answer if method == "GET" else self._deadlines.change
        content = None if send is None else json.dumps(send, allow_nan=False).encode()
        headers = {"accept": "application/json"} | ({} if content is None else {"content-type": "application/json"})
        try:
            async with (
                asyncio.timeout(deadline),
                self._stream(method, path, params=params, content=content, headers=headers) as response,
            ):
                return await self.whole(response)
        except TimeoutError:
            raise Failed(say.silent(), may_have_arrived=True) from None

    @asynccontextmanager
    async def listen(self, path: str, params: Mapping[str, str], after: str) -> AsyncIterator[httpx.Response]:
        """An answer that goes on, read piece by piece; after: the id of the last event had, or empty.

        Raises Failed when there is no connection, and when it ends otherwise than by its end.
        """
        headers = {"accept": "text/event-stream", "cache-control": "no-cache"}
        if after:
            headers["last-event-id"] = after
        limits = httpx.Timeout(self._deadlines.silence, connect=self._deadlines.connect)
        async with self._stream("GET", path, params=params, headers=headers, timeout=limits) as response:
            yield response

    async def whole(self, response: httpx.Response) -> Answer:
        """What was listened to as a whole answer, where it is none that goes on. Raises Failed."""
        try:
            async with asyncio.timeout(self._deadlines.answer):
                body = await bounded_body(response, LARGEST_ANSWER)
        except TimeoutError:
            raise Failed(say.silent(), may_have_arrived=True) from None
        if body is None:
            raise Failed(say.not_runpod(), may_have_arrived=True)
        return await _with_json(Answer(response.status_code, response.headers, body))

    @asynccontextmanager
    async def _stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str],
        timeout: httpx.Timeout | None = None,
    ) -> AsyncIterator[httpx.Response]:
        request = self._client.build_request(
            method,
            self._base + path,
            params=params,
            content=content,
            headers=dict(headers),
            timeout=self._client.timeout if timeout is None else timeout,
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise Failed(_no_connection(error), may_have_arrived=False) from None
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Failed(say.silent(), may_have_arrived=False) from None
        except httpx.TimeoutException:
            raise Failed(say.silent(), may_have_arrived=True) from None
        except (httpx.HTTPError, httpx.InvalidURL):  # the latter for what a redirect's header may hold
            raise Failed(say.broken_off(), may_have_arrived=True) from None


async def _with_json(answer: Answer) -> Answer:
    """The answer with its JSON, where it is JSON."""
    try:
        if len(answer.body) > _PARSE_ASIDE:
            document = await asyncio.to_thread(json.loads, answer.body)
        else:
            document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return answer
    return Answer(answer.status, answer.headers, answer.body, document, said_json=True)


def _no_connection(error: httpx.TransportError) -> Unreachable:
    reason = str(error).lower()
    if "certificate" in reason:
        return say.not_trusted()
    if any(sign in reason for sign in ("name or service", "getaddrinfo", "nodename", "name resolution")):
        return say.not_found()
    return say.silent()
