"""Where the lips are shut: m, b and p, as well as sound alone can tell. Heavy: loads numpy.

Two signs are looked for (Stevens, Acoustic Phonetics, chapters 7 and 9):
1. A murmur: the voice goes on in the lowest band alone, since it leaves through the nose (m, n) or the cheeks (b, d).
2. A stop: next to silence for a few hundredths of a second, then a burst (p, t, k, b, d, g).
Lips leave the second formant low, a tongue behind the teeth leaves it high: when there is more between 700 and 1200 Hz
than between 1200 and 1800 Hz, lips are the likelier. Where that is unclear the mouth closes half way, which suits n, d
and t as well. After a hiss ("st", "sk") a stop is nearly always the tongue's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oavr_tui.preview.bands import ROWS_PER_SECOND

Row = NDArray[np.float64]

SHORTEST, LONGEST = 0.03, 0.15
"""Seconds that the near silence of a stop lasts; a longer one is a pause, of which only the end is a closure."""
CLOSING, OPENING = 0.06, 0.05
"""Seconds that the lips take to meet before a closure, and to part after it."""
UNSURE = 0.5
"""How far the mouth shuts where it may as well have been the tongue; 1 is wholly."""
_NEIGHBORHOOD = 1.0
"""Seconds to either side within which a sound counts as loud or not."""


@dataclass(frozen=True, slots=True)
class Closure:
    """start, end: seconds. depth: 0 nothing .. 1 shut."""

    start: float
    end: float
    depth: float


def shut_gate(power: Row, level: Row) -> Row:
    """How far the lips may be open at each row: 1 as they like, 0 shut.

    power: band energies of bands.py, rows x 7. level: loudness of each row, 0 silence .. 1 loud.
    """
    times = np.arange(len(power)) / ROWS_PER_SECOND
    gate = np.ones(len(power))
    for closure in find_closures(power, level):
        first = max(0, int((closure.start - CLOSING) * ROWS_PER_SECOND))
        last = int((closure.end + OPENING) * ROWS_PER_SECOND) + 2
        near = times[first:last]
        to_go = np.maximum((closure.start - near) / CLOSING, (near - closure.end) / OPENING)
        shut = 1 - closure.depth * (1 - np.clip(to_go, 0, 1))
        gate[first:last] = np.minimum(gate[first:last], shut)
    return gate


def find_closures(power: Row, level: Row) -> list[Closure]:
    """Every closure of a voice, by time; murmurs and stops may overlap."""
    decibels = 10 * np.log10(power)
    return sorted([*_murmurs(decibels, level), *_stops(decibels, level)], key=lambda closure: closure.start)


def _murmurs(decibels: Row, level: Row) -> Iterator[Closure]:
    upper = _sum(decibels, 3, 6)
    lowest, next_up = decibels[:, 0], decibels[:, 1]
    fallen = _loud_near(upper) - upper
    murmur = (fallen > 11) & (lowest - next_up > 3.5) & (_loud_near(lowest) - lowest < 13) & (level > 0.3)
    for first, end in _runs(murmur):
        if end - first >= 3:
            depth = UNSURE + (1 - UNSURE) * _lips_likely(decibels[first:end])
            yield Closure(first / ROWS_PER_SECOND, (end - 1) / ROWS_PER_SECOND, depth)


def _stops(decibels: Row, level: Row) -> Iterator[Closure]:
    speech = _sum(decibels, 1, 6)
    loud = _loud_near(speech)
    highest = decibels[:, 6]
    hissing = (highest > _sum(decibels, 1, 4)) & (highest > _loud_near(highest) - 12)
    for first, end in _runs(loud - speech > 18):
        length = (end - first) / ROWS_PER_SECOND
        after = speech[end : end + 5]
        if (
            length < SHORTEST
            or not len(after)
            or (after < loud[end : end + 5] - 13).all()
            or level[end : end + 8].max() < 0.5
        ):
            continue
        if hissing[first:end].mean() > 0.5:  # an s, not a silence
            continue
        after_hiss = bool(hissing[max(0, first - 8) : max(1, first - 1)].mean() > 0.5)
        likely = 0.0 if after_hiss else _lips_likely(decibels[max(0, end - 1) : end + 2])
        start = max(first, end - round(LONGEST * ROWS_PER_SECOND))
        yield Closure(start / ROWS_PER_SECOND, (end - 1) / ROWS_PER_SECOND, UNSURE + (1 - UNSURE) * likely)


def _lips_likely(decibels: Row) -> float:
    """0 the tongue .. 1 the lips, from the bands on both sides of 1200 Hz."""
    tilt = float(np.mean(decibels[:, 2] - decibels[:, 3]))
    return float(np.clip((tilt + 6) / 6, 0, 1))


def _sum(decibels: Row, start: int, end: int) -> Row:
    return np.asarray(10 * np.log10((10 ** (decibels[:, start:end] / 10)).sum(1)))


def _loud_near(decibels: Row) -> Row:
    """The 85th percentile of what is near, found ten times a second and joined by lines."""
    reach, step = int(_NEIGHBORHOOD * ROWS_PER_SECOND), ROWS_PER_SECOND // 10
    centers = np.arange(0, len(decibels), step)
    found = [np.percentile(decibels[max(0, c - reach) : c + reach + 1], 85) for c in centers]
    return np.interp(np.arange(len(decibels)), centers, found)


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First row and the row after the last of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
