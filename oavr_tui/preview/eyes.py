"""Blinking: lids that stretch down over the eyes of the picture. Heavy: loads numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oavr_tui.preview.arrays import Field, Pixels, Points, pixels_at, smoothstep
from oavr_tui.preview.face import Face

_LEVELS = 7
_LEAST = 0.02
"""Less of a blink than this is none."""


@dataclass(frozen=True, slots=True)
class _Lids:
    """Points of the mesh, from the left corner to the right one as seen in the picture."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    brow: tuple[int, ...]


LEFT = _Lids(
    (33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), (70, 63, 105, 66, 107)
)
RIGHT = _Lids(
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
    (336, 296, 334, 293, 300),
)


class Eyes:
    """Both eyes of a face; an eye that is nearly shut in the picture, or too small to see, is left alone."""

    def __init__(self, pixels: Pixels, face: Face) -> None:
        self._pixels = pixels
        eyes = (_eye(pixels, face.points, lids) for lids in (LEFT, RIGHT))
        self._eyes = [eye for eye in eyes if eye is not None]
        self._changed = False

    def draw(self, canvas: Pixels, shut: float) -> None:
        """Draw the eyes into a copy of the texture: 0 open as in the picture .. 1 shut."""
        if shut <= _LEAST:
            if self._changed:
                for eye in self._eyes:
                    canvas[eye.rows, eye.columns] = self._pixels[eye.rows, eye.columns]
            self._changed = False
            return
        self._changed = True
        for eye in self._eyes:
            eye.draw(self._pixels, canvas, shut)


@dataclass(frozen=True, slots=True)
class _Eye:
    """levels: for some states from open to shut, x and y of the lid layer, of the eye below it, and the lid's cover."""

    rows: slice
    columns: slice
    levels: list[Field]

    def draw(self, pixels: Pixels, canvas: Pixels, shut: float) -> None:
        place = shut * (_LEVELS - 1)
        index = min(int(place), _LEVELS - 2)
        share = np.float32(place - index)
        now = self.levels[index] * (1 - share) + self.levels[index + 1] * share
        lid = pixels_at(pixels, now[0:2]).astype(np.float32)
        ball = pixels_at(pixels, now[2:4])
        canvas[self.rows, self.columns] = (ball + now[4][..., None] * (lid - ball) + 0.5).astype(np.uint8)


def _eye(pixels: Pixels, points: Points, lids: _Lids) -> _Eye | None:
    upper, lower = points[list(lids.upper)], points[list(lids.lower)]
    center, across = (upper[0] + upper[-1]) / 2, upper[-1] - upper[0]
    half = float(np.linalg.norm(across)) / 2
    across = across / max(2 * half, 1e-6)
    down = np.array([-across[1], across[0]])

    def local(where: Points) -> tuple[Points, Points]:
        return (where - center) @ across / half, (where - center) @ down

    upper_u, upper_v = local(upper)
    lower_u, lower_v = local(lower)
    height = float(lower_v.max() - upper_v.min())
    if half <= 4 or height <= 0.12 * half:
        return None
    brow = float(np.mean(local(points[list(lids.brow)])[1]))
    lid_height = max(0.5 * height, 0.82 * min(float(upper_v[2:7].mean()) - brow, 1.6 * height))
    ends = np.array(
        [[-1.35, -lid_height - height], [1.35, -lid_height - height], [-1.35, 1.6 * height], [1.35, 1.6 * height]]
    )
    corners = center + ends[:, :1] * half * across + ends[:, 1:] * down
    last = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(corners.min(0)).astype(int), 0, last)
    high = np.clip(np.ceil(corners.max(0)).astype(int), 0, last)
    if (high - low).min() < 2:
        return None
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    place = np.stack([x, y], -1).astype(np.float64)
    u, v = local(place)
    inside = np.clip(u, -1, 1)
    top: Points = np.polyval(np.polyfit(upper_u, upper_v, 4), inside).astype(np.float64)
    bottom = np.maximum(np.polyval(np.polyfit(lower_u, lower_v, 4), inside), top)
    fade = 1 - smoothstep(1.0, 1.3, np.asarray(np.abs(u), np.float32))
    levels = [
        _state(place, v, top, bottom, fade, down, lid_height, height, shut) for shut in np.linspace(0, 1, _LEVELS)
    ]
    return _Eye(slice(low[1], high[1]), slice(low[0], high[0]), levels)


def _state(
    place: Points,
    v: Points,
    top: Points,
    bottom: Points,
    fade: Field,
    down: Points,
    lid: float,
    height: float,
    shut: float,
) -> Field:
    """The maps of one state: the skin above the eye is stretched to the lid's edge, the lower lid comes up a little."""
    lash = 0.10 * height
    edge = top + shut * (bottom - top) * 0.93 * fade
    start = top - lid
    along = np.clip((v - start) / np.maximum(edge + lash - start, 1e-3), 0, 1.05)
    stretched = np.where(v > start, start + (lid + lash) * along, v)
    lid_shift = ((stretched - v) * fade)[..., None] * down
    rise = shut * 0.12 * height * fade * np.exp(-(((v - bottom) / (0.6 * height)) ** 2))
    cover = np.clip((edge + lash - v) / 1.4 + 0.5, 0, 1)
    layers = [place + lid_shift, place + rise[..., None] * down, cover[..., None]]
    return np.ascontiguousarray(np.moveaxis(np.concatenate(layers, -1), -1, 0), np.float32)
