"""Finished videos: what is in them, their texts, their first picture. Heavy: only the media child loads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import av
import av.container
import av.error
from PIL import Image

from oavr_tui.errors import Rejected
from oavr_tui.media.files import VIDEO, head_of, open_regular, refusing, storing
from oavr_tui.media.sound import open_media
from oavr_tui.media.types import VideoInfo
from oavr_tui.text import safe

MOST_PIXELS = 40_000_000
"""Pixels of one frame; an 8K frame has 33 million."""
MOST_PACKETS = 2_000_000
MOST_TAGS = 64
LONGEST_TAG = 16 << 20
_NOT_TEXTS = {"major_brand", "minor_version", "compatible_brands", "encoder"}


def look_at_video(path: Path, name: str) -> VideoInfo:
    """Read all packets and decode the first frame; raises Rejected when it is not a whole, playable video."""
    with open_regular(path, name, VIDEO) as file:
        size = os.fstat(file.fileno()).st_size
        with refusing(name, VIDEO, head_of(file)), open_media(file) as container:
            first_frame(container, name)
            container.seek(0)
            return _measure(container, name, size)


def first_frame(container: av.container.InputContainer, name: str) -> av.VideoFrame:
    """The first picture that can be decoded; raises Rejected where there is none or it is too large."""
    if not container.streams.video:
        raise Rejected(f"{name} has sound but no picture. {VIDEO.mend}", can_retry=True)
    stream = container.streams.video[0]
    if stream.width * stream.height > MOST_PIXELS:
        raise Rejected(f"{name} is too large to play ({stream.width}x{stream.height}). {VIDEO.mend}", can_retry=True)
    for frame in container.decode(stream):
        return frame
    raise Rejected(f"{name} holds no pictures. {VIDEO.mend}", can_retry=True)


def _measure(container: av.container.InputContainer, name: str, size: int) -> VideoInfo:
    stream = container.streams.video[0]
    claimed, count, start, end = stream.frames, 0, None, 0
    for packet in container.demux(stream):
        if packet.size == 0 or packet.pts is None:
            continue
        count += 1
        start = packet.pts if start is None else min(start, packet.pts)
        end = max(end, packet.pts + (packet.duration or 0))
        if count > MOST_PACKETS:
            raise Rejected(f"{name} is far too long to be one of ours. {VIDEO.mend}", can_retry=True)
    if claimed > count:
        raise Rejected(f"{name} is incomplete: its end is missing. {VIDEO.mend}", can_retry=True)
    sound = container.streams.audio[0] if container.streams.audio else None
    return VideoInfo(
        duration=float((end - (start or 0)) * stream.time_base) if stream.time_base else 0.0,
        width=stream.width,
        height=stream.height,
        fps=float(stream.average_rate or 0),
        frames=count,
        bytes=size,
        has_audio=sound is not None,
        video_codec=stream.codec_context.name,
        audio_codec=sound.codec_context.name if sound is not None else "",
        tags=_tags(container),
    )


def _tags(container: av.container.InputContainer) -> dict[str, str]:
    own = [(key, text) for key, text in container.metadata.items() if key not in _NOT_TEXTS]
    return {safe(key, 100): safe(text, LONGEST_TAG) for key, text in own[:MOST_TAGS]}


def remux_with_tags(source: Path, part: Path, target: Path, tags: Mapping[str, str], name: str) -> None:
    """Copy all streams of a video untouched into an MP4 with more tags, and put it in place only when it is whole.

    part: a path beside target for the unfinished file; it is on disk (fsync) before it takes the target's name. The
    source's own tags stay where the new ones do not say otherwise. Raises Rejected when the source cannot be read.
    """
    with open_regular(source, name, VIDEO) as file, refusing(name, VIDEO, head_of(file)), open_media(file) as container:
        # use_metadata_tags keeps names of our own, which the plain MP4 muxer drops (FFmpeg, movenc)
        options = {"movflags": "faststart+use_metadata_tags"}
        with storing(target), av.open(str(part), "w", format="mp4", options=options) as output:
            output.metadata.update(_tags(container) | dict(tags))
            streams = {
                stream.index: output.add_stream_from_template(stream)
                for stream in (*container.streams.video[:1], *container.streams.audio[:1])
            }
            for packet in container.demux([container.streams[index] for index in streams]):
                if packet.dts is None:
                    continue
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    with storing(target):
        _put_in_place(part, target)


def _put_in_place(part: Path, target: Path) -> None:
    for path, then in ((part, True), (target.parent, False)):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if then:
            part.replace(target)


def draw_poster(path: Path, part: Path, target: Path, width: int, name: str) -> tuple[int, int]:
    """Write a video's first picture as a PNG of a width in pixels; returns width and height."""
    with open_regular(path, name, VIDEO) as file, refusing(name, VIDEO, head_of(file)), open_media(file) as container:
        frame = first_frame(container, name).to_ndarray(format="rgb24")
    picture = Image.fromarray(frame)
    height = max(1, round(picture.height * width / picture.width))
    small = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    with storing(target):
        small.save(part, "PNG")
        part.replace(target)
    return width, height
