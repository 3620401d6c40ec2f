"""Writing the video: H.264 and AAC in an MP4, in a thread of its own behind a short queue. Heavy: loads PyAV, numpy."""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from oavr_tui.errors import DiskFull, OavrError, Rejected
from oavr_tui.models import FPS
from oavr_tui.preview.arrays import Pixels
from oavr_tui.preview.sound import sound

SOUND_RATE = 48000
VIDEO_OPTIONS = {"preset": "veryfast", "crf": "21", "threads": "2", "profile": "high", "g": str(2 * FPS), "bf": "2"}
WAITING = 6
"""Frames that may wait for the encoder."""
_BT601 = 6
"""SMPTE 170M, in the tables of ITU-T H.273."""
_SOUND_AHEAD = 0.2
"""Seconds by which the sound is written before the picture, so that players need not seek."""
_STANDARD_TAGS = frozenset(
    {"title", "comment", "artist", "album", "date", "genre", "copyright", "description", "encoder"}
)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_failure(error: Exception) -> OavrError:
    """The sentence for what went wrong while a video was written."""
    if isinstance(error, OavrError):
        return error
    if getattr(error, "errno", None) in _NO_ROOM:
        return DiskFull(
            "There is no room left on the disk, so the preview was not saved. Free some space and try again."
        )
    if isinstance(error, OSError):
        return Rejected("The preview cannot be written into its folder. Choose another folder for videos in Settings.")
    return Rejected("The preview could not be encoded, so there is no video. Try once more.", can_retry=True)


class Mp4:
    """An MP4 file being written, frame by frame. Failures come as FFmpeg's own errors."""

    def __init__(self, path: Path, size: tuple[int, int], voice: Path, frames: int, tags: Mapping[str, str]) -> None:
        """size: width and height, even. frames: how many there will be; the sound never outlasts them."""
        custom = set(tags) - _STANDARD_TAGS
        flags = "+faststart+use_metadata_tags" if custom else "+faststart"
        self._file = av.open(f"file:{path}", "w", format="mp4", options={"movflags": flags})
        self._file.metadata.update(tags)
        self._video = self._video_stream(size)
        self._audio: AudioStream = self._file.add_stream("aac", rate=SOUND_RATE)
        self._audio.bit_rate = 128_000
        self._audio.layout = "stereo"
        resampler = AudioResampler("fltp", "stereo", SOUND_RATE, frame_size=1024)
        self._sound: Iterator[AudioFrame] = sound(voice, resampler, frames / FPS)
        self._written = 0
        self._heard = 0

    def _video_stream(self, size: tuple[int, int]) -> VideoStream:
        stream = self._file.add_stream("libx264", rate=FPS, options=dict(VIDEO_OPTIONS))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, FPS)
        context.color_range = ColorRange.MPEG
        context.colorspace = _BT601
        context.color_primaries = _BT601
        context.color_trc = _BT601
        return stream

    def write(self, planes: Pixels) -> None:
        """Write one frame, as OpenCV lays out I420."""
        frame = VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._written
        frame.time_base = Fraction(1, FPS)
        self._written += 1
        self._file.mux(self._video.encode(frame))
        self._write_sound(self._written / FPS + _SOUND_AHEAD)

    def _write_sound(self, until: float) -> None:
        while self._heard < until * SOUND_RATE:
            frame = next(self._sound, None)
            if frame is None:
                return
            frame.pts = self._heard
            frame.time_base = Fraction(1, SOUND_RATE)
            self._heard += frame.samples
            self._file.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Write what is left, and the index."""
        self._write_sound(float("inf"))
        self._file.mux(self._video.encode(None))
        self._file.mux(self._audio.encode(None))
        self._file.close()

    def abandon(self) -> None:
        """Close a file that will not be finished."""
        self._file.close()


class EncoderThread:
    """Runs an Mp4 in a thread. What fails there is raised here, at the next `put` or at `finish`; nothing ever hangs:
    after a failure the thread goes on to empty the queue."""

    def __init__(self, file: Mp4) -> None:
        self._file = file
        self._frames: queue.Queue[Pixels | None] = queue.Queue(WAITING)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._frames.put(None)
            self._thread.join()

    def put(self, planes: Pixels) -> None:
        """Hand over one frame, waiting while the queue is full; raises what has failed in the thread."""
        if self._failure is not None:
            raise self._failure
        self._frames.put(planes)

    def finish(self) -> None:
        """Wait for all frames, then end the file; raises what has failed."""
        self._frames.put(None)
        self._thread.join()
        if self._failure is None:
            self._file.finish()
        else:
            raise self._failure

    def _run(self) -> None:
        while (planes := self._frames.get()) is not None:
            if self._failure is None:
                try:
                    self._file.write(planes)
                except Exception as error:  # handed over to the thread that puts
                    self._failure = error
