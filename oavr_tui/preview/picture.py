"""Opening the picture and cutting it to the video's shape. Heavy: loads Pillow, cv2 and numpy.

Rules: what is shown is what a viewer would show (EXIF turn, first frame, alpha over gray); a large picture is shrunk
while it is decoded, so that memory stays small; the texture keeps up to 1.5 times the video's pixels, so that warped
lips stay sharp.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from oavr_tui.errors import BadInput
from oavr_tui.preview.arrays import Pixels, Points, resized
from oavr_tui.text import safe

FINEST = 1.5
"""Texture pixels per pixel of the video, at most, along one side."""
LONGEST_SIDE = 2600
MOST_PIXELS = 120_000_000
BACKDROP = (188, 188, 192)
"""What shows through where a picture is transparent."""
_TURNED = {5, 6, 7, 8}
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Texture:
    """The part of the picture that the video shows. scale: texture pixels per pixel of the video, 1 .. FINEST."""

    pixels: Pixels
    scale: float


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of the picture, in its pixels."""

    x: float
    y: float
    width: float
    height: float


def load_picture(path: Path, width: int, height: int) -> Pixels:
    """Open a picture that will fill width x height pixels; raises BadInput, with a sentence that names the file."""
    name = safe(path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow warns of large pictures and odd metadata; the size is checked below
            with Image.open(path) as image:
                return _decode(image, name, width, height)
    except FileNotFoundError:
        raise BadInput(f"The picture {name} is no longer there. Choose it again.") from None
    except PermissionError:
        raise BadInput(f"The picture {name} may not be read. Change its permissions or choose another.") from None
    except UnidentifiedImageError:
        raise BadInput(f"{name} is not a picture this app can read. Choose a JPEG, PNG or WebP picture.") from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, ZeroDivisionError):
        # Pillow's decoders raise any of these on broken data.
        raise BadInput(f"The picture {name} is damaged or incomplete. Save it anew or choose another.") from None


def _too_large(name: str) -> BadInput:
    return BadInput(
        f"The picture {name} has more than {MOST_PIXELS // 1_000_000} million pixels. Choose a smaller one."
    )


def _decode(image: Image.Image, name: str, width: int, height: int) -> Pixels:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(name)
    if image.getexif().get(_ORIENTATION) in _TURNED:
        width, height = height, width
    cover = max(width / image.width, height / image.height) * FINEST
    cover = min(1.0, cover, LONGEST_SIDE / max(image.size))
    target = (max(1, round(image.width * cover)), max(1, round(image.height * cover)))
    image.draft("RGB", target)  # a JPEG is decoded at a half, a quarter or an eighth
    image.load()
    step = min(image.width // target[0], image.height // target[1])
    small = image.reduce(step) if step > 1 and image.mode in {"RGB", "RGBA", "L", "CMYK"} else image
    small = _in_color(small)
    if small.width > target[0]:
        small = small.resize(target, Image.Resampling.LANCZOS)
    # Pillow forgets the EXIF of a reduced picture, so the turn is taken from the one that was opened.
    turn = image.getexif().get(_ORIENTATION, 1)
    small.getexif()[_ORIENTATION] = turn
    upright = ImageOps.exif_transpose(small)
    return np.ascontiguousarray(np.asarray(upright)[:, :, ::-1])


def _in_color(image: Image.Image) -> Image.Image:
    """As RGB: alpha over a light gray, 16-bit and float gray stretched to their own range."""
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        clear = image.convert("RGBA")
        flat = Image.new("RGB", clear.size, BACKDROP)
        flat.paste(clear, mask=clear.getchannel("A"))
        return flat
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        values = np.asarray(image, np.float32)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def crop_around(picture: Pixels, width: int, height: int, face: tuple[Points, Points] | None) -> Crop:
    """The largest part of the picture in the video's shape: the middle, moved only as far as the face needs.

    face: the top left and bottom right of the face in the picture, pixels.
    """
    rows, columns = picture.shape[:2]
    factor = min(columns / width, rows / height)
    size = (width * factor, height * factor)
    corner = [max(0.0, columns - size[0]) / 2, max(0.0, rows - size[1]) / 2]
    if face is not None:
        low, high = face
        room = (high - low) * (0.35, 0.45)  # hair and chin
        for axis, whole in enumerate((columns, rows)):
            need_low, need_high = float((low - room)[axis]), float((high + room)[axis])
            if need_high - need_low > size[axis]:
                corner[axis] = (need_low + need_high - size[axis]) / 2
            else:
                corner[axis] = min(max(corner[axis], need_high - size[axis]), need_low)
            corner[axis] = max(min(corner[axis], whole - size[axis]), 0.0)
    return Crop(corner[0], corner[1], *size)


def cut(picture: Pixels, crop: Crop, width: int, height: int) -> Texture:
    """The texture of a width x height video from one part of the picture."""
    scale = min(max(crop.width / width, 1.0), FINEST)
    x, y = round(crop.x), round(crop.y)
    part = picture[y : max(y + 1, round(crop.y + crop.height)), x : max(x + 1, round(crop.x + crop.width))]
    return Texture(resized(part, round(width * scale), round(height * scale)), scale)
