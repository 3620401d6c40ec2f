"""The two neural networks of the package, run by OpenCV. Heavy: loads cv2 and numpy."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import cast

import cv2
import numpy as np

from oavr_tui.preview.arrays import Field, Pixels

DETECTOR = "face_detection_short_range.tflite"
MESH = "face_landmark.tflite"


class Net:
    """One network: a square picture in, some vectors out."""

    def __init__(self, model: str, side: int, outputs: tuple[str, ...], *, signed: bool) -> None:
        """side: of the picture it looks at, pixels. signed: it wants colors in -1 .. 1, not 0 .. 1."""
        # OpenCV 5's new engine keeps only one output of a .tflite graph; the classic one keeps all. The engine is only
        # heeded when the model is given by its path: given as bytes, the new one runs all the same.
        classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
        with as_file(files("oavr_tui.preview") / "models" / model) as path:
            read = cv2.dnn.readNetFromTFLite
            self._net = read(str(path)) if classic is None else read(str(path), engine=classic)
        self._outputs = outputs
        self._side = side
        self._scale, self._mean = (1 / 127.5, 127.5) if signed else (1 / 255, 0.0)

    @property
    def side(self) -> int:
        return self._side

    def __call__(self, square: Pixels) -> list[Field]:
        """Look at a side x side picture; every output as one flat row, in the order asked for."""
        mean = (self._mean, self._mean, self._mean)
        self._net.setInput(cv2.dnn.blobFromImage(square, self._scale, (self._side, self._side), mean, swapRB=True))
        return [np.asarray(cast(Field, out), np.float32).ravel() for out in self._net.forward(self._outputs)]
