"""How long a video gets."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.workflows.windows import MOST_FRAMES, frames_for, output_frames, windows


@pytest.mark.parametrize(
    ("seconds", "frames", "count", "out"),
    [(1, 25, 1, 81), (10, 250, 4, 297), (60, 1500, 21, 1521), (3.24, 81, 1, 81), (3.25, 82, 2, 153), (6, 150, 2, 153)],
)
def test_known_lengths(seconds: float, frames: int, count: int, out: int) -> None:
    assert (frames_for(seconds), windows(frames), output_frames(frames)) == (frames, count, out)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.28, 7), (0.0, 1), (0.001, 1), (0.0401, 2), (400, 10_000), (9e9, 10_000)]
)
def test_rounding_and_bounds(seconds: float, frames: int) -> None:
    assert frames_for(seconds) == frames


@given(st.floats(0.01, 500))
def test_no_part_of_the_voice_is_dropped(seconds: float) -> None:
    assert frames_for(seconds) == MOST_FRAMES or frames_for(seconds) / 25 >= seconds - 1e-6


@given(st.integers(1, MOST_FRAMES), st.integers(5, 200), st.integers(1, 100))
def test_windows_cover_the_frames_and_none_is_idle(frames: int, window: int, motion: int) -> None:
    count = windows(frames, window, motion)
    if motion >= window:
        assert count == 1
        return
    made = output_frames(frames, window, motion)
    assert made >= frames
    assert count == 1 or made - (window - motion) < frames
    assert count == 1 + max(0, ceil((frames - window) / (window - motion)))
