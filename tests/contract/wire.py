"""Replaying recorded requests, and comparing what comes back with what a real server answered."""

from __future__ import annotations

import json
import math
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

RECORDINGS = Path(__file__).parents[1] / "data" / "wire" / "comfyui"


@dataclass(frozen=True)
class Recorded:
    """One recorded exchange."""

    name: str
    method: str
    target: str
    headers: dict[str, str]
    body: Any
    status: int
    content_type: str | None
    answer: Any


def recording(name: str) -> Any:
    """One recording, as it is."""
    return json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))


def exchanges(name: str) -> list[Recorded]:
    """The HTTP exchanges of one recording, in order."""
    found = []
    for entry in recording(name):
        request, response = entry["request"], entry["response"]
        method, target, _ = request["line"].split(" ")
        found.append(
            Recorded(
                entry["name"],
                method,
                target,
                {k: v for k, v in request["headers"].items() if k not in ("host", "content-length", "accept-encoding")},
                request["body"],
                response["status"],
                response["headers"].get("content-type"),
                response["body"],
            )
        )
    return found


def with_ids(value: Any, ids: dict[str, str]) -> Any:
    """The same thing with recorded prompt ids replaced by those of this run."""
    text = json.dumps(value)
    for recorded, live in ids.items():
        text = text.replace(recorded, live)
    return json.loads(text)


def differences(recorded: Any, live: Any, *, loose: frozenset[str] = frozenset(), path: str = "") -> Iterator[str]:
    """Where two JSON values differ in keys or types. Keys named in `loose` are not looked into."""
    if path.rpartition(".")[2] in loose:
        return
    if isinstance(recorded, dict) and isinstance(live, dict):
        for key in sorted(recorded.keys() | live.keys()):
            if key in loose:
                continue
            if key not in live:
                yield f"{path}.{key} is missing"
            elif key not in recorded:
                yield f"{path}.{key} is not in the recording"
            else:
                yield from differences(recorded[key], live[key], loose=loose, path=f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(live, list):
        for index, value in enumerate(live):
            if recorded:
                pattern = recorded[min(index, len(recorded) - 1)]
                yield from differences(pattern, value, loose=loose, path=f"{path}[{index}]")
        if recorded and not live and isinstance(recorded[0], dict | list):
            yield f"{path} is empty"
    elif type(recorded) is not type(live):
        yield f"{path}: {type(recorded).__name__} was recorded, {type(live).__name__} came ({live!r})"


def body_of(response: httpx.Response) -> Any:
    """A body as the recordings keep it: JSON read, the rest as text."""
    if "json" in response.headers.get("content-type", ""):
        return response.json()
    return response.text


def png(seed: int = 0) -> bytes:
    """A small picture; other seeds make other bytes."""
    buffer = BytesIO()
    Image.new("RGB", (64, 64), (10, seed, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def wav(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A tone that swells and fades like speech."""
    buffer = BytesIO()
    with wave.open(buffer, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate)
        for n in range(round(seconds * rate)):
            level = 9000 * abs(math.sin(n / rate * 9)) * math.sin(n / rate * 1400)
            target.writeframesraw(struct.pack("<h", round(level)))
    return buffer.getvalue()
