"""The face that will speak: 468 points of MediaPipe's face mesh. Heavy: loads cv2 and numpy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from oavr_tui.preview.arrays import Pixels, Points
from oavr_tui.preview.detector import Detector
from oavr_tui.preview.nets import MESH, Net

LEAST_SCORE = 0.5
"""Below this the mesh says that it is not looking at a face: a cat, a pattern."""

# Indices of the mesh: https://github.com/google-ai-edge/mediapipe, modules/face_geometry/data.
FOREHEAD, CHIN, NOSE_BASE = 10, 152, 2
LEFT_CHEEK, RIGHT_CHEEK = 234, 454
LEFT_EYE, RIGHT_EYE = 33, 263
"""The outer corners, left and right as seen in the picture."""
MOUTH_CORNERS = (61, 291)
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER_LIP = (185, 40, 39, 37, 0, 267, 269, 270, 409)
OUTER_LOWER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375)
CHEEKS = (50, 280, 205, 425)
CHIN_SKIN = 199


@dataclass(frozen=True, slots=True)
class Face:
    """points: the 468 points, pixels of the picture it was found in. score: how sure the mesh is, 0 .. 1."""

    points: Points
    score: float

    @property
    def height(self) -> float:
        """From the top of the forehead to the chin, pixels."""
        return float(np.linalg.norm(self.points[FOREHEAD] - self.points[CHIN]))

    @property
    def bounds(self) -> tuple[Points, Points]:
        """Top left and bottom right, pixels."""
        return self.points.min(0), self.points.max(0)

    def moved(self, corner: Points, scale: float) -> Face:
        """The same face in a part of the picture that starts at `corner` and is enlarged by `scale`."""
        return Face((self.points - corner) * scale, self.score)


class FaceFinder:
    """Finds faces and places the mesh on them."""

    def __init__(self) -> None:
        self._detector = Detector()
        self._mesh = Net(MESH, 192, ("conv2d_21", "conv2d_31"), signed=False)

    def find(self, picture: Pixels) -> Face | None:
        """The largest face of the picture, or None."""
        faces = []
        for box in self._detector.find(picture):
            eyes = box.eyes[1] - box.eyes[0]
            rough = self._place(picture, box.center, 1.5 * float(box.size.max()), float(np.arctan2(eyes[1], eyes[0])))
            face = self.refined(picture, rough)
            # A second look convinces the mesh of some cats; a face convinces it each time.
            if min(rough.score, face.score) > LEAST_SCORE:
                faces.append(face)
        return max(faces, key=lambda face: face.height, default=None)

    def refined(self, picture: Pixels, face: Face) -> Face:
        """The mesh placed anew, starting from a face that is known roughly."""
        low, high = face.bounds
        eyes = face.points[RIGHT_EYE] - face.points[LEFT_EYE]
        side = 1.35 * float((high - low).max())
        return self._place(picture, (low + high) / 2, side, float(np.arctan2(eyes[1], eyes[0])))

    def _place(self, picture: Pixels, center: Points, side: float, angle: float) -> Face:
        """The mesh from the square around `center`, turned by `angle` (radians) so that the eyes lie level."""
        shrink = min(1.0, 2 * self._mesh.side / side)  # averaging first: a plain warp would skip pixels
        source = picture
        if shrink < 1:
            small = (max(1, round(picture.shape[1] * shrink)), max(1, round(picture.shape[0] * shrink)))
            source = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.uint8)
        scale = self._mesh.side / side
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        matrix = np.column_stack([turn * scale / shrink, self._mesh.side / 2 - turn @ center * scale])
        crop = cv2.warpAffine(source, matrix, (self._mesh.side, self._mesh.side), flags=cv2.INTER_LINEAR)
        points, logit = self._mesh(np.asarray(crop, np.uint8))
        local = points.reshape(-1, 3)[:, :2].astype(np.float64) - self._mesh.side / 2
        score = float(1 / (1 + np.exp(-np.clip(logit[0], -50, 50))))
        return Face(local @ turn / scale + center, score)
