"""What a node gets and gives: the values that flow along links, and the tools that a running node has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oavr_tui.simulator.folders import Folders
from oavr_tui.simulator.node_info import Generation
from oavr_tui.simulator.state import Graph

DEFAULT_UPLOAD_LIMIT = 104_857_600
"""Bytes: ComfyUI's own default."""
DEFAULT_VRAM = 24 << 30
"""Bytes of graphics memory that the simulated machine has."""
DEFAULT_RAM = 64 << 30
"""Bytes of main memory that it claims."""
DEFAULT_DEVICE = "Simulated GPU"


class Interrupted(Exception):
    """Somebody asked the running prompt to stop."""


@dataclass(frozen=True, slots=True)
class Made:
    """A node's outputs by slot, and what it shows in the history if it is an output node."""

    values: tuple[Any, ...]
    ui: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A batch of `count` equal pictures. Sizes in pixels."""

    path: Path
    width: int
    height: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording; seconds as decoded, not as its header says."""

    path: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Film:
    """Rendered frames with the voice that drives them, as a file in temp."""

    path: Path
    sound: Sound
    width: int
    height: int
    count: int


@dataclass(frozen=True, slots=True)
class Clip:
    """CreateVideo's result: pictures, their rate per second, and a sound or none."""

    pictures: Picture
    fps: float
    sound: Sound | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the simulated machine takes, in seconds: per sampler step at least, and to load the big model."""

    step_seconds: float = 0.0
    load_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What a running node may use. progress raises Interrupted; sleep looks for it at the end only."""

    node_id: str
    prompt_id: str
    graph: Graph
    folders: Folders
    generation: Generation
    pace: Pace
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    progress: Callable[[float, float], None]
    check: Callable[[], None]
    preview: Callable[[bytes], None]

    @property
    def class_type(self) -> str:
        """The running node's own class."""
        name: str = self.graph[self.node_id]["class_type"]
        return name

    def temp_file(self, suffix: str) -> Path:
        """A file in temp that only this run of this node writes."""
        return self.folders.root / "temp" / f"{self.prompt_id}_{self.node_id}{suffix}"


Node = Callable[[Tools, Mapping[str, Any]], Awaitable[Made]]
