"""The sample portrait and voice, made once for all tests of a run, and looking at finished videos."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def _folder() -> Path:
    """One folder for the whole run; each worker of a parallel run has its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"oavr-tests-{os.getuid()}" / f"{run}-{worker}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def portrait() -> Path:
    """The sample portrait: 480x640, a drawn face."""
    from oavr_tui.simulator.sample_portrait import draw_portrait

    path = _folder() / "portrait.png"
    draw_portrait(path, 480, 640)
    return path


@cache
def voice() -> Path:
    """The sample voice."""
    from oavr_tui.simulator.sample_voice import synthesize_voice

    path = _folder() / "voice.wav"
    synthesize_voice(path)
    return path


@dataclass(frozen=True)
class Film:
    """A finished video, decoded to its end. Lengths in seconds."""

    frames: int
    fps: float
    width: int
    height: int
    video_codec: str
    audio_codec: str
    sound: float
    tags: dict[str, str]


def decoded(path: Path) -> Film:
    """Decode a whole mp4; raises where it is half-written."""
    import av

    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        frames = sum(1 for _ in container.decode(picture))
        assert picture.average_rate is not None
        assert sound.duration is not None and sound.time_base is not None
        return Film(
            frames=frames,
            fps=float(picture.average_rate),
            width=picture.codec_context.width,
            height=picture.codec_context.height,
            video_codec=picture.codec_context.name,
            audio_codec=sound.codec_context.name,
            sound=float(sound.duration * sound.time_base),
            tags=dict(container.metadata),
        )
