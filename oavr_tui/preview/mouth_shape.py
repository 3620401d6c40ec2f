"""Measuring the mouth of the picture: where it lies, how it is turned, whether it is open. Heavy: loads cv2 and numpy.

Everything about the mouth is said in its own frame: u runs across, -1 and 1 at the corners; v runs down, texture pixels
from the line between the corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from oavr_tui.preview import face as mesh
from oavr_tui.preview.arrays import Field, Map, Pixels, Points, pixels_at, smoothstep
from oavr_tui.preview.face import Face

_UPRIGHT_SHARE = 0.4
"""How much of the mouth's tilt is taken from the eyes: a crooked smile is not a turned head."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The mouth's own frame. center, across, down: texture pixels and unit vectors; half_width: texture pixels."""

    center: Points
    across: Points
    down: Points
    half_width: float

    def local(self, where: NDArray[np.floating]) -> tuple[Field, Field]:
        """u and v of points (2 x ..., texture pixels)."""
        # Written out: a matrix product would wake the threads of the linear algebra library, which fight the encoder's.
        x, y = where[0] - np.float32(self.center[0]), where[1] - np.float32(self.center[1])
        u = x * np.float32(self.across[0] / self.half_width) + y * np.float32(self.across[1] / self.half_width)
        v = x * np.float32(self.down[0]) + y * np.float32(self.down[1])
        return np.asarray(u, np.float32), np.asarray(v, np.float32)

    def point(self, u: Field, v: Field) -> Map:
        """The inverse of `local`."""
        along = self.across * self.half_width
        where = [self.center[axis] + u * along[axis] + v * self.down[axis] for axis in (0, 1)]
        return np.asarray(where, np.float32)


@dataclass(frozen=True, slots=True)
class MouthShape:
    """A measured mouth; lengths in texture pixels.

    rest_gap: between the inner lips in the picture, 0 where it is shut. chin, nose: how far below and above the mouth
    they lie. upper, lower: the inner lips as polynomials v(u). ends: u of the inner corners. narrow: 1 seen from the
    front, less for a turned head. teeth: the open mouth of the picture shows teeth. skin: the cheeks' color.
    """

    frame: Frame
    face_height: float
    chin: float
    nose: float
    rest_gap: float
    upper: Points
    lower: Points
    ends: tuple[float, float]
    narrow: float
    teeth: bool
    skin: Field

    def across(self, u: Field) -> Field:
        """How far out each place is: 0 in the middle, 1 at the inner corners of the mouth."""
        return np.asarray(np.abs(u) / np.where(u < 0, -self.ends[0], self.ends[1]), np.float32)

    def lips(self, u: Field) -> tuple[Field, Field]:
        """v of the inner upper and lower lip in the picture; beyond the corners both follow one line."""
        inside = np.clip(u, *self.ends)
        one = np.polyval(self.upper, inside)
        other = np.polyval(self.lower, inside)
        high, low = np.minimum(one, other), np.maximum(one, other)
        together = smoothstep(0.93, 1.0, self.across(inside))
        middle = (high + low) / 2
        return (
            np.asarray(high + together * (middle - high), np.float32),
            np.asarray(low + together * (middle - low), np.float32),
        )


def measure(pixels: Pixels, face: Face) -> MouthShape:
    """Measure the mouth of a face in a texture."""
    points = face.points
    left, right = points[list(mesh.MOUTH_CORNERS)]
    frame = _frame(points, left, right)
    upper = _local(frame, points[list(mesh.INNER_UPPER_LIP)])
    lower = _local(frame, points[list(mesh.INNER_LOWER_LIP)])
    ends = (float(upper[0, 0]), float(upper[-1, 0]))
    curves = np.polyfit(upper[:, 0], upper[:, 1], 4), np.polyfit(lower[:, 0], lower[:, 1], 4)
    gap = max(0.0, float(np.median(lower[4:7, 1] - upper[4:7, 1])))
    look = _Look(pixels, frame, points)
    teeth_share, dark_share = look.between(*curves, ends)
    thickness = _local(frame, points[list(mesh.OUTER_LOWER_LIP)])[2:7, 1].mean() - float(np.median(lower[4:7, 1]))
    thickness += float(np.median(upper[4:7, 1])) - _local(frame, points[list(mesh.OUTER_UPPER_LIP)])[2:7, 1].mean()
    if gap < 0.022 * face.height or teeth_share + dark_share < 0.45:
        seam = look.seam(*curves, ends, (float(thickness) + gap) / 2)
        curves, gap, teeth_share = (seam, seam), 0.0, 0.0
    else:
        inner = look.edges(*curves, ends, max(float(thickness) / 2, 2.0))
        curves, ends = (inner.upper, inner.lower), inner.ends
        middle = np.linspace(ends[0] * 0.4, ends[1] * 0.4, 9)
        gap = max(float(np.median(np.polyval(curves[1], middle) - np.polyval(curves[0], middle))), 1.0)
    return MouthShape(
        frame=frame,
        face_height=face.height,
        chin=max(float((points[mesh.CHIN] - frame.center) @ frame.down), 0.18 * face.height),
        nose=max(6.0, float((frame.center - points[mesh.NOSE_BASE]) @ frame.down)),
        rest_gap=gap,
        upper=curves[0],
        lower=curves[1],
        ends=ends,
        narrow=float(np.clip(2 * frame.half_width / (0.36 * face.height), 0.4, 1.1)),
        teeth=teeth_share > 0.3,
        skin=look.skin,
    )


def _frame(points: Points, left: Points, right: Points) -> Frame:
    eyes = points[mesh.RIGHT_EYE] - points[mesh.LEFT_EYE]
    mouth = right - left
    across = eyes / np.linalg.norm(eyes) * _UPRIGHT_SHARE + mouth / np.linalg.norm(mouth) * (1 - _UPRIGHT_SHARE)
    across /= np.linalg.norm(across)
    return Frame(
        (left + right) / 2, across, np.array([-across[1], across[0]]), max(float(np.linalg.norm(mouth)) / 2, 2.0)
    )


def _local(frame: Frame, points: Points) -> Points:
    return np.stack(frame.local(points.T.astype(np.float32)), -1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Inner:
    """The inner lips as polynomials v(u), and u of the inner corners."""

    upper: Points
    lower: Points
    ends: tuple[float, float]


class _Look:
    """The colors around the mouth, in Lab, slightly blurred."""

    def __init__(self, pixels: Pixels, frame: Frame, points: Points) -> None:
        self._frame = frame
        low = np.maximum(np.floor(points.min(0)).astype(int) - 8, 0)
        high = np.ceil(points.max(0)).astype(int) + 8
        part = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]])
        self._corner = low.astype(np.float32)
        blur = max(0.6, 0.004 * float(np.linalg.norm(points[mesh.FOREHEAD] - points[mesh.CHIN])))
        self._lab = np.asarray(cv2.cvtColor(cv2.GaussianBlur(part, (0, 0), blur), cv2.COLOR_BGR2Lab), np.uint8)
        cheeks = points[list(mesh.CHEEKS)].T.astype(np.float32)
        self._cheek = np.median(self._at(cheeks), 0)
        skin = (points[[*mesh.CHEEKS, mesh.CHIN_SKIN]] - low).T.astype(np.float32)
        near = pixels_at(part, np.ascontiguousarray(skin[..., None]))
        self.skin: Field = np.median(near.reshape(-1, 3), 0).astype(np.float32)

    def _at(self, where: Map) -> NDArray[np.float64]:
        flat = where.reshape(2, -1, 1) - self._corner.reshape(2, 1, 1)
        return pixels_at(self._lab, flat).reshape(*where.shape[1:], 3).astype(np.float64)

    def between(self, upper: Points, lower: Points, ends: tuple[float, float]) -> tuple[float, float]:
        """Which share of what lies between the lips looks like teeth (bright and gray), and which is dark."""
        u = np.linspace(ends[0] * 0.55, ends[1] * 0.55, 15, dtype=np.float32)[:, None]
        share = np.linspace(0.2, 0.8, 7, dtype=np.float32)[None]
        v = np.polyval(upper, u) * (1 - share) + np.polyval(lower, u) * share
        teeth, dark = self._inside(np.broadcast_to(u, v.shape), np.asarray(v, np.float32))
        return float(teeth.mean()), float(dark.mean())

    def _inside(self, u: Field, v: Field) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """What looks like teeth, and what is dark, against the cheeks."""
        lab = self._at(self._frame.point(u, v))
        color, cheek_color = np.hypot(lab[..., 1] - 128, lab[..., 2] - 128), float(np.hypot(*(self._cheek[1:] - 128)))
        red, cheek_red = lab[..., 1] - 128, self._cheek[1] - 128
        teeth = (lab[..., 0] > 0.72 * self._cheek[0]) & (color < 0.62 * cheek_color + 2) & (red < 0.75 * cheek_red + 2)
        return teeth, lab[..., 0] < 0.40 * self._cheek[0]

    def edges(self, upper: Points, lower: Points, ends: tuple[float, float], thickness: float) -> _Inner:
        """The inner lips of an open mouth: the mesh's own lines, or where what looks like its inside goes beyond."""
        u = np.linspace(-1.04, 1.04, 53, dtype=np.float32)
        high, low = np.polyval(upper, np.clip(u, *ends)), np.polyval(lower, np.clip(u, *ends))
        v = (high - 0.5 * thickness)[:, None] + np.linspace(0, 1, 61) * (low - high + thickness)[:, None]
        teeth, dark = self._inside(np.broadcast_to(u[:, None], v.shape), v.astype(np.float32))
        fringe = 0.5 + 0.05 * thickness  # where the edge is blurred, half teeth and half lip
        found = []
        for column, inside in enumerate(teeth | dark):
            between = np.flatnonzero(inside & (v[column] > high[column] - 1) & (v[column] < low[column] + 1))
            if len(between):
                first, last = _run_around(inside, int(between[len(between) // 2]), gap=4)
                top = min(v[column, first] - fringe, high[column])
                bottom = max(v[column, last] + fringe, low[column])
                found.append((float(u[column]), top, bottom))
            elif u[column] > 0:
                break
            else:
                found.clear()
        if len(found) < 20:
            return _Inner(upper, lower, ends)
        places, tops, bottoms = np.array(found).T
        reached = (min(ends[0], float(places[0])), max(ends[1], float(places[-1])))
        return _Inner(_robust_curve(places, tops), _robust_curve(places, bottoms), reached)

    def seam(self, upper: Points, lower: Points, ends: tuple[float, float], thickness: float) -> Points:
        """The line where shut lips meet, as v(u): the darkest line near the mesh's own. thickness: of a lip."""
        u = np.linspace(ends[0] * 0.92, ends[1] * 0.92, 25, dtype=np.float32)
        middle = (np.polyval(upper, u) + np.polyval(lower, u)) / 2
        offset = np.linspace(-0.45, 0.45, 31) * max(thickness, 1.0)
        v = (middle[:, None] + offset[None]).astype(np.float32)
        light = self._at(self._frame.point(np.broadcast_to(u[:, None], v.shape), v))[..., 0]
        cost = light / max(self._cheek[0], 1.0) + 0.55 * (offset / max(thickness, 1.0))[None] ** 2
        found = middle + offset[np.argmin(cost, 1)]
        return _robust_curve(u.astype(np.float64), found)


def _robust_curve(u: Points, v: Points) -> Points:
    """A smooth line v(u) through most of the points."""
    off = np.abs(np.polyval(np.polyfit(u, v, 4), u) - v)
    good = off <= np.percentile(off, 80)
    return np.asarray(np.polyfit(u[good], v[good], 4))


def _run_around(flags: NDArray[np.bool_], start: int, gap: int) -> tuple[int, int]:
    """First and last of the run of True around `start`, in which up to `gap` may be False."""
    first = last = start
    for i in range(start, -1, -1):
        if flags[i]:
            first = i
        elif first - i > gap:
            break
    for i in range(start, len(flags)):
        if flags[i]:
            last = i
        elif i - last > gap:
            break
    return first, last
