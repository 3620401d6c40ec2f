"""What the head and the eyes do over a whole video, from the voice and a seed. Heavy: loads numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oavr_tui.models import FPS
from oavr_tui.preview.arrays import Field, gaussian
from oavr_tui.preview.head import Pose
from oavr_tui.preview.voice import Controls

_BLINK = np.array([0.35, 0.85, 1.0, 0.8, 0.45, 0.15], np.float32)
"""How far the lids are shut, frame by frame."""
_PAUSES = (2.2, 5.2)
"""Seconds from one blink to the next."""
_TWICE = 0.12
"""How often a blink is followed by another at once."""
WITHOUT_FACE = 2.2
"""How much farther a picture moves that has no mouth to speak with."""

Row = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """The head and the eyes at every frame: angles in radians, shifts in shares of the head's size, shut 0 .. 1."""

    right: Row
    down: Row
    roll: Row
    yaw: Row
    pitch: Row
    shut: Field

    def pose(self, frame: int, gain: float = 1.0, bob: float = 0.0) -> Pose:
        """The head at one frame. gain: times as far. bob: pixels of the video, down."""
        rows = (self.right, self.down, self.roll, self.yaw, self.pitch)
        right, down, roll, yaw, pitch = (float(row[frame]) * gain for row in rows)
        return Pose(right, down, roll, yaw, pitch, bob)


def motion(controls: Controls, seed: int) -> Motion:
    """Slow sways that never repeat, nods with the voice, and blinks. The same seed gives the same motion."""
    rng = np.random.default_rng(seed)
    energy = controls.energy.astype(np.float64)
    quick, slow = gaussian(energy, 5), gaussian(energy, 14)
    liveliness = 0.5 + 0.5 * np.clip(slow * 1.6, 0.25, 1)
    stress = quick - slow
    count = controls.frames
    return Motion(
        yaw=np.deg2rad(2.6) * _sway(count, (3.1, 5.3, 8.7), rng) * liveliness,
        pitch=np.deg2rad(1.5) * _sway(count, (2.7, 4.9), rng) * liveliness + np.deg2rad(3.2) * stress,
        roll=np.deg2rad(1.1) * _sway(count, (4.1, 6.7), rng) * liveliness,
        right=0.010 * _sway(count, (5.9, 9.1), rng),
        down=0.006 * _sway(count, (3.7, 7.3), rng) + 0.010 * stress,
        shut=_blinks(count, rng),
    )


def _sway(count: int, periods: tuple[float, ...], rng: np.random.Generator) -> Row:
    """A sum of sines with about these periods (seconds), mostly within -1 .. 1."""
    times = np.arange(count) / FPS
    waves = [np.sin(2 * np.pi * (times / (period * rng.uniform(0.9, 1.1)) + rng.random())) for period in periods]
    return np.asarray(np.sum(waves, 0) * 1.4 / len(periods))


def _blinks(count: int, rng: np.random.Generator) -> Field:
    shut = np.zeros(count + 2 * len(_BLINK) + 4, np.float32)
    time = rng.uniform(0.8, 2.0)
    while (start := int(time * FPS)) < count:
        shut[start : start + len(_BLINK)] = _BLINK
        if rng.random() < _TWICE:
            again = start + len(_BLINK) + 3
            shut[again : again + len(_BLINK)] = _BLINK[: len(shut[again : again + len(_BLINK)])]
        time += rng.uniform(*_PAUSES)
    return shut[:count]
