"""One frame after the other: the head is turned, the mouth bent and painted, the marks put on top. Heavy."""

from __future__ import annotations

import cv2
import numpy as np

from oavr_tui.preview.arrays import Field, Pixels, pixels_at
from oavr_tui.preview.eyes import Eyes
from oavr_tui.preview.face import Face
from oavr_tui.preview.head import Head
from oavr_tui.preview.motion import WITHOUT_FACE, motion
from oavr_tui.preview.mouth import Mouth
from oavr_tui.preview.overlay import Mark, Meter
from oavr_tui.preview.picture import Texture
from oavr_tui.preview.spec import PreviewSpec
from oavr_tui.preview.voice import Controls

_BOB = 0.012
"""How far a picture without a face bobs with the voice, as a share of the video's height."""


class Renderer:
    """Draws the frames of one preview. The same picture, voice and seed give the same frames."""

    def __init__(self, texture: Texture, face: Face | None, controls: Controls, spec: PreviewSpec) -> None:
        size = (spec.width, spec.height)
        self._controls = controls
        self._motion = motion(controls, spec.seed)
        self._head = Head(texture, face, size)
        source = np.asarray(cv2.cvtColor(texture.pixels, cv2.COLOR_BGR2BGRA), np.uint8)
        self._canvas = source.copy()
        self._still = pixels_at(source, self._head.fine)
        self._frame = self._still.copy()
        self._mouth = None if face is None else Mouth(texture, source, face, size, spec.audio_strength)
        self._eyes = None if face is None else Eyes(source, face)
        self._meter = Meter(controls.opening, size) if face is None else None
        words = spec.label if face is not None else f"{spec.label} · no face found"
        self._mark = Mark(words, size) if spec.mark and spec.label else None
        self._apertures = np.zeros(0, np.float32) if self._mouth is None else _apertures(self._mouth, controls)
        self._bob = _BOB * spec.height

    @property
    def frames(self) -> int:
        return self._controls.frames

    @property
    def has_face(self) -> bool:
        return self._mouth is not None

    def planes(self, index: int) -> Pixels:
        """One frame, 0 .. frames - 1, as OpenCV lays out I420; a new array each time."""
        return np.asarray(cv2.cvtColor(self.frame(index), cv2.COLOR_BGRA2YUV_I420), np.uint8)

    def frame(self, index: int) -> Pixels:
        """One frame, 0 .. frames - 1, in the same memory each time."""
        if self._mouth is None or self._eyes is None:
            self._draw_without_face(index)
        else:
            self._draw_face(self._mouth, self._eyes, index)
        if self._mark is not None:
            self._mark.draw(self._frame)
        return self._frame

    def _draw_face(self, mouth: Mouth, eyes: Eyes, index: int) -> None:
        aperture, width = float(self._apertures[index]), float(self._controls.width[index])
        eyes.draw(self._canvas, float(self._motion.shut[index]))
        self._head.turn(self._motion.pose(index))
        lips = mouth.bend(self._head.coarse, self._head.fine, aperture, width)
        self._look_up()
        if lips is not None:
            mouth.paint(self._frame, lips, aperture)

    def _draw_without_face(self, index: int) -> None:
        self._head.turn(self._motion.pose(index, WITHOUT_FACE, -float(self._controls.opening[index]) * self._bob))
        self._look_up()
        if self._meter is not None:
            self._meter.draw(self._frame, index)

    def _look_up(self) -> None:
        """Fetch the colors of everything that moves, and put back what the marks covered."""
        left, top, right, bottom = (2 * cell for cell in self._head.box)
        part = np.s_[top:bottom, left:right]
        for over in (self._mark, self._meter):
            if over is not None:
                self._frame[over.rows, over.columns] = self._still[over.rows, over.columns]
        x, y = self._head.fine
        cv2.remap(self._canvas, x[part], y[part], cv2.INTER_LINEAR, self._frame[part], cv2.BORDER_REPLICATE)


def _apertures(mouth: Mouth, controls: Controls) -> Field:
    """How far apart the lips are, texture pixels: in a pause as in the picture, in speech by the voice."""
    return mouth.shape.rest_gap * (1 - controls.talking) + controls.talking * controls.opening * mouth.widest
