"""Reading a finished video as a viewer would: its frames, its sound, and how far its lips are apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from oavr_tui.models import FPS
from oavr_tui.preview.arrays import Pixels
from oavr_tui.preview.face import CHIN, FOREHEAD, FaceFinder

Row = NDArray[np.float64]
_RATE = 16000
_UPPER, _LOWER = 13, 14
"""The middles of the inner lips in the face mesh."""


def frames(path: Path) -> Iterator[Pixels]:
    """Every frame of a video, as blue, green, red."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert isinstance(frame, VideoFrame)
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def samples(path: Path) -> Row:
    """The sound of a file at 16 kHz, mono."""
    resampler = AudioResampler("flt", "mono", _RATE)
    heard: list[Row] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            heard += [part.to_ndarray().ravel().astype(np.float64) for part in resampler.resample(frame)]
    return np.concatenate(heard)


def lip_gaps(path: Path) -> Row:
    """How far the inner lips are apart in each frame, by a face mesh placed anew on it; shares of the face's height."""
    finder = FaceFinder()
    found: list[float] = []
    face = None
    for picture in frames(path):
        face = finder.find(picture) if face is None else finder.refined(picture, face)
        assert face is not None
        tall = np.linalg.norm(face.points[FOREHEAD] - face.points[CHIN])
        found.append(float(np.linalg.norm(face.points[_UPPER] - face.points[_LOWER]) / tall))
    return np.array(found)


def speech_loudness(path: Path, count: int) -> Row:
    """Root mean square between 250 and 3500 Hz for each of `count` frames, smoothed over three."""
    per_frame = _RATE // FPS
    heard = samples(path)
    heard = np.pad(heard, (0, max(0, count * per_frame - len(heard))))[: count * per_frame]
    spectrum = np.fft.rfft(heard)
    hertz = np.fft.rfftfreq(len(heard), 1 / _RATE)
    band = np.fft.irfft(np.where((hertz > 250) & (hertz < 3500), spectrum, 0), len(heard))
    loud = np.sqrt((band.reshape(count, per_frame) ** 2).mean(1))
    return np.convolve(loud, [0.25, 0.5, 0.25], "same")


def lag(lips: Row, loudness: Row, reach: int = 8) -> tuple[float, float]:
    """By how many frames the lips come after the sound (below zero: before it), and how well they agree (to 1)."""
    agree = np.array([_correlation(lips, loudness, shift) for shift in range(-reach, reach + 1)])
    best = int(agree.argmax())
    if not 0 < best < 2 * reach:
        return float(best - reach), float(agree[best])
    before, at, after = agree[best - 1 : best + 2]
    return best - reach + 0.5 * float((before - after) / (before - 2 * at + after)), float(at)


def _correlation(lips: Row, loudness: Row, shift: int) -> float:
    count = len(lips)
    lips_part = lips[max(0, shift) : count + min(0, shift)]
    loud_part = loudness[max(0, -shift) : count - max(0, shift)]
    return float(np.corrcoef(lips_part, loud_part)[0, 1])
