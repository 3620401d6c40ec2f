"""Making the two files that are sent to a ComfyUI server. Heavy: only the media child loads it.

What any server's loaders know is sent as it is; all else becomes a plain JPEG, PNG, FLAC or M4A. A picture with EXIF
data is always written anew: the data may tell where it was taken, and the server has no use for it.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from PIL import Image

from oavr_tui.errors import BadInput
from oavr_tui.media.files import PICTURE, VOICE, head_of, open_regular, refusing, storing
from oavr_tui.media.picture import WORKING_SIDE, has_exif, open_picture, opened_upright
from oavr_tui.media.sound import Sound, no_sign, open_sound
from oavr_tui.text import clock, size

SAMPLE_RATE = 48_000
AAC_BITS = 192_000
"""Bits per second; 400 s of it are 10 MB."""

_LOSSY = {"JPEG", "MPO", "WEBP", "AVIF", "HEIF"}
_PICTURE_SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",)}
_VOICE_SUFFIXES = {"wav": (".wav",), "mp3": (".mp3",), "flac": (".flac",), "ogg": (".ogg", ".opus"), "mov": (".m4a",)}
_VOICE_CODECS = ("pcm_", "mp3", "flac", "vorbis", "opus", "aac")


def picture_to_send(path: Path, name: str, folder: Path) -> Path:
    """The picture itself when any loader knows it and shows it upright, else a copy in the folder that is so."""
    with open_regular(path, name, PICTURE) as file:
        head = head_of(file)
        with refusing(name, PICTURE, head):
            kind, plain = _picture_facts(file, head, name)
            file.seek(0)
            if plain:
                return _as_it_is(path, file, folder / "portrait", _PICTURE_SUFFIXES[kind])
            image = opened_upright(file, head, name)
    return _save_picture(image, folder / ("portrait.jpg" if kind in _LOSSY else "portrait.png"))


def _save_picture(image: Image.Image, target: Path) -> Path:
    part = target.with_suffix(".part")
    with storing(target):
        if target.suffix == ".jpg":
            image.save(part, "JPEG", quality=95, subsampling=0)
        else:
            image.save(part, "PNG", compress_level=3)
        part.replace(target)
    return target


def _picture_facts(file: BinaryIO, head: bytes, name: str) -> tuple[str, bool]:
    """A picture's format, and whether it can be sent as it is."""
    image = open_picture(file, head, name)
    kind = image.format or ""
    fits = max(image.size) <= WORKING_SIDE and not image.has_transparency_data
    if kind not in _PICTURE_SUFFIXES or image.mode not in {"RGB", "L"} or not fits:
        return kind, False
    image.load()  # a PNG may keep its EXIF data after the pixels
    return kind, not has_exif(image)


def _as_it_is(path: Path, file: BinaryIO, stem: Path, suffixes: tuple[str, ...]) -> Path:
    """The file's own path when its suffix tells the truth (servers go by it), else a copy with one that does."""
    if path.suffix.lower() in suffixes:
        return path
    target = stem.with_suffix(suffixes[0])
    with storing(target), target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    return target


def voice_to_send(
    path: Path,
    name: str,
    folder: Path,
    *,
    max_seconds: float | None,
    max_bytes: int,
    alive: Callable[[], None] = no_sign,
) -> Path:
    """The recording itself when any loader knows it and it fits, else a FLAC or M4A in the folder, cut exactly."""
    with open_regular(path, name, VOICE) as file, refusing(name, VOICE, head_of(file)):
        small = os.fstat(file.fileno()).st_size <= max_bytes
        with open_sound(file, name).container as container:
            suffixes = _known_suffixes(container)
        file.seek(0)
        if small and suffixes and (max_seconds is None or not _longer_than(file, name, max_seconds, alive)):
            file.seek(0)
            return _as_it_is(path, file, folder / "voice", suffixes)
        return _transcoded(file, name, folder, max_seconds=max_seconds, max_bytes=max_bytes, alive=alive)


def _known_suffixes(container: av.container.InputContainer) -> tuple[str, ...]:
    """The suffixes of a container with nothing but one sound track that any loader knows; none for all others."""
    streams = container.streams
    covers = av.stream.Disposition.attached_pic
    if len(streams.audio) != 1 or any(not stream.disposition & covers for stream in streams.video):
        return ()
    if not streams.audio[0].codec_context.name.startswith(_VOICE_CODECS):
        return ()
    return _VOICE_SUFFIXES.get(container.format.name.split(",")[0], ())


def _longer_than(file: BinaryIO, name: str, seconds: float, alive: Callable[[], None]) -> bool:
    sound, heard = open_sound(file, name, alive), 0.0
    with sound.container:
        for frame in sound.frames():
            heard += frame.samples / frame.sample_rate
            if heard > seconds:
                return True
    return False


def _transcoded(
    file: BinaryIO,
    name: str,
    folder: Path,
    *,
    max_seconds: float | None,
    max_bytes: int,
    alive: Callable[[], None],
) -> Path:
    for codec, suffix in (("flac", ".flac"), ("aac", ".m4a")):
        target, part = folder / f"voice{suffix}", folder / f"voice{suffix}.part"
        file.seek(0)
        sound = open_sound(file, name, alive)
        with sound.container, storing(target):
            _encode(sound, part, codec, max_seconds, max_bytes)
        written = part.stat().st_size
        if written <= max_bytes:
            part.replace(target)
            return target
        part.unlink()
    seconds = max_bytes * 8 / AAC_BITS
    raise BadInput(
        f"{name} is too long to send: about {clock(seconds)} of it fit into {size(max_bytes)}. "
        f"Choose a shorter recording, or use only its beginning with --max-seconds {math.floor(seconds)}."
    )


def _encode(sound: Sound, part: Path, codec: str, max_seconds: float | None, max_bytes: int) -> None:
    """Write a sound track as 48 kHz mono or stereo up to an exact sample; stops early once it is clearly too large."""
    layout = "mono" if sound.stream.codec_context.channels == 1 else "stereo"
    left = None if max_seconds is None else max(1, round(max_seconds * SAMPLE_RATE))
    form = {"flac": "flac", "aac": "ipod"}[codec]
    with av.open(str(part), "w", format=form) as output:
        stream = output.add_stream(codec, rate=SAMPLE_RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        stream.format = "s16" if codec == "flac" else "fltp"
        if codec == "aac":
            stream.bit_rate = AAC_BITS
        done, written = 0, 0
        for frame in _resampled(sound, layout, stream.format.name):
            whole = frame if left is None or frame.samples <= left - done else _first(frame, left - done)
            whole.pts, whole.time_base = done, Fraction(1, SAMPLE_RATE)
            done += whole.samples
            for packet in stream.encode(whole):
                written += packet.size
                output.mux(packet)
            if written > max_bytes or done == left:
                break
        output.mux(stream.encode(None))


def _first(frame: av.AudioFrame, count: int) -> av.AudioFrame:
    data = frame.to_ndarray()
    channels = 1 if frame.format.is_planar else frame.layout.nb_channels
    cut = av.AudioFrame.from_ndarray(data[:, : count * channels].copy(), frame.format.name, frame.layout.name)
    cut.sample_rate = frame.sample_rate
    return cut


def _resampled(sound: Sound, layout: str, form: str) -> Iterator[av.AudioFrame]:
    """All frames in one format; a track that changes its rate or layout on the way gets a new resampler there."""
    resampler, shape = None, None
    for frame in sound.frames():
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or now != shape:
            if resampler is not None:
                yield from resampler.resample(None)
            resampler, shape = av.AudioResampler(form, layout, SAMPLE_RATE), now
        frame.pts = None  # a file's own clock may jump; only the samples count
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)
