"""Pictures, recordings and videos made by code, good ones and bad ones."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

Samples = npt.NDArray[np.float32]


def photo(width: int = 320, height: int = 400) -> Image.Image:
    """Soft colors that differ in all four corners, so that a turn or a crop shows."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    bands = np.stack([255 * x, 255 * y, 128 + 60 * np.sin(9 * x + 5 * y)], axis=-1)
    return Image.fromarray(bands.astype(np.uint8), "RGB")


def save_photo(path: Path, width: int = 320, height: int = 400, **options: Any) -> Path:
    photo(width, height).save(path, **options)
    return path


def turned_photo(path: Path, orientation: int) -> Path:
    """The photo stored so that a viewer who minds the EXIF turn sees it upright."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = photo()
    exif = Image.Exif()
    exif[0x0112] = orientation
    (image if undo is None else image.transpose(undo)).save(path, quality=95, exif=exif)
    return path


def tone(seconds: float, rate: int = 48_000, channels: int = 1, level: float = 0.3, pitch: float = 220.0) -> Samples:
    """A tone that swells and fades four times a second, as (channels, samples)."""
    t = np.arange(round(seconds * rate)) / rate
    one = level * np.sin(2 * np.pi * pitch * t) * (0.6 - 0.4 * np.cos(2 * np.pi * 4 * t))
    return np.tile(one.astype(np.float32), (channels, 1))


def silence(seconds: float, rate: int = 48_000, channels: int = 1) -> Samples:
    return np.zeros((channels, round(seconds * rate)), np.float32)


def save_wav(path: Path, sound: Samples, rate: int = 48_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(sound))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(sound, -1, 1).T * 32767).round().astype("<i2").tobytes())
    return path


_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def save_sound(path: Path, sound: Samples, codec: str, rate: int = 48_000, form: str | None = None) -> Path:
    """Encode with any of the library's encoders."""
    with av.open(str(path), "w", format=form) as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = _LAYOUTS[len(sound)]
        _mux_sound(output, stream, sound, rate)
    return path


def _mux_sound(output: av.container.OutputContainer, stream: av.AudioStream, sound: Samples, rate: int) -> None:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", _LAYOUTS[len(sound)])
    frame.sample_rate = rate
    frame.pts = 0
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def save_video(
    path: Path,
    seconds: float = 1.0,
    *,
    size: tuple[int, int] = (160, 288),
    sound: Samples | None = None,
    **options: Any,
) -> Path:
    """An H.264 video at 25 frames a second, with AAC sound where some is given; options are the container's."""
    with av.open(str(path), "w", **options) as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        track = output.add_stream("aac", rate=48_000) if sound is not None else None
        if sound is not None:
            assert isinstance(track, av.AudioStream)
            track.layout = _LAYOUTS[len(sound)]
        base = np.asarray(photo(*size))
        for index in range(max(1, round(seconds * 25))):
            frame = av.VideoFrame.from_ndarray(np.roll(base, index, axis=1), format="rgb24")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            assert isinstance(track, av.AudioStream)
            _mux_sound(output, track, sound, 48_000)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
