"""Pictures: which are taken, what is found in them, and how the others are refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from oavr_tui.errors import BadInput
from oavr_tui.media.check import crop_note
from oavr_tui.media.files import head_of
from oavr_tui.media.picture import WORKING_SIDE, look_at_picture, opened_upright
from oavr_tui.models import PictureInfo
from tests.media.makers import cut, photo, save_photo, save_video, save_wav, tone, turned_photo
from tests.media.sentences import check_refusal, check_sentence


def look(path: Path) -> PictureInfo:
    return look_at_picture(path, path.name)


def upright(path: Path) -> Image.Image:
    with path.open("rb") as file:
        return opened_upright(file, head_of(file), path.name)


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        look(path)
    check_refusal(caught.value, path.name)
    return caught.value.message


@pytest.mark.parametrize(
    ("suffix", "options", "kind"),
    [
        ("jpg", {}, "JPEG"),
        ("jpg", {"progressive": True}, "JPEG"),
        ("png", {}, "PNG"),
        ("webp", {}, "WEBP"),
        ("webp", {"lossless": True}, "WEBP"),
        ("avif", {}, "AVIF"),
        ("gif", {}, "GIF"),
        ("bmp", {}, "BMP"),
        ("tif", {"compression": "tiff_lzw"}, "TIFF"),
        ("jp2", {}, "JPEG2000"),
        ("ppm", {}, "PPM"),
    ],
)
def test_formats_that_are_taken(suffix: str, options: dict[str, Any], kind: str, tmp_path: Path) -> None:
    found = look(save_photo(tmp_path / f"anna.{suffix}", **options))
    assert (found.width, found.height, found.format) == (320, 400, kind)
    assert (found.has_alpha, found.turned, found.notes) == (False, False, ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_turn_is_seen_and_undone(orientation: int, tmp_path: Path) -> None:
    path = turned_photo(tmp_path / "turned.jpg", orientation)
    found = look(path)
    assert (found.width, found.height) == (320, 400)
    assert found.turned == (orientation != 1)
    seen, meant = np.asarray(upright(path), np.float32), np.asarray(photo(), np.float32)
    assert seen.shape == meant.shape
    assert np.abs(seen - meant).mean() < 4


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("L", "png"),
        ("1", "png"),
        ("P", "png"),
        ("LA", "png"),
        ("CMYK", "jpg"),
        ("CMYK", "tif"),
        ("F", "tif"),
        ("I", "tif"),
    ],
)
def test_color_modes_become_the_same_picture(mode: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"anna.{suffix}"
    photo().convert("L").convert(mode).save(path)
    found = look(path)
    assert (found.width, found.height, found.has_alpha) == (320, 400, False)
    seen = upright(path)
    assert seen.mode == "RGB"
    grey = np.asarray(photo().convert("L"), np.float32)
    # 1-bit dithers, F and I are stretched to their full range
    assert np.corrcoef(np.asarray(seen.convert("L"), np.float32).ravel(), grey.ravel())[0, 1] > (
        0.3 if mode == "1" else 0.99
    )


def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 300).astype(np.uint16), (300, 1))
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    assert look(tmp_path / "deep.png").format == "PNG"
    seen = np.asarray(upright(tmp_path / "deep.png"))[0, :, 0].astype(int)
    assert seen[0] <= 1 and seen[-1] >= 254 and abs(seen[150] - 128) <= 2


def test_transparency_is_told_and_becomes_grey(tmp_path: Path) -> None:
    image = photo().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 160, 200))
    image.save(tmp_path / "cut-out.png")
    found = look(tmp_path / "cut-out.png")
    assert found.has_alpha
    assert len(found.notes) == 1 and "transparent" in found.notes[0]
    check_sentence(found.notes[0], "cut-out.png")
    assert upright(tmp_path / "cut-out.png").getpixel((10, 10)) == (188, 188, 192)


def test_transparency_of_palettes_and_single_colors_is_seen(tmp_path: Path) -> None:
    photo().quantize(16).save(tmp_path / "palette.png", transparency=0)
    assert look(tmp_path / "palette.png").has_alpha
    plain = Image.new("RGB", (200, 200), (10, 20, 30))
    plain.paste((200, 100, 50), (0, 0, 100, 200))
    plain.save(tmp_path / "keyed.png", transparency=(10, 20, 30))
    assert look(tmp_path / "keyed.png").has_alpha
    assert upright(tmp_path / "keyed.png").getpixel((150, 100)) == (188, 188, 192)


def test_an_alpha_channel_that_hides_nothing_is_not_transparency(tmp_path: Path) -> None:
    photo().convert("RGBA").save(tmp_path / "solid.png")
    assert not look(tmp_path / "solid.png").has_alpha


def test_a_wholly_transparent_picture_is_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (300, 300), (1, 2, 3, 0)).save(tmp_path / "ghost.png")
    assert "nothing to see" in refusal(tmp_path / "ghost.png")


def test_of_a_moving_picture_the_first_one_is_used(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (300, 300), color) for color in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:], duration=100)
    found = look(tmp_path / "moves.gif")
    assert len(found.notes) == 1 and "first picture" in found.notes[0]
    red, green, blue = np.asarray(upright(tmp_path / "moves.gif"))[5, 5]
    assert red > 240 and green < 10 and blue < 10


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "avif", "bmp"])
def test_a_picture_with_its_end_missing_is_refused(suffix: str, share: float, tmp_path: Path) -> None:
    message = refusal(cut(save_photo(tmp_path / f"half.{suffix}"), share))
    assert "incomplete" in message
    assert "Save or fetch it again" in message


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    path = save_photo(tmp_path / "scratched.png")
    data = bytearray(path.read_bytes())
    data[200:260] = b"\0" * 60
    path.write_bytes(data)
    refusal(path)


def make_text(path: Path) -> None:
    path.write_text("This is a letter, not a picture.\n", encoding="utf-8")


def make_markup(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>Not found</body></html>", encoding="utf-8")


def make_drawing(path: Path) -> None:
    path.write_text("<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")


def make_postscript(path: Path) -> None:
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\nshowpage\n")


def make_noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(5000))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_text, "looks like text"),
        (make_markup, "looks like a web page"),
        (make_drawing, "looks like an SVG drawing"),
        (make_postscript, "looks like text"),
        (make_noise, "is not a picture that can be read"),
        (lambda path: path.write_bytes(b"%PDF-1.7\n\x80\x81"), "looks like a PDF"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)), "looks like a zip archive"),
        (lambda path: path.write_bytes(b"\0" * 4000), "is not a picture that can be read"),
        (lambda path: save_wav(path, tone(0.5)), "looks like a sound file"),
        (lambda path: save_video(path, 0.2, format="mp4"), "looks like a video"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\xff\xd8\xff"), "damaged or incomplete"),
    ],
)
def test_what_only_calls_itself_a_picture_is_refused(
    make: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "anna.png"
    make(path)
    assert words in refusal(path)


def save_claim(path: Path, width: int, height: int) -> Path:
    """A PNG whose header claims a size that its few bytes cannot fill."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 1000)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((63, 400), "too small (63x400)"),
        ((400, 10), "too small (400x10)"),
        ((1, 1), "too small (1x1)"),
        ((1001, 200), "too long and narrow"),
        ((200, 1100), "too long and narrow"),
        ((20000, 10000), "200 megapixels"),
        ((60000, 60000), "3600 megapixels"),
    ],
)
def test_sizes_that_make_no_video_are_refused_by_the_header(size: tuple[int, int], words: str, tmp_path: Path) -> None:
    assert words in refusal(save_claim(tmp_path / "odd.png", *size))


def test_a_header_that_lies_within_bounds_is_found_out(tmp_path: Path) -> None:
    refusal(save_claim(tmp_path / "liar.png", 9000, 9000))


def test_a_small_picture_is_taken_with_a_note(tmp_path: Path) -> None:
    found = look(save_photo(tmp_path / "small.png", 100, 120))
    assert len(found.notes) == 1 and "100x120" in found.notes[0]
    check_sentence(found.notes[0], "small.png")


def test_a_picture_of_48_megapixels_is_taken_and_shrunk(tmp_path: Path) -> None:
    photo(80, 60).resize((8000, 6000), Image.Resampling.NEAREST).save(tmp_path / "big.jpg")
    found = look(tmp_path / "big.jpg")
    assert (found.width, found.height) == (8000, 6000)
    assert max(upright(tmp_path / "big.jpg").size) == WORKING_SIDE


def test_broken_exif_data_does_not_spoil_a_picture(tmp_path: Path) -> None:
    photo().save(tmp_path / "odd-exif.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x12\x01")
    assert not look(tmp_path / "odd-exif.jpg").turned


@pytest.mark.parametrize(
    ("size", "video", "words"),
    [
        ((4000, 3000), (480, 832), "three fifths of its width will be cropped for a portrait video"),
        ((3000, 4000), (480, 832), "a quarter of its width will be cropped for a portrait video"),
        ((768, 1024), (640, 640), "a quarter of its height will be cropped for a square video"),
        ((1000, 3000), (832, 480), "four fifths of its height will be cropped for a landscape video"),
        ((480, 832), (480, 832), ""),
        ((500, 832), (480, 832), ""),
    ],
)
def test_what_the_crop_takes_away_is_told(size: tuple[int, int], video: tuple[int, int], words: str) -> None:
    note = crop_note("anna.png", PictureInfo(*size, "PNG", has_alpha=False, turned=False), *video)
    assert words in note
    assert (note == "") == (words == "")
    if note:
        check_sentence(note, "anna.png")


@given(
    data=st.binary(max_size=3000),
    start=st.sampled_from(
        [
            b"",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"GIF89a",
            b"II*\0",
            b"RIFF\0\0\0\0WEBP",
            b"\0\0\0\x1cftypavif",
        ]
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_bytes_the_answer_is_facts_or_one_sentence(data: bytes, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.png"
    path.write_bytes(start + data)
    try:
        assert look(path).width >= 64
    except BadInput as error:
        check_refusal(error, "any.png")


@given(
    place=st.integers(0, 10_000),
    value=st.integers(0, 255),
    suffix=st.sampled_from(["png", "jpg", "gif", "webp", "tif"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_gives_facts_or_one_sentence(place: int, value: int, suffix: str, tmp_path: Path) -> None:
    good = tmp_path / f"good.{suffix}"
    if not good.exists():
        save_photo(good, 80, 90)
    data = bytearray(good.read_bytes())
    data[place % len(data)] = value
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(data)
    try:
        assert look(path).width >= 64
    except BadInput as error:
        check_refusal(error, path.name)
