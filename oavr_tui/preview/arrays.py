"""Arrays and the few OpenCV calls that the preview engine shares, with their types. Heavy: loads cv2 and numpy."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture, height x width x 3, in OpenCV's order blue, green, red; or with a fourth number that means nothing: OpenCV
warps four numbers of a pixel more than twice as fast as three."""
Field = NDArray[np.float32]
"""Numbers over a grid of points: displacements, distances, weights."""
Map = NDArray[np.float32]
"""2 x rows x columns: x and y in a picture, pixels, of where each color comes from."""
Points = NDArray[np.float64]
"""Points or vectors, n x 2 (or one, 2): x to the right, y down, in pixels; whole numbers are pixel centers."""


def smoothstep(start: float | Field, end: float | Field, x: Field) -> Field:
    """0 below `start`, 1 above `end`, and 3t^2 - 2t^3 between."""
    t = np.clip((x - start) / (np.asarray(end) - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def sample(source: NDArray[np.generic], where: Map) -> NDArray[np.generic]:
    """The source at every point of a map, bilinear; beyond the border its last pixel."""
    x, y = where
    found = cv2.remap(cast(Field, source), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(NDArray[np.generic], found)


def pixels_at(picture: Pixels, where: Map) -> Pixels:
    """`sample` of a picture."""
    return cast(Pixels, sample(picture, where))


def field_at(field: Field, where: Map) -> Field:
    """`sample` of a field."""
    return cast(Field, sample(field, where))


def doubled(field: Field, out: Field) -> Field:
    """Planes of a field on a grid of half the step, both ways; grid points sit in the middle of their cells.

    out: where it is put, planes x (2 rows) x (2 columns); memory is the slow part, so it is used again and again. The
    outermost cell on each side, which only helps its neighbors to the border, is not part of what is returned.
    """
    size = (out.shape[2], out.shape[1])
    for plane, target in zip(field, out, strict=True):
        cv2.resize(plane, size, target, interpolation=cv2.INTER_LINEAR)
    return out[:, 2:-2, 2:-2]


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """A picture in another size: averaged when it shrinks, cubic when it grows."""
    shrinks = width < picture.shape[1]
    return cast(
        Pixels, cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    )


def gaussian(values: NDArray[np.floating], sigma: float) -> NDArray[np.float64]:
    """A row of numbers smoothed by a Gaussian of `sigma` steps; the ends are held."""
    reach = int(3 * sigma + 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(values, reach, "edge"), kernel / kernel.sum(), "valid")
