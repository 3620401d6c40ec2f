"""Fetching a picture or a voice from an http(s) address that a person gave. Loads httpx; import it lazily."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import httpx

from oavr_tui.clients.disk import disk_error
from oavr_tui.errors import BadInput, Unreachable
from oavr_tui.text import safe, safe_url, size

MOST_REDIRECTS = 5

_PIECE = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY = frozenset({408, 425, 429, *range(500, 600)})
_ANY_ZLIB = 47  # zlib.decompressobj: the largest window, and either gzip's or zlib's header

OnProgress = Callable[[int, int | None], None]


async def fetch_url(
    url: str,
    target: Path,
    *,
    max_bytes: int,
    timeout: float = 30.0,
    deadline: float = 900.0,
    on_progress: OnProgress | None = None,
) -> None:
    """Save what an address holds as `target`, which is removed again when that fails.

    max_bytes: of the file, after any decompression. timeout: seconds to connect, and without a byte. deadline: seconds
    for all of it. on_progress(bytes so far, bytes in all or None). At most five redirects are followed, to http(s)
    addresses only. Raises BadInput (not a usable address, nothing there, too large, a web page), Unreachable, DiskFull.
    """
    shown = safe_url(url)
    first = _checked_url(url, shown)
    try:
        async with asyncio.timeout(deadline):
            await _fetch(first, shown, target, max_bytes, timeout, on_progress)
    except TimeoutError:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise Unreachable(f"Fetching {shown} took too long. Download it yourself and choose the file.") from None
    except OSError as error:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise disk_error(error, target) from None
    except BaseException:
        target.unlink(missing_ok=True)  # at once: this may be a cancellation, which waits for nothing
        raise


async def _fetch(
    url: httpx.URL, shown: str, target: Path, max_bytes: int, timeout: float, on_progress: OnProgress | None
) -> None:
    try:
        async with httpx.AsyncClient(timeout=timeout, headers={"accept-encoding": "identity"}) as client:
            for _ in range(MOST_REDIRECTS + 1):
                async with client.stream("GET", url) as response:
                    if response.status_code not in _REDIRECTS:
                        _check(response, shown, max_bytes)
                        await _save(response, shown, target, max_bytes, on_progress)
                        return
                    url = _next_url(response, shown)
    except httpx.TimeoutException:
        raise Unreachable(f"{shown} stopped answering. Try again, or download it and choose the file.") from None
    except httpx.InvalidURL:
        raise BadInput(f"{shown} leads to an address that cannot be read.") from None
    except (httpx.TransportError, ImportError):
        raise Unreachable(f"{shown} cannot be reached. Check the address and the connection.") from None
    raise BadInput(f"{shown} leads from one address to another without end. Use the address of the file itself.")


def _checked_url(url: str, shown: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError):
        raise BadInput(f"{shown} is not an address that can be read.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadInput(f"{shown} is not an address of a file: it must begin with http:// or https://.")
    return parsed


def _next_url(response: httpx.Response, shown: str) -> httpx.URL:
    try:
        found = response.url.join(response.headers.get("location", ""))
    except (httpx.InvalidURL, ValueError):
        raise BadInput(f"{shown} leads to an address that cannot be read.") from None
    if found.scheme not in ("http", "https") or not found.host:
        raise BadInput(f"{shown} leads to something other than a web address, which is not followed.")
    return found


def _check(response: httpx.Response, shown: str, max_bytes: int) -> None:
    status = response.status_code
    if status in (401, 402, 403, 407):
        raise BadInput(f"{shown} is not open to everyone. Download it yourself and choose the file.")
    if status in _TEMPORARY:
        raise Unreachable(f"{shown} cannot be had at the moment (status {status}). Try again later.")
    if status != 200:
        raise BadInput(f"There is no file at {shown} (status {status}). Check the address.")
    if response.headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml")):
        raise BadInput(f"{shown} is a web page, not a picture or a voice. Use the address of the file itself.")
    if _is_plain(response) and (_content_length(response) or 0) > max_bytes:
        raise _too_large(shown, max_bytes)


async def _save(
    response: httpx.Response, shown: str, target: Path, max_bytes: int, on_progress: OnProgress | None
) -> None:
    total = _content_length(response) if _is_plain(response) else None
    have = 0
    file: BinaryIO = await asyncio.to_thread(target.open, "wb")
    try:
        async for piece in _plain_pieces(response, shown):
            have += len(piece)
            if have > max_bytes:
                raise _too_large(shown, max_bytes)
            await asyncio.to_thread(file.write, piece)
            if on_progress is not None:
                on_progress(have, total)
    finally:
        await asyncio.to_thread(file.close)
    if have == 0:
        raise BadInput(f"The file at {shown} is empty.")


async def _plain_pieces(response: httpx.Response, shown: str) -> AsyncIterator[bytes]:
    """The body without its compression, in pieces of a bounded size, however small the body was made."""
    if _is_plain(response):
        async for piece in response.aiter_raw():
            yield piece
        return
    encoding = response.headers["content-encoding"].lower()
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadInput(f"{shown} comes in a compression ({safe(encoding, 30)}) that cannot be read.")
    inflater = zlib.decompressobj(_ANY_ZLIB)
    try:
        async for packed in response.aiter_raw():
            while packed:
                yield inflater.decompress(packed, _PIECE)
                packed = inflater.unconsumed_tail
        if not inflater.eof:
            raise Unreachable(f"The connection to {shown} broke off. Try again.")
    except zlib.error:
        raise BadInput(f"What {shown} sends is damaged.") from None


def _is_plain(response: httpx.Response) -> bool:
    encoding: str = response.headers.get("content-encoding", "identity")
    return encoding.lower() == "identity"


def _content_length(response: httpx.Response) -> int | None:
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _too_large(shown: str, max_bytes: int) -> BadInput:
    return BadInput(f"The file at {shown} is larger than {size(max_bytes)}, which is more than is used here.")
