"""What the app imports before its first frame loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "pydantic httpx websockets aiohttp av cv2 numpy runpod PIL textual"
LIGHT = [
    "oavr_tui.clients.comfyui_types",
    "oavr_tui.clients.comfyui_messages",
    "oavr_tui.clients.comfyui_sentences",
    "oavr_tui.clients.throttle",
    "oavr_tui.clients.disk",
    "oavr_tui.workflows.graph",
    "oavr_tui.workflows.patcher",
    "oavr_tui.workflows.progress",
    "oavr_tui.workflows.windows",
]


def loaded_by(*modules: str) -> set[str]:
    code = f"import sys, {', '.join(modules)}; print(*(set('{HEAVY}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_light_modules_load_nothing_heavy() -> None:
    assert loaded_by(*LIGHT) == set()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("comfyui", {"httpx", "websockets", "pydantic"}), ("fetch_url", {"httpx"})],
)
def test_the_clients_load_what_they_say(module: str, heavy: set[str]) -> None:
    assert loaded_by(f"oavr_tui.clients.{module}") == heavy
