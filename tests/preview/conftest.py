"""Pictures, voices and one finished preview, made once for all tests of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oavr_tui.preview.engine import make_preview
from oavr_tui.preview.spec import PreviewResult, PreviewSpec
from tests.preview.faces import save_face
from tests.preview.voices import save_sentence


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shut.png, smile.png (faces) and voice.wav (a sentence)."""
    folder = tmp_path_factory.mktemp("stock")
    save_face(folder / "shut.png", 240, 416, face=240)
    save_face(folder / "smile.png", 240, 416, face=240, smile=True)
    save_sentence(folder / "voice.wav")
    return folder


def spec_of(stock: Path, output: Path, *, image: str = "shut.png", **changes: Any) -> PreviewSpec:
    """A small preview of the stock's picture and voice."""
    wanted: dict[str, Any] = {"width": 240, "height": 416, "seed": 3, **changes}
    return PreviewSpec.from_dict(
        {"image": str(stock / image), "audio": str(stock / "voice.wav"), "output": str(output), **wanted}
    )


@pytest.fixture(scope="session")
def finished(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> PreviewResult:
    """A finished preview of a drawn face at full size."""
    folder = tmp_path_factory.mktemp("finished")
    save_face(folder / "face.png", 480, 832, face=515)
    spec = spec_of(stock, folder / "preview.mp4", width=480, height=832)
    return make_preview(PreviewSpec.from_dict({**spec.to_dict(), "image": str(folder / "face.png")}))
