"""Listening to a recording before time or money is spent on it. Heavy: only the media child loads it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from oavr_tui.errors import BadInput
from oavr_tui.media.files import VOICE, head_of, open_regular, refusing
from oavr_tui.media.sound import Sound, no_sign, open_sound, samples, unreadable
from oavr_tui.models import VoiceInfo
from oavr_tui.text import clock

Sounding = npt.NDArray[np.float32]

BLOCK = 0.02
"""Seconds over which loudness is measured."""
SILENT_DB = -60.0
"""dBFS (RMS of a block, without its constant part). A recording never louder than this is silent."""
QUIET_DB = -42.0
"""dBFS of the loud parts (95th percentile of blocks) below which a voice is called very quiet."""
FULL_SCALE = 0.998
CLIPPED_SHARE = 0.001
"""Share of samples in runs of three or more at full scale from which a recording is called clipped."""
LONG_SILENCE = 2.0
"""Seconds of silence at the start or end worth a note."""
VERY_SHORT = 0.5
"""Seconds."""


@dataclass(slots=True)
class Meter:
    """Running measures over decoded frames. Memory grows by four bytes for every 20 ms.

    Frames may be tiny, so they are gathered to about a second and measured together.
    """

    seconds: float = 0.0
    peak: float = 0.0
    clipped: int = 0
    count: int = 0
    blocks: list[Sounding] = field(default_factory=list)
    _waiting: list[Sounding] = field(default_factory=list)
    _waiting_length: int = 0
    _rate: int = 0
    _rest: Sounding = field(default_factory=lambda: np.zeros(0, np.float32))

    def feed(self, sound: Sounding, rate: int) -> None:
        """Add (channels, samples) at a rate in Hz."""
        if self._waiting and (rate != self._rate or len(sound) != len(self._waiting[0])):
            self._measure()
        self.seconds += sound.shape[1] / rate
        self.count += sound.size
        self._rate = rate
        self._waiting.append(sound)
        self._waiting_length += sound.shape[1]
        if self._waiting_length >= rate:
            self._measure()

    def _measure(self) -> None:
        sound = np.concatenate(self._waiting, axis=1)
        self._waiting, self._waiting_length = [], 0
        heights = np.abs(sound)
        self.peak = max(self.peak, float(heights.max(initial=0.0)))
        full = heights >= FULL_SCALE
        self.clipped += int(np.count_nonzero(full[:, 2:] & full[:, 1:-1] & full[:, :-2]))
        # Both engines listen to the mix of all channels, so silence is a matter of the mix.
        mixed = np.concatenate([self._rest, sound.mean(axis=0)])
        length = max(1, round(self._rate * BLOCK))
        whole = len(mixed) // length * length
        if whole:
            self.blocks.append(mixed[:whole].reshape(-1, length).std(axis=1))
        self._rest = mixed[whole:]

    def levels(self) -> npt.NDArray[np.float64]:
        """The loudness of every block in dBFS, the last incomplete one included; call it once, at the end."""
        if self._waiting:
            self._measure()
        if len(self._rest):
            self.blocks.append(np.array([self._rest.std()], np.float32))
        return 20.0 * np.log10(np.concatenate(self.blocks).astype(np.float64) + 1e-9)


def listen(
    path: Path, name: str, *, max_seconds: float | None, longest: float, alive: Callable[[], None] = no_sign
) -> VoiceInfo:
    """Decode a recording as far as it will be used and measure it.

    max_seconds: use only so much of its start. longest: seconds that can be used at most. alive: called now and then
    while it is decoded. Raises BadInput with one
    sentence when it cannot be used. Never decodes more than a second beyond what can be used, whatever its length.
    """
    limit = longest if max_seconds is None else min(max_seconds, longest)
    cut_allowed = max_seconds is not None and max_seconds <= longest
    with open_regular(path, name, VOICE) as file, refusing(name, VOICE, head_of(file)):
        sound = open_sound(file, name, alive)
        with sound.container:
            return _listen(sound, name, limit, cut_allowed=cut_allowed)


def _listen(sound: Sound, name: str, limit: float, *, cut_allowed: bool) -> VoiceInfo:
    meter, longer = taken_in(sound, limit, exactly=cut_allowed)
    if longer and not cut_allowed:
        raise _too_long(name, sound.claimed, limit)
    cut = (f"Only the first {_length(meter.seconds)} of {name} is used.",) if longer else ()
    facts, _ = described(name, sound, meter, longer=longer)
    return replace(facts, duration=min(facts.duration, limit), notes=(*cut, *facts.notes))


def taken_in(sound: Sound, limit: float, *, exactly: bool) -> tuple[Meter, bool]:
    """Decode a sound up to `limit` seconds; returns its measures, and whether there is more of it.

    exactly: a twentieth of a second above the limit counts as more. Otherwise it is let through, so that a recording
    of just the longest length is not refused for the padding of its codec.
    """
    meter = Meter()
    for frame in sound.frames():
        data = samples(frame)
        left = round((limit - meter.seconds) * frame.sample_rate)
        longer = data.shape[1] > left + (0 if exactly else frame.sample_rate // 20)
        meter.feed(data[:, : max(left, 0)] if longer else data, frame.sample_rate)
        if longer:
            return meter, True
    return meter, False


def described(name: str, sound: Sound, meter: Meter, *, longer: bool) -> tuple[VoiceInfo, Sounding]:
    """The facts of what was taken in, and the loudness of each BLOCK of it, 0 .. 1; BadInput if there is no voice.

    longer: there is more of it, so that the header's claim and the end of what was taken in mean nothing.
    """
    if meter.count == 0:
        raise (
            unreadable(name)
            if sound.faults
            else BadInput(f"{name} holds no sound: it is 0 seconds long. Choose another recording.")
        )
    levels = meter.levels()
    if float(levels.max()) < SILENT_DB:
        raise BadInput(f"{name} is silent. Choose a recording with a voice in it.")
    context = sound.stream.codec_context
    facts = VoiceInfo(
        duration=round(meter.seconds, 6),
        sample_rate=int(context.sample_rate),
        channels=int(context.channels),
        codec=context.name,
        peak_db=round(20.0 * math.log10(max(meter.peak, 1e-6)), 1),
        notes=tuple(_notes(name, sound, meter, levels, longer=longer)),
    )
    return facts, np.concatenate(meter.blocks)


def _too_long(name: str, claimed: float | None, limit: float) -> BadInput:
    length = f"{clock(claimed)} long" if claimed is not None and claimed > limit else f"longer than {clock(limit)}"
    return BadInput(
        f"{name} is {length}, and at most {clock(limit)} can be used. "
        f"Choose a shorter recording, or use only its beginning with --max-seconds {math.floor(limit)}."
    )


def _length(seconds: float) -> str:
    return clock(seconds) if seconds >= 60 else f"{round(seconds, 1):g} s"


def _notes(name: str, sound: Sound, meter: Meter, levels: npt.NDArray[np.float64], *, longer: bool) -> list[str]:
    notes = []
    loud = float(np.percentile(levels, 95))
    if not longer and (claimed := sound.claimed) is not None and claimed > 1.1 * meter.seconds + 1.0:
        notes.append(f"{name} should last {_length(claimed)}, but only {_length(meter.seconds)} of it can be read.")
    if sound.faults:
        notes.append(f"{name} has damaged places that are skipped.")
    if meter.seconds < VERY_SHORT:
        notes.append(f"{name} is very short ({meter.seconds:.2f} s).")
    if loud < QUIET_DB:
        notes.append(f"{name} is very quiet; the lips may move little.")
    if meter.clipped > CLIPPED_SHARE * meter.count:
        notes.append(f"{name} is clipped (recorded too loudly) and may sound harsh.")
    heard = np.flatnonzero(levels > max(loud - 35.0, SILENT_DB))
    start, end = heard[0] * BLOCK, (len(levels) - 1 - heard[-1]) * BLOCK
    if start >= LONG_SILENCE:
        notes.append(f"{name} begins with {start:.0f} s of silence.")
    if end >= LONG_SILENCE:
        notes.append(f"{name} ends with {end:.0f} s of silence.")
    return notes
