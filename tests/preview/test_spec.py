"""What goes over the wire comes back the same, and nonsense is refused before a child is started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.preview.spec import PreviewResult, PreviewSpec

SPECS = st.builds(
    PreviewSpec,
    image=st.text(),
    audio=st.text(),
    output=st.text(min_size=1),
    width=st.integers(32, 1024).map(lambda half: 2 * half),
    height=st.integers(32, 1024).map(lambda half: 2 * half),
    seed=st.integers(0, 2**63 - 1),
    audio_strength=st.floats(0.5, 2),
    max_seconds=st.none() | st.floats(0.01, 1e4),
    max_frames=st.none() | st.integers(1, 10**6),
    mark=st.booleans(),
    tags=st.dictionaries(st.text(), st.text()),
    label=st.text(),
)


@given(SPECS)
def test_spec_survives_the_wire(spec: PreviewSpec) -> None:
    assert PreviewSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.checked() == spec


def test_result_survives_the_wire() -> None:
    result = PreviewResult("a.mp4", 480, 832, 25, 1.0, 1234, True, 0.5)
    assert PreviewResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


@pytest.mark.parametrize("size", [(481, 832), (480, 0), (480, 2050), (62, 480), (-480, 832)])
def test_odd_or_wild_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="even"):
        PreviewSpec("a", "b", "c", *size, seed=1).checked()


@pytest.mark.parametrize("limit", [{"max_seconds": 0.0}, {"max_seconds": float("nan")}, {"max_frames": -1}])
def test_lengths_that_leave_nothing_are_refused(limit: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="above zero"):
        PreviewSpec.from_dict(
            {"image": "a", "audio": "b", "output": "c", "width": 64, "height": 64, "seed": 1, **limit}
        ).checked()


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(BadInput, match="seed"):
        PreviewSpec("a", "b", "c", 64, 64, seed=-1).checked()


@pytest.mark.parametrize(("asked", "used"), [(0.1, 0.5), (0.5, 0.5), (1.3, 1.3), (9.0, 2.0)])
def test_strength_is_brought_into_bounds(asked: float, used: float) -> None:
    assert PreviewSpec("a", "b", "c", 64, 64, 1, audio_strength=asked).checked().audio_strength == used


def test_the_temporary_file_lies_beside_the_output() -> None:
    assert PreviewSpec("a", "b", "/videos/my face.mp4", 64, 64, 1).part == Path("/videos/.my face.mp4.part.mp4")


def test_what_the_app_imports_is_light() -> None:
    heavy = "{'av', 'cv2', 'numpy', 'PIL', 'pydantic'} & set(sys.modules)"
    code = f"import sys, oavr_tui.preview.run, oavr_tui.preview.spec; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
