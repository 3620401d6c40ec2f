"""Decoding sound with PyAV, a frame at a time, from files that may be hostile. Heavy: only the media child loads it.

Only container formats that hold media themselves are let in: a playlist could make the library open other files or
addresses on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, BinaryIO

import av
import av.container
import av.error
import numpy as np
import numpy.typing as npt

from oavr_tui.errors import BadInput
from oavr_tui.media.files import VOICE

FORMATS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,webm,wv"
_MOST_FAULTS = 200
"""Undecodable packets after which a file counts as broken, however much of it is left."""
_SIGN_OF_LIFE = 2000
"""Packets, of some 20 ms each, between two signs of life."""


@dataclass(slots=True)
class Sound:
    """An open sound track: its frames, and how many packets of it could not be decoded so far.

    alive is called now and then while frames are taken, so that a slow computer is not mistaken for a stuck one.
    """

    container: av.container.InputContainer
    stream: av.AudioStream
    alive: Callable[[], None]
    faults: int = 0

    @property
    def claimed(self) -> float | None:
        """The duration that the header claims, in seconds, or None; never to be relied on."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return self.container.duration / av.time_base if self.container.duration else None

    def frames(self) -> Iterator[av.AudioFrame]:
        """Decode to the end, passing over damaged places; an error of the container ends it like the file's end."""
        packets = self.container.demux(self.stream)
        for turn in count(1):
            if turn % _SIGN_OF_LIFE == 0:
                self.alive()
            try:
                packet = next(packets)
                decoded = packet.decode()
            except StopIteration:
                return
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.faults += 1
                if self.faults > _MOST_FAULTS:
                    return
                continue
            for frame in decoded:
                assert isinstance(frame, av.AudioFrame)
                yield frame


def no_sign() -> None:
    """For Sound.alive where nobody waits."""


def open_sound(file: BinaryIO, name: str, alive: Callable[[], None] = no_sign) -> Sound:
    """The first sound track of an open file; BadInput where there is none, and what PyAV raises on a broken file."""
    container = open_media(file)
    if not container.streams.audio:
        container.close()
        raise BadInput(f"{name} has no sound track. Choose a recording with a voice in it.")
    return Sound(container, container.streams.audio[0], alive)


def open_media(file: BinaryIO) -> av.container.InputContainer:
    """Open a media file with the formats above alone; raises what PyAV raises when it is none of them."""
    return av.open(
        file,
        "r",
        options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
        metadata_errors="replace",
        buffer_size=1 << 17,
    )


def samples(frame: av.AudioFrame) -> npt.NDArray[np.float32]:
    """A frame as (channels, samples) in -1 .. 1 (floating formats may exceed it); not-a-number counts as silence."""
    data: npt.NDArray[Any] = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        data = data.reshape(-1, channels).T
    if data.dtype == np.uint8:
        return (data.astype(np.float32) - np.float32(128.0)) / np.float32(128.0)
    plain = data.astype(np.float32)
    if data.dtype.kind == "i":
        return plain / np.float32(2.0 ** (8 * data.dtype.itemsize - 1))
    np.nan_to_num(plain, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return plain


def unreadable(name: str) -> BadInput:
    """The refusal of a file that opens and yields nothing because all of it is damaged."""
    return BadInput(f"{name} is damaged or incomplete and cannot be read. {VOICE.mend}")
