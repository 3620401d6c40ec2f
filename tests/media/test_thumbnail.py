"""Small pictures and waveforms through the media child: what is shown, of which files, and what bad ones cost."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from oavr_tui.errors import BadInput
from oavr_tui.media.looking import draw_all, hear, see
from oavr_tui.media.picture import BACKDROP
from oavr_tui.media.types import Heard, Raster
from tests.media.makers import (
    cut,
    photo,
    save_photo,
    save_sound,
    save_video,
    save_wav,
    silence,
    tone,
    turned_photo,
)
from tests.media.sentences import check_refusal, check_sentence
from tests.media.test_check import heic, shadow


def pixels(raster: Raster) -> npt.NDArray[np.uint8]:
    return np.frombuffer(raster.rgb, np.uint8).reshape(raster.height, raster.width, 3)


def distance(raster: Raster, image: Image.Image) -> float:
    """How far two pictures are apart on average, 0 .. 255."""
    same = np.asarray(image.convert("RGB").resize((raster.width, raster.height)), np.float32)
    return float(np.abs(pixels(raster) - same).mean())


async def small(path: Path, width: int = 40, height: int = 40) -> Raster:
    facts, raster = await see(path, width=width, height=height)
    assert raster.width <= width and raster.height <= height
    assert raster.width / raster.height == pytest.approx(facts.width / facts.height, rel=0.1)
    return raster


async def drawn(*files: Path, width: int = 24, height: int = 24) -> dict[Path, Raster]:
    found: dict[Path, Raster] = {}
    await draw_all(files, width=width, height=height, drawn=found)
    return found


# --- pictures


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
async def test_every_format_is_drawn(form: str, tmp_path: Path) -> None:
    raster = await small(save_photo(tmp_path / "anna.img", format=form))
    assert (raster.width, raster.height) == (32, 40)
    assert distance(raster, photo()) < 8


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_turned_photo_stands_upright(orientation: int, tmp_path: Path) -> None:
    raster = await small(turned_photo(tmp_path / "turned.jpg", orientation))
    assert (raster.width, raster.height) == (32, 40)
    assert distance(raster, photo()) < 8


async def test_what_is_transparent_is_grey(tmp_path: Path) -> None:
    image = photo().convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, 160, 400))
    image.save(tmp_path / "half.png")
    found = pixels(await small(tmp_path / "half.png"))
    assert np.abs(found[:, 2:14].astype(int) - BACKDROP).max() <= 2
    assert np.abs(found[:, 20:].astype(int) - BACKDROP).max() > 40


async def test_inks_and_deep_greys_are_drawn(tmp_path: Path) -> None:
    photo().convert("CMYK").save(tmp_path / "inks.jpg", quality=95)
    assert distance(await small(tmp_path / "inks.jpg"), photo()) < 40
    deep = np.asarray(photo().convert("L"), np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert distance(await small(tmp_path / "deep.png"), photo().convert("L")) < 4


async def test_a_huge_photo_and_a_small_one(tmp_path: Path) -> None:
    photo().resize((6400, 8000)).save(tmp_path / "huge.jpg", quality=60)
    raster = await small(tmp_path / "huge.jpg", 120, 120)
    assert (raster.width, raster.height) == (96, 120)
    assert distance(raster, photo()) < 8
    _, tiny = await see(save_photo(tmp_path / "tiny.png", 64, 80), width=400, height=400)
    assert (tiny.width, tiny.height) == (64, 80)


async def test_a_moving_gif_shows_its_first_picture(tmp_path: Path) -> None:
    later = [Image.new("RGB", (320, 400), "black")]
    photo().save(tmp_path / "moves.gif", save_all=True, append_images=later)
    facts, raster = await see(tmp_path / "moves.gif", width=40, height=40)
    assert distance(raster, photo()) < 8
    assert any("only its first picture" in note for note in facts.notes)


@pytest.mark.parametrize(
    "name", ["[bold]a[@click=app.quit].png", "\x1b]0;gone\x07.png", "a\u202egnp.png", "안나 😀.png", "b\udcff.png"]
)
async def test_hostile_names(name: str, tmp_path: Path) -> None:
    good = save_photo(tmp_path / name, format="PNG")
    assert (await small(good)).height == 40
    good.write_bytes(b"GIF89a but not really")
    with pytest.raises(BadInput) as caught:
        await see(good, width=40, height=40)
    check_sentence(caught.value.message, "")


async def test_what_is_no_picture_is_refused_with_a_sentence(tmp_path: Path) -> None:
    cut(save_photo(tmp_path / "half.png"), 0.5)
    save_wav(tmp_path / "voice.png", tone(0.5))
    (tmp_path / "empty.png").touch()
    for name in ("half.png", "voice.png", "empty.png", "nowhere.png"):
        with pytest.raises(BadInput) as caught:
            await see(tmp_path / name, width=40, height=40)
        check_refusal(caught.value, name)


# --- thumbnails of many files


async def test_videos_and_pictures_are_drawn_together(tmp_path: Path) -> None:
    tall, wide = save_video(tmp_path / "tall.mp4"), save_video(tmp_path / "wide.mp4", size=(288, 160))
    poster = save_photo(tmp_path / "poster.png")
    found = await drawn(tall, wide, poster)
    assert {path: (raster.width, raster.height) for path, raster in found.items()} == {
        tall: (13, 24),
        wide: (24, 13),
        poster: (19, 24),
    }
    assert distance(found[tall], photo(160, 288)) < 12
    assert distance(found[poster], photo()) < 8


async def test_bad_files_do_not_cost_the_others(tmp_path: Path) -> None:
    half = cut(save_video(tmp_path / "half.mp4", 2.0), 0.3)
    sound = save_wav(tmp_path / "sound.mp4", tone(0.2))
    os.mkfifo(tmp_path / "pipe.mp4")
    good = [save_video(tmp_path / f"{number}.mp4", 0.2) for number in range(2)]
    found = await drawn(half, good[0], sound, tmp_path / "pipe.mp4", tmp_path / "gone.mp4", good[1])
    assert set(found) == set(good)


@pytest.mark.parametrize(
    "code", ["import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "import time; time.sleep(300)"]
)
async def test_a_file_on_which_the_decoder_dies_or_hangs_is_passed_over(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(tmp_path, monkeypatch, code)
    good = [save_video(tmp_path / f"{number}.mp4", 0.2) for number in range(2)]
    found: dict[Path, Raster] = {}
    await draw_all([good[0], heic(tmp_path), good[1]], width=24, height=24, drawn=found, deadline=8.0)
    assert list(found) == good


# --- recordings


async def heard(path: Path, longest: float = 400.0, parts: int = 40) -> Heard:
    found = await hear(path, longest=longest, parts=parts)
    assert len(found.peaks) == parts
    assert max(found.peaks) == 1.0 and min(found.peaks) >= 0.0
    return found


async def test_the_waveform_is_where_the_voice_is(tmp_path: Path) -> None:
    sound = np.concatenate([silence(1.0), tone(1.0), tone(2.0, level=0.1)], axis=1)
    found = await heard(save_wav(tmp_path / "hello.wav", sound), parts=16)
    assert max(found.peaks[:4]) == 0.0
    assert min(found.peaks[4:8]) > 0.95
    assert all(0.3 < peak < 0.4 for peak in found.peaks[8:])
    assert (found.voice.duration, found.too_long) == (4.0, False)


async def test_a_moment_has_a_waveform_too(tmp_path: Path) -> None:
    assert (await heard(save_wav(tmp_path / "hm.wav", tone(0.03)))).voice.duration == pytest.approx(0.03)


async def test_a_video_is_heard(tmp_path: Path) -> None:
    found = await heard(save_video(tmp_path / "clip.mp4", 1.0, sound=tone(1.0, channels=2)))
    assert found.voice.codec == "aac"
    assert found.voice.duration == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        pytest.param(*one, marks=pytest.mark.full)
        for one in (("pcm_s16le", "wav"), ("libmp3lame", "mp3"), ("flac", "flac"))
    ],
)
async def test_twenty_minutes_are_a_fact_and_no_failure(codec: str, suffix: str, tmp_path: Path) -> None:
    rate = 8_000
    found = await heard(save_sound(tmp_path / f"talk.{suffix}", tone(1200.0, rate), codec, rate), longest=400.0)
    assert found.too_long
    assert found.voice.duration == pytest.approx(1200.0, abs=0.6)
    assert not any("Only the first" in note or "should last" in note for note in found.voice.notes)


async def test_just_the_longest_length_is_not_too_long(tmp_path: Path) -> None:
    path = save_wav(tmp_path / "exact.wav", tone(3.0))
    assert not (await heard(path, longest=3.0)).too_long
    assert not (await heard(path, longest=2.96)).too_long  # a codec's padding
    assert (await heard(path, longest=2.9)).too_long


async def test_what_is_no_voice_is_refused_with_a_sentence(tmp_path: Path) -> None:
    save_wav(tmp_path / "silent.wav", silence(2.0))
    save_photo(tmp_path / "photo.wav", format="PNG")
    save_video(tmp_path / "mute.wav", 0.2, format="mp4")
    (tmp_path / "noise.wav").write_bytes(np.random.default_rng(1).bytes(20_000))
    for name in ("silent.wav", "photo.wav", "mute.wav", "noise.wav"):
        with pytest.raises(BadInput) as caught:
            await hear(tmp_path / name, longest=400.0, parts=40)
        check_refusal(caught.value, name)


# --- rasters


sides = st.integers(1, 30)


@given(sides, sides, sides, sides, st.binary(min_size=3, max_size=3))
def test_a_raster_made_smaller_keeps_color_and_proportions(
    width: int, height: int, most_wide: int, most_high: int, color: bytes
) -> None:
    raster = Raster(width, height, color * width * height)
    found = raster.fitted(most_wide, most_high)
    assert 1 <= found.width <= most_wide and 1 <= found.height <= most_high
    assert found.rgb == color * found.width * found.height
    assert found is raster or found.width == most_wide or found.height == most_high
    if width <= most_wide and height <= most_high:
        assert found is raster


def test_a_raster_made_smaller_is_the_mean_of_what_it_was() -> None:
    image = photo(96, 96)
    raster = Raster(96, 96, image.tobytes())
    assert distance(raster.fitted(12, 30), image.resize((12, 12), Image.Resampling.BOX)) <= 1


def test_bytes_that_are_no_picture_are_refused() -> None:
    for width, height, count in itertools.product((0, 2, -2), (2, 3), (0, 11, 13)):
        with pytest.raises(ValueError, match="are no picture"):
            Raster(width, height, bytes(count))
