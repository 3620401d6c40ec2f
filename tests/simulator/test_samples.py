"""The sample portrait and voice: are they what they claim, and can the rest of the app work with them?"""

from __future__ import annotations

import itertools
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from oavr_tui.media.check import check_inputs
from oavr_tui.models import LONGEST_FULL_SECONDS, Shape
from oavr_tui.preview.face import INNER_LOWER_LIP, INNER_UPPER_LIP, FaceFinder
from oavr_tui.simulator.sample_portrait import draw_portrait
from oavr_tui.simulator.sample_voice import (
    DEFAULT_SECONDS,
    LIPS_SHUT,
    SAMPLE_RATE,
    sample_timeline,
    synthesize_voice,
)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    draw_portrait(path)
    return path


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    synthesize_voice(path)
    return path


def pixels_of(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def sound_of(path: Path) -> npt.NDArray[np.float64]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0


def test_the_portrait_is_the_same_every_time(portrait: Path, tmp_path: Path) -> None:
    draw_portrait(tmp_path / "again.png")
    assert np.array_equal(pixels_of(portrait), pixels_of(tmp_path / "again.png"))
    assert pixels_of(portrait).shape == (1024, 768, 3)


def test_the_portrait_has_a_face_of_half_its_height_with_a_closed_mouth(portrait: Path) -> None:
    picture = np.ascontiguousarray(pixels_of(portrait)[:, :, ::-1])
    face = FaceFinder().find(picture)
    assert face is not None and face.score > 0.9
    assert 0.35 < face.height / 1024 < 0.6
    gap = np.linalg.norm(face.points[list(INNER_UPPER_LIP)] - face.points[list(INNER_LOWER_LIP)], axis=1).max()
    assert gap < 0.03 * face.height


@pytest.mark.parametrize("size", [(480, 832), (832, 480), (640, 640)])
def test_a_portrait_of_any_shape_has_a_face(size: tuple[int, int], tmp_path: Path) -> None:
    draw_portrait(tmp_path / "any.png", *size)
    picture = pixels_of(tmp_path / "any.png")
    assert picture.shape == (size[1], size[0], 3)
    assert FaceFinder().find(np.ascontiguousarray(picture[:, :, ::-1])) is not None


def test_the_smallest_portrait_can_be_drawn_and_a_smaller_one_is_refused(tmp_path: Path) -> None:
    draw_portrait(tmp_path / "small.png", 64, 64)
    assert pixels_of(tmp_path / "small.png").shape == (64, 64, 3)
    with pytest.raises(ValueError, match="at least 64"):
        draw_portrait(tmp_path / "smaller.png", 63, 500)


def test_the_voice_is_the_same_every_time_and_as_long_as_asked(voice: Path, tmp_path: Path) -> None:
    synthesize_voice(tmp_path / "again.wav")
    assert (tmp_path / "again.wav").read_bytes() == voice.read_bytes()
    for seconds in (1.0, 3.3, 20.0):
        synthesize_voice(tmp_path / "other.wav", seconds)
        assert len(sound_of(tmp_path / "other.wav")) == round(seconds * SAMPLE_RATE)


@pytest.mark.parametrize("seconds", [0.5, -1.0, 121.0, float("nan"), float("inf")])
def test_a_voice_of_an_impossible_length_is_refused(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s long, not"):
        synthesize_voice(tmp_path / "never.wav", seconds)
    assert not (tmp_path / "never.wav").exists()


@pytest.mark.parametrize("seconds", [1.0, DEFAULT_SECONDS, 33.0])
def test_the_timeline_covers_the_whole_time_without_gaps(seconds: float) -> None:
    timeline = sample_timeline(seconds)
    assert timeline[0][1] == 0.0
    assert timeline[-1][2] == pytest.approx(seconds)
    for (_, start, end), (_, following, _) in itertools.pairwise(timeline):
        assert start < end == following
    assert {sound for sound, _, _ in timeline} >= ({"m"} if seconds < 2 else {"m", "b", "p"})


def test_lips_shut_are_heard_where_the_timeline_says(voice: Path) -> None:
    sound = sound_of(voice)

    def loudness(start: float, end: float) -> float:
        """What comes out of an open mouth: the energy between 700 and 4,000 Hz, in dB."""
        part = sound[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        hertz = np.fft.rfftfreq(len(part), 1 / SAMPLE_RATE)
        return float(10 * np.log10(power[(hertz > 700) & (hertz < 4000)].sum() / len(part) + 1e-12))

    timeline = sample_timeline()
    vowels = [loudness(a, b) for said, a, b in timeline if said in {"ə", "ɪ", "ɛ", "æ", "aɪ", "eɪ", "oʊ"}]
    shut = [loudness(a + 0.02, b - 0.02) for said, a, b in timeline if said in LIPS_SHUT]
    pauses = [loudness(a + 0.05, b - 0.05) for said, a, b in timeline if said == " " and b - a > 0.15]
    assert max(shut) < min(vowels) - 10
    assert max(pauses) < min(vowels) - 30


def test_the_voice_has_a_womans_pitch_that_moves(voice: Path) -> None:
    sound = sound_of(voice)
    heights = []
    for said, start, end in sample_timeline():
        if said not in {"oʊ", "aɪ", "ɛ"}:
            continue
        middle = round((start + end) / 2 * SAMPLE_RATE)
        part = sound[middle - 1200 : middle + 1200]
        alike = np.correlate(part, part, "full")[len(part) - 1 :]
        shortest, longest = SAMPLE_RATE // 350, SAMPLE_RATE // 120
        heights.append(SAMPLE_RATE / (shortest + int(np.argmax(alike[shortest:longest]))))
    assert all(150 < height < 290 for height in heights)
    assert max(heights) - min(heights) > 20


async def test_both_pass_the_input_check_without_a_word(portrait: Path, voice: Path) -> None:
    checked = await check_inputs(portrait, voice, shape=Shape.AUTO, max_seconds=None, longest=LONGEST_FULL_SECONDS)
    assert (checked.width, checked.height) == (480, 832)
    assert checked.duration == DEFAULT_SECONDS
    assert checked.frames == round(DEFAULT_SECONDS * 25)
    assert [note for note in checked.notes if "cropped" not in note] == []
