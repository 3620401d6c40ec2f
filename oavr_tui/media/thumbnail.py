"""Pictures and first pictures of videos as a few pixels for the terminal. Heavy: only the media child loads it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from oavr_tui.media.files import PICTURE, VIDEO, head_of, looks_like, open_regular, refusing
from oavr_tui.media.picture import look_into, open_picture, opened_upright, upright
from oavr_tui.media.sound import open_media
from oavr_tui.media.video import first_frame
from oavr_tui.models import PictureInfo

Drawn = dict[str, Any]
"""A Raster's fields as JSON takes them: width, height, and rgb in base64."""


def look_and_draw(path: Path, name: str, width: int, height: int) -> tuple[PictureInfo, Drawn]:
    """A picture's facts, and itself at no more than width x height pixels; raises BadInput when it cannot be used."""
    with open_regular(path, name, PICTURE) as file:
        head = head_of(file)
        with refusing(name, PICTURE, head):
            image = open_picture(file, head, name)
            facts = look_into(image, name)
            return facts, _drawn(upright(image, _rough(width, height)), width, height)


def draw(path: Path, name: str, width: int, height: int) -> Drawn:
    """A picture, or a video's first picture, at no more than width x height pixels.

    Raises BadInput or Rejected when there is none to be had.
    """
    with open_regular(path, name, VIDEO) as file:
        head = head_of(file)
        if looks_like(head) == "a picture":
            with refusing(name, PICTURE, head):
                return _drawn(opened_upright(file, head, name), width, height)
        with refusing(name, VIDEO, head):
            return _drawn(_first_picture(file, name, _rough(width, height)), width, height)


def _rough(width: int, height: int) -> int:
    """The longer side of a step in between, from which the last one is drawn without loss."""
    return 5 * max(width, height)


def _first_picture(file: BinaryIO, name: str, side: int) -> Image.Image:
    with open_media(file) as container:
        frame = first_frame(container, name)
        share = min(1.0, side / max(frame.width, frame.height))
        # scaled before it becomes RGB, so that a frame of 8K needs no 100 MB
        small = frame.reformat(max(1, round(frame.width * share)), max(1, round(frame.height * share)), "rgb24")
        return Image.fromarray(small.to_ndarray())


def _drawn(image: Image.Image, width: int, height: int) -> Drawn:
    share = min(width / image.width, height / image.height)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0) if share < 1.0 else image
    return {"width": small.width, "height": small.height, "rgb": base64.b64encode(small.tobytes()).decode("ascii")}
