"""HTTP to one ComfyUI server: addresses, deadlines, bounded answers, and failures turned into sentences.

Loads httpx; import it lazily.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from oavr_tui.clients.comfyui_types import Timings
from oavr_tui.clients.http_client import bounded_body, open_client
from oavr_tui.errors import BadInput, Rejected, Unreachable
from oavr_tui.text import safe, safe_url

SMALL_ANSWER = 8_000_000
"""Bytes; the largest answer of a question about one thing."""
LARGE_ANSWER = 64_000_000
"""Bytes; the queue and the history carry whole graphs and tracebacks."""

_PARSE_ASIDE = 1_000_000
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 531)})


@dataclass(frozen=True, slots=True)
class Address:
    """A server's checked address. base ends without a slash and holds neither name nor password.

    called: what sentences call the server where its address is nobody's business; empty for the address itself.
    """

    base: str
    socket: str
    authorization: str | None
    loopback: bool
    called: str = ""

    @property
    def shown(self) -> str:
        return self.called or safe_url(self.base)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of a server: status, headers with lower-case names, body of a bounded size."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_address(url: str) -> Address:
    """Check a server's address: http or https, with an optional path before ComfyUI's own and user:password.

    Raises BadInput with a sentence that shows no password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        httpx.URL(url.strip())
    except (ValueError, httpx.InvalidURL):
        raise BadInput("The server's address cannot be read. Write it like http://192.168.1.20:8188.") from None
    if parts.scheme not in ("http", "https") or not host or any(ch.isspace() or ch < " " for ch in parts.netloc):
        raise BadInput("The server's address must begin with http:// or https://, like http://192.168.1.20:8188.")
    if parts.query or parts.fragment:
        raise BadInput(f"The address {safe_url(url)} must end before the ? or #: give the part in front of it.")
    where = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    path = parts.path.rstrip("/")
    socket_scheme = "wss" if parts.scheme == "https" else "ws"
    return Address(
        f"{parts.scheme}://{where}{path}", f"{socket_scheme}://{where}{path}", _authorization(parts), _is_loopback(host)
    )


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Http:
    """Requests to one server. No request carries an Origin header, which ComfyUI refuses on its own computer."""

    def __init__(self, address: Address, timings: Timings) -> None:
        self.address = address
        self._timings = timings
        headers = {} if address.authorization is None else {"authorization": address.authorization}
        limits = httpx.Timeout(timings.stall, connect=timings.connect)
        self._client = open_client(headers, limits, loopback=address.loopback)

    async def close(self) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        limit: int = SMALL_ANSWER,
        send_json: object = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """A small request and its whole answer, whatever its status, within the deadline for an answer.

        limit: bytes of the body. Raises Unreachable when there is no answer, or one that is too large.
        """
        content = None if send_json is None else json.dumps(send_json, allow_nan=False).encode()
        headers = {} if content is None else {"content-type": "application/json"}
        try:
            async with (
                asyncio.timeout(self._timings.answer),
                self.stream(method, path, params=params, content=content, headers=headers) as response,
            ):
                body = await read_bounded(response, limit)
                return Answer(response.status_code, response.headers, body)
        except TimeoutError:
            raise Unreachable(f"{self.address.shown} took too long to answer.") from None

    async def get_json(self, path: str, *, limit: int = SMALL_ANSWER, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a question. Raises Unreachable for every other answer, Rejected where a sign-in is asked for."""
        answer = await self.request("GET", path, limit=limit, params=params)
        if answer.status != 200:
            raise self.unusable(answer.status)
        return await self.parse(answer)

    async def parse(self, answer: Answer) -> Any:
        """The JSON of an answer; Unreachable where it is none, as from a proxy's page in the server's place."""
        try:
            if len(answer.body) > _PARSE_ASIDE:
                return await asyncio.to_thread(json.loads, answer.body)
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise self.not_comfyui() from None

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """A request whose answer is read piece by piece; each piece has its own deadline (stall).

        Raises Unreachable when the connection fails, at whatever point.
        """
        request = self._client.build_request(
            method, self.address.base + path, params=params, content=content, headers=dict(headers or {})
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.ConnectError as error:
            raise Unreachable(self._connect_sentence(error)) from None
        except httpx.TimeoutException:
            raise Unreachable(f"{self.address.shown} took too long to answer.") from None
        except (httpx.TransportError, httpx.InvalidURL):  # the latter for what a redirect may hold
            raise Unreachable(f"The connection to {self.address.shown} broke off.") from None

    def unusable(self, status: int) -> Unreachable | Rejected:
        """The error for an answer with this status where an ordinary one was expected."""
        shown = self.address.shown
        if status in (401, 407):
            return Rejected(
                f"{shown} asks for a name and a password, or for a token. The former go into its address, "
                "https://name:password@…; a token is given with 'oavr-tui pods add --token'."
            )
        if status == 403:
            return Rejected(f"{shown} refuses access. Check its address, and who may use it.")
        if 300 <= status < 400:
            return Rejected(f"{shown} sends visitors on to another address. Use that one instead.")
        if status in _TEMPORARY:
            return Unreachable(f"{shown} is there, but ComfyUI behind it gives no answer (status {status}).")
        return self.not_comfyui()

    def not_comfyui(self) -> Unreachable:
        return Unreachable(
            f"{self.address.shown} answers, but not as ComfyUI does. Check the address, or wait if ComfyUI is starting."
        )

    def _connect_sentence(self, error: httpx.ConnectError) -> str:
        shown, reason = self.address.shown, str(error).lower()
        if "certificate" in reason:
            return f"The certificate of {shown} cannot be trusted, so nothing was sent. Check the address."
        if "name or service" in reason or "getaddrinfo" in reason or "nodename" in reason:
            return f"There is no computer called {safe(urlsplit(shown).hostname or shown)}. Check the address."
        return f"{shown} does not answer. Check that ComfyUI runs there and that the address is right."


async def read_bounded(response: httpx.Response, limit: int) -> bytes:
    """The whole body of an answer, as it came. Raises Unreachable over `limit` bytes, or when it is compressed."""
    body = await bounded_body(response, limit)
    if body is None:
        raise Unreachable(f"{safe_url(str(response.url))} sent an answer that cannot be used.")
    return body
