"""A small painter for the sample portrait: soft shapes on a numpy canvas, in units of the picture's height.

Heavy (numpy, Pillow): load it where something is drawn. The origin lies between the eyes, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Plane = npt.NDArray[np.float32]
Point = tuple[float, float]
Color = tuple[float, float, float]
Paint = Callable[[Plane, Plane], Plane]
"""Colors for every pixel, from its x and y."""

_FINE = 3
"""Masks are drawn this many times as large and shrunk, which smooths their edges."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A mask of opacities 0 .. 1 over a part of the canvas."""

    rows: slice
    columns: slice
    cover: Plane


class Canvas:
    """An RGB picture of floats 0 .. 255 that shapes are laid onto."""

    def __init__(self, width: int, height: int, unit: float, center: Point) -> None:
        """width, height in pixels; unit: pixels of the length 1; center: the origin in pixels."""
        self.width, self.height, self.unit, self.center = width, height, unit, center
        columns = (np.arange(width, dtype=np.float32) + 0.5 - center[0]) / unit
        rows = (np.arange(height, dtype=np.float32) + 0.5 - center[1]) / unit
        grid = np.meshgrid(columns, rows)
        self.x: Plane = grid[0]
        self.y: Plane = grid[1]
        self.pixels: Plane = np.zeros((height, width, 3), np.float32)

    def shape(self, *outlines: Sequence[Point], soft: float = 0.0) -> Patch:
        """The inside of closed polygons; soft: blur of their edges as a standard deviation."""
        points = [
            [(x * self.unit + self.center[0], y * self.unit + self.center[1]) for x, y in one] for one in outlines
        ]
        margin = 3 * soft * self.unit + 2
        left, right = _reach([x for one in points for x, _ in one], margin, self.width)
        top, bottom = _reach([y for one in points for _, y in one], margin, self.height)
        mask = Image.new("L", ((right - left) * _FINE, (bottom - top) * _FINE))
        draw = ImageDraw.Draw(mask)
        for one in points:
            draw.polygon([((x - left) * _FINE, (y - top) * _FINE) for x, y in one], fill=255)
        small = mask.resize((right - left, bottom - top), Image.Resampling.BOX)
        if soft:
            small = small.filter(ImageFilter.GaussianBlur(soft * self.unit))
        cover = np.asarray(small, np.float32) / np.float32(255.0)
        return Patch(slice(top, bottom), slice(left, right), cover)

    def stroke(self, line: Sequence[Point], widths: Sequence[float], *, soft: float = 0.0) -> Patch:
        """A line of changing width (one width for each point)."""
        return self.shape(outline_of(line, widths), soft=soft)

    def lay(self, patch: Patch, paint: Color | Paint, opacity: float = 1.0) -> None:
        """Lay a color over the canvas where the patch is, or a paint that depends on the place."""
        if patch.cover.size == 0:
            return
        part = self.pixels[patch.rows, patch.columns]
        color: Plane
        if callable(paint):
            color = paint(self.x[patch.rows, patch.columns], self.y[patch.rows, patch.columns])
        else:
            color = np.array(paint, np.float32)
        part += (color - part) * (patch.cover * np.float32(opacity))[..., None]

    @staticmethod
    def within(patch: Patch, limit: Patch) -> Patch:
        """A patch only where another one is too."""
        rows = _overlap(patch.rows, limit.rows)
        columns = _overlap(patch.columns, limit.columns)
        return Patch(rows, columns, _part(patch, rows, columns) * _part(limit, rows, columns))

    def picture(self) -> Image.Image:
        """The canvas as an 8-bit picture, with a fixed fine grain that keeps gradients from showing steps."""
        grain = np.random.default_rng(7).normal(0.0, 1.1, self.pixels.shape[:2]).astype(np.float32)
        return Image.fromarray(np.clip(self.pixels + grain[..., None], 0, 255).astype(np.uint8), "RGB")


def outline_of(line: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """The closed outline of a line of changing width (one width for each point)."""
    points = np.array(line, np.float64)
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    aside = np.stack([-along[:, 1], along[:, 0]], axis=1) * np.array(widths)[:, None] / 2
    return [(float(x), float(y)) for x, y in np.concatenate([points + aside, (points - aside)[::-1]])]


def tapered(count: int, *widths: float) -> list[float]:
    """Widths for a line of `count` points, straight between those given at even distances."""
    return [float(width) for width in np.interp(np.linspace(0, len(widths) - 1, count), range(len(widths)), widths)]


def disc(middle: Point, radius: float) -> list[Point]:
    """The outline of a circle."""
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return [(middle[0] + radius * float(np.cos(t)), middle[1] + radius * float(np.sin(t))) for t in turns]


def _reach(values: Sequence[float], margin: float, end: int) -> tuple[int, int]:
    first = int(np.clip(min(values) - margin, 0, end - 1))
    return first, int(np.clip(max(values) + margin, first + 1, end))


def _overlap(one: slice, other: slice) -> slice:
    start = max(one.start, other.start)
    return slice(start, max(start, min(one.stop, other.stop)))


def _part(patch: Patch, rows: slice, columns: slice) -> Plane:
    top, left = patch.rows.start, patch.columns.start
    return patch.cover[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def smooth(points: Sequence[Point], *, closed: bool = False, steps: int = 12) -> list[Point]:
    """A Catmull-Rom curve through points."""
    known = np.array(points, np.float64)
    if closed:
        known = np.concatenate([known[-1:], known, known[:2]])
    else:
        known = np.concatenate([known[:1] * 2 - known[1:2], known, known[-1:] * 2 - known[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = []
    for a, b, c, d in zip(known, known[1:], known[2:], known[3:], strict=False):
        curve.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    if not closed:
        curve.append(known[-2:-1])
    return [(float(x), float(y)) for x, y in np.concatenate(curve)]


def mirrored(half: Sequence[Point]) -> list[Point]:
    """A closed outline from its right half, given from top to bottom."""
    return [*half, *((-x, y) for x, y in reversed(half) if abs(x) > 1e-9)]


def hill(x: Plane, y: Plane, center: Point, spread: Point) -> Plane:
    """A Gaussian of height 1."""
    return np.exp(-0.5 * (((x - center[0]) / spread[0]) ** 2 + ((y - center[1]) / spread[1]) ** 2)).astype(np.float32)


def ramp(amount: Plane, stops: Sequence[tuple[float, Color]]) -> Plane:
    """Colors between stops, by an amount for every pixel."""
    places = [place for place, _ in stops]
    bands = [np.interp(amount, places, [color[band] for _, color in stops]) for band in range(3)]
    return np.stack(bands, axis=-1).astype(np.float32)
