"""What the media checks find out, as frozen dataclasses. Light: nothing but the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
