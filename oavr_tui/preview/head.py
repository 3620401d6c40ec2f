"""The head that sways before a still background: where in the texture each pixel of a frame comes from. Heavy: numpy.

The movement is a sum of four fixed fields on a grid of half the video's size, each times a number that changes with
time, so that a frame costs little.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from oavr_tui.preview import face as mesh
from oavr_tui.preview.arrays import Field, Map, Points, doubled, smoothstep
from oavr_tui.preview.face import Face
from oavr_tui.preview.picture import Texture


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head is held. right, down: shares of its size. roll, yaw, pitch: radians. bob: pixels down."""

    right: float
    down: float
    roll: float
    yaw: float
    pitch: float
    bob: float = 0.0


class Head:
    """The sway of one picture. Where there is no face, the middle of the picture sways."""

    def __init__(self, texture: Texture, face: Face | None, size: tuple[int, int]) -> None:
        """size: width and height of the video, both even."""
        width, height = size
        self._place = _Place.of(texture, face, size)
        # A margin of one cell all around lets a doubled field reach the very border.
        x, y = np.meshgrid(
            np.arange(-1, width // 2 + 1, dtype=np.float32) * 2 + 0.5,
            np.arange(-1, height // 2 + 1, dtype=np.float32) * 2 + 0.5,
        )
        self._scale = texture.scale
        self._still = np.stack([x, y]) * np.float32(self._scale) + np.float32((self._scale - 1) / 2)
        self._fields = self._place.fields(x, y, size)
        self.coarse: Map = self._still.copy()
        self._room = np.empty((2, height + 4, width + 4), np.float32)
        self.fine: Map = doubled(self._still, self._room)
        self._box = self._moving_box()

    @property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom of what moves, in cells of 2 x 2 pixels."""
        return self._box

    def _moving_box(self) -> tuple[int, int, int, int]:
        moves = (np.abs(self._fields[0]) > 0.003) | (self._fields[3] > 0.003 * self._place.radius[0])
        rows, columns = np.flatnonzero(moves.any(1)), np.flatnonzero(moves.any(0))
        last_row, last_column = self._still.shape[1] - 2, self._still.shape[2] - 2
        left, top = max(int(columns[0]) - 1, 0), max(int(rows[0]) - 1, 0)
        return left, top, min(int(columns[-1]) + 1, last_column), min(int(rows[-1]) + 1, last_row)

    def turn(self, pose: Pose) -> None:
        """Hold the head so: `coarse` (cells, with a margin of one) and `fine` (pixels) follow."""
        left, top, right, bottom = self._box
        part = np.s_[:, top : bottom + 2, left : right + 2]
        along, turn_x, turn_y, depth = self._fields[part]
        right_by, down_by, roll, lean_x, lean_y = self._amounts(pose)
        (still_x, still_y), coarse = self._still[part], self.coarse[part]
        _less(still_x, ((along, right_by), (turn_x, roll), (depth, lean_x)), coarse[0])
        _less(still_y, ((along, down_by), (turn_y, roll), (depth, lean_y)), coarse[1])
        doubled(coarse, self._room[:, 2 * top : 2 * bottom + 4, 2 * left : 2 * right + 4])

    def _amounts(self, pose: Pose) -> tuple[float, ...]:
        """How far to the right and down, the turn, and how far what is near leans to the right and down."""
        place, scale = self._place, self._scale
        right, down = pose.right * place.radius[0] * 2, pose.down * place.radius[1] * 2 + pose.bob
        lean = pose.yaw * place.across + pose.pitch * place.below
        return tuple(float(amount) * scale for amount in (right, down, pose.roll, lean[0], lean[1]))


def _less(still: Field, moves: tuple[tuple[Field, float], ...], out: Field) -> None:
    """out = still less each field times its amount, without any memory in between."""
    np.copyto(out, still)
    for field, amount in moves:
        cv2.scaleAdd(field, -amount, out, out)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the head is, in pixels of the video: its center, half sizes, and the directions across and below it."""

    center: Points
    radius: Points
    across: Points
    below: Points

    @classmethod
    def of(cls, texture: Texture, face: Face | None, size: tuple[int, int]) -> _Place:
        if face is None:
            half = np.array(size) * 0.42
            return cls(np.array([size[0] / 2, size[1] * 0.45]), half, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        points = face.points / texture.scale
        tall = face.height / texture.scale
        wide = max(float(np.linalg.norm(points[mesh.LEFT_CHEEK] - points[mesh.RIGHT_CHEEK])), 0.6 * tall)
        across = points[mesh.RIGHT_EYE] - points[mesh.LEFT_EYE]
        across /= np.linalg.norm(across)
        below = np.array([-across[1], across[0]])
        center = (points[mesh.FOREHEAD] + points[mesh.CHIN]) / 2 - below * 0.10 * tall
        return cls(center, np.array([0.74 * wide, 0.74 * tall]), across, below)

    def fields(self, x: Field, y: Field, size: tuple[int, int]) -> Field:
        """Four fields over a grid of pixels: moving along, turning about the neck (x and y), and depth, in pixels."""
        dx, dy = x - self.center[0], y - self.center[1]
        u = (dx * self.across[0] + dy * self.across[1]) / self.radius[0]
        v = (dx * self.below[0] + dy * self.below[1]) / self.radius[1]
        away = np.asarray(np.sqrt(u * u + v * v * np.where(v > 0, 0.8, 1)), np.float32)
        head = 1 - smoothstep(0.95, 1.95, away)
        shoulders = smoothstep(0.9, 1.8, v) * (1 - smoothstep(1.2, 3.2, np.abs(u))) * 0.28
        pinned = _pinned(x, y, size)
        along = np.maximum(head, shoulders) * pinned
        depth = np.sqrt(np.clip(1 - (away / 1.15) ** 2, 0, 1)).astype(np.float32)
        depth = np.asarray(cv2.GaussianBlur(depth, (0, 0), max(1.0, float(self.radius[0]) * 0.08)), np.float32) * pinned
        pivot = self.center + self.below * self.radius[1] * 1.25
        parts = [along, along * (pivot[1] - y), along * (x - pivot[0]), depth * self.radius[0]]
        return np.stack(parts).astype(np.float32)


def _pinned(x: Field, y: Field, size: tuple[int, int]) -> Field:
    """0 at the borders of the video, which never move, and 1 inside."""
    width, height = size
    band = max(8.0, 0.05 * min(size))
    sides = smoothstep(-0.5, band, x) * smoothstep(-0.5, band, width - 1 - x)
    return sides * smoothstep(-0.5, band, y) * smoothstep(-0.5, band, height - 1 - y)
