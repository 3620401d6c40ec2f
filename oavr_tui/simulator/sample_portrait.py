"""A portrait drawn by code, for the demo and the tests: nobody's face, so that anybody may have it.

The face is a height field lit from the upper left; hair and cloth are soft shapes around it. Heavy: load it where a
portrait is drawn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from oavr_tui.simulator.sample_face import draw_features
from oavr_tui.simulator.sample_paint import (
    Canvas,
    Color,
    Patch,
    Plane,
    Point,
    hill,
    mirrored,
    outline_of,
    ramp,
    smooth,
    tapered,
)

SMALLEST = 64
"""Pixels of the shorter side."""

_LIGHT = np.array([-0.42, -0.50, 0.757])
_BETWEEN = _LIGHT + np.array([0.0, 0.0, 1.0])
"""Halfway between the light and the eye, where skin shines (Blinn's highlight)."""
_SKIN: tuple[tuple[float, Color], ...] = (
    (0.0, (142, 82, 66)),
    (0.35, (198, 136, 110)),
    (0.68, (233, 182, 154)),
    (1.0, (253, 224, 203)),
)
_HAIR_DEEP: Color = (28, 16, 12)
_HAIR_DARK: Color = (48, 28, 21)
_HAIR: Color = (90, 54, 37)
_HAIR_LIGHT: Color = (172, 116, 78)

# Right halves from top to bottom, and whole outlines; lengths in heights of the picture
# fmt: off
_FACE = [
    (0.0, -0.238), (0.085, -0.226), (0.140, -0.178), (0.162, -0.100), (0.165, -0.015), (0.159, 0.058),
    (0.141, 0.122), (0.107, 0.184), (0.058, 0.228), (0.0, 0.241),
]
_BACK_HAIR = [
    (0.0, -0.334), (0.100, -0.315), (0.176, -0.244), (0.210, -0.130), (0.212, 0.000), (0.222, 0.110),
    (0.238, 0.220), (0.232, 0.320), (0.192, 0.372), (0.120, 0.370), (0.0, 0.30),
]
_NECK = [(0.0, 0.10), (0.072, 0.12), (0.071, 0.22), (0.075, 0.285), (0.108, 0.330), (0.18, 0.37), (0.0, 0.46)]
_CLOTH = [
    (-0.62, 0.80), (-0.50, 0.500), (-0.36, 0.425), (-0.22, 0.385), (-0.122, 0.330), (-0.092, 0.362), (0.0, 0.420),
    (0.092, 0.362), (0.122, 0.330), (0.22, 0.385), (0.36, 0.425), (0.50, 0.500), (0.62, 0.80),
]
_HEM = [(-0.121, 0.333), (-0.091, 0.366), (0.0, 0.424), (0.091, 0.366), (0.121, 0.333)]
_LEFT_OUTER = [
    (-0.050, -0.318), (-0.115, -0.306), (-0.178, -0.246), (-0.211, -0.140), (-0.213, -0.010), (-0.224, 0.110),
    (-0.240, 0.215), (-0.244, 0.300), (-0.222, 0.366), (-0.196, 0.378),
]
_LEFT_INNER = [
    (-0.046, -0.252), (-0.088, -0.192), (-0.128, -0.135), (-0.156, -0.060), (-0.158, 0.020), (-0.149, 0.120),
    (-0.152, 0.210), (-0.164, 0.290), (-0.178, 0.350), (-0.196, 0.378),
]
_RIGHT_OUTER = [
    (-0.056, -0.316), (0.030, -0.340), (0.115, -0.314), (0.182, -0.244), (0.213, -0.130), (0.215, 0.000),
    (0.228, 0.120), (0.242, 0.220), (0.243, 0.310), (0.222, 0.370), (0.194, 0.380),
]
_RIGHT_INNER = [
    (-0.054, -0.262), (-0.020, -0.232), (0.040, -0.194), (0.100, -0.154), (0.144, -0.105), (0.161, -0.045),
    (0.161, 0.020), (0.151, 0.110), (0.152, 0.200), (0.166, 0.290), (0.178, 0.350), (0.194, 0.380),
]
# fmt: on


def draw_portrait(path: Path, width: int = 768, height: int = 1024) -> None:
    """Draw a head and shoulders and write it in the format of the path's suffix.

    width, height: pixels, from 64 up; ValueError below. The same picture every time. In portrait format the face is
    about half the picture's height; its mouth is closed.
    """
    if min(width, height) < SMALLEST:
        raise ValueError(f"a portrait is at least {SMALLEST} pixels wide and high, not {width}x{height}")
    unit = min(height, width / 0.72)
    canvas = Canvas(width, height, unit, (width / 2, height / 2 - 0.035 * unit))
    _background(canvas)
    _back_hair(canvas)
    _body(canvas)
    _head(canvas)
    draw_features(canvas)
    _falls(canvas)
    canvas.picture().save(path)


def _background(canvas: Canvas) -> None:
    glow = hill(canvas.x, canvas.y, (-0.12, -0.12), (0.42, 0.50))
    depth = 0.62 - 0.45 * canvas.y + 0.5 * (glow - 0.5)
    canvas.pixels[:] = ramp(depth, ((0.0, (38, 58, 70)), (0.5, (92, 124, 134)), (1.0, (190, 206, 202))))


def _back_hair(canvas: Canvas) -> None:
    def tone(x: Plane, y: Plane) -> Plane:
        return ramp(0.36 - 0.9 * np.abs(x) - 0.6 * y, ((0.0, _HAIR_DEEP), (0.5, _HAIR_DARK), (1.0, _HAIR)))

    canvas.lay(canvas.shape(smooth(mirrored(_BACK_HAIR), closed=True), soft=0.002), tone)


def _body(canvas: Canvas) -> None:
    def neck(x: Plane, y: Plane) -> Plane:
        lit = 0.62 - 3.2 * np.abs(x + 0.028) - 2.0 * np.clip(x, 0, 1)
        # the head's shadow, more on the side away from the light
        lit = lit - 0.46 * hill(x, y, (0.012, 0.215), (0.10, 0.050)) + 0.12 * np.clip(y - 0.3, 0, 1)
        return ramp(lit, _SKIN)

    def wool(x: Plane, y: Plane) -> Plane:
        form = 0.62 - 0.75 * x - 0.9 * (y - 0.40) + 0.28 * hill(x, y, (-0.24, 0.42), (0.10, 0.05))
        form = form - 0.35 * hill(x, y, (0.17, 0.35), (0.08, 0.06))
        form = form + 0.05 * np.sin(x * 55 + 10 * y) * hill(x, y, (0.0, 0.54), (0.30, 0.09))
        return ramp(form, ((0.0, (22, 40, 56)), (0.55, (44, 82, 104)), (1.0, (104, 150, 166))))

    canvas.lay(canvas.shape(smooth(mirrored(_NECK), closed=True), soft=0.0015), neck)
    for side in (-1, 1):
        bone = smooth([(side * 0.020, 0.362), (side * 0.055, 0.349), (side * 0.115, 0.345)])
        canvas.lay(canvas.stroke(bone, tapered(len(bone), 0.010, 0.002), soft=0.004), (150, 92, 74), 0.3)
    cloth = smooth(_CLOTH, closed=True)
    canvas.lay(canvas.shape(cloth, soft=0.009), (70, 36, 28), 0.4)
    canvas.lay(canvas.shape(cloth, soft=0.0012), wool)
    hem = smooth(_HEM)
    canvas.lay(canvas.stroke([(x, y + 0.009) for x, y in hem], [0.016] * len(hem), soft=0.0015), (30, 58, 76), 0.75)
    canvas.lay(canvas.stroke(hem, [0.004] * len(hem), soft=0.001), (118, 160, 174), 0.6)


def _relief(x: Plane, y: Plane) -> Plane:
    """The height of the face above the picture's plane."""
    height = 0.185 * np.sqrt(np.clip(1 - (x / 0.188) ** 2 - ((y - 0.005) / 0.285) ** 2, 0.004, 1))
    rise = np.clip((y + 0.075) / 0.165, 0, 1)
    bridge = rise**2 * (3 - 2 * rise) * (0.5 - 0.5 * np.tanh((y - 0.096) / 0.009))
    height = height + 0.030 * bridge * np.exp(-0.5 * (x / (0.0125 + 0.006 * np.clip(y / 0.09, 0, 1))) ** 2)
    bumps: list[tuple[Point, Point, float]] = [
        ((0.0, 0.084), (0.017, 0.014), 0.013),  # tip of the nose
        ((0.0, 0.124), (0.006, 0.011), -0.0022),
        ((0.0, 0.150), (0.052, 0.040), 0.013),  # mouth
        ((0.0, 0.141), (0.034, 0.007), 0.0026),
        ((0.0, 0.168), (0.028, 0.009), 0.0045),
        ((0.0, 0.190), (0.030, 0.008), -0.0042),
        ((0.0, 0.216), (0.032, 0.018), 0.0080),  # chin
        ((0.0, -0.130), (0.10, 0.06), 0.006),  # forehead
    ]
    for side in (-1, 1):
        bumps += [
            ((side * 0.026, 0.093), (0.0095, 0.0095), 0.0085),  # wings of the nose
            ((side * 0.072, -0.004), (0.038, 0.022), -0.0125),  # sockets
            ((side * 0.030, -0.012), (0.014, 0.022), -0.0060),
            ((side * 0.074, -0.052), (0.046, 0.013), 0.0048),  # brows
            ((side * 0.098, 0.056), (0.040, 0.034), 0.0095),  # cheeks
            ((side * 0.070, 0.153), (0.012, 0.016), -0.0026),
        ]
    for center, spread, amount in bumps:
        height = height + np.float32(amount) * hill(x, y, center, spread)
    return np.asarray(height, np.float32)


def _head(canvas: Canvas) -> None:
    def skin(x: Plane, y: Plane) -> Plane:
        slope_y, slope_x = np.gradient(_relief(x, y) * canvas.unit)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        facing = (-slope_x * _LIGHT[0] - slope_y * _LIGHT[1] + _LIGHT[2]) / length
        half = _BETWEEN / np.linalg.norm(_BETWEEN)
        shine = np.clip((-slope_x * half[0] - slope_y * half[1] + half[2]) / length, 0, 1) ** 26
        # light wraps around skin, which lets some through
        lit = np.clip((facing + 0.42) / 1.42, 0, 1) ** 1.15 * 0.86 + 0.10 * shine
        color = ramp(lit - 0.16 * hill(x, y, (0.0, -0.235), (0.17, 0.045)), _SKIN)
        for center, spread, red, share in (
            ((-0.097, 0.068), (0.040, 0.028), (230, 128, 112), 0.28),
            ((0.097, 0.068), (0.040, 0.028), (230, 128, 112), 0.28),
            ((0.0, 0.086), (0.022, 0.018), (232, 150, 126), 0.16),
        ):
            blush = np.float32(share) * hill(x, y, center, spread)[..., None]
            color += blush * (np.array(red, np.float32) - color)
        return color

    canvas.lay(canvas.shape(smooth(mirrored(_FACE), closed=True), soft=0.0016), skin)


def _falls(canvas: Canvas) -> None:
    """Two falls of hair from a parting left of the middle, framing the face."""
    for side, outer, inner in ((-1, _LEFT_OUTER, _LEFT_INNER), (1, _RIGHT_OUTER, _RIGHT_INNER)):
        edge, hem = smooth(outer), smooth(inner)
        outline = [*edge, *reversed(hem)]
        canvas.lay(canvas.shape([(x - side * 0.006, y + 0.010) for x, y in outline], soft=0.008), (70, 36, 28), 0.4)
        fall = canvas.shape(outline, soft=0.0014)

        def tone(x: Plane, y: Plane, side: int = side) -> Plane:
            band = np.exp(-0.5 * ((y + 0.205 + 1.6 * (x + 0.03) ** 2 - 0.10 * np.abs(x)) / 0.034) ** 2)
            lit = 0.36 + 0.42 * band - 0.5 * (x if side > 0 else 0.4 * x) - 0.40 * np.clip(y, 0, 1)
            return ramp(lit, ((0.0, _HAIR_DEEP), (0.35, _HAIR_DARK), (0.6, _HAIR), (1.0, _HAIR_LIGHT)))

        canvas.lay(fall, tone)
        _strands(canvas, edge, hem, side, fall)


def _strands(canvas: Canvas, edge: list[Point], hem: list[Point], side: int, fall: Patch) -> None:
    """Fine locks between the outer and the inner edge of a fall, following both."""
    fine = np.random.default_rng(11 + side)
    rows = np.linspace(0, 1, 48)
    outer, inner = (
        np.stack([np.interp(rows, np.linspace(0, 1, len(line)), np.array(line)[:, axis]) for axis in (0, 1)], axis=1)
        for line in (edge, hem)
    )
    for tone, opacity in ((_HAIR_DEEP, 0.30), (_HAIR, 0.34), (_HAIR_LIGHT, 0.17), (_HAIR_DARK, 0.35)) * 3:
        locks = []
        for _ in range(11):
            sway = 0.03 * np.sin(fine.uniform(0, 6.3) + rows * fine.uniform(2.0, 5.0))
            lock = outer + (inner - outer) * (fine.uniform(0.0, 1.0) + sway)[:, None]
            widths = 0.0006 + fine.uniform(0.001, 0.0045) * np.sin(np.pi * rows)
            locks.append(outline_of([(float(x), float(y)) for x, y in lock], widths.tolist()))
        canvas.lay(canvas.within(canvas.shape(*locks, soft=0.0012), fall), tone, opacity)
