"""What the media checks find out, as frozen dataclasses. Light: nothing but the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from oavr_tui.models import PictureInfo, VoiceInfo


@dataclass(frozen=True, slots=True)
class Checked:
    """A picture and a voice that can become a video, and what the video will be.

    width, height: the video's, in pixels. duration: seconds of the voice that will be used, after any cut. frames: at
    25 per second, at least 1. notes: plain sentences about what a person may want to know; none of them is a refusal.
    """

    picture: PictureInfo
    voice: VoiceInfo
    width: int
    height: int
    duration: float
    frames: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A finished video that has been opened. duration in seconds, fps in frames per second, bytes the file's size.

    frames are counted, not taken from the header. audio_codec is empty without sound. tags are the container's own
    texts, made safe to show (at most 64 of them, 16 million characters each).
    """

    duration: float
    width: int
    height: int
    fps: float
    frames: int
    bytes: int
    has_audio: bool
    video_codec: str
    audio_codec: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The two files to send to a ComfyUI server: the person's own where those will do, or ones made from them."""

    image: Path
    audio: Path


@dataclass(frozen=True, slots=True)
class Raster:
    """A small picture, ready to be drawn. rgb: three bytes a pixel, row by row from the top; ValueError if not so."""

    width: int
    height: int
    rgb: bytes

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or len(self.rgb) != 3 * self.width * self.height:
            raise ValueError(f"{len(self.rgb)} bytes are no picture of {self.width}x{self.height} pixels")

    def fitted(self, width: int, height: int) -> Raster:
        """The same picture, no larger than width x height pixels (1 or more each), its proportions kept.

        One that fits already is returned as it is: a small picture drawn large would be nothing but blocks.
        """
        share = min(width / self.width, height / self.height)
        if share >= 1.0:
            return self
        return _averaged(self, max(1, round(self.width * share)), max(1, round(self.height * share)))


def _averaged(raster: Raster, width: int, height: int) -> Raster:
    """Each new pixel is the mean of those that it covers."""
    columns = [x * raster.width // width for x in range(width + 1)]
    rows = [y * raster.height // height for y in range(height + 1)]
    rgb = bytearray()
    for top, bottom in pairwise(rows):
        lines = [raster.rgb[3 * raster.width * y : 3 * raster.width * (y + 1)] for y in range(top, bottom)]
        sums = [sum(values) for values in zip(*lines, strict=True)]
        for left, right in pairwise(columns):
            count = (right - left) * (bottom - top)
            for first in range(3 * left, 3 * left + 3):
                rgb.append(sum(sums[first : 3 * right : 3]) // count)
    return Raster(width, height, bytes(rgb))


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording that has been listened to as far as it can be used.

    voice: its facts; the duration is the whole recording's, in seconds, and beyond the part that was listened to it is
    what the file's packets say. peaks: the loudness of equal parts of what was listened to, 0 .. 1, the loudest is 1.
    too_long: there is more of it than can be used.
    """

    voice: VoiceInfo
    peaks: tuple[float, ...]
    too_long: bool
