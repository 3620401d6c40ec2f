"""What every HTTP client of ours needs alike: a client that goes past proxies to this computer, and bounded answers.

Loads httpx; import it lazily.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from oavr_tui.errors import Unreachable


def open_client(headers: Mapping[str, str], limits: httpx.Timeout, *, loopback: bool) -> httpx.AsyncClient:
    """A client that asks for uncompressed answers. Raises Unreachable where the environment's proxy is unusable.

    loopback: it talks to this computer itself, for which no proxy of the environment is meant.
    """
    try:
        return httpx.AsyncClient(
            timeout=limits, headers={"accept-encoding": "identity", **headers}, trust_env=not loopback
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        raise Unreachable(
            "The proxy that this computer's environment names cannot be used. Set HTTPS_PROXY to an http:// proxy,"
            " or unset it.",
            can_retry=False,
        ) from None


async def bounded_body(response: httpx.Response, limit: int) -> bytes | None:
    """The whole body of an answer, as it came; None over `limit` bytes, or when it is compressed."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return None  # none was asked for; a small body could grow without bound
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)
