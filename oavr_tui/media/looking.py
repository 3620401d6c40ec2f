"""Pictures, voices and videos as a screen shows them: small pictures and waveforms. Light: a child opens the files."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oavr_tui.child import run_in_child
from oavr_tui.errors import OavrError
from oavr_tui.media.files import PICTURE, VOICE, shown_name
from oavr_tui.media.types import Heard, Raster
from oavr_tui.media.worker import DEADLINE, ask
from oavr_tui.models import PictureInfo, VoiceInfo

WIDEST = 400
"""Pixels of a Raster's longer side: one is sent as a single line of less than a megabyte."""


async def see(
    image: Path, *, name: str | None = None, width: int, height: int, deadline: float = DEADLINE
) -> tuple[PictureInfo, Raster]:
    """A picture's facts, and itself upright at no more than width x height (1 .. 400) pixels; raises BadInput."""
    shown = shown_name(image, name, PICTURE)
    answer = await ask(
        "see", {"image": (image, shown, PICTURE)}, deadline=deadline, width=_side(width), height=_side(height)
    )
    facts = answer["picture"]
    return PictureInfo(**{**facts, "notes": tuple(facts["notes"])}), _raster(answer["raster"])


async def hear(
    audio: Path, *, name: str | None = None, longest: float, parts: int, deadline: float = DEADLINE
) -> Heard:
    """Listen to a recording up to `longest` seconds; one that is longer is a fact, not a failure.

    parts: how many peaks its waveform has, 1 .. 4096. Raises BadInput when it cannot be used at all.
    """
    if not 1 <= parts <= 4096:
        raise ValueError(f"a waveform has 1 .. 4096 peaks, not {parts}")
    shown = shown_name(audio, name, VOICE)
    answer = await ask("hear", {"audio": (audio, shown, VOICE)}, deadline=deadline, longest=longest, parts=parts)
    facts = answer["voice"]
    voice = VoiceInfo(**{**facts, "notes": tuple(facts["notes"])})
    return Heard(voice, tuple(answer["peaks"]), answer["too_long"])


async def draw_all(
    files: Sequence[Path], *, width: int, height: int, drawn: dict[Path, Raster], deadline: float = DEADLINE
) -> None:
    """Draw pictures and first pictures of videos at no more than width x height (1 .. 400) pixels.

    drawn: filled as they come, so that nothing done is lost to a cancellation; files that cannot be read are left out,
    also where a decoder crashes or hangs on one. deadline: seconds for each file.
    """
    left = list(files)
    while left:
        reading = 0

        def take(progress: Mapping[str, Any], batch: Sequence[Path] = tuple(left)) -> None:
            nonlocal reading
            reading = progress.get("reading", reading)
            if "drawn" in progress:
                drawn[batch[progress["drawn"]]] = _raster(progress["raster"])

        task = {
            "task": "draw",
            "paths": [str(path) for path in left],
            "width": _side(width),
            "height": _side(height),
        }
        try:
            await run_in_child("oavr_tui.media", task, deadline=deadline, crash_message="", on_progress=take)
        except OavrError:
            left = left[reading + 1 :]  # it crashed on this one; a new child goes on behind it
        else:
            return


def _side(pixels: int) -> int:
    if not 1 <= pixels <= WIDEST:
        raise ValueError(f"a small picture is 1 .. {WIDEST} pixels wide and high, not {pixels}")
    return pixels


def _raster(fields: Mapping[str, Any]) -> Raster:
    return Raster(fields["width"], fields["height"], base64.b64decode(fields["rgb"]))
