"""How skin moves when the mouth does: displacements for every aperture, worked out once. Heavy: loads numpy.

The mouth is one rigid cut with two layers. The upper one is the upper lip and the cheeks; the lower one is the lower
lip, the jaw and the chin. A video's pixel asks where in the picture its color comes from, so the movements, which are
given by where skin goes, are inverted here, a few steps of fixed-point iteration for each of some apertures.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from oavr_tui.preview.arrays import Field, Map, field_at, smoothstep
from oavr_tui.preview.mouth_shape import MouthShape

WIDEST = 0.118
"""The usual widest opening, as a share of the face's height."""
LIMIT = 0.165
"""No strength opens it farther."""
SIDES = 2.35
"""How far the moved skin reaches to either side, in half mouth widths."""
_LEVELS = 11
_STEPS = 4
_JAW, _CHIN = 0.88, 0.78
"""The lower lip's share of the opening, and how much of that the chin still has."""
_CORNER = 0.22
"""The share of the opening by which skin moves at the corners of the mouth."""
_UPPER_SHARE = 0.35
"""The upper lip's share when an open mouth is shut."""
_OVERLAP = 1.04
"""A shut mouth is pressed shut, so that no sliver shows."""


class MouthWarp:
    """Displacements over a grid on the texture around the mouth.

    corner, step: place of the grid's first point and distance of its points, texture pixels. widest: the aperture of a
    fully open mouth, texture pixels.
    """

    def __init__(self, shape: MouthShape, size: tuple[int, int], strength: float) -> None:
        """size: width and height of the texture. strength: 1 as usual, 0.5 .. 2."""
        self._shape = shape
        self.widest = min(WIDEST * strength, LIMIT) * shape.face_height * min(1.0, 0.55 + 0.45 * shape.narrow)
        self._up = min(shape.nose, 0.22 * shape.face_height)
        # Below the chin the movement fades slowly enough that the neck is pressed together but never folds.
        self._fade = max(0.45, 2.0 * _JAW * _CHIN * self.widest / shape.chin)
        self.step = max(1.5, shape.frame.half_width / 34)
        low, high = self._reach(size)
        self.corner = low.astype(np.float32)
        columns, rows = np.maximum(np.ceil((high - low) / self.step).astype(int) + 1, 2)
        x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
        self._grid = np.stack([x, y]) * np.float32(self.step) + self.corner[:, None, None]
        farthest = max(self.widest * 1.15, shape.rest_gap * 1.1)
        self._apertures = np.linspace(0, farthest, _LEVELS)
        self._levels = [
            np.concatenate(both, -1)
            for both in zip(self._inverses(lower=False), self._inverses(lower=True), strict=True)
        ]
        self._sideways = self._widening()

    def _reach(self, size: tuple[int, int]) -> tuple[Field, Field]:
        frame, shape = self._shape.frame, self._shape
        u = np.array([-SIDES, SIDES, -SIDES, SIDES], np.float32)
        high, low = shape.lips(np.linspace(-1, 1, 33, dtype=np.float32))
        above, below = float(high.min()) - self._up, float(low.max()) + (1.02 + self._fade) * shape.chin
        v = np.array([above, above, below, below], np.float32)
        corners = frame.point(u, v)
        last = np.array(size, np.float32) - 1
        return np.floor(np.clip(corners.min(1), 0, last)), np.ceil(np.clip(corners.max(1), 0, last))

    @property
    def bounds(self) -> tuple[Field, Field]:
        """Top left and bottom right of what may move, texture pixels."""
        return self._grid[:, 0, 0], self._grid[:, -1, -1]

    def displacement(self, where: Map, aperture: float, width: float) -> Field:
        """Where colors come from, less where they go, at every point of a map: x, y of the upper layer, then the lower.

        All in texture pixels. width: -1 rounded .. 1 spread.
        """
        blend = self._blend(aperture, width)
        place = (where - self.corner[:, None, None]) / np.float32(self.step)
        return np.moveaxis(field_at(blend, place), -1, 0)

    def _blend(self, aperture: float, width: float) -> Field:
        place = aperture / (self._apertures[1] or 1.0)
        index = int(min(max(place, 0), _LEVELS - 2))
        share = min(max(place - index, 0.0), 1.0)
        blend = self._levels[index] * np.float32(1 - share) + self._levels[index + 1] * np.float32(share)
        return np.asarray(blend - self._sideways * np.float32(0.13 * width if width > 0 else 0.20 * width), np.float32)

    def _inverses(self, *, lower: bool) -> Iterator[Field]:
        """Of one layer at every aperture; each is sought from the two before it, which lie nearly on a line."""
        frame = self._shape.frame
        found = [np.zeros_like(self._grid)] * 2
        for aperture in self._apertures:
            shift = 2 * found[-1] - found[-2]
            for _ in range(_STEPS):
                du, dv = self._movement(*frame.local(self._grid + shift), aperture, lower=lower)
                shift = -np.asarray([du * frame.across[axis] + dv * frame.down[axis] for axis in (0, 1)], np.float32)
            found = [found[-1], shift]
            yield np.moveaxis(shift, 0, -1)

    def _movement(self, u: Field, v: Field, aperture: float, *, lower: bool) -> tuple[Field, Field]:
        """How far skin at (u, v) of the picture goes along both axes of the mouth, texture pixels."""
        shape = self._shape
        high, low = shape.lips(u)
        opened = max(aperture - shape.rest_gap, 0.0)
        shut = _OVERLAP * max(1 - aperture / shape.rest_gap, 0.0) if shape.rest_gap else 0.0
        fade = 1 - smoothstep(1.7, 2.3, np.abs(u))
        if lower:
            away = np.asarray(v - low, np.float32)
            down = self._lower_opening(u, away) * opened
            down -= shut * (1 - _UPPER_SHARE) * (low - high) * (1 - smoothstep(0.0, 0.9, away / shape.chin))
        else:
            away = np.asarray(v - high, np.float32)
            down = self._upper_opening(u, away) * opened
            down += shut * _UPPER_SHARE * (low - high) * (1 - smoothstep(0.0, 0.9, -away / self._up))
        # The corners come in as the mouth opens.
        near = np.exp(-(((np.abs(u) - 1) / 0.45) ** 2) - (away / (0.5 * shape.chin)) ** 2)
        inward = -np.sign(u) * 0.10 * opened * near * (1 - smoothstep(0.5, 0.95, -away / self._up))
        return np.asarray(inward * fade, np.float32), np.asarray(down * fade, np.float32)

    def _lower_opening(self, u: Field, away: Field) -> Field:
        """Lower lip, jaw and chin: the share of the opening by which they go down; `away` below the lip, pixels."""
        depth = np.clip(away / self._shape.chin, 0, 3)
        across = self._shape.across(u) / (1 + 0.85 * np.clip(depth, 0, 1.3))  # the jaw is broader than the lip
        inside = _CORNER + (_JAW - _CORNER) * (1 - np.minimum(across, 1) ** 2.3)
        outside = _CORNER * np.exp(-((np.maximum(across - 1, 0) / 0.33) ** 2))
        along = (1 - (1 - _CHIN) * smoothstep(0.15, 0.9, depth)) * (1 - smoothstep(1.0, 1 + self._fade, depth))
        return np.asarray(np.where(across < 1, inside, outside) * along, np.float32)

    def _upper_opening(self, u: Field, away: Field) -> Field:
        """Upper lip and cheeks: a little up in the middle, down at the corners."""
        across = self._shape.across(u)
        inside = _CORNER - 0.34 * (1 - np.minimum(across, 1) ** 2.3)
        outside = _CORNER * np.exp(-((np.maximum(across - 1, 0) / 0.33) ** 2))
        return np.asarray(
            np.where(across < 1, inside, outside) * (1 - smoothstep(0.0, 0.95, -away / self._up)), np.float32
        )

    def _widening(self) -> Field:
        """The movement of a mouth that spreads, for both layers."""
        frame, chin = self._shape.frame, self._shape.chin
        u, v = frame.local(self._grid)
        tall = np.where(v < 0, 0.8 * self._up + 1, 0.75 * chin)
        edge = (1 - smoothstep(1.55, 2.25, np.abs(u))) * (1 - smoothstep(1.2 * chin, 1.7 * chin, v))
        edge = edge * smoothstep(-0.98 * self._up, -0.35 * self._up, v)
        amount = u * frame.half_width * np.exp(-((np.abs(u) / 1.55) ** 4) - (v / tall) ** 2) * edge
        sideways = amount[..., None] * frame.across.astype(np.float32)
        return np.concatenate([sideways, sideways], -1).astype(np.float32)
