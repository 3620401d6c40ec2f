"""What a form and a gallery learn of files: by path and by address, cached, cancelled, and cleaned up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.given import pasted
from oavr_tui.engine.looks import Looks, usable
from oavr_tui.engine.thumb_cache import ThumbCache
from oavr_tui.errors import BadInput, Rejected, Unreachable
from oavr_tui.media.types import Raster
from oavr_tui.models import Shape
from oavr_tui.paths import Paths
from tests.media.makers import cut, photo, save_photo, save_sound, save_video, save_wav, tone
from tests.media.test_check import heic, shadow
from tests.samples import portrait, voice


@asynccontextmanager
async def looking(home: Paths) -> AsyncIterator[Looks]:
    looks = Looks(home)
    await looks.open()
    try:
        yield looks
    finally:
        await looks.close()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """A web server over a folder: its address, and the paths that were asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/slow.png":
            await asyncio.Event().wait()
        file = folder / request.path[1:]
        return web.FileResponse(file) if file.is_file() else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def left_in(home: Paths) -> list[Path]:
    folder = home.cache / "looks"
    return sorted(folder.rglob("*")) if folder.exists() else []


# --- the form


async def test_a_picture_and_a_voice(home: Paths) -> None:
    async with looking(home) as looks:
        picture, sound = await asyncio.gather(looks.picture(str(portrait())), looks.voice(str(voice()), 400.0))
    assert (picture.info.width, picture.info.height) == (480, 640)
    assert (picture.raster.width, picture.raster.height) == (90, 120)
    assert (picture.given, picture.file) == (str(portrait()), portrait())
    assert picture.shape(Shape.AUTO) is Shape.PORTRAIT
    assert "about a quarter of its width will be cropped for a portrait video" in picture.crop_note(Shape.AUTO)
    assert not sound.too_long
    assert sound.used == sound.info.duration == pytest.approx(6.2, abs=0.5)
    assert sound.frames == pytest.approx(25 * sound.used, abs=1)
    assert sound.windows == 3
    assert len(sound.peaks) == 240


async def test_a_voice_that_is_too_long_is_a_fact(home: Paths, tmp_path: Path) -> None:
    path = str(save_wav(tmp_path / "talk.wav", tone(430.0, 8000), 8000))
    async with looking(home) as looks:
        full = await looks.voice(path, 400.0)
        assert (full.too_long, full.used, full.frames, full.windows) == (True, 400.0, 10_000, 139)
        assert full.info.duration == pytest.approx(430.0, abs=0.6)
        preview = await looks.voice(path, 1800.0)
        assert (preview.too_long, preview.used) == (False, 430.0)


async def test_what_cannot_be_used_is_a_sentence(home: Paths, tmp_path: Path) -> None:
    cut(save_photo(tmp_path / "half.png"), 0.5)
    save_video(tmp_path / "mute.mp4", 0.2)
    async with looking(home) as looks:
        for given, words in (
            ("", "No picture is given"),
            ("  ''  ", "No picture is given"),
            (str(tmp_path / "half.png"), r"half\.png is incomplete"),
            (str(tmp_path), "is a folder"),
            (str(tmp_path / "gone.png"), r"gone\.png is not there"),
            ("ftp://host/anna.png", "only http and https"),
            ("~nobody-of-this-name/anna.png", "is not a path"),
            ("a\0b.png", "is not a path"),
            ("x" * 5000, "cannot be opened"),
        ):
            with pytest.raises(BadInput, match=words):
                await looks.picture(given)
        with pytest.raises(BadInput, match="has no sound"):
            await looks.voice(str(tmp_path / "mute.mp4"), 400.0)


async def test_while_a_path_is_typed_no_child_is_started(
    home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    (tmp_path / "empty.png").touch()
    async with looking(home) as looks:
        for given, words in (("ann", "is not there"), (str(tmp_path), "a folder"), ("empty.png", "is empty")):
            with pytest.raises(BadInput, match=words):
                await looks.picture(str(tmp_path / given))
        with pytest.raises(Rejected, match="cannot start another program"):
            await looks.picture(str(portrait()))
        assert await looks.thumbnails([portrait()], 24, 24) == {}


async def test_a_changed_file_is_looked_at_again(home: Paths, tmp_path: Path) -> None:
    path = save_photo(tmp_path / "anna.png", 320, 400)
    async with looking(home) as looks:
        first, again = await looks.picture(str(path)), await looks.picture(str(path))
        assert again.raster is first.raster
        save_photo(path, 400, 320)
        os.utime(path, ns=(1, 1))
        assert (await looks.picture(str(path))).info.width == 400


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (" {}/a b.png\n", "{}/a b.png"),
        ("'{}/a b.png'", "{}/a b.png"),
        ('"{}/a b.png" ', "{}/a b.png"),
        ("{}/a\\ b.png", "{}/a b.png"),
        ("{}/it\\'s.png", "{}/it's.png"),
        ("'{}/it'\\''s.png'", "{}/it's.png"),
        ("{}/it's.png", "{}/it's.png"),
        ("file://{}/a%20b.png", "{}/a b.png"),
        ("'file://{}/a%20b.png'", "{}/a b.png"),
        ("{}/back\\slash.png", "{}/back\\slash.png"),
        ("{}/[bold]x\\ y.png", "{}/[bold]x y.png"),
        ("https://host/a\\ b.png?x='1'", "https://host/a\\ b.png?x='1'"),
        ("'unfinished", "'unfinished"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_what_terminals_paste_is_understood(text: str, meant: str, tmp_path: Path) -> None:
    save_photo(tmp_path / "back\\slash.png")
    assert pasted(text.format(tmp_path)) == meant.format(tmp_path)


# --- addresses


async def test_an_address_is_fetched_once_and_goes_at_the_end(home: Paths, tmp_path: Path) -> None:
    save_photo(tmp_path / "anna.png")
    save_wav(tmp_path / "hello.wav", tone(1.0))
    async with serving(tmp_path) as (base, asked):
        async with looking(home) as looks:
            for _ in range(2):
                picture, sound = await asyncio.gather(
                    looks.picture(f"{base}/anna.png"), looks.voice(f"{base}/hello.wav", 400.0)
                )
            assert sorted(asked) == ["/anna.png", "/hello.wav"]
            assert (picture.given, picture.info.width, sound.used) == (f"{base}/anna.png", 320, 1.0)
            assert all(path.stat().st_mode & 0o077 == 0 for path in left_in(home) if path.is_dir())
            with pytest.raises(BadInput, match=r"no file at .*/gone\.png"):
                await looks.picture(f"{base}/gone.png")
        assert left_in(home) == []


@pytest.mark.full
async def test_only_a_few_fetched_files_are_kept(home: Paths, tmp_path: Path) -> None:
    for number in range(7):
        save_photo(tmp_path / f"{number}.png", 80 + number, 80)
    async with serving(tmp_path) as (base, _), looking(home) as looks:
        for number in range(7):
            assert (await looks.picture(f"{base}/{number}.png")).info.width == 80 + number
        assert len([path for path in left_in(home) if path.suffix == ".png"]) == 4


async def test_an_address_that_does_not_answer_can_be_cancelled(home: Paths, tmp_path: Path) -> None:
    save_photo(tmp_path / "anna.png")
    async with serving(tmp_path) as (base, asked), looking(home) as looks:
        slow = asyncio.create_task(looks.picture(f"{base}/slow.png"))
        while not asked:
            await asyncio.sleep(0.01)
        slow.cancel()
        assert (await looks.picture(f"{base}/anna.png")).info.width == 320
        assert slow.cancelled()
    with pytest.raises(Unreachable):
        async with looking(home) as looks:
            await looks.picture(f"{base}/anna.png")
    assert left_in(home) == []


async def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(home: Paths, tmp_path: Path) -> None:
    save_photo(tmp_path / "anna.png")
    async with serving(tmp_path) as (base, _), looking(home) as living:
        kept = (await living.picture(f"{base}/anna.png")).file
        stale = home.cache / "looks" / "stale"
        stale.mkdir()
        (stale / "1.png").write_bytes(b"x")
        async with Engine(home):
            assert not stale.exists()
            assert kept.is_file()
    assert left_in(home) == []


# --- cancelling


async def test_a_cancelled_look_ends_its_child_and_the_next_goes_on(
    home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "pid"
    hang = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(300)"
    shadow(tmp_path, monkeypatch, hang)
    async with looking(home) as looks:
        hanging = asyncio.create_task(looks.picture(str(heic(tmp_path))))
        while not (mark.exists() and mark.read_text()):
            await asyncio.sleep(0.01)
        hanging.cancel()
        assert (await looks.picture(str(portrait()))).info.width == 480
        assert hanging.cancelled()
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.read_text()), 0)


async def test_what_was_drawn_before_a_cancellation_is_kept(
    home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "pid"
    hang = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(300)"
    shadow(tmp_path, monkeypatch, hang)
    video = save_video(tmp_path / "a.mp4", 0.2)
    async with looking(home) as looks:
        drawing = asyncio.create_task(looks.thumbnails([video, heic(tmp_path)], 24, 24))
        while not (mark.exists() and mark.read_text()):
            await asyncio.sleep(0.01)
        for _round in range(10):  # what the child told before it began to hang lies in its pipe: it is taken out
            await asyncio.sleep(0)
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
    found, missing = ThumbCache(home.cache / "thumbs").find([video], 24, 24)
    assert (list(found), missing) == ([video], {})


# --- thumbnails


async def test_thumbnails_are_drawn_once_and_kept_private(home: Paths, tmp_path: Path) -> None:
    videos = [save_video(tmp_path / f"{number}.mp4", 0.2) for number in range(3)]
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video")
    async with looking(home) as looks:
        first = await looks.thumbnails([*videos, bad, tmp_path / "gone.mp4", videos[0]], 24, 24)
        assert set(first) == set(videos)
    thumbs = home.cache / "thumbs"
    written = {path: path.stat().st_mtime_ns for path in thumbs.iterdir()}
    assert len(written) == 3
    assert thumbs.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in written)
    async with looking(home) as looks:
        assert await looks.thumbnails(videos, 24, 24) == first
        assert {path: path.stat().st_mtime_ns for path in thumbs.iterdir()} == written
        larger = await looks.thumbnails(videos[:1], 48, 48)
        assert larger[videos[0]].height == 48
        save_video(videos[0], 0.2, size=(288, 160))
        assert (await looks.thumbnails(videos, 24, 24))[videos[0]].width == 24


async def test_damage_in_the_cache_is_mended(home: Paths, tmp_path: Path) -> None:
    video = save_video(tmp_path / "a.mp4", 0.2)
    async with looking(home) as looks:
        first = await looks.thumbnails([video], 24, 24)
        kept = next((home.cache / "thumbs").iterdir())
        for damage in (b"", b"oavr-thumb-1 9 9 short", b"oavr-thumb-1 x y z", b"x" * 3000, kept.read_bytes()[:-1]):
            kept.write_bytes(damage)
            assert await looks.thumbnails([video], 24, 24) == first


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    cache = ThumbCache(tmp_path / "thumbs", most=5)
    raster = Raster(1, 1, b"rgb")
    for number in range(8):
        cache.keep({f"n{number}": raster})
        os.utime(tmp_path / "thumbs" / f"n{number}", ns=(number, number))
    assert sorted(path.name for path in (tmp_path / "thumbs").iterdir()) == ["n3", "n4", "n5", "n6", "n7"]


async def test_a_cache_that_cannot_be_written_costs_nothing_but_time(home: Paths, tmp_path: Path) -> None:
    home.cache.mkdir(parents=True)
    (home.cache / "thumbs").write_text("a file where the folder should be")
    video = save_video(tmp_path / "a.mp4", 0.2)
    async with looking(home) as looks:
        assert list(await looks.thumbnails([video], 24, 24)) == [video]


# --- by name


@pytest.mark.parametrize(
    ("make", "use"),
    [
        (lambda path: save_photo(path.with_suffix(".JPG"), format="JPEG"), "picture"),
        (lambda path: photo().save(path.with_suffix(".webp")), "picture"),
        (lambda path: photo().save(path.with_suffix(".tif")), "picture"),
        (lambda path: save_wav(path.with_suffix(".wav"), tone(0.5)), "voice"),
        (lambda path: save_sound(path.with_suffix(".ogg"), tone(0.5), "libopus"), "voice"),
        (lambda path: save_video(path.with_suffix(".MOV"), 0.5, sound=tone(0.5), format="mov"), "voice"),
    ],
)
async def test_what_is_called_usable_is_usable(
    make: Callable[[Path], object], use: str, home: Paths, tmp_path: Path
) -> None:
    make(tmp_path / "it")
    path = next(path for path in tmp_path.iterdir() if path.stem == "it")
    assert usable(path) == use
    async with looking(home) as looks:
        look: Awaitable[object] = looks.picture(str(path)) if use == "picture" else looks.voice(str(path), 400.0)
        await look


@pytest.mark.parametrize("name", ["a.txt", "a", ".png", "a.pdf", "a.svg", "a.pngx", "a.png.zip", "mp3", "a.m3u8"])
def test_what_is_not(name: str) -> None:
    assert usable(Path(name)) == ""
