"""Making a preview: picture and voice in, a video out. Heavy; run it in a child process (run.py).

The order: hear the voice, open the picture, find the face, cut the picture to shape, and then, frame by frame, bend it
and hand it to the encoder. Everything goes to a temporary file, which takes its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from oavr_tui.errors import OavrError
from oavr_tui.models import FPS, LONGEST_PREVIEW_SECONDS
from oavr_tui.preview.encode import EncoderThread, Mp4, write_failure
from oavr_tui.preview.face import LEAST_SCORE, Face, FaceFinder
from oavr_tui.preview.picture import Texture, crop_around, cut, load_picture
from oavr_tui.preview.render import Renderer
from oavr_tui.preview.spec import PreviewResult, PreviewSpec
from oavr_tui.preview.voice import Controls, listen

OnProgress = Callable[[float, int, int], None]

SETTING_UP = 0.05
"""The share of the whole work that comes before the first frame."""
TICK = 0.1
"""Seconds between two progress reports, at least."""


def make_preview(
    spec: PreviewSpec, on_progress: OnProgress | None = None, clock: Callable[[], float] = time.monotonic
) -> PreviewResult:
    """Make the preview that `spec` describes, in this process.

    Calls on_progress with (done 0 .. 1, frame, frames). Raises BadInput, DiskFull or Rejected, each with a sentence;
    then the output is as it was before and no temporary file is left.
    """
    spec = spec.checked()
    begin = clock()
    report = _Reporter(on_progress, clock)
    controls = _hear(spec, report)
    texture, face = find_face(Path(spec.image), spec.width, spec.height)
    report(SETTING_UP, 0, controls.frames, now=True)
    renderer = Renderer(texture, face, controls, spec)
    try:
        _write(spec, renderer, report)
        size = _put_in_place(spec)
    except (OavrError, av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        raise write_failure(error) from None
    finally:
        with contextlib.suppress(OSError):
            spec.part.unlink(missing_ok=True)
    report(1.0, controls.frames, controls.frames, now=True)
    return PreviewResult(
        path=spec.output,
        width=spec.width,
        height=spec.height,
        frames=controls.frames,
        duration=controls.frames / FPS,
        bytes=size,
        face_found=face is not None,
        seconds_taken=clock() - begin,
    )


class _Reporter:
    """Passes progress on, a few times a second."""

    def __init__(self, on_progress: OnProgress | None, clock: Callable[[], float]) -> None:
        self._on_progress = on_progress
        self._clock = clock
        self._last = -TICK

    def __call__(self, done: float, frame: int, frames: int, *, now: bool = False) -> None:
        if self._on_progress is not None and (now or self._clock() - self._last >= TICK):
            self._last = self._clock()
            self._on_progress(done, frame, frames)


def _hear(spec: PreviewSpec, report: _Reporter) -> Controls:
    limits = [LONGEST_PREVIEW_SECONDS, spec.max_seconds, spec.max_frames and spec.max_frames / FPS]
    seconds = min(limit for limit in limits if limit is not None)
    return listen(Path(spec.audio), seconds, lambda heard: report(SETTING_UP * heard / (heard + 300), 0, 0))


def find_face(image: Path, width: int, height: int) -> tuple[Texture, Face | None]:
    """Open a picture, find its largest face, and cut it to the video's shape so that the face stays in.

    Returns the texture and the face in it, if any. Raises BadInput, with a sentence that names the file.
    """
    picture = load_picture(image, width, height)
    finder = FaceFinder()
    face = finder.find(picture)
    crop = crop_around(picture, width, height, None if face is None else face.bounds)
    texture = cut(picture, crop, width, height)
    if face is None:
        return texture, None
    moved = face.moved(np.array([crop.x, crop.y]), texture.pixels.shape[1] / crop.width)
    placed = finder.refined(texture.pixels, moved)
    return texture, placed if placed.score > LEAST_SCORE else None


def _tags(spec: PreviewSpec, face_found: bool) -> dict[str, str]:
    """The metadata of the file: what the caller wants, and, in the description, what it is.

    Never in the comment: what stands there may be meant for a program.
    """
    tags = {"title": Path(spec.output).stem, **spec.tags}
    if spec.label:
        about = tags.get("description", "Made by the quick preview of OpenAvathar (oavr-tui), not by InfiniteTalk.")
        about = about if spec.label in about else f"{spec.label}: {about}"
        tags["description"] = (
            about if face_found else f"{about} No face was found: the picture sways above a voice meter."
        )
    return tags


def _write(spec: PreviewSpec, renderer: Renderer, report: _Reporter) -> None:
    frames = renderer.frames
    file = Mp4(spec.part, (spec.width, spec.height), Path(spec.audio), frames, _tags(spec, renderer.has_face))
    try:
        with EncoderThread(file) as encoder:
            for index in range(frames):
                encoder.put(renderer.planes(index))
                report(SETTING_UP + (0.99 - SETTING_UP) * (index + 1) / frames, index + 1, frames)
            encoder.finish()
    except BaseException:
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            file.abandon()
        raise


def _put_in_place(spec: PreviewSpec) -> int:
    """Give the finished file its name, for good: the data is on the disk before the name is. Returns its size."""
    with spec.part.open("rb+") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    spec.part.replace(spec.output)
    with contextlib.suppress(OSError):  # the video is whole; some file systems cannot sync a folder
        folder = os.open(Path(spec.output).parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return size
