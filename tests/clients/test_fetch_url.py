"""Pictures and voices from an address: bounded, followed with care, and nothing left behind on failure."""

from __future__ import annotations

import asyncio
import gzip
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from oavr_tui.clients.fetch_url import fetch_url
from oavr_tui.errors import BadInput, OavrError, Unreachable

CONTENT = os.urandom(200_000)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def gives(body: bytes, status: int = 200, **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


async def test_a_file(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    async with serving(gives(CONTENT)) as base:
        await fetch_url(base + "/a.png?x=1", tmp_path / "a", max_bytes=200_000, on_progress=lambda *at: told.append(at))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert told[-1] == (200_000, 200_000)


async def test_too_large_by_its_header_and_by_its_bytes(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65536))

    for handler in (gives(CONTENT), endless):
        async with serving(handler) as base:
            with pytest.raises(BadInput, match="larger than"):
                await fetch_url(base, tmp_path / "a", max_bytes=199_999)
        assert not (tmp_path / "a").exists()


async def test_compressed_all_the_same(tmp_path: Path) -> None:
    async with serving(gives(gzip.compress(CONTENT), content_encoding="gzip")) as base:
        await fetch_url(base, tmp_path / "a", max_bytes=200_000)
    assert (tmp_path / "a").read_bytes() == CONTENT


async def test_a_small_body_that_grows(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(60_000_000), 1)
    async with serving(gives(bomb, content_encoding="gzip")) as base:
        tracemalloc.start()
        try:
            with pytest.raises(BadInput, match="larger than"):
                await fetch_url(base, tmp_path / "a", max_bytes=2_000_000)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert not (tmp_path / "a").exists()
    assert peak < 8_000_000, "it is unpacked in pieces of a bounded size"


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [(b"abc", "gzip", BadInput), (b"abc", "br", BadInput), (gzip.compress(CONTENT)[:1000], "gzip", Unreachable)],
)
async def test_damaged_or_unknown_compression(
    tmp_path: Path, body: bytes, encoding: str, error: type[OavrError]
) -> None:
    async with serving(gives(body, content_encoding=encoding)) as base:
        with pytest.raises(error):
            await fetch_url(base, tmp_path / "a", max_bytes=1_000_000)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("status", "error"), [(404, BadInput), (410, BadInput), (403, BadInput), (429, Unreachable), (503, Unreachable)]
)
async def test_statuses(tmp_path: Path, status: int, error: type[OavrError]) -> None:
    async with serving(gives(b"raw secret body", status)) as base:
        with pytest.raises(error) as caught:
            await fetch_url(base.replace("http://", "http://u:pw@") + "/f?token=t0p", tmp_path / "a", max_bytes=10)
    assert "raw" not in caught.value.message and "t0p" not in caught.value.message and "pw" not in caught.value.message


async def test_a_web_page_and_nothing_at_all(tmp_path: Path) -> None:
    async with serving(gives(b"<html>", content_type="text/html; charset=utf-8")) as base:
        with pytest.raises(BadInput, match="is a web page"):
            await fetch_url(base, tmp_path / "a", max_bytes=100)
    async with serving(gives(b"")) as base:
        with pytest.raises(BadInput, match="is empty"):
            await fetch_url(base, tmp_path / "a", max_bytes=100)
    assert not (tmp_path / "a").exists()


def counting_down(left: int) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        at = int(request.path.strip("/") or 0)
        if at >= left:
            return web.Response(body=CONTENT)
        return web.Response(status=302, headers={"location": f"/{at + 1}"})

    return answer


async def test_redirects(tmp_path: Path) -> None:
    async with serving(counting_down(5)) as base:
        await fetch_url(base, tmp_path / "a", max_bytes=200_000)
    assert (tmp_path / "a").read_bytes() == CONTENT
    async with serving(counting_down(6)) as base:
        with pytest.raises(BadInput, match="without end"):
            await fetch_url(base, tmp_path / "b", max_bytes=200_000)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("location", "error"),
    [("file:///etc/passwd", BadInput), ("ftp://h/x", BadInput), ("gopher:x", BadInput), ("http://[::1", Unreachable)],
)
async def test_redirects_elsewhere(tmp_path: Path, location: str, error: type[OavrError]) -> None:
    async with serving(gives(b"", 302, location=location)) as base:
        with pytest.raises(error):
            await fetch_url(base, tmp_path / "a", max_bytes=10)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "http://", "http://[::1", "not an address", ""])
async def test_addresses_that_are_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput):
        await fetch_url(url, tmp_path / "a", max_bytes=10)


async def test_broken_off_silent_and_absent(tmp_path: Path) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "1000"})
        await response.prepare(request)
        await response.write(b"abc")
        assert request.transport is not None
        request.transport.close()
        return response

    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    for handler in (break_off, silent):
        async with serving(handler) as base:
            with pytest.raises(Unreachable):
                await fetch_url(base, tmp_path / "a", max_bytes=10_000, timeout=0.3)
        assert not (tmp_path / "a").exists()
    with pytest.raises(Unreachable, match="cannot be reached"):
        await fetch_url(base, tmp_path / "a", max_bytes=10_000)


async def test_the_deadline_and_a_cancel_leave_nothing(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        started.set()
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    async with serving(drip) as base:
        with pytest.raises(Unreachable, match="took too long"):
            await fetch_url(base, tmp_path / "a", max_bytes=10_000, deadline=0.3)
        assert not (tmp_path / "a").exists()
        started.clear()
        task = asyncio.create_task(fetch_url(base, tmp_path / "a", max_bytes=10_000))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not (tmp_path / "a").exists()


async def test_no_folder_to_save_in(tmp_path: Path) -> None:
    async with serving(gives(CONTENT)) as base:
        with pytest.raises(BadInput, match="Nothing can be saved"):
            await fetch_url(base, tmp_path / "none" / "a", max_bytes=1_000_000)
