"""Portraits drawn by code, with soft shading, that a face finder takes for faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

SKIN, HAIR, SHIRT, LIPS = (146, 176, 222), (38, 48, 66), (120, 84, 52), (104, 96, 186)
WALL = (196, 190, 178)
_OVER = 2
"""Drawn this many times larger, so that every edge is soft."""


class _Canvas:
    """Shapes in units of the face's height, around its center."""

    def __init__(self, width: int, height: int, center: tuple[float, float], face: float) -> None:
        self.pixels = np.full((height * _OVER, width * _OVER, 3), WALL, np.uint8)
        self._center, self._unit = np.array(center) * _OVER, face * _OVER

    def shape(self, points: list[tuple[float, float]], color: Color, soft: float = 0.0, strength: float = 1.0) -> None:
        """A filled shape; soft: width of its edge, strength: how much it covers."""
        at = (np.array(points) * self._unit + self._center).round().astype(np.int32)
        margin = int(soft * self._unit * 3) + 4
        low = np.maximum(at.min(0) - margin, 0)
        high = np.minimum(at.max(0) + margin, self.pixels.shape[1::-1])
        if (high <= low).any():
            return
        cover = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(cover, [at - low], 255)
        if soft:
            cover = _blurred(cover, soft * self._unit)
        weight = cover[..., None].astype(np.float32) * np.float32(strength / 255)
        part = self.pixels[low[1] : high[1], low[0] : high[0]]
        part[...] = (part + weight * (np.array(color, np.float32) - part)).astype(np.uint8)

    def oval(
        self, x: float, y: float, rx: float, ry: float, color: Color, soft: float = 0.0, strength: float = 1.0
    ) -> None:
        turn = np.linspace(0, 2 * np.pi, 90)
        points = list(zip((x + rx * np.cos(turn)).tolist(), (y + ry * np.sin(turn)).tolist(), strict=True))
        self.shape(points, color, soft, strength)


def _blurred(cover: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """A wide blur is made of a smaller picture, which looks the same and is many times faster."""
    shrink = max(1, int(sigma / 3))
    size = (cover.shape[1], cover.shape[0])
    small = cv2.resize(cover, (max(1, size[0] // shrink), max(1, size[1] // shrink)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / shrink), size), np.uint8)


def draw_face(
    width: int, height: int, *, face: float, at: tuple[float, float] = (0.5, 0.45), smile: bool = False
) -> Picture:
    """A portrait of width x height pixels. face: height from forehead to chin, pixels. at: its center, as shares."""
    canvas = _Canvas(width, height, (at[0] * width, at[1] * height), face)
    dark = (92, 120, 168)
    canvas.oval(0, -0.16, 0.50, 0.56, HAIR, 0.012)
    canvas.shape([(-0.5, -0.1), (0.5, -0.1), (0.44, 0.45), (-0.44, 0.45)], HAIR, 0.02)
    canvas.shape([(-0.17, 0.3), (0.17, 0.3), (0.22, 0.8), (-0.22, 0.8)], (128, 156, 204), 0.01)
    canvas.oval(0, 1.25, 0.95, 0.62, SHIRT, 0.01)
    canvas.oval(0, 0.52, 0.2, 0.09, dark, 0.04, 0.6)
    canvas.shape(_head(), SKIN, 0.008)
    for side in (-1, 1):
        canvas.oval(0.30 * side, 0.12, 0.10, 0.22, dark, 0.07, 0.45)
        canvas.oval(0.20 * side, 0.10, 0.08, 0.06, (142, 160, 232), 0.04, 0.5)
        _eye(canvas, 0.175 * side)
    canvas.oval(0, -0.32, 0.22, 0.09, (176, 204, 240), 0.07, 0.6)
    _nose(canvas)
    _mouth(canvas, smile=smile)
    canvas.shape([(-0.42, -0.5), (0.42, -0.5), (0.36, -0.36), (0.1, -0.44), (-0.3, -0.34)], HAIR, 0.02)
    small = cv2.resize(canvas.pixels, (width, height), interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(7).normal(0, 2.0, small.shape)
    return np.asarray(np.clip(small + grain, 0, 255), np.uint8)


def _head() -> list[tuple[float, float]]:
    turn = np.linspace(0, 2 * np.pi, 120)
    x, y = 0.37 * np.sin(turn), -np.cos(turn)
    jaw = np.where(y > 0, 1 - 0.22 * y**2, 1.0)
    return list(zip((x * jaw).tolist(), (y * 0.5).tolist(), strict=True))


def _eye(canvas: _Canvas, x: float) -> None:
    y = -0.07
    canvas.oval(x, y, 0.095, 0.06, (112, 140, 188), 0.02, 0.6)
    turn = np.linspace(0, np.pi, 30)
    lid = [(x + 0.072 * float(np.cos(t)), y - 0.034 * float(np.sin(t))) for t in turn]
    under = [(x - 0.072 * float(np.cos(t)), y + 0.024 * float(np.sin(t))) for t in turn]
    canvas.shape(lid + under, (232, 236, 238), 0.003)
    canvas.oval(x, y - 0.004, 0.027, 0.027, (70, 84, 104), 0.003)
    canvas.oval(x, y - 0.004, 0.012, 0.012, (16, 16, 18), 0.002)
    canvas.oval(x + 0.008, y - 0.012, 0.005, 0.005, (250, 250, 250))
    canvas.shape(lid + [(px, py + 0.010) for px, py in reversed(lid)], (34, 40, 54), 0.003)
    brow = [
        (x + 0.10 * float(np.cos(t)), y - 0.075 - 0.035 * float(np.sin(t))) for t in np.linspace(0.2, np.pi - 0.2, 20)
    ]
    canvas.shape(brow + [(px, py + 0.020) for px, py in reversed(brow)], HAIR, 0.005, 0.9)


def _nose(canvas: _Canvas) -> None:
    canvas.shape([(0.01, -0.06), (0.055, 0.13), (0.02, 0.15)], (104, 132, 184), 0.018, 0.5)
    canvas.oval(-0.005, 0.10, 0.022, 0.07, (180, 206, 242), 0.02, 0.6)
    canvas.oval(0, 0.15, 0.06, 0.022, (108, 132, 186), 0.014, 0.7)
    for side in (-1, 1):
        canvas.oval(0.032 * side, 0.153, 0.013, 0.007, (48, 56, 84), 0.004)


def _mouth(canvas: _Canvas, *, smile: bool) -> None:
    y, half = 0.285, 0.150 if smile else 0.130
    across = np.linspace(-1, 1, 31)
    bend = 0.030 if smile else 0.006
    seam = [(half * float(u), y - bend * float(u * u) + bend / 2) for u in across]
    gap = [0.038 * (1 - float(u) ** 2) if smile else 0.0 for u in across]
    top = [
        (px, py - 0.030 * (1 - float(u) ** 2) * (1 - 0.25 * float(np.exp(-((u / 0.15) ** 2)))))
        for (px, py), u in zip(seam, across, strict=True)
    ]
    low = [(px, py + g) for (px, py), g in zip(seam, gap, strict=True)]
    bottom = [(px, py + 0.042 * (1 - float(u) ** 2)) for (px, py), u in zip(low, across, strict=True)]
    canvas.oval(0, y + 0.1, 0.09, 0.02, (100, 126, 176), 0.02, 0.5)
    canvas.shape(top + seam[::-1], (88, 80, 164), 0.003)
    canvas.shape(low + bottom[::-1], LIPS, 0.003)
    if smile:
        canvas.shape(seam + low[::-1], (226, 232, 236), 0.002)
    line = [(px, py - 0.003) for px, py in seam] + [(px, py + 0.003) for px, py in reversed(seam)]
    canvas.shape(line, (44, 36, 74), 0.003, 0.9)


def save_face(path: Path, width: int = 480, height: int = 832, *, face: float = 416, smile: bool = False) -> Path:
    """Draw a portrait into a file; see draw_face."""
    cv2.imwrite(str(path), draw_face(width, height, face=face, smile=smile))
    return path
