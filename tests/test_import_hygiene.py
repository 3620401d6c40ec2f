"""What may be loaded before the first frame: looked at in a fresh interpreter, where nothing else has loaded it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pydantic", "httpx", "websockets", "aiohttp", "av", "cv2", "numpy", "runpod", "PIL", "tomlkit", "tinydb")


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in result.stdout.split()} | set(result.stdout.split())


@pytest.mark.parametrize("module", ["oavr_tui.app.app", "oavr_tui.engine.engine", "oavr_tui.commands.generate"])
def test_nothing_heavy_before_the_first_frame(module: str) -> None:
    assert not loaded_by(f"import {module}") & set(HEAVY)


@pytest.mark.parametrize("module", ["oavr_tui.engine.engine", "oavr_tui.commands.generate"])
def test_no_textual_below_the_screens(module: str) -> None:
    assert "textual" not in loaded_by(f"import {module}")


def test_version_loads_next_to_nothing() -> None:
    loaded = loaded_by("from oavr_tui.cli import main\nassert main(['--version']) == 0")
    ours = {name for name in loaded if name.startswith("oavr_tui.")}
    assert ours == {"oavr_tui.cli"}
    assert not loaded & {*HEAVY, "asyncio", "argparse", "textual", "rich", "platformdirs", "json"}
