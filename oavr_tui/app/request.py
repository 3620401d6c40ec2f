"""The form's draft and what is asked of the engine: one into the other, and what is missing or wrong in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oavr_tui.app.memory import Draft
from oavr_tui.app.outside.pasted import pasted
from oavr_tui.models import AUTO, LONGEST_FULL_SECONDS, LONGEST_PREVIEW_SECONDS, PREVIEW, Request
from oavr_tui.settings import Settings, prompt, quality, shape, strength, where
from oavr_tui.text import clock

LARGEST_SEED = 2**63 - 1
LEAST_SECONDS = 0.04
"""One frame."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What keeps a draft from being made. field: the Draft's field it is about. sentence: for a person."""

    field: str
    sentence: str


def longest(draft: Draft) -> float:
    """Seconds of voice that can become a video of the wanted kind."""
    return LONGEST_FULL_SECONDS if draft.full else LONGEST_PREVIEW_SECONDS


def place(draft: Draft) -> str:
    """Where it is to be made, as Request.on has it."""
    return (draft.on.strip() or AUTO) if draft.full else PREVIEW


def draft_of(request: Request) -> Draft:
    """The form filled in with what a video was, or is to be, made from."""
    return Draft(
        image=request.image,
        audio=request.audio,
        prompt=request.prompt,
        shape=request.shape,
        full=request.on != PREVIEW,
        quality=request.quality,
        seed="" if request.seed is None else str(request.seed),
        strength=f"{request.audio_strength:g}",
        max_seconds="" if request.max_seconds is None else f"{request.max_seconds:g}",
        workflow=request.workflow or "",
        on="" if request.on in (PREVIEW, AUTO) else request.on,
    )


def draft_from(settings: Settings) -> Draft:
    """An empty form, as the person's settings have it."""
    return Draft(
        prompt=settings.prompt,
        shape=settings.shape,
        full=settings.on != PREVIEW,
        quality=settings.quality,
        strength=f"{settings.audio_strength:g}",
        on="" if settings.on in (PREVIEW, AUTO) else settings.on,
    )


def missing(draft: Draft) -> Wrong | None:
    """The first of the two files that is not named yet."""
    if not pasted(draft.image):
        return Wrong("image", "Choose a portrait first: type its path, paste or drop the file, or press Browse.")
    if not pasted(draft.audio):
        return Wrong("audio", "Now choose a voice: a recording of somebody speaking.")
    return None


def request_of(draft: Draft) -> Request | Wrong:
    """What the draft asks for, or the first thing that is missing or wrong in it. Looks at no file."""
    wrong = missing(draft) or _odd(draft)
    if wrong is not None:
        return wrong
    seed, limit = draft.seed.strip(), draft.max_seconds.strip()
    return Request(
        image=pasted(draft.image),
        audio=pasted(draft.audio),
        prompt=prompt(draft.prompt),
        shape=shape(draft.shape),
        seed=int(seed) if seed else None,
        quality=quality(draft.quality),
        audio_strength=strength(draft.strength),
        max_seconds=_seconds(limit) if limit else None,
        workflow=pasted(draft.workflow) or None,
        on=where(place(draft)),
    )


def _odd(draft: Draft) -> Wrong | None:
    """The first field whose text cannot be used."""
    checks: tuple[tuple[str, str, str, Callable[[str], Any]], ...] = (
        ("prompt", "Prompt", draft.prompt, prompt),
        ("shape", "Shape", draft.shape, shape),
        ("quality", "Quality", draft.quality, quality),
        ("seed", "Seed", draft.seed.strip(), _seed),
        ("strength", "Audio strength", draft.strength, strength),
        ("max_seconds", "Length", draft.max_seconds.strip(), _seconds),
        ("on", "Which studio", place(draft), where),
    )
    for field, name, text, check in checks:
        if not text and field in ("seed", "max_seconds"):
            continue
        try:
            check(text)
        except ValueError as reason:
            return Wrong(field, f"{name}: {reason}.")
    if draft.workflow.strip() and not draft.full:
        return Wrong(
            "workflow", "A workflow of your own makes full videos only: choose Full video, or empty this field."
        )
    return None


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_SEED and len(text) < 20):
        raise ValueError("it must be a whole number, or empty for a new one each time")
    return int(text)


def _seconds(text: str) -> float:
    """Seconds, as 12.5 or as 1:05. Raises ValueError with a plain reason."""
    minutes, colon, rest = text.rpartition(":")
    try:
        seconds = (60 * int(minutes) if colon else 0) + float(rest)
        seconds = -1.0 if rest.startswith("-") else seconds
    except ValueError:
        seconds = -1.0
    if not LEAST_SECONDS <= seconds <= LONGEST_PREVIEW_SECONDS:
        raise ValueError(
            f"it must be seconds such as 12.5, or minutes such as 1:05, up to {clock(LONGEST_PREVIEW_SECONDS)}; "
            "empty for the whole voice"
        )
    return seconds


def limit_of(draft: Draft) -> float | None:
    """Seconds of the voice that are wanted at most; None for all, and where the field cannot be read."""
    try:
        return _seconds(draft.max_seconds.strip())
    except ValueError:
        return None
