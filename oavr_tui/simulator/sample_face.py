"""The eyes, brows, nose and mouth of the sample portrait. Heavy: load it where a portrait is drawn."""

from __future__ import annotations

import numpy as np

from oavr_tui.simulator.sample_paint import Canvas, Patch, Plane, Point, disc, outline_of, ramp, smooth, tapered

_EYE_X, _EYE_Y = 0.0725, -0.003
_EYE_SIZE = 1.18
_IRIS = 0.0175
_LASH = (34.0, 20.0, 18.0)


def draw_features(canvas: Canvas) -> None:
    """Draw both eyes with their brows, the nose and the closed mouth onto the skin."""
    for side in (-1, 1):
        _eye(canvas, side)
        _brow(canvas, side)
    _nose(canvas)
    _mouth(canvas)


# fmt: off
_UPPER_LID = [(-0.034, 0.0065), (-0.024, -0.0060), (-0.004, -0.0150), (0.016, -0.0125), (0.0355, 0.0010)]
_LOWER_LID = [(0.0355, 0.0010), (0.020, 0.0100), (0.0, 0.0130), (-0.020, 0.0112), (-0.034, 0.0065)]
_SOCKET = [(-0.042, 0.006), (-0.02, -0.026), (0.012, -0.030), (0.046, -0.006), (0.012, 0.020)]
_TEAR = [(-0.035, 0.0065), (-0.028, 0.002), (-0.0265, 0.009)]
_BROW = [(0.032, -0.0505), (0.060, -0.0600), (0.094, -0.0645), (0.127, -0.0455)]
_NOSTRIL = [(0.0075, 0.1015), (0.015, 0.0975), (0.0225, 0.1010), (0.015, 0.1045)]
_WING = [(0.0315, 0.079), (0.0365, 0.090), (0.0335, 0.101), (0.026, 0.1045)]
_SEAM = [(0.0, 0.1560), (0.018, 0.1540), (0.042, 0.1530), (0.0655, 0.1450)]
_LIP_TOP = [(0.0, 0.1385), (0.014, 0.1355), (0.037, 0.1405), (0.0655, 0.1450)]
_LIP_BOTTOM = [(0.0, 0.1790), (0.020, 0.1770), (0.045, 0.1650), (0.0655, 0.1450)]
# fmt: on


def _on(side: int, points: list[Point]) -> list[Point]:
    return [(side * x, y) for x, y in points]


def _both(half: list[Point]) -> list[Point]:
    """A curve from its right half, which starts in the middle."""
    return smooth([*((-x, y) for x, y in reversed(half[1:])), *half])


def _at_eye(side: int, points: list[Point]) -> list[Point]:
    """Points around the eye, x from its inner corner (negative) to its outer one."""
    return [(side * (_EYE_X + x * _EYE_SIZE), _EYE_Y + y * _EYE_SIZE) for x, y in points]


def _eye(canvas: Canvas, side: int) -> None:
    upper, lower = smooth(_at_eye(side, _UPPER_LID)), smooth(_at_eye(side, _LOWER_LID))
    opening = canvas.shape([*upper, *lower], soft=0.0006)
    canvas.lay(canvas.shape(smooth(_at_eye(side, _SOCKET), closed=True), soft=0.010), (152, 88, 74), 0.36)

    def ball(x: Plane, y: Plane) -> Plane:
        across, down = (x - side * _EYE_X) / _EYE_SIZE, (y - _EYE_Y) / _EYE_SIZE
        lit = 1.0 - 0.55 * (across / 0.036) ** 2 - 0.55 * np.clip(-(down + 0.003) / 0.014, 0, 1)
        return ramp(lit, ((0.0, (132, 108, 104)), (0.6, (222, 212, 208)), (1.0, (248, 245, 242))))

    canvas.lay(opening, ball)
    tear = canvas.shape(smooth(_at_eye(side, _TEAR), closed=True), soft=0.001)
    canvas.lay(canvas.within(tear, opening), (214, 140, 128), 0.8)
    middle = (side * (_EYE_X - 0.0005), _EYE_Y - 0.0022)
    _iris(canvas, middle, opening)
    shadow = canvas.stroke([(x, y + 0.003) for x, y in upper], [0.008] * len(upper), soft=0.0024)
    canvas.lay(canvas.within(shadow, opening), (40, 24, 22), 0.5)
    for dx, dy, share, opacity in ((-0.36, -0.34, 0.25, 0.97), (0.38, 0.42, 0.14, 0.5)):
        glint = canvas.shape(disc((middle[0] + dx * _IRIS, middle[1] + dy * _IRIS), share * _IRIS), soft=0.0005)
        canvas.lay(canvas.within(glint, opening), (255, 255, 255), opacity)
    _lids(canvas, side, upper, lower)


def _iris(canvas: Canvas, middle: Point, opening: Patch) -> None:
    def color(x: Plane, y: Plane) -> Plane:
        away = np.sqrt((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / _IRIS
        around = np.arctan2(y - middle[1], x - middle[0])
        rays = 0.08 * np.sin(around * 19 + 2 * away) + 0.06 * np.sin(around * 37 + 1)
        glow = np.clip(0.55 + rays + 0.30 * (y - middle[1]) / _IRIS, 0, 1)
        tone = glow * np.clip(1.25 - away**3, 0, 1)
        return ramp(tone, ((0.0, (34, 24, 18)), (0.45, (88, 76, 48)), (1.0, (172, 156, 98))))

    canvas.lay(canvas.within(canvas.shape(disc(middle, _IRIS), soft=0.0008), opening), color)
    canvas.lay(canvas.within(canvas.shape(disc(middle, _IRIS * 0.45), soft=0.0008), opening), (12, 9, 9))


def _lids(canvas: Canvas, side: int, upper: list[Point], lower: list[Point]) -> None:
    count = len(upper)
    line = [*upper, (upper[-1][0] + side * 0.006, upper[-1][1] - 0.0045)]
    canvas.lay(canvas.stroke(line, [*tapered(count, 0.0014, 0.0060, 0.0052), 0.0004], soft=0.0006), _LASH, 0.95)
    crease = [(x, y - 0.0090 - 0.0025 * float(np.sin(np.pi * i / count))) for i, (x, y) in enumerate(upper)]
    canvas.lay(canvas.stroke(crease, tapered(count, 0.0005, 0.0030, 0.0008), soft=0.0011), (116, 64, 54), 0.6)
    rim = [(x, y + 0.0018) for x, y in lower]
    canvas.lay(canvas.stroke(rim, [0.0028] * len(rim), soft=0.0009), (240, 190, 170), 0.5)
    canvas.lay(canvas.stroke(lower, tapered(len(lower), 0.0022, 0.0010, 0.0008), soft=0.0006), (92, 52, 46), 0.6)
    lashes = []
    for index in range(8):
        along = 0.55 + 0.45 * index / 7
        x, y = upper[min(int(along * (count - 1)), count - 1)]
        reach = 0.003 + 0.009 * (along - 0.4)
        lash = smooth([(x, y), (x + side * reach * 0.6, y - reach * 0.4), (x + side * reach * 1.3, y - reach * 0.85)])
        lashes.append(outline_of(lash, tapered(len(lash), 0.0030, 0.0005)))
    canvas.lay(canvas.shape(*lashes, soft=0.0006), _LASH, 0.75)


def _brow(canvas: Canvas, side: int) -> None:
    spine = smooth(_on(side, _BROW))
    widths = tapered(len(spine), 0.0105, 0.0150, 0.0125, 0.0010)
    canvas.lay(canvas.stroke(spine, widths, soft=0.0030), (74, 44, 33), 0.66)
    fine = np.random.default_rng(5)
    hairs = []
    for place in np.linspace(0, len(spine) - 1, 60):
        (x, y), wide = spine[int(place)], widths[int(place)]
        low, high = fine.uniform(0.1, 0.5), fine.uniform(0.1, 0.45)
        hair = smooth(
            [(x, y + wide * low), (x + side * 0.006, y - wide * high * 0.6), (x + side * 0.011, y - wide * high)]
        )
        hairs.append(outline_of(hair, tapered(len(hair), 0.0018, 0.0005)))
    canvas.lay(canvas.shape(*hairs, soft=0.0007), (56, 32, 24), 0.45)


def _nose(canvas: Canvas) -> None:
    shadow = smooth([(-0.026, 0.105), (0.0, 0.1095), (0.03, 0.105), (0.022, 0.119), (-0.012, 0.117)], closed=True)
    canvas.lay(canvas.shape(shadow, soft=0.0055), (140, 78, 64), 0.38)
    for side in (-1, 1):
        canvas.lay(canvas.shape(smooth(_on(side, _NOSTRIL), closed=True), soft=0.0017), (92, 44, 38), 0.78)
        wing = smooth(_on(side, _WING))
        canvas.lay(canvas.stroke(wing, tapered(len(wing), 0.0010, 0.0040), soft=0.0023), (136, 76, 62), 0.5)
    canvas.lay(canvas.shape(disc((-0.0055, 0.079), 0.006), soft=0.0042), (255, 240, 226), 0.5)


def _mouth(canvas: Canvas) -> None:
    seam = _both(_SEAM)
    below = smooth([(-0.034, 0.184), (0.0, 0.188), (0.036, 0.184), (0.0, 0.196)], closed=True)
    canvas.lay(canvas.shape(below, soft=0.006), (146, 82, 68), 0.42)

    def upper(x: Plane, y: Plane) -> Plane:
        return ramp(0.50 - 1.8 * x - 18 * (y - 0.147), ((0.0, (142, 60, 60)), (1.0, (198, 108, 102))))

    def lower(x: Plane, y: Plane) -> Plane:
        lit = 0.80 - 1.6 * x - 24 * np.abs(y - 0.1640)
        return ramp(lit, ((0.0, (164, 78, 75)), (1.0, (222, 134, 125))))

    canvas.lay(canvas.shape([*seam, *reversed(_both(_LIP_TOP))], soft=0.0018), upper, 0.90)
    canvas.lay(canvas.shape([*seam, *reversed(_both(_LIP_BOTTOM))], soft=0.0020), lower, 0.88)
    light = smooth([(-0.026, 0.1650), (-0.006, 0.1625), (0.014, 0.1650), (-0.006, 0.1690)], closed=True)
    canvas.lay(canvas.shape(light, soft=0.0030), (255, 228, 218), 0.5)
    canvas.lay(
        canvas.stroke(seam, tapered(len(seam), 0.0018, 0.0030, 0.0034, 0.0030, 0.0018), soft=0.0009), (86, 30, 33), 0.9
    )
    for side in (-1, 1):
        corner = smooth(_on(side, [(0.0640, 0.1462), (0.0690, 0.1430), (0.0715, 0.1385)]))
        canvas.lay(canvas.stroke(corner, tapered(len(corner), 0.0045, 0.0010), soft=0.0026), (136, 72, 60), 0.6)
