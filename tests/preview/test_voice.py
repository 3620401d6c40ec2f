"""What the mouth is told to do, from voices in which every sound stands at a known time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oavr_tui.models import FPS
from oavr_tui.preview.arrays import Field
from oavr_tui.preview.bands import RATE, ROWS_PER_SECOND, band_energies
from oavr_tui.preview.closures import find_closures, shut_gate
from oavr_tui.preview.voice import LEAD, Controls, controls, listen
from tests.preview.voices import SENTENCE, Samples, Sound, save, speak


def hear(path: Path, samples: Samples) -> Controls:
    return listen(save(path, samples), 600, lambda heard: None)


def frames_within(sound: Sound) -> list[int]:
    """Frames whose middle, seen as early as the lips lead, falls into a sound."""
    middles = ((frame + 0.5) / FPS + LEAD for frame in range(1000))
    return [frame for frame, middle in enumerate(middles) if sound.start <= middle < sound.end]


@pytest.mark.parametrize("pitch", [95.0, 120.0, 180.0, 230.0])
def test_lips_are_shut_in_every_m_and_p_and_open_in_every_a(tmp_path: Path, pitch: float) -> None:
    samples, said = speak(SENTENCE, pitch)
    heard = hear(tmp_path / "voice.wav", samples)
    for sound in said:
        opening = heard.opening[frames_within(sound)]
        if sound.kind in "mp":
            assert opening.min() < 0.04, sound
        if sound.kind == "a":
            assert opening.max() > 0.4, sound


def test_lips_meet_before_the_sound_is_shut_off_and_part_after(tmp_path: Path) -> None:
    samples, said = speak([("a", 0.5), ("m", 0.08), ("a", 0.5)])
    energies, _ = band_energies(save(tmp_path / "ama.wav", samples), 60, lambda heard: None)
    closures = find_closures(energies.astype(np.float64) + 1e-10, np.ones(len(energies)))
    murmur = next(sound for sound in said if sound.kind == "m")
    at = [closure for closure in closures if closure.start < murmur.end and closure.end > murmur.start]
    assert len(at) == 1
    assert at[0].start == pytest.approx(murmur.start, abs=0.02)
    assert at[0].end == pytest.approx(murmur.end, abs=0.02)
    assert at[0].depth == 1.0
    gate = shut_gate(energies.astype(np.float64) + 1e-10, np.ones(len(energies)))
    row = round(murmur.start * ROWS_PER_SECOND)
    assert gate[row - 8] == 1.0 and 0 < gate[row - 2] < 0.7 and gate[row + 3] == 0.0


@pytest.mark.parametrize("text", [["a", "i"], ["a", "u"], ["i", "u", "i"], ["a", "s", "a"], ["i", "s", "u"]])
def test_vowels_and_hisses_shut_nothing(tmp_path: Path, text: list[str]) -> None:
    samples, said = speak([(kind, 0.25) for kind in text * 3])
    energies, duration = band_energies(save(tmp_path / "open.wav", samples), 60, lambda heard: None)
    inside = [
        c
        for c in find_closures(energies.astype(np.float64) + 1e-10, np.ones(len(energies)))
        if c.start > 0.1 and c.end < duration - 0.1
    ]
    assert inside == []
    assert len(said) == 3 * len(text)


def test_a_is_wider_open_than_u_and_i_is_wider_spread(tmp_path: Path) -> None:
    samples, said = speak([("a", 0.4), ("u", 0.4), ("i", 0.4), ("-", 0.4)] * 3)
    heard = hear(tmp_path / "vowels.wav", samples)
    mean = {
        kind: np.mean(
            [(heard.opening[f], heard.width[f]) for s in said if s.kind == kind for f in frames_within(s)[2:-2]], 0
        )
        for kind in "aui"
    }
    assert mean["a"][0] > 1.3 * mean["u"][0]
    assert mean["i"][1] > 0.3 > 0 > mean["u"][1]


@pytest.mark.parametrize("decibels", [-40, -20, 0])
def test_a_quiet_recording_moves_the_mouth_like_a_loud_one(tmp_path: Path, decibels: int) -> None:
    samples, _ = speak(SENTENCE, level=0.9)
    loud = hear(tmp_path / "loud.wav", samples)
    quiet = hear(tmp_path / "quiet.wav", samples * 10 ** (decibels / 20))
    assert float(np.percentile(quiet.opening, 95)) == pytest.approx(float(np.percentile(loud.opening, 95)), abs=0.12)


def test_silence_leaves_the_mouth_as_it_is(tmp_path: Path) -> None:
    heard = hear(tmp_path / "silence.wav", np.zeros(3 * RATE))
    assert heard.frames == 75
    assert not heard.opening.any() and not heard.talking.any() and not heard.width.any()


def test_noise_hardly_moves_the_mouth(tmp_path: Path) -> None:
    heard = hear(tmp_path / "noise.wav", np.random.default_rng(1).normal(size=4 * RATE) * 0.1)
    assert np.percentile(heard.opening, 95) < 0.1


def test_a_pause_ends_the_talking_and_a_gap_does_not(tmp_path: Path) -> None:
    samples, _ = speak([("a", 0.4), ("-", 0.15), ("a", 0.4), ("-", 2.0), ("a", 0.4)])
    heard = hear(tmp_path / "pause.wav", samples)
    assert heard.talking[round(0.47 * FPS)] > 0.9
    assert heard.talking[round(1.9 * FPS)] < 0.05


@pytest.mark.parametrize(
    ("count", "frames"), [(1, 1), (480, 1), (int(0.1 * RATE), 2), (RATE, 25), (int(61.3 * RATE), 1532)]
)
def test_there_are_as_many_frames_as_the_voice_is_long(tmp_path: Path, count: int, frames: int) -> None:
    heard = hear(tmp_path / "voice.wav", np.full(count, 0.1))
    assert abs(heard.frames - frames) <= 1
    assert heard.duration == pytest.approx(count / RATE)
    assert {len(row) for row in (heard.opening, heard.width, heard.energy, heard.talking)} == {heard.frames}


def test_bands_measure_mean_squares_at_the_right_time(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    samples = 0.5 * np.sin(2 * np.pi * 1000 * time) * (time >= 0.5)
    energies, _ = band_energies(save(tmp_path / "tone.wav", samples), 60, lambda heard: None)
    assert energies[80] == pytest.approx([0, 0, 0.125, 0, 0, 0, 0], abs=0.002)
    assert energies[50, 2] == pytest.approx(0.125 / 2, rel=0.15)  # the row at the edge sees half of it
    assert energies[45, 2] < 1e-4


@settings(max_examples=80, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 400), st.just(7)),
        elements=st.sampled_from([0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 64.0]),
    ),
    st.floats(0.001, 20),
)
def test_whatever_is_heard_the_controls_stay_in_bounds(energies: Field, duration: float) -> None:
    told = controls(energies, duration)
    for row, low, high in ((told.opening, 0, 1.2), (told.width, -1, 1), (told.energy, 0, 1.2), (told.talking, 0, 1)):
        assert np.isfinite(row).all()
        assert row.min() >= low - 1e-5 and row.max() <= high + 1e-5


def test_a_voice_of_wild_floats_is_heard_without_harm(tmp_path: Path) -> None:
    import av
    from av.audio.frame import AudioFrame

    wild = np.tile(np.array([np.nan, np.inf, -np.inf, 3e38, 0.1], np.float32), 4000)[None]
    frame = AudioFrame.from_ndarray(wild, format="flt", layout="mono")
    frame.sample_rate = RATE
    with av.open(str(tmp_path / "wild.wav"), "w") as file:
        stream = file.add_stream("pcm_f32le", rate=RATE, layout="mono")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    heard = listen(tmp_path / "wild.wav", 60, lambda seconds: None)
    assert np.isfinite(heard.opening).all() and np.isfinite(heard.width).all()


WORDS = {"m": "a:ma:", "b": "a:ba:", "p": "a:pa:", "l": "a:la:"}


@pytest.fixture(scope="module")
def speaker() -> str:
    found = shutil.which("espeak-ng")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("espeak-ng is not installed, and CI must not skip this")
        pytest.skip("espeak-ng is not installed: closures of a synthetic speaker are not tested")
    return found


@pytest.mark.parametrize("voice", ["en-us", "en+f3", "de"])
@pytest.mark.parametrize("sound", list(WORDS))
def test_a_synthetic_speaker_shuts_the_lips_for_m_b_p_alone(
    tmp_path: Path, speaker: str, voice: str, sound: str
) -> None:
    path = tmp_path / "word.wav"
    word = "".join(WORDS[sound] for _ in range(3))
    subprocess.run([speaker, "-v", voice, "-s", "140", "-w", str(path), f"[[{word}]]"], check=True, timeout=30)
    energies, _ = band_energies(path, 60, lambda heard: None)
    power = energies.astype(np.float64) + 1e-10
    firmly = [closure for closure in find_closures(power, np.ones(len(power))) if closure.depth > 0.85]
    if sound == "l":
        assert firmly == []
    else:
        assert len(firmly) >= 3
