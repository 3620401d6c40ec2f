"""Faces are found where they are; what is no face is not taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from oavr_tui.preview.arrays import Pixels
from oavr_tui.preview.face import CHIN, FOREHEAD, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, FaceFinder
from oavr_tui.preview.nets import DETECTOR, MESH, Net
from tests.preview.faces import draw_face


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def test_both_networks_keep_all_their_outputs() -> None:
    """OpenCV 5's new engine keeps one; the engine that keeps all must stay reachable."""
    boxes, scores = Net(DETECTOR, 128, ("regressors", "classificators"), signed=True)(np.zeros((128, 128, 3), np.uint8))
    assert (boxes.size, scores.size) == (896 * 16, 896)
    points, score = Net(MESH, 192, ("conv2d_21", "conv2d_31"), signed=False)(np.zeros((192, 192, 3), np.uint8))
    assert (points.size, score.size) == (468 * 3, 1)


@pytest.mark.parametrize("tall", [60, 150, 400])
@pytest.mark.parametrize("at", [(0.5, 0.45), (0.3, 0.6)])
def test_a_face_is_found_where_it_is(finder: FaceFinder, tall: int, at: tuple[float, float]) -> None:
    picture = draw_face(640, 640, face=tall, at=at)
    face = finder.find(picture)
    assert face is not None
    center = np.array(at) * 640
    mouth = face.points[list(MOUTH_CORNERS)].mean(0)
    eyes = face.points[[LEFT_EYE, RIGHT_EYE]].mean(0)
    assert mouth == pytest.approx(center + np.array([0, 0.285 * tall]), abs=0.04 * tall + 2)
    assert eyes == pytest.approx(center + np.array([0, -0.07 * tall]), abs=0.05 * tall + 2)
    assert face.points[FOREHEAD][1] < eyes[1] < mouth[1] < face.points[CHIN][1]


@pytest.mark.parametrize("degrees", [-25, 25])
def test_a_tilted_face_is_found(finder: FaceFinder, degrees: float) -> None:
    turn = cv2.getRotationMatrix2D((320, 320), degrees, 1.0)
    picture: Pixels = np.asarray(
        cv2.warpAffine(draw_face(640, 640, face=300), turn, (640, 640), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    face = finder.find(picture)
    assert face is not None
    across = face.points[RIGHT_EYE] - face.points[LEFT_EYE]
    assert np.degrees(np.arctan2(-across[1], across[0])) == pytest.approx(degrees, abs=5)


def test_the_larger_of_two_faces_speaks(finder: FaceFinder) -> None:
    picture = np.hstack([draw_face(320, 480, face=130), draw_face(320, 480, face=240)])
    face = finder.find(picture)
    assert face is not None
    assert face.points[:, 0].mean() > 320


@pytest.mark.parametrize("kind", ["plain", "noise", "ball", "stripes"])
def test_what_is_no_face_is_not_found(finder: FaceFinder, kind: str) -> None:
    picture = np.full((480, 640, 3), 200, np.uint8)
    if kind == "noise":
        picture = np.random.default_rng(2).integers(0, 256, picture.shape, np.uint8)
    if kind == "ball":
        cv2.circle(picture, (320, 240), 150, (120, 160, 220), -1)
    if kind == "stripes":
        picture[::20] = 30
    assert finder.find(picture) is None


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (40, 40)])
def test_a_tiny_picture_is_no_trouble(finder: FaceFinder, size: tuple[int, int]) -> None:
    assert finder.find(np.full((*size, 3), 128, np.uint8)) is None
