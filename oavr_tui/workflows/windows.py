"""How many frames and windows a voice needs. The sampler works through a long video in overlapping windows."""

from __future__ import annotations

from math import ceil

from oavr_tui.models import FPS

WINDOW = 81
"""Frames of one window, as our graph sets it: what the model was trained for."""
MOTION = 9
"""Frames that a window takes over from the one before it."""
MOST_FRAMES = 10_000
"""The largest num_frames that MultiTalkWav2VecEmbeds accepts: 400 seconds at 25 frames per second."""


def frames_for(duration: float) -> int:
    """The frames that a voice of `duration` seconds needs at 25 per second: 1 .. 10,000.

    Rounded up, since the node silently drops whatever voice goes beyond its num_frames.
    """
    return max(1, min(MOST_FRAMES, ceil(round(duration * FPS, 6))))


def windows(frames: int, window: int = WINDOW, motion: int = MOTION) -> int:
    """The windows that the sampler really works through for so many frames; at least 1.

    The first gives `window` frames and each further one `window - motion`, as WanVideoWrapper's MultiTalk loop does. A
    graph whose overlap leaves nothing new per window counts as one window, since the node would never end.
    """
    step = window - motion
    return 1 if step <= 0 else 1 + max(0, ceil((frames - window) / step))


def output_frames(frames: int, window: int = WINDOW, motion: int = MOTION) -> int:
    """The frames that come out, always whole windows; what goes beyond the voice is cut off when it is joined."""
    return window + (window - motion) * (windows(frames, window, motion) - 1)
