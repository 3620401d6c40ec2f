"""Looking into pictures with Pillow. Heavy: only the media child loads it.

Only formats that are decoded inside Pillow are let in: its EPS reader, for one, starts a program. JPEGs are decoded at
a reduced size where that is enough, so that a picture of 48 megapixels needs little memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from PIL import Image

from oavr_tui.errors import BadInput
from oavr_tui.media.files import PICTURE, head_of, is_heic, open_regular, refusing
from oavr_tui.models import PictureInfo

SMALLEST_SIDE = 64
"""Pixels. A face in anything smaller is a handful of dots."""
SMALL_SIDE = 256
"""Pixels. Below this a video looks soft, which is said and allowed."""
WIDEST_RATIO = 5.0
MOST_PIXELS = 100_000_000
WORKING_SIDE = 2600
"""Pixels of the longer side, as far as a video of 832 pixels can profit from them."""
BACKDROP = (188, 188, 192)
"""The grey that shows through where a picture is transparent."""

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "PPM")
_ORIENTATION = 0x0112
# Exif 2.32, 4.6.4 A: the value's meaning as the step that undoes it
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}


def look_at_picture(path: Path, name: str) -> PictureInfo:
    """Open and decode a picture wholly; raises BadInput with a sentence that names it when it cannot be used."""
    with open_regular(path, name, PICTURE) as file:
        head = head_of(file)
        with refusing(name, PICTURE, head):
            return look_into(open_picture(file, head, name), name)


def look_into(image: Image.Image, name: str) -> PictureInfo:
    """Decode an opened picture wholly and say what it is; raises BadInput when there is nothing to see in it."""
    kind, moves = image.format or "", bool(getattr(image, "is_animated", False)) and image.format != "MPO"
    width, height = image.size
    _load(image)
    turn = orientation(image)
    if turn in _SIDEWAYS:
        width, height = height, width
    lowest, highest = alpha_range(image)
    if highest == 0:
        raise BadInput(f"{name} is wholly transparent: there is nothing to see. {PICTURE.advice}")
    notes = []
    if moves:
        notes.append(f"{name} moves; only its first picture is used.")
    if lowest < 255:
        notes.append(f"{name} is transparent in places; they become grey.")
    if min(width, height) < SMALL_SIDE:
        notes.append(f"{name} is only {width}x{height}; the video will look soft.")
    return PictureInfo(width, height, kind, has_alpha=lowest < 255, turned=turn != 1, notes=tuple(notes))


def open_picture(file: BinaryIO, head: bytes, name: str) -> Image.Image:
    """Read the header only, and refuse what is not worth decoding by its size."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit below has a sentence
    formats = list(_FORMATS)
    if is_heic(head):
        _learn_heic(name)
        formats.append("HEIF")
    Image.init()  # a name among `formats` whose plugin is not loaded yet would be a KeyError
    image = Image.open(file, formats=formats)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadInput(
            f"{name} is too large ({width}x{height}, {width * height / 1e6:.0f} megapixels); "
            f"at most {MOST_PIXELS // 1_000_000} megapixels can be used. Make it smaller, or choose another picture."
        )
    if min(width, height) < SMALLEST_SIDE:
        raise BadInput(
            f"{name} is too small ({width}x{height}). Choose a picture of at least "
            f"{SMALLEST_SIDE}x{SMALLEST_SIDE} pixels; 512 or more look good."
        )
    if max(width, height) > WIDEST_RATIO * min(width, height):
        raise BadInput(
            f"{name} is too long and narrow ({width}x{height}): hardly any of it would be seen. "
            "Crop it around the face, or choose another picture."
        )
    return image


def _learn_heic(name: str) -> None:
    try:
        import pillow_heif
    except ImportError:
        raise BadInput(
            f"{name} is a HEIC picture, which needs an extra part of this app. "
            "Save it as JPEG, or run: pip install 'oavr-tui[heic]'."
        ) from None
    pillow_heif.register_heif_opener()


def _load(image: Image.Image) -> None:
    """Decode all of it, so that a missing end shows now; a JPEG at no more than the detail that is used."""
    image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
    image.load()


def orientation(image: Image.Image) -> int:
    """The EXIF turn of a loaded picture, 1 (upright) .. 8; 1 where there is none or it makes no sense."""
    try:
        value: object = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF data in a good picture: it is shown as it lies, as viewers do
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def alpha_range(image: Image.Image) -> tuple[int, int]:
    """The lowest and highest opacity in a loaded picture, 0 .. 255; (255, 255) for one without transparency."""
    if not image.has_transparency_data:
        return 255, 255
    alpha = (image if image.mode in {"RGBA", "LA"} else image.convert("RGBA")).getchannel("A")
    shares = alpha.histogram()
    present = [value for value, count in enumerate(shares) if count]
    return present[0], present[-1]


def has_exif(image: Image.Image) -> bool:
    """Whether a loaded picture carries EXIF data, which may tell where and when it was taken."""
    return bool(image.info.get("exif"))


def opened_upright(file: BinaryIO, head: bytes, name: str) -> Image.Image:
    """The first picture in an open file as 8-bit RGB, turned upright, over grey, at most WORKING_SIDE pixels long.

    Raises BadInput by size or for HEIC without its extra, and whatever Pillow raises on a broken file.
    """
    image = open_picture(file, head, name)
    _load(image)
    return upright(image, WORKING_SIDE)


def upright(image: Image.Image, side: int) -> Image.Image:
    """A loaded picture as 8-bit RGB, turned upright, over grey, its longer side at most `side` pixels."""
    turn = orientation(image)
    plain = _eight_bit(image)
    plain.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if turn != 1:
        plain = plain.transpose(_UPRIGHT[turn])
    return _over_grey(plain)


def _eight_bit(image: Image.Image) -> Image.Image:
    """A mode that can be resized well: RGB, RGBA or L. Deep grey is scaled, not clipped."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value * (1 / 256), "L")
    if image.mode in {"I", "F"}:
        extrema = image.getextrema()
        low, high = (float(value) for value in extrema if not isinstance(value, tuple))
        scale = 255.0 / max(high - low, 1e-9)
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("RGB")


def _over_grey(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, BACKDROP)
    ground.paste(image, mask=image.getchannel("A"))
    return ground
