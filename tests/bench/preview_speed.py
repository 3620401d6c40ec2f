"""How fast previews are made: a whole render against the encoder alone, in one run; memory and set-up besides.

Run: python -m tests.bench.preview_speed [--rounds 5] [--seconds 12] [--memory]

The gate is a ratio, since no machine is like another: with a face of half the picture's height, a whole render must
reach 0.45 of the frames per second that the same encoder reaches on the same frames when they are already drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from oavr_tui.models import FPS
from oavr_tui.preview.arrays import Pixels
from oavr_tui.preview.encode import EncoderThread, Mp4
from oavr_tui.preview.engine import find_face
from oavr_tui.preview.render import Renderer
from oavr_tui.preview.spec import PreviewSpec
from oavr_tui.preview.voice import Controls, listen
from tests.preview.faces import draw_face, save_face
from tests.preview.voices import SENTENCE, save_sentence

GATE = 0.45
SIZE = (480, 832)
HALF_HEIGHT = 515
"""What draw_face calls a face of so many pixels, the mesh measures as half of 832."""
SENTENCE_SECONDS = sum(length for _, length in SENTENCE)

CHILD = """
import json, sys, time
from pathlib import Path
from oavr_tui.preview.engine import make_preview
from oavr_tui.preview.spec import PreviewSpec
result = make_preview(PreviewSpec.from_dict(json.loads(sys.argv[1])))
status = Path("/proc/self/status")
peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024 if status.exists() else 0.0
print(json.dumps({"frames": result.frames, "seconds": result.seconds_taken, "peak_mb": peak}))
"""


def spec_for(image: Path, voice: Path, output: Path, size: tuple[int, int] = SIZE) -> PreviewSpec:
    return PreviewSpec(str(image), str(voice), str(output), *size, seed=1)


def rig(spec: PreviewSpec) -> tuple[Renderer, Controls, float]:
    """Everything before the first frame, and how long that took (seconds)."""
    begin = time.perf_counter()
    controls = listen(Path(spec.audio), 600, lambda heard: None)
    texture, face = find_face(Path(spec.image), spec.width, spec.height)
    renderer = Renderer(texture, face, controls, spec)
    taken = time.perf_counter() - begin
    assert face is not None
    print(f"face: {face.height / texture.scale / spec.height:.2f} of the height, texture x {texture.scale:.2f}")
    return renderer, controls, taken


def whole(spec: PreviewSpec, renderer: Renderer, count: int) -> float:
    """Frames per second of drawing and encoding."""
    begin = time.perf_counter()
    with EncoderThread(Mp4(spec.part, (spec.width, spec.height), Path(spec.audio), count, {})) as encoder:
        for index in range(count):
            encoder.put(renderer.planes(index))
        encoder.finish()
    return count / (time.perf_counter() - begin)


def encode_only(spec: PreviewSpec, frames: list[Pixels]) -> float:
    """Frames per second of encoding frames that are already drawn."""
    begin = time.perf_counter()
    with EncoderThread(Mp4(spec.part, (spec.width, spec.height), Path(spec.audio), len(frames), {})) as encoder:
        for planes in frames:
            encoder.put(planes)
        encoder.finish()
    return len(frames) / (time.perf_counter() - begin)


def speed(folder: Path, rounds: int, seconds: float) -> bool:
    """Interleaved rounds of both; says whether the gate holds for their median."""
    voice, _ = save_sentence(folder / "voice.wav", max(1, round(seconds / SENTENCE_SECONDS)))
    spec = spec_for(save_face(folder / "face.png", *SIZE, face=HALF_HEIGHT), voice, folder / "speed.mp4")
    renderer, controls, setup = rig(spec)
    print(f"set-up: {setup * 1000:.0f} ms, {controls.frames} frames a round")
    frames = [renderer.planes(index) for index in range(controls.frames)]
    ratios = []
    for number in range(rounds):
        both = [0.0, 0.0]
        for which in (0, 1) if number % 2 else (1, 0):  # neither always has the warm or the cold turn
            both[which] = whole(spec, renderer, controls.frames) if which else encode_only(spec, frames)
        ratios.append(both[1] / both[0])
        print(f"round {number + 1}: encoder alone {both[0]:.0f}/s, whole {both[1]:.0f}/s, ratio {ratios[-1]:.2f}")
    median = statistics.median(ratios)
    print(f"median ratio {median:.2f}, gate {GATE}: {'holds' if median >= GATE else 'FAILS'}")
    return median >= GATE


def memory(folder: Path) -> None:
    """Peak memory of fresh processes: a minute, ten minutes, and large pictures."""
    face = save_face(folder / "face.png", *SIZE, face=HALF_HEIGHT)
    minute, _ = save_sentence(folder / "minute.wav", round(60 / SENTENCE_SECONDS))
    ten, _ = save_sentence(folder / "ten.wav", round(600 / SENTENCE_SECONDS))
    short, _ = save_sentence(folder / "short.wav")
    large = Image.fromarray(draw_face(750, 1000, face=515)[:, :, ::-1]).resize((3000, 4000))
    large.save(folder / "large.jpg")
    large.convert("RGBA").save(folder / "large.png", compress_level=1)
    jobs = {
        "60 s": (face, minute),
        "600 s": (face, ten),
        "12 MP JPEG": (folder / "large.jpg", short),
        "12 MP PNG with alpha": (folder / "large.png", short),
    }
    for name, (image, voice) in jobs.items():
        spec = spec_for(image, voice, folder / "memory.mp4")
        command = [sys.executable, "-c", CHILD, json.dumps(spec.to_dict())]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        rate = told["frames"] / told["seconds"]
        length = told["frames"] / FPS
        print(
            f"{name}: {length:.0f} s of video in {told['seconds']:.1f} s ({rate:.0f}/s), peak {told['peak_mb']:.0f} MB"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12.0, help="length of the voice, about")
    parser.add_argument("--memory", action="store_true", help="also measure memory: takes minutes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        holds = speed(Path(name), asked.rounds, asked.seconds)
        if asked.memory:
            memory(Path(name))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
