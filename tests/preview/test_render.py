"""What the frames show: lips that really shut, borders that stand still, marks that keep apart."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from oavr_tui.preview.arrays import Field, Pixels
from oavr_tui.preview.engine import find_face
from oavr_tui.preview.face import Face, FaceFinder
from oavr_tui.preview.mouth_shape import MouthShape, measure
from oavr_tui.preview.mouth_warp import LIMIT, MouthWarp
from oavr_tui.preview.overlay import Mark, Meter
from oavr_tui.preview.picture import Texture
from oavr_tui.preview.render import Renderer
from oavr_tui.preview.spec import PreviewSpec
from oavr_tui.preview.voice import Controls
from tests.preview.faces import draw_face, save_face

SIZE = (480, 832)


def told(opening: list[float], *, talking: float = 1.0) -> Controls:
    """Controls that open the mouth so far, frame by frame, and hold the head still."""
    row = np.array(opening, np.float32)
    still = np.zeros_like(row)
    return Controls(len(row) / 25, row, still, still, np.full_like(row, talking))


def spec(**changes: object) -> PreviewSpec:
    return PreviewSpec.from_dict(
        {"image": "", "audio": "", "output": "", "width": 480, "height": 832, "seed": 4, "mark": False, **changes}
    )


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Texture, Face]]:
    """Drawn faces, shut and smiling, as they are warped."""
    folder = tmp_path_factory.mktemp("rigs")
    found: dict[str, tuple[Texture, Face]] = {}
    for name, smile in (("shut", False), ("smile", True)):
        texture, face = find_face(save_face(folder / f"{name}.png", *SIZE, face=515, smile=smile), *SIZE)
        assert face is not None
        found[name] = texture, face
    return found


def mouth_part(frame: Pixels, face: Face) -> Pixels:
    """The square around the mouth."""
    center = face.points[[61, 291]].mean(0)
    reach = 0.22 * face.height
    low, high = (center - reach).astype(int), (center + reach).astype(int)
    return frame[low[1] : high[1], low[0] : high[0], :3]


def pale(part: Pixels) -> int:
    """How many pixels look like teeth: bright and gray."""
    lowest, highest = part.min(-1).astype(int), part.max(-1).astype(int)
    return int(((lowest > 150) & (highest - lowest < 40)).sum())


def dark(part: Pixels) -> int:
    """How many pixels are as dark as the hollow of a mouth."""
    return int((part.max(-1) < 75).sum())


def test_a_shut_mouth_is_seen_as_shut_and_a_smile_as_teeth(rigs: dict[str, tuple[Texture, Face]]) -> None:
    shut, smile = (measure(rigs[name][0].pixels, rigs[name][1]) for name in ("shut", "smile"))
    assert shut.rest_gap == 0 and not shut.teeth
    assert smile.rest_gap > 0.02 * smile.face_height and smile.teeth


def test_a_toothy_smile_shuts_without_a_sliver(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["smile"]
    renderer = Renderer(texture, face, told([0.0, 0.5]), spec())
    closed = pale(mouth_part(renderer.frame(0), face))
    opened = pale(mouth_part(renderer.frame(1), face))
    at_rest = pale(mouth_part(Renderer(texture, face, told([0.0], talking=0.0), spec()).frame(0), face))
    assert opened > 500 and at_rest > 500
    assert closed < 0.04 * at_rest


@pytest.mark.parametrize("name", ["shut", "smile"])
def test_the_mouth_opens_wider_and_wider(rigs: dict[str, tuple[Texture, Face]], name: str) -> None:
    texture, face = rigs[name]
    renderer = Renderer(texture, face, told([0.0, 0.3, 0.6, 1.0]), spec())
    inside = [(part := mouth_part(renderer.frame(i), face).copy(), dark(part) + pale(part))[1] for i in range(4)]
    assert inside == sorted(inside)
    assert inside[0] < 0.1 * inside[1] + 60 and inside[3] > 1.5 * inside[1]


def test_strength_opens_the_mouth_farther(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["shut"]
    inside = []
    for strength in (0.5, 1.0, 2.0):
        renderer = Renderer(texture, face, told([0.7]), spec(audio_strength=strength))
        part = mouth_part(renderer.frame(0), face)
        inside.append(dark(part) + pale(part))
    assert inside[0] < 0.8 * inside[1] < 0.8 * inside[2]


def test_a_shut_mouth_that_says_nothing_is_the_picture_itself(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["shut"]
    frame = mouth_part(Renderer(texture, face, told([0.0]), spec()).frame(0), face)
    # The head has a pose of its own, so the same place is compared after the smallest shift that fits.
    around = mouth_part(texture.pixels, face)
    inner = frame[20:-20, 20:-20]
    best = cv2.matchTemplate(around, np.ascontiguousarray(inner), cv2.TM_SQDIFF).min() / inner.size
    assert best < 16  # mean square, of 65025


def test_the_frame_of_the_picture_never_moves(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["shut"]
    renderer = Renderer(texture, face, told([0.4] * 40), spec())
    frames = [renderer.frame(i)[..., :3].copy() for i in range(0, 40, 3)]
    for frame in frames:
        for edge in np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]:
            assert np.array_equal(frame[edge], texture.pixels[edge])
    assert any((frame != frames[0]).any() for frame in frames)


def test_the_same_seed_gives_the_same_frames_in_any_order(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["shut"]
    opening = np.abs(np.sin(np.arange(60) / 3)).tolist()
    one, other = (Renderer(texture, face, told(opening), spec(mark=True)) for _ in range(2))
    forward = [one.frame(i).copy() for i in range(60)]
    for index in (59, 31, 30, 0, 45):  # among them a blink
        assert np.array_equal(other.frame(index), forward[index])
    third = Renderer(texture, face, told(opening), spec(seed=5))
    assert not np.array_equal(third.frame(20), forward[20])


def test_eyes_blink(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["shut"]
    renderer = Renderer(texture, face, told([0.0] * 80), spec())
    low = (face.points[[33, 133]].min(0) - 6).astype(int)
    high = (face.points[[33, 133]].max(0) + 6).astype(int)
    white = [pale(renderer.frame(i)[low[1] : high[1], low[0] : high[0], :3]) for i in range(80)]
    assert max(white) > 60
    assert min(white) < 0.2 * max(white)
    assert sum(count < 0.5 * max(white) for count in white) < 20


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", ["shut", "smile"])
def test_warps_fade_out_and_never_fold_the_chin(
    rigs: dict[str, tuple[Texture, Face]], name: str, strength: float
) -> None:
    texture, face = rigs[name]
    shape: MouthShape = measure(texture.pixels, face)
    warp = MouthWarp(shape, (480, 832), strength)
    assert 0 < warp.widest <= LIMIT * shape.face_height
    (left, top), (right, bottom) = warp.bounds
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    where: Field = np.stack([x, y])
    for aperture in (0.0, 0.4 * warp.widest, warp.widest):
        moved = warp.displacement(where, aperture, 0.5)
        top_of_upper, bottom_of_lower, sides = moved[:2, 0], moved[2:, -1], moved[:, :, [0, -1]]
        assert max(float(np.abs(edge).max()) for edge in (top_of_upper, bottom_of_lower, sides)) < 0.6
        below_lip = where[:, int(shape.frame.center[1] - top + 0.2 * shape.chin) :]
        lower_y = (below_lip + moved[2:, -below_lip.shape[1] :])[1]
        assert (np.diff(lower_y, axis=0) > 0).all()


def test_tiny_and_tilted_faces_are_drawn_without_trouble() -> None:
    finder = FaceFinder()
    for tall, degrees in ((48, 0), (90, 35), (300, -40), (620, 0)):
        picture = draw_face(480, 832, face=tall)
        turn = cv2.getRotationMatrix2D((240, 380), degrees, 1.0)
        picture = np.asarray(cv2.warpAffine(picture, turn, SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        face = finder.find(picture)
        assert face is not None, tall
        renderer = Renderer(Texture(picture, 1.0), face, told([0.0, 0.5, 1.0] * 20), spec())
        assert [renderer.planes(i).shape for i in range(0, 60, 15)] == [(832 * 3 // 2, 480)] * 4


def test_a_gray_picture_stays_gray(rigs: dict[str, tuple[Texture, Face]]) -> None:
    texture, face = rigs["shut"]
    gray = np.repeat(texture.pixels.mean(-1, keepdims=True), 3, -1).astype(np.uint8)
    frame = Renderer(Texture(gray, 1.0), face, told([1.0]), spec()).frame(0)[..., :3]
    assert int(np.ptp(frame.astype(int), axis=-1).max()) <= 1


@pytest.mark.parametrize("size", [(480, 832), (832, 480), (640, 640), (64, 64), (2048, 64), (66, 1000)])
def test_the_mark_and_the_meter_lie_inside_and_apart(size: tuple[int, int]) -> None:
    mark, meter = Mark("PREVIEW · no face found", size), Meter(np.ones(30, np.float32), size)
    canvas = np.zeros((size[1], size[0], 4), np.uint8)
    mark.draw(canvas)
    first = canvas[..., 0] > 0
    meter.draw(canvas, 15)
    assert first.any() and (canvas[..., 0] > 0).sum() > first.sum()
    if min(size) >= 400:
        rows = mark.rows.stop <= meter.rows.start
        assert rows, "the mark is above the meter"
        assert 0.02 * size[0] * size[1] > first.sum()


@pytest.mark.parametrize("ground", [0, 40, 128, 200, 255])
def test_the_mark_can_be_read_on_any_ground(ground: int) -> None:
    canvas = np.full((832, 480, 4), ground, np.uint8)
    mark = Mark("PREVIEW", (480, 832))
    mark.draw(canvas)
    drawn = canvas[mark.rows, mark.columns, 0].astype(int)
    assert np.percentile(drawn, 99) - np.percentile(drawn, 1) > 80
    assert drawn.shape[1] < 0.3 * 480


def test_the_meter_follows_the_voice() -> None:
    voice = np.zeros(100, np.float32)
    voice[50] = 1
    lit = []
    for index in (20, 50):
        canvas = np.zeros((480, 832, 4), np.uint8)
        Meter(voice, (832, 480)).draw(canvas, index)
        lit.append(int((canvas[..., 0] > 100).sum()))
    assert lit[1] > 1.15 * lit[0] > 0


def test_a_picture_without_a_face_moves_and_shows_the_voice(tmp_path: Path) -> None:
    texture = Texture(np.random.default_rng(3).integers(0, 255, (480, 832, 3), np.uint8), 1.0)
    loud = Renderer(texture, None, told([1.0] * 10), spec(width=832, height=480))
    hushed = Renderer(texture, None, told([0.0] * 10), spec(width=832, height=480))
    assert not loud.has_face
    low = np.s_[int(480 * 0.87) :, 290:540, :3]
    assert (loud.frame(5)[low].mean() - hushed.frame(5)[low].mean()) > 5
    assert not np.array_equal(loud.frame(0)[100:300].copy(), loud.frame(9)[100:300])
