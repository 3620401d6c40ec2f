"""Looking into finished videos, tagging them, and their posters. Light: a child process opens the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oavr_tui.errors import Rejected
from oavr_tui.media.files import VIDEO, shown_name
from oavr_tui.media.types import VideoInfo
from oavr_tui.media.worker import DEADLINE, ask

WIDEST_POSTER = 4096


async def probe_video(path: Path, *, name: str | None = None, deadline: float = DEADLINE) -> VideoInfo:
    """Read a whole video and decode its first frame.

    Raises Rejected, with one sentence, when it is not a video, holds no picture, or its end is missing.
    """
    shown = shown_name(path, name, VIDEO)
    return VideoInfo(**await ask("probe", {"video": (path, shown, VIDEO)}, deadline=deadline))


async def write_tags(source: Path, target: Path, tags: Mapping[str, str], *, deadline: float = DEADLINE) -> None:
    """Copy a video into an MP4 at target, its streams untouched, with these texts in it.

    The target appears whole (fsync, then rename) or not at all, and may be the source itself. tags: any names and
    texts; those that the source has already stay unless named here. Raises Rejected when the source cannot be read,
    DiskFull when the target cannot hold it.
    """
    if any("\0" in key or "\0" in text or not key for key, text in tags.items()):
        raise Rejected("A text for the video holds a character that no video file can keep.")
    shown = shown_name(source, None, VIDEO)
    part = _part(target)
    files = {"video": (source, shown, VIDEO)}
    try:
        await ask("tags", files, deadline=deadline, part=str(part), target=str(target), tags=dict(tags))
    finally:
        part.unlink(missing_ok=True)


async def poster(path: Path, target_png: Path, width: int, *, deadline: float = DEADLINE) -> tuple[int, int]:
    """Write a video's first picture as a PNG `width` pixels wide (1 .. 4096); returns its width and height.

    Raises Rejected when the video cannot be read.
    """
    if not 1 <= width <= WIDEST_POSTER:
        raise ValueError(f"a poster's width is 1 .. {WIDEST_POSTER} pixels, not {width}")
    shown = shown_name(path, None, VIDEO)
    part = _part(target_png)
    files = {"video": (path, shown, VIDEO)}
    try:
        answer = await ask("poster", files, deadline=deadline, part=str(part), target=str(target_png), width=width)
    finally:
        part.unlink(missing_ok=True)
    return answer["width"], answer["height"]


def _part(target: Path) -> Path:
    """The unfinished file beside a target: hidden, and the same each time, so that a crash leaves at most one."""
    return target.with_name(f".{target.name}.part")
