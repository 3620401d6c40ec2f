"""The voice as band energies: a short spectrum every 10 ms, in constant memory. Heavy: loads numpy and PyAV."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from av.audio.resampler import AudioResampler

from oavr_tui.preview.arrays import Field
from oavr_tui.preview.sound import sound

RATE = 16000
ROWS_PER_SECOND = 100
EDGES = (80, 300, 700, 1200, 1800, 3000, 4500, 8000)
"""Hz; between two neighbors lies one band."""
_WINDOW = 400
"""Samples, 25 ms: two periods of a low voice, yet short enough to see the silence before a p."""
_HOP = RATE // ROWS_PER_SECOND
_CHUNK = 10 * RATE


def band_energies(path: Path, seconds: float, on_heard: Callable[[float], None]) -> tuple[Field, float]:
    """Mean square of the voice in each band (full scale is 1), rows x 7, and its length in seconds.

    Row i is centered on i/100 s. seconds: hear at most so much. on_heard: called now and then with the seconds heard.
    Raises BadInput where nothing can be heard.
    """
    analysis = _Analysis()
    waiting: list[Field] = []
    heard = queued = 0
    for frame in sound(path, AudioResampler("flt", "mono", RATE), seconds):
        waiting.append(np.asarray(frame.to_ndarray(), np.float32).ravel())
        heard += frame.samples
        queued += frame.samples
        if queued >= _CHUNK:
            analysis.feed(np.concatenate(waiting))
            waiting, queued = [], 0
            on_heard(heard / RATE)
    return analysis.end(np.concatenate(waiting) if waiting else np.zeros(0, np.float32)), heard / RATE


class _Analysis:
    def __init__(self) -> None:
        self._window = np.hanning(_WINDOW).astype(np.float32)
        frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
        bands = [(frequencies >= low) & (frequencies < high) for low, high in pairwise(EDGES)]
        # Parseval: one-sided power over the window's own energy is the mean square.
        self._bands = np.stack(bands, 1).astype(np.float32) * 2 / (_WINDOW * float((self._window**2).sum()))
        self._left = np.zeros(_WINDOW // 2, np.float32)
        self._rows: list[Field] = []

    def feed(self, samples: Field) -> None:
        # A file of floats may hold anything, and one NaN would spread over every running mean.
        clean = np.clip(np.nan_to_num(samples, posinf=0, neginf=0), -8, 8)
        self._left = np.concatenate([self._left, clean])
        count = (len(self._left) - _WINDOW) // _HOP + 1
        if count > 0:
            frames = np.lib.stride_tricks.sliding_window_view(self._left, _WINDOW)[::_HOP][:count]
            power = np.abs(np.fft.rfft(frames * self._window, axis=1)) ** 2
            self._rows.append(np.asarray(power @ self._bands, np.float32))
            self._left = self._left[count * _HOP :].copy()

    def end(self, samples: Field) -> Field:
        self.feed(np.concatenate([samples, np.zeros(_WINDOW // 2 + _HOP, np.float32)]))
        return np.concatenate(self._rows)
