"""Bringing a file home: whole, the right one, going on where it broke off, and never where the server says."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from oavr_tui.clients.comfyui import ComfyUI, choose_video
from oavr_tui.clients.comfyui_wire import outputs_of
from oavr_tui.errors import BadInput, DiskFull, Lost, Rejected, Unreachable
from oavr_tui.models import OutputFile
from tests.clients.scripted import FAST, Handler, Scripted, hang_up, recorded_body, says
from tests.limits import files_no_larger_than

CONTENT = os.urandom(300_000)
OTHER = os.urandom(280_000)
OUTPUT = OutputFile("v_00001-audio.mp4", "oavr", "output")


@pytest.fixture
def target(tmp_path: Path, server: Scripted) -> Path:
    server.files["oavr/v_00001-audio.mp4"] = CONTENT
    return tmp_path / "video.part"


def breaks_off(content: bytes, after: int, etag: str | None) -> Handler:
    """Promises the whole content and closes the connection after a part of it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        first = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        response = web.StreamResponse(status=206 if first else 200)
        response.content_type = "video/mp4"
        response.content_length = len(content) - first
        if first:
            response.headers["content-range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if etag is not None:
            response.headers["etag"] = etag
        await response.prepare(request)
        await response.write(content[first : first + after])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


def left_over(target: Path) -> Path:
    return target.with_name(target.name + ".etag")


async def test_whole(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    await comfy.fetch(OUTPUT, target, on_progress=lambda *at: told.append(at))
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert not left_over(target).exists()


async def test_goes_on_where_it_broke_off(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    server.script("GET", "/view", breaks_off(CONTENT, 100_000, server.etag), breaks_off(CONTENT, 50_000, server.etag))
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    asked = [each.headers.get("range") for each in server.asked("GET", "/view")]
    assert asked == [None, "bytes=100000-", "bytes=150000-"]
    assert server.asked("GET", "/view")[1].headers["if-range"] == server.etag


async def test_goes_on_in_another_life(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    target.write_bytes(CONTENT[:123_456])
    left_over(target).write_text(json.dumps({"etag": server.etag, "total": len(CONTENT)}))
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert server.asked("GET", "/view")[0].headers["range"] == "bytes=123456-"


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5])
async def test_a_whole_part_is_confirmed(server: Scripted, comfy: ComfyUI, target: Path, length: int) -> None:
    target.write_bytes((CONTENT + b"extra")[:length])
    left_over(target).write_text(json.dumps({"etag": server.etag, "total": len(CONTENT)}))
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert len(server.asked("GET", "/view")) == 1


@pytest.mark.parametrize(
    "mark", ["", "{", "[]", '{"etag": "a", "total": 3}', '{"etag": "\\"a\\"", "total": -1}', "\x00"]
)
async def test_a_damaged_mark_means_starting_over(server: Scripted, comfy: ComfyUI, target: Path, mark: str) -> None:
    target.write_bytes(b"something else")
    left_over(target).write_text(mark)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert "range" not in server.asked("GET", "/view")[0].headers


@pytest.mark.parametrize("other", [OTHER, CONTENT[::-1]])
async def test_the_file_changes_in_the_middle(server: Scripted, comfy: ComfyUI, target: Path, other: bytes) -> None:
    server.script("GET", "/view", breaks_off(CONTENT, 100_000, server.etag))
    server.files["oavr/v_00001-audio.mp4"], server.etag = other, '"other"'
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == other, "a part of another file is never joined on, not even of one as long"


async def test_the_file_becomes_shorter_than_our_part(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    server.script("GET", "/view", breaks_off(CONTENT, 200_000, server.etag))
    server.files["oavr/v_00001-audio.mp4"], server.etag = OTHER[:1000], '"other"'
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == OTHER[:1000]


async def test_a_server_that_ignores_the_range(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    async def whole(_: web.Request) -> web.StreamResponse:
        return web.Response(body=CONTENT, content_type="video/mp4")

    server.script("GET", "/view", breaks_off(CONTENT, 100_000, server.etag), whole)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT


async def test_without_an_etag_it_starts_over(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    server.script("GET", "/view", breaks_off(CONTENT, 100_000, None), breaks_off(CONTENT, 100_000, 'W/"weak"'))
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert all("range" not in each.headers for each in server.asked("GET", "/view"))


async def test_a_part_from_the_wrong_place(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    async def wrong(_: web.Request) -> web.StreamResponse:
        headers = {"etag": server.etag, "content-range": f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}"}
        return web.Response(status=206, body=CONTENT[7:], headers=headers)

    server.script("GET", "/view", breaks_off(CONTENT, 100_000, server.etag), wrong)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT


async def test_a_part_that_ends_too_early(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        headers = {"etag": server.etag, "content-range": f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}"}
        response = web.StreamResponse(status=206, headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(CONTENT[100_000:150_000])
        return response

    server.script("GET", "/view", breaks_off(CONTENT, 100_000, server.etag), short)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert server.asked("GET", "/view")[2].headers["range"] == "bytes=150000-"


async def test_patience_begins_anew_with_every_gain(server: Scripted, target: Path) -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += 0.6

    server.script("GET", "/view", *[breaks_off(CONTENT, 20_000, server.etag)] * 10)
    async with ComfyUI(server.base, client_id="c", timings=FAST, sleep=sleep, clock=lambda: now) as comfy:
        await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert now > 5 * FAST.give_up


@pytest.mark.parametrize("hiccup", [hang_up, says("", 502), says("<html>", 500)])
async def test_hiccups(server: Scripted, comfy: ComfyUI, target: Path, hiccup: Handler) -> None:
    server.script("GET", "/view", hiccup, hiccup, hiccup)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT


async def test_a_page_in_its_place(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Please wait</html>", content_type="text/html")

    server.script("GET", "/view", page)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT


async def test_slow_bytes_are_waited_for(server: Scripted, target: Path) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "40"})
        await response.prepare(request)
        import asyncio

        for each in range(40):
            await response.write(CONTENT[each : each + 1])
            await asyncio.sleep(0.02)
        return response

    server.script("GET", "/view", slow)
    async with ComfyUI(server.base, client_id="c", timings=replace(FAST, answer=0.2, give_up=0.2)) as comfy:
        await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT[:40], "no deadline counts while bytes come"
    assert len(server.asked("GET", "/view")) == 1


async def test_bytes_that_stop(server: Scripted, target: Path) -> None:
    async def stop(request: web.Request) -> web.StreamResponse:
        import asyncio

        response = web.StreamResponse(headers={"content-length": str(len(CONTENT)), "etag": server.etag})
        await response.prepare(request)
        await response.write(CONTENT[:1000])
        await asyncio.sleep(60)
        return response

    server.script("GET", "/view", stop)
    async with ComfyUI(server.base, client_id="c", timings=replace(FAST, stall=0.2)) as comfy:
        await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert server.asked("GET", "/view")[1].headers["range"] == "bytes=1000-"


async def test_given_up_with_what_came(server: Scripted, target: Path) -> None:
    server.script("GET", "/view", breaks_off(CONTENT, 100_000, server.etag), *[hang_up] * 1000)
    async with ComfyUI(server.base, client_id="c", timings=replace(FAST, give_up=0.3)) as comfy:
        with pytest.raises(Unreachable, match="is kept"):
            await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT[:100_000]


@pytest.mark.parametrize(("status", "error"), [(404, Lost), (400, Rejected), (403, Rejected), (401, Rejected)])
async def test_refused(server: Scripted, comfy: ComfyUI, target: Path, status: int, error: type[Exception]) -> None:
    server.script("GET", "/view", says("", status))
    with pytest.raises(error):
        await comfy.fetch(OUTPUT, target)


async def test_more_than_any_video(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    async def huge(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(10**13)})
        await response.prepare(request)
        return response

    server.script("GET", "/view", huge)
    with pytest.raises(Rejected, match=r"8\.0 GB"):
        await comfy.fetch(OUTPUT, target)


async def test_full_disk(server: Scripted, comfy: ComfyUI, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="Free some space"):
        await comfy.fetch(OUTPUT, target)


async def test_no_more_room_in_the_middle(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    with files_no_larger_than(150_000), pytest.raises(DiskFull):
        await comfy.fetch(OUTPUT, target)
    await comfy.fetch(OUTPUT, target)
    assert target.read_bytes() == CONTENT
    assert "range" in server.asked("GET", "/view")[-1].headers, "once there is room, it goes on"


async def test_a_folder_that_is_not_there(server: Scripted, comfy: ComfyUI, tmp_path: Path) -> None:
    server.files["oavr/v_00001-audio.mp4"] = CONTENT
    with pytest.raises(BadInput, match="Nothing can be saved"):
        await comfy.fetch(OUTPUT, tmp_path / "none" / "video.part")


async def test_names_are_sent_as_they_are(server: Scripted, comfy: ComfyUI, target: Path) -> None:
    server.files["a b/ü&type=input#.mp4"] = b"video"
    await comfy.fetch(OutputFile("ü&type=input#.mp4", "a b", "output"), target)
    assert target.read_bytes() == b"video"


# --- which file it is


HOSTILE: list[Any] = [
    {"filename": "../../etc/passwd", "subfolder": "", "type": "output"},
    {"filename": "/etc/passwd", "subfolder": "", "type": "output"},
    {"filename": "a\\b.mp4", "subfolder": "", "type": "output"},
    {"filename": "a\x00.mp4", "subfolder": "", "type": "output"},
    {"filename": "\x1b]0;t\x07.mp4", "subfolder": "", "type": "output"},
    {"filename": "\ud800.mp4", "subfolder": "", "type": "output"},
    {"filename": "..", "subfolder": "", "type": "output"},
    {"filename": "", "subfolder": "", "type": "output"},
    {"filename": "a.mp4", "subfolder": "../..", "type": "output"},
    {"filename": "a.mp4", "subfolder": "x\\..\\..", "type": "output"},
    {"filename": "a.mp4", "subfolder": "/root", "type": "output"},
    {"filename": "a.mp4", "subfolder": "C:\\", "type": "output"},
    {"filename": "a.mp4", "subfolder": "", "type": "secret"},
    {"filename": ["a.mp4"], "subfolder": "", "type": "output"},
    {"filename": "a" * 5000, "subfolder": "", "type": "output"},
    {"text": "250"},
    "a.mp4",
    None,
]


@pytest.mark.parametrize("item", HOSTILE)
def test_no_path_gets_in_as_a_name(item: Any) -> None:
    good = {"filename": "good.mp4", "subfolder": "v", "type": "output"}
    assert list(outputs_of({"1": {"gifs": [item, good]}})) == [OutputFile("good.mp4", "v", "output")]


def test_files_are_found_by_their_shape() -> None:
    text = {"text": ["250"]}
    image = {"images": [{"filename": "a.png", "subfolder": "", "type": "temp"}], "animated": [False]}
    video = {"gifs": [{"filename": "v.mp4", "subfolder": "s", "type": "output", "fullpath": "/srv/v.mp4"}]}
    later = {"videos": [{"filename": "w.webm"}]}
    found = list(outputs_of({"1": text, "2": image, "3": video, "4": later, "5": None, "6": {"x": 3}}))
    assert [each.filename for each in found] == ["a.png", "v.mp4", "w.webm"]
    assert found[2] == OutputFile("w.webm", "", "output")
    assert choose_video(found) == OutputFile("v.mp4", "s", "output")


def test_the_recorded_run(server: Scripted) -> None:
    entry = next(iter(recorded_body("04_run_success_http.json", "GET /history/{id} after success").values()))
    chosen = choose_video(list(outputs_of(entry["outputs"])))
    assert chosen == OutputFile("run_70212e_00001_.mp4", "probe", "output")


def test_choosing() -> None:
    def named(*names: str, kind: str = "output") -> list[OutputFile]:
        return [OutputFile(name, "", kind) for name in names]

    assert choose_video([]) is None
    assert choose_video(named("a.png", "b.wav", "mp4")) is None
    assert choose_video(named("a.webm", "b.MP4", "c.mkv")) == named("b.MP4")[0]
    assert choose_video(named("a.mp4", "b.mp4")) == named("b.mp4")[0]
    assert choose_video([*named("a.webm"), *named("b.mp4", kind="temp")]) == named("a.webm")[0]
