"""The speaking mouth: bends the map of a frame, then paints what the lips uncover. Heavy: loads cv2 and numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oavr_tui.preview.arrays import Field, Map, Pixels, doubled, pixels_at
from oavr_tui.preview.face import Face
from oavr_tui.preview.mouth_inside import MouthInside, OwnTeeth
from oavr_tui.preview.mouth_shape import MouthShape, measure
from oavr_tui.preview.mouth_warp import MouthWarp
from oavr_tui.preview.picture import Texture

_SWAY = 0.09
"""How far the head may carry the mouth, as a share of the face's height."""
_LIP_TABLE = 2048
_SEAM = 3.0
"""Pixels to either side of shut lips in which their line is painted, where the picture shows none."""


@dataclass(frozen=True, slots=True)
class PartedLips:
    """The inside of the mouth in one frame, for each pixel of `rows` x `columns` of the frame.

    below, above: how far it is below the upper and above the lower lip, pixels of the video. u: -1 .. 1 from inner
    corner to inner corner. teeth: how far above the lower lip of the picture the colors of the upper layer are, pixels
    of the video: those belong to the upper jaw. upper: where the upper layer has its colors from.
    """

    rows: slice
    columns: slice
    below: Field
    above: Field
    u: Field
    teeth: Field
    upper: Map


class Mouth:
    """One mouth, ready to speak."""

    def __init__(self, texture: Texture, source: Pixels, face: Face, size: tuple[int, int], strength: float) -> None:
        """source: the texture as it is warped. size: width and height of the video. strength: 0.5 .. 2."""
        rows, columns = texture.pixels.shape[:2]
        self._source = source
        self._scale = texture.scale
        self.shape: MouthShape = measure(texture.pixels, face)
        self._warp = MouthWarp(self.shape, (columns, rows), strength)
        self._inside = MouthInside(self.shape, texture.scale)
        self._cells = self._rectangle(size)
        left, top, right, bottom = self._cells
        room = (2 * (bottom - top) + 4, 2 * (right - left) + 4)
        self._room_for_upper, self._room_for_lower = np.empty((2, *room), np.float32), np.empty((2, *room), np.float32)
        self._room_for_lips = np.empty((4, *room), np.float32)
        self._upper_lip, self._lower_lip = self.shape.lips(np.linspace(-1, 1, _LIP_TABLE, dtype=np.float32))

    @property
    def widest(self) -> float:
        """The aperture of a fully open mouth, texture pixels."""
        return self._warp.widest

    def _rectangle(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """left, top, right, bottom of what the mouth may change, in cells of 2 x 2 pixels of the video."""
        low, high = self._warp.bounds
        sway = _SWAY * self.shape.face_height
        cell = 2 * self._scale
        left, top = np.floor((low - sway) / cell).astype(int)
        right, bottom = np.ceil((high + sway) / cell).astype(int) + 1
        return max(0, int(left)), max(0, int(top)), min(size[0] // 2, int(right)), min(size[1] // 2, int(bottom))

    def bend(self, coarse: Map, fine: Map, aperture: float, width: float) -> PartedLips | None:
        """Bend the map of a frame where the mouth is.

        coarse: where in the texture each cell of 2 x 2 pixels comes from, with a margin of one cell. fine: the same for
        each pixel, changed in place. aperture: texture pixels. width: -1 .. 1. Returns what `paint` needs, or None
        where there is nothing to paint.
        """
        left, top, right, bottom = self._cells
        place = coarse[:, top : bottom + 2, left : right + 2]
        moved = self._warp.displacement(place, aperture, width)
        upper, lower = place + moved[:2], place + moved[2:]
        lips = doubled(self._distances(upper, lower), self._room_for_lips)
        full_upper = doubled(upper, self._room_for_upper)
        full_lower = doubled(lower, self._room_for_lower)
        target = fine[:, 2 * top : 2 * bottom, 2 * left : 2 * right]
        target[...] = full_upper
        np.copyto(target, full_lower, where=lips[0] > lips[1])
        return self._parted(lips, full_upper)

    def _distances(self, upper: Map, lower: Map) -> Field:
        """Of each cell: below the upper lip, above the lower lip (negative on skin), u, and teeth, as in PartedLips."""
        u, v = self.shape.frame.local(upper)
        u_lower, v_lower = self.shape.frame.local(lower)
        below = v - self._upper_lip[_lip_index(u)]
        above = self._lower_lip[_lip_index(u_lower)] - v_lower
        scale = np.float32(self._scale)
        teeth = self._lower_lip[_lip_index(u)] - v
        return np.stack([below / scale, above / scale, np.copysign(self.shape.across(u), u), teeth / scale])

    def _parted(self, lips: Field, upper: Map) -> PartedLips | None:
        below, above, u, teeth = lips
        seen = _SEAM if self.shape.rest_gap else 0.0
        open_here = (below > 0.02 - seen) & (above > 0.02 - seen) & (np.abs(u) < 1)
        rows, columns = np.flatnonzero(open_here.any(1)), np.flatnonzero(open_here.any(0))
        if not len(rows):
            return None
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        left, top = 2 * self._cells[0], 2 * self._cells[1]
        return PartedLips(
            slice(top + int(rows[0]), top + int(rows[-1]) + 1),
            slice(left + int(columns[0]), left + int(columns[-1]) + 1),
            below[box],
            above[box],
            u[box],
            teeth[box],
            upper[:, box[0], box[1]],
        )

    def paint(self, frame: Pixels, lips: PartedLips, aperture: float) -> None:
        """Paint the inside of the mouth into a frame; aperture in texture pixels."""
        own = None
        if self.shape.teeth:
            own = OwnTeeth(pixels_at(self._source, lips.upper)[..., :3], lips.teeth)
        part = frame[lips.rows, lips.columns, :3]
        if self.shape.rest_gap:
            self._inside.paint_seam(part, lips.below, lips.above, lips.u)
        self._inside.paint(part, lips.below, lips.above, lips.u, own, aperture / self._scale)


def _lip_index(u: Field) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Where in a table from -1 to 1 a place across the mouth is found."""
    return (np.clip(u, -1, 1) * ((_LIP_TABLE - 1) / 2) + _LIP_TABLE / 2).astype(np.int32)
