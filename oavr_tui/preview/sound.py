"""Reading the voice, as a stream: a recording, or the sound track of a video. Heavy: loads PyAV and numpy.

A recording is foreign: only plain media containers are opened, from a file and nothing else, since a playlist could
name other files or addresses. Broken packets in the middle are skipped, as players do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from oavr_tui.errors import BadInput
from oavr_tui.text import safe

CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,"
    "ogg,tta,w64,wav,wv"
)
"""FFmpeg's names of the containers that are opened: https://ffmpeg.org/ffmpeg-formats.html#Demuxers."""
MOST_BROKEN_PACKETS = 500


def sound(path: Path, resampler: AudioResampler, seconds: float) -> Iterator[AudioFrame]:
    """The first sound track of a file, resampled, at most `seconds` of it; the last frame is cut to fit.

    Raises BadInput, with a sentence that names the file, where there is nothing to hear.
    """
    name = safe(path.name)
    limit = math.ceil(seconds * (resampler.rate or 0))
    given = 0
    with _opened(path, name) as container:
        for frame in _resampled(container, name, resampler):
            room = limit - given
            if room <= 0:
                return
            given += frame.samples
            yield frame if frame.samples <= room else _cut(frame, room)
    if not given:
        raise BadInput(f"The recording {name} is empty. Choose another one.")


def _opened(path: Path, name: str) -> InputContainer:
    try:
        container = av.open(
            f"file:{path}",
            options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
            metadata_errors="replace",
        )
    except FileNotFoundError:
        raise BadInput(f"The recording {name} is no longer there. Choose it again.") from None
    except PermissionError:
        raise BadInput(f"The recording {name} may not be read. Change its permissions or choose another.") from None
    except (av.FFmpegError, ValueError):
        raise BadInput(
            f"{name} is not a recording this app can read. Choose a WAV, MP3, M4A, FLAC or Ogg file."
        ) from None
    if not container.streams.audio:
        container.close()
        raise BadInput(f"{name} has no sound. Choose a recording, or a video with a voice in it.")
    return container


def _resampled(container: InputContainer, name: str, resampler: AudioResampler) -> Iterator[AudioFrame]:
    damaged = BadInput(f"The recording {name} is damaged. Save it anew or choose another.")
    broken = 0
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            for frame in packet.decode():
                assert isinstance(frame, AudioFrame)
                frame.pts = None  # samples are counted, not timed: gaps and wild timestamps would stretch the resampler
                yield from resampler.resample(frame)
        except (av.FFmpegError, ValueError) as error:
            broken += 1
            if broken > MOST_BROKEN_PACKETS or isinstance(error, OSError):
                raise damaged from None
    yield from resampler.resample(None)


def _cut(frame: AudioFrame, samples: int) -> AudioFrame:
    """The first samples of a frame."""
    values = frame.to_ndarray()
    packed = not frame.format.is_planar
    shorter = AudioFrame.from_ndarray(
        values[:, : samples * (len(frame.layout.channels) if packed else 1)].copy(order="C"),
        format=frame.format.name,
        layout=frame.layout.name,
    )
    shorter.sample_rate = frame.sample_rate
    return shorter
