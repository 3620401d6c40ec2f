"""Painting what shows between parted lips: the dark, the tongue, the teeth. Heavy: loads numpy.

Distances here are pixels of the video; colors are in the skin's own light, and gray in a gray picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oavr_tui.preview.arrays import Field, Pixels, smoothstep
from oavr_tui.preview.mouth_shape import MouthShape

_LUMA = np.array([0.114, 0.587, 0.299], np.float32)
"""BT.601 weights of blue, green, red."""


@dataclass(frozen=True, slots=True)
class OwnTeeth:
    """The teeth of the picture. colors: what is there now. inside: how far above the picture's lower lip that is."""

    colors: Pixels
    inside: Field


class MouthInside:
    """The inside of one mouth."""

    def __init__(self, shape: MouthShape, scale: float) -> None:
        """scale: texture pixels per pixel of the video."""
        self._height = shape.face_height / scale
        light = float(shape.skin @ _LUMA)
        self._gray = float(np.ptp(shape.skin)) < 6
        self._strength = float(np.clip(light / 165, 0.35, 1.15))
        self._warmth = shape.skin / max(light, 1.0)
        self._dark = self._lit((30, 28, 60), 0.5)
        self._deep = self._lit((14, 13, 26), 0.5)
        self._teeth = self._lit((205, 216, 222), 0.45)
        self._tongue = self._lit((84, 74, 150), 0.3)

    def _lit(self, color: tuple[int, int, int], share: float) -> Field:
        """A color in this picture's light, `share` of it tinted as the skin is."""
        plain = np.array(color, np.float32)
        if self._gray:
            plain = np.full(3, float(plain @ _LUMA), np.float32)
        return np.asarray(plain * self._strength * (1 - share + share * self._warmth), np.float32)

    def paint(
        self, picture: Pixels, below: Field, above: Field, u: Field, own: OwnTeeth | None, aperture: float
    ) -> None:
        """Paint into a part of the frame.

        below, above: how far each pixel is below the upper and above the lower lip. u: -1 .. 1 from corner to corner.
        own: the picture's own teeth, or None where it shows none. aperture: pixels.
        """
        cover = np.clip(below, 0, 1) * np.clip(above, 0, 1) * (1 - smoothstep(0.92, 1.0, np.abs(u)))
        inside = self._hollow(above, u, aperture)
        if own is not None:
            inside += np.clip(own.inside * 0.8 - 0.3, 0, 1)[..., None] * (own.colors - inside)
        else:
            self._add_teeth(inside, below, u, aperture)
        # Lips throw a shadow on what is inside.
        inside *= (0.60 + 0.40 * smoothstep(0.0, 0.22 * aperture + 1.5, np.minimum(below * 0.8, above)))[..., None]
        picture[...] = np.clip(picture + cover[..., None] * (inside - picture), 0, 255).astype(np.uint8)

    def paint_seam(self, picture: Pixels, below: Field, above: Field, u: Field) -> None:
        """The line between lips that touch, for a picture that shows them apart and so has none; see `paint`."""
        touching = np.clip(1 - (below + above) / 1.5, 0, 1) * (1 - smoothstep(0.80, 1.0, np.abs(u)))
        line = touching * np.exp(-(((below - above) / (2 * max(1.0, 0.004 * self._height))) ** 2))
        picture[...] = (picture * (1 - 0.4 * line[..., None])).astype(np.uint8)

    def _hollow(self, above: Field, u: Field, aperture: float) -> Field:
        depth = min(aperture / (0.09 * self._height), 1.0)
        inside = np.empty((*u.shape, 3), np.float32)
        inside[:] = self._dark * (1 - 0.6 * depth) + self._deep * (0.6 * depth)
        rise = np.clip((aperture - 0.035 * self._height) / (0.05 * self._height), 0, 1)
        if rise > 0:
            top = 0.46 * aperture * (1 - (u / 0.72) ** 2)
            show = smoothstep(-0.35, 0.55, (top - above) / (0.18 * aperture + 1)) * (np.abs(u) < 0.72) * 0.8 * rise
            light = 0.62 + 0.38 * np.clip(above / (0.3 * aperture + 1), 0, 1)
            inside += show[..., None] * (self._tongue * light[..., None] - inside)
        return inside

    def _add_teeth(self, inside: Field, below: Field, u: Field, aperture: float) -> None:
        """The upper teeth of a picture that shows none: a strip below the lip, each tooth a little rounded."""
        tooth = u / 0.155
        off_center = tooth - np.round(tooth)
        long = min(0.40 * aperture, 0.034 * self._height)
        if long < 0.6:
            return
        length = long * np.clip(1 - (np.abs(u) / 0.86) ** 2.6, 0, 1) * (1 - 0.35 * off_center**2)
        show = np.clip((length - below) / 1.2 + 0.5, 0, 1) * (length > 0.6) * 0.93
        between = 1 - 0.16 * np.exp(-(((np.abs(off_center) - 0.5) / 0.12) ** 2))
        shade = (1 - 0.45 * u**2) * (0.68 + 0.32 * smoothstep(0.0, 0.55 * long + 0.5, below)) * between
        inside += show[..., None] * (self._teeth * shade[..., None] - inside)
