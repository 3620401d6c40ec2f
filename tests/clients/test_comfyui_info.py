"""Is a server there, is it ComfyUI, and what does it say of itself."""

from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import web

from oavr_tui.clients.comfyui import ComfyUI
from oavr_tui.clients.comfyui_http import parse_address
from oavr_tui.errors import BadInput, Rejected, Unreachable
from tests.clients.scripted import FAST, TROUBLE, Scripted, recorded_body, running, says


async def test_info_of_either_generation(either: Scripted, comfy_either: ComfyUI) -> None:
    info = await comfy_either.info()
    assert info.version == "0.33.0"
    assert info.vram_total == 0, "a server without a graphics card reports the computer's memory"
    assert info.device == "cpu"
    assert info.max_upload_size == 104857600
    assert info.has_jobs_api is either.new


async def test_info_of_a_graphics_card(server: Scripted, comfy: ComfyUI) -> None:
    card = {"name": "cuda:0 NVIDIA \x1b[31mRTX 4090", "type": "cuda", "index": 0, "vram_total": 25393692672}
    server.script("GET", "/system_stats", says({"system": {"comfyui_version": "0.3.64"}, "devices": [card]}))
    server.script("GET", "/features", says({"max_upload_size": 1048576.0}))
    info = await comfy.info()
    assert (info.vram_total, info.device) == (25393692672, "cuda:0 NVIDIA RTX 4090")
    assert info.max_upload_size == 1048576, "the size may come as a float"


async def test_no_features_and_a_page_for_unknown_paths(server: Scripted, comfy: ComfyUI) -> None:
    server.script("GET", "/features", says(None, 404))
    server.script("GET", "/api/jobs", says("<!doctype html><title>ComfyUI</title>"))
    info = await comfy.info()
    assert info.max_upload_size is None
    assert info.has_jobs_api is False


@pytest.mark.parametrize(
    ("body", "status", "error", "word"),
    [
        ("<html>Bad gateway</html>", 502, Unreachable, "gives no answer (status 502)"),
        ("", 504, Unreachable, "gives no answer"),
        (TROUBLE, 500, Unreachable, "gives no answer"),
        ("<html>hello</html>", 200, Unreachable, "not as ComfyUI does"),
        ({"ok": True}, 200, Unreachable, "not as ComfyUI does"),
        ({"system": {}, "devices": []}, 200, Unreachable, "not as ComfyUI does"),
        ([1], 200, Unreachable, "not as ComfyUI does"),
        (None, 404, Unreachable, "not as ComfyUI does"),
        (None, 401, Rejected, "asks for a name and a password"),
        (None, 403, Rejected, "refuses access"),
        (None, 302, Rejected, "another address"),
    ],
)
async def test_not_any_answer_is_a_ready_server(
    server: Scripted, comfy: ComfyUI, body: object, status: int, error: type[Exception], word: str
) -> None:
    server.script("GET", "/system_stats", says(body, status))
    with pytest.raises(error, match=r"127\.0\.0\.1") as caught:
        await comfy.info()
    assert word in str(caught.value)


async def test_nothing_listens() -> None:
    async with running(Scripted()) as server:
        base = server.base
    async with ComfyUI(base, client_id="c", timings=FAST) as client:
        with pytest.raises(Unreachable, match="does not answer"):
            await client.info()


async def test_a_silent_server_is_given_up_in_time(server: Scripted) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    from dataclasses import replace

    server.script("GET", "/system_stats", never)
    async with ComfyUI(server.base, client_id="c", timings=replace(FAST, answer=0.1)) as client:
        with pytest.raises(Unreachable, match="took too long"):
            await client.info()


async def test_an_endless_answer_is_cut_off(server: Scripted, comfy: ComfyUI) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 1_000_000)

    server.script("GET", "/system_stats", endless)
    with pytest.raises(Unreachable, match="cannot be used"):
        await comfy.info()


async def test_a_compressed_answer_is_refused(server: Scripted, comfy: ComfyUI) -> None:
    async def packed(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"content-encoding": "gzip"})

    server.script("GET", "/system_stats", packed)
    with pytest.raises(Unreachable, match="cannot be used"):
        await comfy.info()


async def test_prefix_password_and_no_origin(server: Scripted) -> None:
    url = server.base.replace("http://", "http://me:p%40ss@") + "/prefix/"
    async with ComfyUI(url, client_id="c", timings=FAST) as client:
        await client.info()
        server.script("GET", "/queue", says(None, 401))
        with pytest.raises(Rejected) as caught:
            await client.find("0" * 8)
    assert "p@ss" not in str(caught.value) and "p%40ss" not in str(caught.value)
    first = server.seen[0]
    assert first.path == "/system_stats"
    assert first.headers["authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert "origin" not in first.headers


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8188",
        "ftp://host/",
        "http://",
        "http://[::1",
        "http://host:99999",
        "http://a b/",
        "http://h/?t=1",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(BadInput):
        ComfyUI(url, client_id="c")


def test_a_bad_address_does_not_show_its_password() -> None:
    with pytest.raises(BadInput) as caught:
        ComfyUI("http://me:secret@host/?token=secret", client_id="c")
    assert "secret" not in str(caught.value)


def test_address_forms() -> None:
    address = parse_address("https://[2001:db8::1]:8443/comfy//")
    assert address.base == "https://[2001:db8::1]:8443/comfy"
    assert address.socket == "wss://[2001:db8::1]:8443/comfy"
    assert not address.loopback
    assert parse_address("http://localhost:8188").loopback
    assert parse_address("http://127.0.0.1").loopback


async def test_object_info_both_known_and_unknown(server: Scripted, comfy: ComfyUI) -> None:
    known = recorded_body("01_info.json", "GET /object_info/LoadAudio")
    server.script("GET", "/object_info/LoadAudio", says(known))
    server.script("GET", "/object_info/NoSuchNode", says({}))
    found = await comfy.object_info("LoadAudio")
    assert found is not None and found["input"]["required"]["audio"][0] == "COMBO"
    assert await comfy.object_info("NoSuchNode") is None


def test_used_outside_its_block() -> None:
    client = ComfyUI("http://localhost", client_id="c")
    with pytest.raises(RuntimeError):
        asyncio.run(client.info())


async def test_a_redirect_to_nonsense(server: Scripted, comfy: ComfyUI) -> None:
    async def nonsense(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"location": "gopher:x"})

    server.script("GET", "/system_stats", nonsense)
    with pytest.raises(Unreachable):
        await comfy.info()


async def test_a_server_whose_address_is_nobodys_business(server: Scripted) -> None:
    server.script("GET", "/system_stats", says(None, 502))
    async with ComfyUI(server.base, client_id="one", called="studio-1") as comfy:
        with pytest.raises(Unreachable, match=r"^studio-1 is there, but") as caught:
            await comfy.info()
    assert "127.0.0.1" not in caught.value.message
