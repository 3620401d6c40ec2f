"""A recording's facts and its shape over time, for a form that shows both. Heavy: only the media child loads it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av.error
import numpy as np

from oavr_tui.media.files import VOICE, head_of, open_regular, refusing
from oavr_tui.media.sound import Sound, no_sign, open_sound
from oavr_tui.media.voice import Sounding, described, taken_in

MOST_PACKETS = 5_000_000
"""Beyond the part that can be used only packets are counted: so many are a whole day of speech."""
_SIGN_OF_LIFE = 20_000


def listen_and_draw(
    path: Path, name: str, *, longest: float, parts: int, alive: Callable[[], None] = no_sign
) -> dict[str, Any]:
    """Decode a recording up to `longest` seconds; returns the fields of a Heard with `parts` peaks (1 or more).

    A longer one is no failure: of what is beyond, only the length is looked for. Raises BadInput when it cannot be
    used at all. alive: called now and then.
    """
    with open_regular(path, name, VOICE) as file, refusing(name, VOICE, head_of(file)):
        sound = open_sound(file, name, alive)
        with sound.container:
            meter, longer = taken_in(sound, longest, exactly=False)
            facts, loudness = described(name, sound, meter, longer=longer)
            whole = facts.duration + (_rest(sound) if longer else 0.0)
    facts = replace(facts, duration=round(whole, 6))
    return {"voice": asdict(facts), "peaks": peaks(loudness, parts), "too_long": longer}


def _rest(sound: Sound) -> float:
    """Seconds from where decoding stopped to the end, by what the packets say; right to a fraction of a second."""
    heard = 0.0
    packets = sound.container.demux(sound.stream)
    with contextlib.suppress(av.error.FFmpegError):  # a broken end is found when that part is used
        for turn, packet in enumerate(packets, 1):
            if turn % _SIGN_OF_LIFE == 0:
                sound.alive()
            if packet.duration and packet.time_base:
                heard += float(packet.duration * packet.time_base)
            if turn == MOST_PACKETS:
                break
    return heard


def peaks(loudness: Sounding, parts: int) -> list[float]:
    """The loudest moment of each of so many equal parts, as shares of the loudest of all: 0 .. 1."""
    edges = np.linspace(0, len(loudness), parts + 1)
    first = np.minimum(edges[:-1].astype(int), len(loudness) - 1)
    last = np.maximum(np.ceil(edges[1:]).astype(int), first + 1)
    highest = np.array([loudness[a:b].max() for a, b in zip(first, last, strict=True)])
    return [round(float(value), 3) for value in highest / max(float(highest.max()), 1e-9)]
