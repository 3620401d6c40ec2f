"""The media work behind the simulated nodes, with PyAV and Pillow. Everything here blocks: call it in a thread."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from oavr_tui.simulator.making import Picture, Sound

_SOUND_RATE = 48_000
_SILENCE_BLOCK = 4_800


def picture_at(path: Path) -> Picture:
    """Open a picture wholly, as LoadImage does. Raises what Pillow raises for something that is none."""
    with Image.open(path) as opened:
        opened.load()
        width, height = ImageOps.exif_transpose(opened).size
    return Picture(path, width, height)


def as_png(picture: Picture) -> bytes:
    """The picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with Image.open(picture.path) as opened:
        opened.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def sound_at(path: Path) -> Sound:
    """Decode a recording wholly, as LoadAudio does. Raises what PyAV raises, ValueError where there is no sound."""
    samples, rate = 0, 1
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            raise ValueError("No audio stream found in the file.")
        for frame in container.decode(audio=0):
            samples += frame.samples
            rate = frame.sample_rate
    if not samples:
        raise ValueError("No audio frames decoded from the file.")
    return Sound(path, samples / rate)


def fitted(picture: Picture, width: int, height: int, mode: str, output: Path) -> Picture:
    """The picture brought to exactly this size as a PNG. mode: "stretch", "pad..." (black bars); all else is a crop."""
    with Image.open(picture.path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    if mode == "stretch":
        made = upright.resize((width, height), Image.Resampling.LANCZOS)
    elif mode.startswith("pad"):
        made = ImageOps.pad(upright, (width, height), Image.Resampling.LANCZOS)
    else:
        made = ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)
    made.save(output)
    return Picture(output, width, height, picture.count)


def padded(sound: Sound, seconds: float, output: Path) -> Sound:
    """The sound as a WAV that silence prolongs to `seconds`."""
    wanted = round(seconds * _SOUND_RATE)
    written = 0
    with av.open(str(output), "w", format="wav") as target:
        track = target.add_stream("pcm_s16le", rate=_SOUND_RATE, layout="mono")
        for frame in _resampled(sound.path, "s16", "mono"):
            frame.pts = written
            written += frame.samples
            target.mux(track.encode(frame))
        while written < wanted:
            silence = _silence(min(_SILENCE_BLOCK, wanted - written))
            silence.pts = written
            written += silence.samples
            target.mux(track.encode(silence))
        target.mux(track.encode(None))
    return Sound(output, written / _SOUND_RATE)


def encode_still(picture: Picture, fps: float, sound: Sound | None, output: Path) -> None:
    """Write a video that shows one picture `picture.count` times, with as much of the sound as fits."""
    width, height = picture.width - picture.width % 2, picture.height - picture.height % 2
    with Image.open(picture.path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB").resize((width, height))
    with av.open(str(output), "w", format="mp4") as target:
        video = target.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        track = target.add_stream("aac", rate=_SOUND_RATE, layout="mono") if sound is not None else None
        for number in range(picture.count):
            frame = VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame.pts = number
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if track is not None and sound is not None:
            room = round(picture.count / fps * _SOUND_RATE)
            for sound_frame in _resampled(sound.path, "fltp", "mono"):
                if (sound_frame.pts or 0) >= room:
                    break
                target.mux(track.encode(sound_frame))
            target.mux(track.encode(None))


def copy_streams(source: Path, output: Path, *, audio: bool, tags: Mapping[str, str]) -> None:
    """Write a video's streams anew without encoding them again, with or without its sound, and with these tags."""
    with (
        av.open(str(source)) as opened,
        av.open(str(output), "w", format="mp4", options={"movflags": "faststart+use_metadata_tags"}) as target,
    ):
        target.metadata.update(tags)
        streams: list[Any] = [*opened.streams.video, *(opened.streams.audio if audio else ())]
        copies = {stream.index: target.add_stream_from_template(stream) for stream in streams}
        for packet in opened.demux(streams):
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)


def first_frame(source: Path, output: Path, texts: Mapping[str, str]) -> None:
    """Save a video's first frame as a PNG that carries these texts, as VideoHelperSuite does with the workflow."""
    about = PngInfo()
    for key, value in texts.items():
        about.add_text(key, value)
    with av.open(str(source)) as opened:
        frame = next(opened.decode(video=0)).to_ndarray(format="rgb24")
    Image.fromarray(frame).save(output, pnginfo=about)


def count_frames(source: Path) -> int:
    """How many pictures a video has, counted by its packets."""
    with av.open(str(source)) as opened:
        return sum(1 for packet in opened.demux(video=0) if packet.size)


def _resampled(path: Path, sample_format: str, layout: str) -> Iterator[AudioFrame]:
    """A file's sound at 48 kHz, timed by counting samples from 0."""
    resampler = AudioResampler(sample_format, layout, _SOUND_RATE)
    position = 0
    with av.open(str(path), metadata_errors="replace") as opened:
        for frame in chain(opened.decode(audio=0), (None,)):
            if frame is not None:
                frame.pts = None
            for made in resampler.resample(frame):
                made.pts, made.time_base = position, Fraction(1, _SOUND_RATE)
                position += made.samples
                yield made


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame("s16", "mono", samples)
    frame.sample_rate = _SOUND_RATE
    frame.time_base = Fraction(1, _SOUND_RATE)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame
