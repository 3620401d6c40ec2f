"""A voice made by code, for the demo and the tests: a small formant synthesizer that says two short sentences.

A pulse source with a pitch contour and noise are shaped, 5 ms at a time, by five resonances that glide between the
places each sound has (Klatt, "Software for a cascade/parallel formant synthesizer", 1980; vowel formants of women from
Peterson and Barney, 1952). Heavy (numpy): load it where a voice is made.
"""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 48_000
DEFAULT_SECONDS = 6.2
SHORTEST = 1.0
"""Seconds. In less, not even the first sentence can be told."""
LONGEST = 120.0
"""Seconds. All of it is held in memory while it is made, some 3 MB a second."""
LIPS_SHUT = frozenset({"m", "b", "p"})
"""The sounds of the timeline during which lips are together."""

_HOP = 256
_WINDOW = 1024
_FFT = 2048
_PEAK = 0.6

Track = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class _Sound:
    """One sound: formants in Hz at its start (and end, where it glides), levels 0 .. 1, the hiss's middle and width."""

    formants: tuple[float, float, float]
    voice: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_at: tuple[float, float] = (5000.0, 3000.0)
    nasal: bool = False
    murmur: bool = False
    glide: tuple[float, float, float] | None = None


_SOUNDS: dict[str, _Sound] = {
    " ": _Sound((550, 1600, 2700)),
    "ə": _Sound((560, 1650, 2750), voice=0.80),
    "ɪ": _Sound((430, 2380, 3050), voice=0.85),
    "ɛ": _Sound((610, 2280, 2990), voice=1.00),
    "æ": _Sound((830, 2050, 2850), voice=0.95),
    "ɚ": _Sound((500, 1640, 1960), voice=0.80),
    "aɪ": _Sound((850, 1300, 2780), voice=1.00, glide=(420, 2400, 3050)),
    "eɪ": _Sound((580, 2250, 2950), voice=1.00, glide=(360, 2650, 3200)),
    "oʊ": _Sound((600, 1050, 2700), voice=1.00, glide=(420, 900, 2650)),
    "l": _Sound((370, 1100, 2850), voice=0.55),
    "r": _Sound((380, 1250, 1750), voice=0.55),
    "w": _Sound((330, 720, 2400), voice=0.50),
    "m": _Sound((270, 1000, 2300), voice=0.42, nasal=True),
    "n": _Sound((280, 1650, 2700), voice=0.42, nasal=True),
    "ŋ": _Sound((280, 2200, 2900), voice=0.40, nasal=True),
    "h": _Sound((520, 1600, 2750), breath=0.40),
    "z": _Sound((320, 1750, 2700), voice=0.25, hiss=0.22, hiss_at=(7000, 1800)),
    "f": _Sound((340, 1150, 2300), hiss=0.10, hiss_at=(6500, 5000)),
    "b": _Sound((230, 850, 2200), voice=0.16, murmur=True),
    "d": _Sound((250, 1800, 2800), voice=0.14, murmur=True),
    "p": _Sound((300, 850, 2200)),
    "t": _Sound((320, 1850, 2850)),
    "k": _Sound((320, 2100, 2700)),
    "b'": _Sound((350, 1000, 2300), voice=0.35, hiss=0.12, hiss_at=(1200, 900)),
    "d'": _Sound((350, 1800, 2800), voice=0.30, hiss=0.14, hiss_at=(4500, 2000)),
    "p'": _Sound((450, 1000, 2300), breath=0.30, hiss=0.16, hiss_at=(1100, 900)),
    "t'": _Sound((400, 1850, 2850), breath=0.18, hiss=0.28, hiss_at=(5000, 2200)),
    "k'": _Sound((400, 2200, 2700), breath=0.25, hiss=0.24, hiss_at=(2400, 900)),
    "tʃ'": _Sound((330, 1900, 2600), hiss=0.34, hiss_at=(3600, 1400)),
}


class _Said(NamedTuple):
    sound: str
    seconds: float
    pitch: float = 0.0


# Each sound with its milliseconds and, on accents, the rise of its pitch in Hz; an underscore is a pause.
_SENTENCES = (
    (  # Hello, my name is Emma.
        "_:120 h:70 ə:70 l:75 oʊ:260:34 _:200 m:95 aɪ:160:8 n:75 eɪ:170:26 m:95 ɪ:75 z:85 ɛ:160:38 m:105 "
        "ə:200:-14 _:320"
    ),
    (  # Pick a picture, and I will bring it to life.
        "p:85 p':45 ɪ:110:30 k:65 k':35 ə:65 p:90 p':45 ɪ:120:34 k:60 t:40 tʃ':90 ɚ:190:14 _:220 æ:100 n:65 "
        "d:40 d':15 aɪ:170:18 w:75 ɪ:80 l:80 b:85 b':12 r:65 ɪ:110:26 ŋ:85 ɪ:80 t:60 t':40 ə:65 l:85 "
        "aɪ:300:30 f:160 _:300"
    ),
)


def _read(sentence: str) -> list[_Said]:
    said = []
    for token in sentence.split():
        sound, milliseconds, *rise = token.split(":")
        said.append(_Said(sound.replace("_", " "), int(milliseconds) / 1000, float(rise[0]) if rise else 0.0))
    return said


def sample_timeline(seconds: float = DEFAULT_SECONDS) -> list[tuple[str, float, float]]:
    """What is said when: (sound, start, end) in IPA and seconds, without gaps; " " is a pause.

    A stop is two entries: its closure ("p", lips shut) and its release ("p'"). See synthesize_voice for `seconds`.
    """
    said, stretch = _script(seconds)
    ends = np.cumsum([one.seconds * stretch for one in said])
    starts = np.concatenate([[0.0], ends[:-1]])
    return [(one.sound, float(a), float(b)) for one, a, b in zip(said, starts, ends, strict=True)]


def synthesize_voice(path: Path, seconds: float = DEFAULT_SECONDS) -> None:
    """Write a 16-bit mono WAV file of 48 kHz, `seconds` long (1 .. 120, else ValueError), the same every time.

    As many sentences as fit are said, at a tempo that fills the time.
    """
    samples = np.round(_speak(seconds) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())


def _script(seconds: float) -> tuple[list[_Said], float]:
    """The sounds to say, and the factor on their lengths: the number of sentences whose factor is nearest to 1."""
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(f"a voice is {SHORTEST:g} .. {LONGEST:g} s long, not {seconds}")
    said: list[_Said] = []
    best: tuple[float, list[_Said], float] = (math.inf, [], 1.0)
    for sentence in cycle(_SENTENCES):
        said = [*said, *_read(sentence)]
        length = sum(one.seconds for one in said)
        off = abs(math.log(length / seconds))
        if off >= best[0]:
            return best[1], best[2]
        best = (off, said, seconds / length)
    raise AssertionError("a cycle does not end")


def _speak(seconds: float) -> Track:
    """The samples, -1 .. 1."""
    said, stretch = _script(seconds)
    count = round(seconds * SAMPLE_RATE)
    times = np.arange(-(-count // _HOP) + _WINDOW // _HOP) * (_HOP / SAMPLE_RATE)
    ends = np.cumsum([one.seconds for one in said]) * stretch
    which = np.minimum(np.searchsorted(ends, times, side="right"), len(said) - 1)
    sounds = [_SOUNDS[one.sound] for one in said]
    within = 1.0 - np.clip((ends[which] - times) / (np.array([one.seconds for one in said])[which] * stretch), 0, 1)
    noise = np.random.default_rng(3).normal(0.0, 1.0, len(times) * _HOP + _WINDOW)
    pulses = _pulses(_pitch(said, which, times, ends), len(noise))
    voice, breath = _levels(sounds, which, "voice", 0.010), _levels(sounds, which, "breath", 0.008)
    tract = _vocal_tract(sounds, which, within)
    voiced = _shaped(pulses, tract * voice[:, None])
    hissed = _shaped(noise, tract * (0.05 * breath + 0.0006 * voice)[:, None] + _hiss(sounds, which))
    mixed = (voiced + hissed)[_WINDOW // 2 : _WINDOW // 2 + count]
    return np.asarray(mixed * (_PEAK / np.abs(mixed).max()))


def _softened(track: Track, seconds: float) -> Track:
    """A track of one value a hop, smoothed by a Gaussian of this standard deviation."""
    deviation = seconds * SAMPLE_RATE / _HOP
    reach = math.ceil(3 * deviation)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return np.convolve(np.pad(track, reach, mode="edge"), kernel / kernel.sum(), "valid")


def _pitch(said: list[_Said], which: npt.NDArray[np.intp], times: Track, ends: Track) -> Track:
    """Hz for every hop: falling over each sentence, raised on stressed sounds, never quite steady."""
    base, start = np.empty(len(times)), 0.0
    pauses = [float(end) for one, end in zip(said, ends, strict=True) if one.sound == " " and one.seconds >= 0.3]
    for end in pauses or [float(ends[-1])]:
        inside = times >= start
        base[inside] = 212.0 - 40.0 * np.clip((times[inside] - start) / max(end - start, 0.1), 0, 1)
        start = end
    accents = np.array([one.pitch for one in said])[which]
    drift = np.random.default_rng(4).normal(0.0, 1.0, len(times))
    return _softened(base, 0.03) + _softened(accents, 0.045) + 6.0 * _softened(drift, 0.02)


def _pulses(pitch: Track, count: int) -> Track:
    """The derivative of the flow through the glottis: rises for 60 % of a period, falls fast, stays shut."""
    hertz = np.interp(np.arange(count) / _HOP, np.arange(len(pitch)), pitch)
    phase = np.cumsum(hertz / SAMPLE_RATE) % 1.0
    opening, closing = 0.44, 0.16
    rising = 0.5 * np.pi / opening * np.sin(np.pi * phase / opening)
    falling = -np.pi / (2 * closing) * np.sin(np.pi / 2 * (phase - opening) / closing)
    return np.where(phase < opening, rising, np.where(phase < opening + closing, falling, 0.0)) * 0.12


def _frequencies() -> Track:
    return np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)


def _levels(sounds: list[_Sound], which: npt.NDArray[np.intp], name: str, seconds: float) -> npt.NDArray[np.float32]:
    return _softened(np.array([getattr(sound, name) for sound in sounds])[which], seconds).astype(np.float32)


def _formants(sounds: list[_Sound], which: npt.NDArray[np.intp], within: Track) -> Track:
    """Three tracks in Hz; a gliding sound moves from its first place to its second in its middle half."""
    first = np.array([sound.formants for sound in sounds], np.float64)[which]
    last = np.array([sound.glide or sound.formants for sound in sounds], np.float64)[which]
    share = np.clip((within - 0.25) / 0.6, 0, 1)[:, None]
    return np.stack([_softened(track, 0.016) for track in (first + (last - first) * share).T], axis=1)


def _vocal_tract(sounds: list[_Sound], which: npt.NDArray[np.intp], within: Track) -> npt.NDArray[np.complex64]:
    """The response of the mouth (and nose) at every hop: a cascade of five resonances."""
    hertz = _frequencies().astype(np.float32)
    tracks = _formants(sounds, which, within)
    nasal = _softened(np.array([sound.nasal for sound in sounds], np.float64)[which], 0.010)
    murmur = _softened(np.array([sound.murmur for sound in sounds], np.float64)[which], 0.006)
    steady = np.ones(len(which))
    places = (tracks[:, 0], tracks[:, 1], tracks[:, 2], 4100.0 * steady, 5200.0 * steady)
    widths = (70 + 60 * nasal, 95 + 190 * nasal, 140 + 220 * nasal, 260 + 200 * nasal, 400 * steady)
    response = np.ones((len(which), len(hertz)), np.complex64)
    for place, width in zip(places, widths, strict=True):
        center, band = place[:, None].astype(np.float32), width[:, None].astype(np.float32)
        response *= center**2 / (center**2 - hertz**2 + 1j * hertz * band)
    # behind closed lips only the lowest tones come through
    muffled = 1 / (1 + (hertz / 350.0) ** 2)
    dull = 1 / (1 + (hertz / 900.0) ** 2)
    lips = (1 - murmur[:, None] * (1 - muffled)) * (1 - 0.85 * nasal[:, None] * (1 - dull))
    response *= lips.astype(np.float32)
    # what the resonances above the fifth would add to the high tones, and lips that radiate them better
    response *= (hertz > 40) * np.sqrt(1 + (hertz / 1500.0) ** 2)
    return response


def _hiss(sounds: list[_Sound], which: npt.NDArray[np.intp]) -> npt.NDArray[np.complex64]:
    places = np.array([sound.hiss_at for sound in sounds], np.float64)[which]
    level = _levels(sounds, which, "hiss", 0.005) * 0.30
    bell = np.exp(-0.5 * ((_frequencies() - places[:, :1]) / places[:, 1:]) ** 2)
    return np.asarray(bell * level[:, None], np.complex64)


def _shaped(source: Track, response: npt.NDArray[np.complex64]) -> Track:
    """Filter a source by a response that changes every hop: overlapping windows, each through its own, added up."""
    window = np.hanning(_WINDOW + 1)[:-1] * (2 * _HOP / _WINDOW)
    pieces = np.lib.stride_tricks.sliding_window_view(source, _WINDOW)[::_HOP][: len(response)] * window
    out = np.zeros(len(source) + _FFT)
    shaped = np.fft.irfft(np.fft.rfft(pieces, _FFT, axis=1) * response, _FFT, axis=1)
    for index, piece in enumerate(shaped):
        out[index * _HOP : index * _HOP + _FFT] += piece
    return out
