"""Lips and sound agree in the finished file, as a viewer sees it: the face mesh is placed anew on each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oavr_tui.preview.engine import make_preview
from oavr_tui.preview.spec import PreviewResult
from tests.preview.conftest import spec_of
from tests.preview.faces import save_face
from tests.preview.reading import lag, lip_gaps, speech_loudness
from tests.preview.voices import SENTENCE, speak

EARLIEST, LATEST = -2.0, 0.5
"""Frames by which lips may come before and after their sound."""


def test_lips_lead_the_sound_by_no_more_than_two_frames(finished: PreviewResult) -> None:
    gaps = lip_gaps(Path(finished.path))
    late, agreement = lag(gaps, speech_loudness(Path(finished.path), len(gaps)))
    assert EARLIEST <= late <= LATEST
    assert agreement > 0.6


def test_lips_are_seen_shut_in_m_and_p_and_open_in_a(finished: PreviewResult) -> None:
    gaps = lip_gaps(Path(finished.path))
    _, said = speak(SENTENCE)
    for sound in said:
        around = gaps[int(sound.start * 25) : int(sound.end * 25) + 1]
        if sound.kind in "mp":
            assert around.min() < 0.25 * np.percentile(gaps, 95), sound
        if sound.kind == "a":
            assert around.max() > 0.5 * np.percentile(gaps, 95), sound


@pytest.mark.full
@pytest.mark.parametrize("shape", [(480, 832, 300), (832, 480, 400), (640, 640, 500)])
@pytest.mark.parametrize("smile", [False, True])
def test_lips_agree_for_every_shape(stock: Path, tmp_path: Path, shape: tuple[int, int, float], smile: bool) -> None:
    width, height, tall = shape
    image = save_face(tmp_path / "face.png", width, height, face=tall, smile=smile)
    spec = spec_of(stock, tmp_path / "a.mp4", width=width, height=height, image=str(image))
    make_preview(spec)
    gaps = lip_gaps(tmp_path / "a.mp4")
    late, agreement = lag(gaps, speech_loudness(tmp_path / "a.mp4", len(gaps)))
    assert EARLIEST <= late <= LATEST
    assert agreement > 0.4
