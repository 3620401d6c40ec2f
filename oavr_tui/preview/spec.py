"""What a preview is made from, and what came of it: what goes to the child process and back. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from oavr_tui.errors import BadInput

SMALLEST_SIDE, LARGEST_SIDE = 64, 2048
"""Bounds of a preview's width and height, in pixels."""
WEAKEST, STRONGEST = 0.5, 2.0
"""Bounds of audio_strength."""


@dataclass(frozen=True, slots=True)
class PreviewSpec:
    """One preview to be made.

    image, audio, output: paths of files here; a video's sound track counts as a voice. width, height: even, 64 .. 2048
    pixels. seed: any integer >= 0; the same seed gives the same motion. audio_strength: 0.5 .. 2, how far the mouth
    opens. max_seconds, max_frames: use only so much of the voice. mark: draw the label into a corner. tags: metadata of
    the file. label: what the file says it is, in its corner (with mark) and in its metadata; empty for neither.
    """

    image: str
    audio: str
    output: str
    width: int
    height: int
    seed: int
    audio_strength: float = 1.0
    max_seconds: float | None = None
    max_frames: int | None = None
    mark: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    label: str = "PREVIEW"

    @property
    def part(self) -> Path:
        """The temporary file, in the folder of the output, so that both ends know what to remove."""
        output = Path(self.output)
        return output.with_name(f".{output.name}.part.mp4")

    def checked(self) -> PreviewSpec:
        """The same spec, its strength brought into bounds; raises BadInput where a size or a limit makes no sense."""
        for side in (self.width, self.height):
            if side % 2 or not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise BadInput(
                    f"A preview cannot be {self.width} x {self.height} pixels: "
                    f"both must be even and from {SMALLEST_SIDE} to {LARGEST_SIDE}."
                )
        for limit in (self.max_seconds, self.max_frames):
            if limit is not None and not limit > 0:
                raise BadInput("A preview's longest length must be above zero.")
        if self.seed < 0:
            raise BadInput("A seed must be zero or above.")
        return replace(self, audio_strength=min(max(self.audio_strength, WEAKEST), STRONGEST))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can carry it."""
        return {**asdict(self), "tags": dict(self.tags)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PreviewSpec:
        """From what to_dict made; raises TypeError for anything else."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """A finished preview. Sizes in pixels, duration and seconds_taken in seconds, bytes the file's size.

    face_found: False when no face was found, and the picture only moves gently above a voice meter.
    """

    path: str
    width: int
    height: int
    frames: int
    duration: float
    bytes: int
    face_found: bool
    seconds_taken: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON can carry it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PreviewResult:
        """From what to_dict made; raises TypeError for anything else."""
        return cls(**data)
