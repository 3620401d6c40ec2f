"""Pictures of every kind open as a viewer would show them; broken ones give a sentence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from oavr_tui.errors import BadInput
from oavr_tui.preview.picture import BACKDROP, FINEST, crop_around, cut, load_picture


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downward; blue is 40."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 40)], -1).astype(np.uint8))


def corner_colors(path: Path) -> list[tuple[int, ...]]:
    """Red and green near the four corners, reading order, as 0 or 1."""
    picture = load_picture(path, 64, 64)
    rows, columns = picture.shape[0], picture.shape[1]
    at = [(3, 3), (3, columns - 4), (rows - 4, 3), (rows - 4, columns - 4)]
    return [(int(picture[spot][2] > 128), int(picture[spot][1] > 128)) for spot in at]


UPRIGHT = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("size", [(60, 40), (1200, 800)])
def test_exif_turns_are_undone(tmp_path: Path, turn: int, size: tuple[int, int]) -> None:
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][turn]  # the transpose that makes a camera's raw picture of an upright one
    raw = gradient(*size)
    raw = raw if undo is None else raw.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = turn
    raw.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert corner_colors(tmp_path / "turned.jpg") == UPRIGHT


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff", "gif", "avif"])
def test_usual_formats_open(tmp_path: Path, ending: str) -> None:
    gradient(90, 60).save(tmp_path / f"picture.{ending}")
    assert corner_colors(tmp_path / f"picture.{ending}") == UPRIGHT


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "I;16", "I", "F"])
def test_usual_modes_open(tmp_path: Path, mode: str) -> None:
    gray = np.tile(np.linspace(0, 255, 80, dtype=np.float32), (60, 1))
    ending = "tiff" if mode in {"F", "I", "CMYK"} else "png"
    if mode == "I;16":
        image = Image.fromarray((gray * 257).astype(np.uint16))
    else:
        image = Image.fromarray(gray.astype(np.uint8)).convert(mode)
    image.save(tmp_path / f"picture.{ending}")
    picture = load_picture(tmp_path / f"picture.{ending}", 64, 64)
    assert picture.shape == (60, 80, 3)
    assert picture[30, 2].mean() < 60 < 190 < picture[30, -3].mean()


@pytest.mark.parametrize("how", ["alpha", "palette"])
def test_what_is_transparent_shows_the_backdrop(tmp_path: Path, how: str) -> None:
    image = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (30, 0, 60, 40))
    if how == "palette":
        image = image.quantize(8)
    image.save(tmp_path / "clear.png")
    picture = load_picture(tmp_path / "clear.png", 64, 64)
    assert tuple(int(value) for value in picture[20, 5]) == BACKDROP[::-1]
    assert tuple(int(value) for value in picture[20, 50]) == (255, 0, 0)


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    first, second = gradient(60, 40), Image.new("RGB", (60, 40), (9, 9, 9))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    assert corner_colors(tmp_path / "moving.gif") == UPRIGHT


def test_a_large_picture_is_shrunk_to_what_the_video_needs(tmp_path: Path) -> None:
    gradient(3000, 2000).save(tmp_path / "large.png")
    picture = load_picture(tmp_path / "large.png", 640, 640)
    assert picture.shape == (960, 1440, 3)  # 1.5 times 640, in the picture's own shape


def broken_files(folder: Path) -> dict[str, Path]:
    gradient(200, 200).save(folder / "whole.png")
    whole = (folder / "whole.png").read_bytes()
    gradient(400, 400).save(folder / "whole.jpg")
    files = {
        "cut.png": whole[: len(whole) // 2],
        "cut.jpg": (folder / "whole.jpg").read_bytes()[:700],
        "text.png": b"this is not a picture" * 20,
        "empty.png": b"",
        "bomb.png": png_header(60_000, 60_000),
        "wide.png": png_header(20_000, 7_000),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG that claims a size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 64)
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut.png", "damaged"),
        ("cut.jpg", "damaged"),
        ("text.png", "not a picture"),
        ("empty.png", "not a picture"),
        ("bomb.png", "million pixels"),
        ("wide.png", "million pixels"),
        ("missing.png", "no longer there"),
    ],
)
def test_a_bad_picture_gives_one_sentence_with_its_name(tmp_path: Path, name: str, says: str) -> None:
    path = broken_files(tmp_path).get(name, tmp_path / name)
    with pytest.raises(BadInput, match=says) as caught:
        load_picture(path, 480, 832)
    assert name in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_name_with_control_bytes_is_made_safe(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31mred\x07.png"
    path.write_bytes(b"no picture")
    with pytest.raises(BadInput) as caught:
        load_picture(path, 480, 832)
    assert "\x1b" not in caught.value.message and "red.png" in caught.value.message


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), start=st.integers(0, 900))
def test_flipped_bytes_never_escape_as_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.png"
    gradient(40, 30).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + data + whole[start + len(data) :])
    try:
        assert load_picture(path, 64, 64).ndim == 3
    except BadInput as error:
        assert "flipped.png" in error.message


BOXES = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.02, 0.9), st.floats(0.02, 0.9))


@given(
    columns=st.integers(70, 900),
    rows=st.integers(70, 900),
    width=st.integers(32, 500).map(lambda half: 2 * half),
    height=st.integers(32, 500).map(lambda half: 2 * half),
    box=st.none() | BOXES,
)
def test_a_crop_has_the_shape_lies_inside_and_holds_the_face(
    columns: int, rows: int, width: int, height: int, box: tuple[float, float, float, float] | None
) -> None:
    picture = np.zeros((rows, columns, 3), np.uint8)
    face = None
    if box is not None:
        size = np.array([box[2] * columns, box[3] * rows])
        low = np.array([box[0] * (columns - size[0]), box[1] * (rows - size[1])])
        face = (low, low + size)
    crop = crop_around(picture, width, height, face)
    assert crop.x >= 0 and crop.y >= 0
    assert crop.x + crop.width <= columns + 1e-6 and crop.y + crop.height <= rows + 1e-6
    assert crop.width / crop.height == pytest.approx(width / height)
    if face is not None:
        for axis, (start, length) in enumerate(((crop.x, crop.width), (crop.y, crop.height))):
            if face[1][axis] - face[0][axis] <= length:
                assert start <= face[0][axis] + 1e-6
                assert start + length >= face[1][axis] - 1e-6


@pytest.mark.parametrize(("columns", "scale"), [(100, 1.0), (480, 1.0), (600, 1.25), (2000, FINEST)])
def test_the_texture_is_as_fine_as_the_picture_up_to_a_limit(columns: int, scale: float) -> None:
    picture = np.zeros((columns * 832 // 480, columns, 3), np.uint8)
    texture = cut(picture, crop_around(picture, 480, 832, None), 480, 832)
    assert texture.scale == pytest.approx(scale, abs=0.02)
    assert texture.pixels.shape[1] == pytest.approx(480 * texture.scale, abs=1)
    assert texture.pixels.shape[0] == pytest.approx(832 * texture.scale, abs=1)
