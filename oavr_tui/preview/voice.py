"""From the voice to what the mouth does: how far open, how wide or round, at every frame. Heavy: loads numpy.

Rules: loudness is judged against the speaker's own, so that a quiet recording moves the mouth like a loud one; vowels
by two rough stand-ins for the first formants; hiss and closed lips shut the mouth (closures.py); the lips lead the
sound a little, as they do in life.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oavr_tui.models import FPS
from oavr_tui.preview.arrays import Field, gaussian
from oavr_tui.preview.bands import ROWS_PER_SECOND, band_energies
from oavr_tui.preview.closures import shut_gate

Row = NDArray[np.float64]
"""One number every 10 ms."""

LEAD = 0.020
"""Seconds by which the lips go before the sound."""
_QUIETEST, _FAINTEST = -90.0, -58.0
"""dB of full scale: what counts as silence at least; and the least that a speaker's loudest may be."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What the voice asks of the face, a number for each frame of the video.

    opening: 0 shut .. about 1 wide open. width: -1 rounded .. 1 spread. energy: loudness 0 .. 1, slow. talking: 0 in a
    pause .. 1, held over short gaps. duration: of the voice, seconds.
    """

    duration: float
    opening: Field
    width: Field
    energy: Field
    talking: Field

    @property
    def frames(self) -> int:
        return len(self.opening)


def listen(path: Path, seconds: float, on_heard: Callable[[float], None]) -> Controls:
    """Hear at most `seconds` of a voice; raises BadInput, with a sentence that names the file."""
    energies, duration = band_energies(path, seconds, on_heard)
    return controls(energies, duration)


def controls(energies: Field, duration: float) -> Controls:
    """The controls for band energies as bands.py makes them, and a voice of `duration` seconds."""
    frames = max(1, round(duration * FPS))
    power = energies.astype(np.float64) + 1e-10
    level, speech = _loudness(power)
    first = _by_speaker(_log(power, 2, 3) - _log(power, 1, 2), speech)  # F1: high for a, low for i and u
    second = _by_speaker(_log(power, 4, 5) - _log(power, 2, 4), speech)  # F2: high for i and e, low for o and u
    hiss = np.clip((_log(power, 6, 7) - _log(power, 1, 4)) * 1.2 + 0.1, 0, 1) * speech
    opening = speech * level**1.3 * (0.66 + 0.40 * first) * (1 - 0.72 * hiss)
    # Taking away part of what is around makes every syllable show.
    opening = np.clip(opening + 0.55 * (opening - gaussian(opening, 14)), 0, 1.15)
    spread = speech * np.clip(0.75 * second + 0.25 * hiss, -1, 1)
    rounded = speech * np.clip(-0.7 * second - 0.35 * first + 0.1, 0, 1) * (1 - hiss)
    times = (np.arange(frames) + 0.5) / FPS + LEAD
    gate = _at(_lowest_near(shut_gate(power, level), 2), times)
    return Controls(
        duration=duration,
        opening=_at(gaussian(opening, 2.6), times) * gate,
        width=np.clip(_at(gaussian(spread - 0.9 * rounded, 5), times), -1, 1)
        * np.asarray(0.3 + 0.7 * gate, np.float32),
        energy=_at(gaussian(level * speech, 12), times),
        talking=_at(gaussian(_highest_near(speech, 35), 8), times),
    )


def _log(power: Row, start: int, end: int) -> Row:
    return np.asarray(np.log10(power[:, start:end].sum(1)))


def _at(rows: Row, times: Row) -> Field:
    return np.interp(times * ROWS_PER_SECOND, np.arange(len(rows)), rows).astype(np.float32)


def _loudness(power: Row) -> tuple[Row, Row]:
    """How loud each row is between this speaker's silence (0) and usual loudest (1), and how surely it is speech."""
    decibels = 10 * np.log10(power[:, :6].sum(1))
    quiet = np.maximum(_running_percentile(decibels, 8, 15), _QUIETEST)
    loud = np.maximum(_running_percentile(decibels, 95, 8), np.maximum(quiet + 12, _FAINTEST))
    reach = np.clip(loud - quiet, 18, 45)
    level = np.clip((decibels - (loud - reach)) / reach, 0, 1.1)
    return level, np.clip((level - 0.38) / 0.30, 0, 1)


def _by_speaker(values: Row, speech: Row) -> Row:
    """Values spread over -1 .. 1 by this speaker's own range."""
    spoken = values[speech > 0.5]
    if len(spoken) < 20:
        return np.zeros_like(values)
    low, high = np.percentile(spoken, [15, 85])
    return np.asarray(np.clip((values - (low + high) / 2) / max(high - low, 0.2) * 1.2, -1, 1))


def _running_percentile(values: Row, percent: float, seconds: int) -> Row:
    """The percentile of what lies within +-seconds, found once a second and joined by lines."""
    second = ROWS_PER_SECOND
    blocks = -(-len(values) // second)
    found = [
        np.percentile(values[max(0, (i - seconds) * second) : (i + seconds + 1) * second], percent)
        for i in range(blocks)
    ]
    return np.interp(np.arange(len(values)), np.arange(blocks) * second + second / 2, found)


def _lowest_near(rows: Row, reach: int) -> Row:
    """The least within +-reach rows, so that a frame between two rows still sees a short dip."""
    padded = np.pad(rows, reach, "edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(1))


def _highest_near(rows: Row, reach: int) -> Row:
    return -_lowest_near(-rows, reach)
