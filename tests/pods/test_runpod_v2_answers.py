"""How long RunPod wants to be left alone, whichever way it says so; and what importing the client loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from oavr_tui.pods.runpod_v2_answers import pause_asked_for
from oavr_tui.pods.runpod_v2_http import Answer
from tests.pods.rest_server import NOW

HEAVY = "pydantic httpx websockets aiohttp av cv2 numpy runpod PIL textual"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 10),
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "86400"}, 120),
        ({"retry-after": "-3"}, 10),
        ({"retry-after": "soon"}, 10),
        ({"retry-after": "9" * 400}, 10),
        ({"retry-after": "Tue, 02 Jun 2026 11:34:05 GMT"}, 45),
        ({"retry-after": "Tue, 02 Jun 2026 11:00:00 GMT"}, 1),
        ({"retry-after": "Tue, 99 Jun 2026 11:00:00 GMT"}, 10),
        ({"ratelimit": '"minute";r=0;t=42'}, 42),
        ({"ratelimit": '"minute";r=3;t=42, "hour";r=0;t=90, "day";r=100;t=5000'}, 90),
        ({"ratelimit": '"minute";r=0;t=42, "hour";r=0;t=90'}, 90),
        ({"ratelimit": '"minute";r=3;t=42, "hour";r=7;t=90'}, 42),
        ({"ratelimit": "limit=60, remaining=0, reset=17"}, 17),
        ({"ratelimit": "nonsense"}, 10),
        ({"retry-after": "12", "ratelimit": '"minute";r=0;t=42'}, 12),
    ],
)
def test_pauses(headers: dict[str, str], seconds: float) -> None:
    assert pause_asked_for(Answer(429, headers, b""), NOW) == seconds
    assert pause_asked_for(Answer(200, headers, b""), NOW) is None


def loaded_by(module: str) -> set[str]:
    code = f"import sys, oavr_tui.pods.{module}; print(*(set('{HEAVY}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("provider", set()),
        ("runpod_sentences", set()),
        ("runpod_v2_log", set()),
        ("runpod_v2_requests", set()),
        ("runpod_v2_http", {"httpx"}),
        ("runpod_v2_wire", {"pydantic"}),
        ("runpod_v2", {"httpx", "pydantic"}),
    ],
)
def test_what_the_client_loads(module: str, heavy: set[str]) -> None:
    assert loaded_by(module) == heavy
