"""Finding faces with BlazeFace. Heavy: loads cv2 and numpy.

The network looks at 128 px, so that a small face in a large picture needs a second look: after the whole picture come
overlapping tiles of 0.75 and 0.45 of its short side, until one of the passes finds something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oavr_tui.preview.arrays import Field, Pixels, Points, resized
from oavr_tui.preview.nets import DETECTOR, Net

TILES = (0.75, 0.45)
SMALLEST_TILE = 48
LEAST_SCORE = 0.5
SAME_FACE = 0.3
"""Boxes that share this much of their union are one face."""


@dataclass(frozen=True, slots=True)
class Box:
    """A face that was seen. center, size: pixels; eyes: both, the left one of the picture first; score 0 .. 1."""

    score: float
    center: Points
    size: Points
    eyes: Points


class Detector:
    """BlazeFace short range: the outputs are offsets from 896 anchors, in 128ths of the picture."""

    def __init__(self) -> None:
        self._net = Net(DETECTOR, 128, ("regressors", "classificators"), signed=True)
        self._anchors = np.concatenate([_grid(16, 2), _grid(8, 6)])

    def find(self, picture: Pixels) -> list[Box]:
        """Every face of the picture, the surest first."""
        for squares in _passes(picture):
            seen = [box for square, corner, side in squares for box in self._look(square, corner, side)]
            if seen:
                return _merged(seen)
        return []

    def _look(self, square: Pixels, corner: Points, side: float) -> Iterator[Box]:
        offsets, logits = self._net(square)
        rows = offsets.reshape(-1, 16) / self._net.side
        scores = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
        for i in np.flatnonzero(scores > LEAST_SCORE):
            keys = (rows[i, 4:8].reshape(2, 2) + self._anchors[i]) * side + corner
            center = (rows[i, :2] + self._anchors[i]) * side + corner
            yield Box(float(scores[i]), center, rows[i, 2:4].astype(np.float64) * side, keys)


def _grid(cells: int, each: int) -> Field:
    y, x = np.mgrid[0:cells, 0:cells].astype(np.float32)
    centers = np.stack([(x + 0.5) / cells, (y + 0.5) / cells], -1).reshape(-1, 2)
    return np.asarray(np.repeat(centers, each, axis=0), np.float32)


def _passes(picture: Pixels) -> Iterator[Iterator[tuple[Pixels, Points, float]]]:
    """Passes over the picture, each some squares as the network sees them, with the corner and side they came from."""
    yield iter([_letterboxed(picture)])
    for part in TILES:
        side = int(min(picture.shape[:2]) * part)
        if side >= SMALLEST_TILE:
            yield _tiles(picture, side)


def _letterboxed(picture: Pixels) -> tuple[Pixels, Points, float]:
    rows, columns = picture.shape[:2]
    side = max(rows, columns)
    small = resized(picture, max(1, round(columns * 128 / side)), max(1, round(rows * 128 / side)))
    top, left = (128 - small.shape[0]) // 2, (128 - small.shape[1]) // 2
    square = np.zeros((128, 128, 3), np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square, np.array([-left, -top]) * side / 128, float(side)


def _tiles(picture: Pixels, side: int) -> Iterator[tuple[Pixels, Points, float]]:
    for y in _starts(picture.shape[0], side):
        for x in _starts(picture.shape[1], side):
            tile = np.ascontiguousarray(picture[y : y + side, x : x + side])
            yield resized(tile, 128, 128), np.array([x, y], np.float64), float(side)


def _starts(whole: int, side: int) -> list[int]:
    return sorted({min(int(start), whole - side) for start in np.arange(0, whole - side / 2, side / 2)})


def _merged(boxes: list[Box]) -> list[Box]:
    """One box for each face: the surest, with the mean place of all that overlap it, by score."""
    left = sorted(boxes, key=lambda box: -box.score)
    faces = []
    while left:
        first = left[0]
        group = [first, *(box for box in left[1:] if _overlap(first, box) > SAME_FACE)]
        left = [box for box in left[1:] if _overlap(first, box) <= SAME_FACE]
        weights = np.array([box.score for box in group])
        weights /= weights.sum()

        def mean(values: list[Points], weights: Points = weights) -> Points:
            return np.asarray(np.tensordot(weights, np.stack(values), 1))

        faces.append(
            Box(
                group[0].score,
                mean([box.center for box in group]),
                mean([box.size for box in group]),
                mean([box.eyes for box in group]),
            )
        )
    return faces


def _overlap(one: Box, other: Box) -> float:
    low = np.maximum(one.center - one.size / 2, other.center - other.size / 2)
    high = np.minimum(one.center + one.size / 2, other.center + other.size / 2)
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (float(np.prod(one.size)) + float(np.prod(other.size)) - shared + 1e-6)
