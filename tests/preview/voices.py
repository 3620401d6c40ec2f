"""Voices made by code, with every sound at a known time: vowels, m, p, s, silence. No outside program is needed."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16000
Samples = NDArray[np.float64]

FORMANTS: dict[str, tuple[tuple[float, float, float], ...]] = {
    # center in Hz, bandwidth in Hz, gain; about those of Peterson and Barney's men
    "a": ((730, 90, 1.0), (1090, 110, 0.6), (2440, 170, 0.25), (3400, 250, 0.1)),
    "i": ((280, 60, 1.0), (2250, 130, 0.4), (2890, 170, 0.3), (3600, 250, 0.1)),
    "u": ((310, 60, 1.0), (870, 100, 0.4), (2250, 170, 0.05), (3400, 250, 0.02)),
    "m": ((250, 60, 1.0), (1000, 200, 0.02), (2200, 300, 0.002)),
}


@dataclass(frozen=True)
class Sound:
    """What was said: kind ("a", "i", "u", "m", "p", "s", "-"), from start to end (seconds). For p: its silence."""

    kind: str
    start: float
    end: float


def speak(text: list[tuple[str, float]], pitch: float = 120.0, level: float = 0.3) -> tuple[Samples, list[Sound]]:
    """Samples at RATE and when each sound was. text: kinds and their lengths in seconds. level: peak, 0 .. 1."""
    rng = np.random.default_rng(5)
    pieces: list[Samples] = []
    said: list[Sound] = []
    at = 0.0
    for kind, length in text:
        count = round(length * RATE)
        if kind == "-":
            piece = np.zeros(count)
        elif kind == "s":
            piece = 0.2 * _highpassed(rng.normal(size=count), 4500)
        elif kind == "p":
            burst = rng.normal(size=round(0.012 * RATE)) * np.linspace(1, 0.2, round(0.012 * RATE))
            piece = np.concatenate([np.zeros(count), 0.25 * _lowpassed(burst, 1500)])
        else:
            piece = _voiced(kind, count, pitch, at) * (0.5 if kind == "m" else 1.0)
        said.append(Sound(kind, at, at + length))
        at += len(piece) / RATE
        pieces.append(_soft_ends(piece) if kind not in "-p" else piece)
    samples = np.concatenate(pieces)
    return samples / max(float(np.abs(samples).max()), 1e-9) * level + rng.normal(size=len(samples)) * 2e-4, said


def _voiced(kind: str, count: int, pitch: float, at: float) -> Samples:
    time = at + np.arange(count) / RATE
    wave_form = np.zeros(count)
    for harmonic in range(1, int(RATE / 2 / pitch)):
        hertz = harmonic * pitch
        gain = sum(g / np.sqrt(1 + ((hertz - center) / width) ** 2) for center, width, g in FORMANTS[kind])
        wave_form += float(gain) / harmonic**0.5 * np.sin(2 * np.pi * hertz * time + harmonic)
    return np.asarray(0.3 * wave_form / np.sqrt((wave_form**2).mean()))


def _soft_ends(piece: Samples, length: float = 0.008) -> Samples:
    count = min(round(length * RATE), len(piece) // 2)
    ramp = np.ones(len(piece))
    ramp[:count] = np.linspace(0, 1, count)
    ramp[len(piece) - count :] = np.linspace(1, 0, count)
    return piece * ramp


def _filtered(samples: Samples, keep: tuple[float, float]) -> Samples:
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    return np.fft.irfft(np.where((hertz >= keep[0]) & (hertz < keep[1]), spectrum, 0), len(samples))


def _highpassed(samples: Samples, hertz: float) -> Samples:
    return _filtered(samples, (hertz, RATE))


def _lowpassed(samples: Samples, hertz: float) -> Samples:
    return _filtered(samples, (0, hertz))


def save(path: Path, samples: Samples, rate: int = RATE) -> Path:
    """Write samples (-1 .. 1; n, or n x channels) as a 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


SENTENCE: list[tuple[str, float]] = [
    ("-", 0.30), ("a", 0.22), ("m", 0.09), ("i", 0.18), ("-", 0.20), ("a", 0.25), ("p", 0.09), ("a", 0.20), ("s", 0.12),
    ("u", 0.20), ("m", 0.10), ("a", 0.28), ("-", 0.35), ("i", 0.16), ("p", 0.08), ("a", 0.24), ("m", 0.08), ("u", 0.18),
    ("-", 0.25), ("a", 0.30), ("s", 0.10), ("a", 0.22), ("p", 0.10), ("i", 0.18), ("-", 0.30),
]  # fmt: skip
"""About five seconds of vowels with closures between them."""


def save_sentence(path: Path, times: int = 1) -> tuple[Path, list[Sound]]:
    """The sentence, so many times, as a WAV, and when each sound is."""
    samples, said = speak(SENTENCE * times)
    return save(path, samples), said
