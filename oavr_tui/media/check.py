"""The input check, before time or money is spent: is this a picture, is this a voice, what will the video be.

Light: the files are opened by a child process.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from oavr_tui.errors import BadInput
from oavr_tui.media.files import PICTURE, VOICE, shown_name
from oavr_tui.media.types import Checked
from oavr_tui.media.worker import DEADLINE, ask
from oavr_tui.models import FPS, SIZES, PictureInfo, Shape, VoiceInfo, shape_of

NOTED_CROP = 0.1
"""Share of the picture's width or height that may be cropped without a word."""

_SHARES = (
    (0.1, "a tenth"),
    (0.2, "a fifth"),
    (0.25, "a quarter"),
    (1 / 3, "a third"),
    (0.4, "two fifths"),
    (0.5, "half"),
    (0.6, "three fifths"),
    (2 / 3, "two thirds"),
    (0.75, "three quarters"),
    (0.8, "four fifths"),
    (0.9, "nine tenths"),
)


async def check_inputs(
    image: Path,
    audio: Path,
    *,
    shape: Shape,
    max_seconds: float | None,
    longest: float,
    names: tuple[str, str] | None = None,
    deadline: float = DEADLINE,
) -> Checked:
    """Open and decode both files and say what video they make.

    max_seconds: use only so much of the voice, or None for all. longest: seconds of voice that the engine takes.
    names: what the person called the two, for the sentences; their file names where None. deadline: seconds for each
    file. Raises BadInput with one plain sentence that names the file and says what to do.
    """
    _check_seconds(max_seconds)
    picture_name = shown_name(image, names and names[0], PICTURE)
    voice_name = shown_name(audio, names and names[1], VOICE)
    answer = await ask(
        "check",
        {"image": (image, picture_name, PICTURE), "audio": (audio, voice_name, VOICE)},
        deadline=deadline,
        max_seconds=max_seconds,
        longest=longest,
    )
    picture, voice = _picture(answer), _voice(answer)
    width, height = SIZES[shape_of(picture.width, picture.height) if shape is Shape.AUTO else shape]
    crop = crop_note(picture_name, picture, width, height)
    notes = (*picture.notes, *((crop,) if crop else ()), *voice.notes)
    frames = max(1, round(voice.duration * FPS))
    return Checked(picture, voice, width, height, voice.duration, frames, notes)


async def check_picture(image: Path, *, name: str | None = None, deadline: float = DEADLINE) -> PictureInfo:
    """Open and decode a picture alone, as a form does while it is filled in; raises BadInput."""
    shown = shown_name(image, name, PICTURE)
    return _picture(await ask("check", {"image": (image, shown, PICTURE)}, deadline=deadline))


async def check_voice(
    audio: Path,
    *,
    max_seconds: float | None,
    longest: float,
    name: str | None = None,
    deadline: float = DEADLINE,
) -> VoiceInfo:
    """Open and decode a recording alone, as a form does while it is filled in; raises BadInput."""
    _check_seconds(max_seconds)
    shown = shown_name(audio, name, VOICE)
    files = {"audio": (audio, shown, VOICE)}
    return _voice(await ask("check", files, deadline=deadline, max_seconds=max_seconds, longest=longest))


def crop_note(name: str, picture: PictureInfo, width: int, height: int) -> str:
    """What a centered crop of a picture to a video of width x height pixels takes away; empty when it is little."""
    had, wanted = picture.width / picture.height, width / height
    side, lost = ("width", 1 - wanted / had) if had > wanted else ("height", 1 - had / wanted)
    if lost < NOTED_CROP:
        return ""
    share = min(_SHARES, key=lambda pair: abs(pair[0] - lost))[1]
    kind = {(a, b): str(shape) for shape, (a, b) in SIZES.items()}.get((width, height), f"{width}x{height}")
    return (
        f"{name} is {picture.width}x{picture.height}; about {share} of its {side} will be cropped for a {kind} video."
    )


def _check_seconds(max_seconds: float | None) -> None:
    if max_seconds is not None and not (math.isfinite(max_seconds) and max_seconds > 0):
        raise BadInput("The length to use of the voice is not a number above 0. Give it in seconds, such as 30.")


def _picture(answer: dict[str, Any]) -> PictureInfo:
    facts = answer["picture"]
    return PictureInfo(**{**facts, "notes": tuple(facts["notes"])})


def _voice(answer: dict[str, Any]) -> VoiceInfo:
    facts = answer["voice"]
    return VoiceInfo(**{**facts, "notes": tuple(facts["notes"])})
