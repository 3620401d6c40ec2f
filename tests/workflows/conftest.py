"""What a real server said about every node of the graph, and a job to fill in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.models import Quality
from oavr_tui.workflows.patcher import Fill

WIRE = Path(__file__).parents[1] / "data" / "wire"


@pytest.fixture
def object_info() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((WIRE / "infinitetalk_object_info.json").read_text())
    return document


@pytest.fixture
def recorded_graph() -> dict[str, Any]:
    """The graph that real servers of both generations accepted."""
    document: dict[str, Any] = json.loads((WIRE / "infinitetalk_graph.json").read_text())
    return document


@pytest.fixture
def fill() -> Fill:
    return Fill(
        image="oavr-j1/portrait.png",
        audio="oavr-j1/voice.wav",
        prompt="a woman is telling a story",
        width=640,
        height=640,
        frames=250,
        seed=2**63 - 1,
        audio_strength=1.25,
        quality=Quality.HIGH,
        vram=25_393_692_672,
        filename_prefix="oavr/j1",
    )
