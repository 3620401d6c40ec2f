"""Sending files: streamed, within the server's limit, under the name that the server gives back."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from aiohttp import web

from oavr_tui.clients.comfyui import ComfyUI, UploadedFile
from oavr_tui.errors import BadInput, Rejected, Unreachable
from tests.clients.scripted import TROUBLE, Scripted, hang_up, says


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


async def test_upload_arrives_whole(server: Scripted, comfy: ComfyUI, voice: Path) -> None:
    told: list[tuple[int, int]] = []
    found = await comfy.upload(voice, name="voice.wav", subfolder="oavr/j1", on_progress=lambda *at: told.append(at))
    assert found.reference == "oavr/j1/voice.wav"
    assert server.uploads["oavr/j1/voice.wav"] == voice.read_bytes()
    assert server.asked("POST", "/upload/image")[0].body == {
        "overwrite": "true",
        "type": "input",
        "subfolder": "oavr/j1",
    }
    assert told[-1] == (1 << 20, 1 << 20) and [sent for sent, _ in told] == sorted(sent for sent, _ in told)


async def test_the_name_that_comes_back_counts(server: Scripted, comfy: ComfyUI, voice: Path) -> None:
    server.script("POST", "/upload/image", says({"name": "voice (1).wav", "subfolder": "j1", "type": "input"}))
    found = await comfy.upload(voice, name="voice.wav", subfolder="j1")
    assert found.reference == "j1/voice (1).wav"


def test_references() -> None:
    assert UploadedFile("a.png", "").reference == "a.png"
    assert UploadedFile("a.png", "x", "temp").reference == "x/a.png [temp]"


@pytest.mark.parametrize(
    "answer",
    [
        {"name": "../../etc/passwd", "subfolder": "", "type": "input"},
        {"name": "a.png", "subfolder": "../x", "type": "input"},
        {"name": "a.png", "subfolder": "/etc", "type": "input"},
        {"name": "a\x1b[2J.png", "subfolder": "", "type": "input"},
        {"name": "a\x00.png", "subfolder": "", "type": "input"},
        {"name": "", "subfolder": "", "type": "input"},
        {"name": 7},
        {},
        ["a.png"],
    ],
)
async def test_a_hostile_name_is_not_taken(server: Scripted, comfy: ComfyUI, voice: Path, answer: object) -> None:
    server.script("POST", "/upload/image", says(answer))
    with pytest.raises(Unreachable, match="not as ComfyUI does"):
        await comfy.upload(voice, name="voice.wav", subfolder="j1")


async def test_too_large_is_known_before_anything_is_sent(server: Scripted, comfy: ComfyUI, voice: Path) -> None:
    server.script("GET", "/features", says({"max_upload_size": float(1 << 20)}))
    with pytest.raises(BadInput, match=r"1\.0 MB"):
        await comfy.upload(voice, name="voice.wav", subfolder="j1")
    assert not server.asked("POST", "/upload/image"), "the file is exactly the limit; with its framing it is over"


async def test_the_limit_counts_the_framing_to_the_byte(server: Scripted, comfy: ComfyUI, voice: Path) -> None:
    await comfy.upload(voice, name="voice.wav", subfolder="j1")
    whole = int(server.asked("POST", "/upload/image")[0].headers["content-length"])
    server.script("GET", "/features", says({"max_upload_size": whole}), says({"max_upload_size": whole - 1}))
    await comfy.upload(voice, name="voice.wav", subfolder="j1")
    with pytest.raises(BadInput):
        await comfy.upload(voice, name="voice.wav", subfolder="j1")


async def test_413_is_told(server: Scripted, comfy: ComfyUI, voice: Path) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=413, text="Maximum request body size 104857600 exceeded.")

    server.script("GET", "/features", says(None, 404))
    server.script("POST", "/upload/image", refuse)
    with pytest.raises(BadInput, match="more than this server accepts"):
        await comfy.upload(voice, name="voice.wav", subfolder="j1")


async def test_a_connection_closed_in_the_middle_may_mean_too_large(
    server: Scripted, comfy: ComfyUI, voice: Path
) -> None:
    server.script("GET", "/features", says(None, 404))
    server.script("POST", "/upload/image", hang_up)
    with pytest.raises(Unreachable, match="may be too large"):
        await comfy.upload(voice, name="voice.wav", subfolder="j1")
    server.script("POST", "/upload/image", hang_up)
    with pytest.raises(Unreachable) as caught:
        await comfy.upload(voice, name="voice.wav", subfolder="j1")
    assert "too large" not in str(caught.value), "the server has said that it takes more than this"


@pytest.mark.parametrize(("body", "status"), [("", 400), (TROUBLE, 500)])
async def test_refusals_may_be_empty_or_plain_text(
    server: Scripted, comfy: ComfyUI, voice: Path, body: str, status: int
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, text=body)

    server.script("POST", "/upload/image", refuse)
    with pytest.raises(Rejected, match="did not accept the file"):
        await comfy.upload(voice, name="voice.wav", subfolder="j1")


async def test_a_file_that_shrinks_while_it_is_sent(server: Scripted, comfy: ComfyUI, voice: Path) -> None:
    def cut(sent: int, _: int) -> None:
        if sent < 1 << 20:
            voice.write_bytes(b"short")

    with pytest.raises(BadInput, match="became shorter"):
        await comfy.upload(voice, name="voice.wav", subfolder="j1", on_progress=cut)


async def test_a_file_that_is_not_there(comfy: ComfyUI, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        await comfy.upload(tmp_path / "none.wav", name="voice.wav", subfolder="j1")


@pytest.mark.parametrize(("name", "folder"), [("a/b.wav", "j"), ('a".wav', "j"), ("a.wav", "../j"), ("a\r\n.wav", "j")])
async def test_names_of_ours_are_plain(comfy: ComfyUI, voice: Path, name: str, folder: str) -> None:
    with pytest.raises(ValueError, match="plain ASCII"):
        await comfy.upload(voice, name=name, subfolder=folder)


async def test_the_file_is_never_in_memory_as_a_whole(server: Scripted, comfy: ComfyUI, tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(64 << 20)

    async def count(request: web.Request) -> web.StreamResponse:
        length = 0
        async for piece in request.content.iter_any():
            length += len(piece)
        return web.json_response({"name": "large.wav", "subfolder": str(length), "type": "input"})

    server.script("POST", "/upload/image", count)
    tracemalloc.start()
    try:
        found = await comfy.upload(large, name="large.wav", subfolder="j1")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert int(found.subfolder) > 64 << 20
    assert peak < 16 << 20, "both ends together hold a few pieces, not the file"
