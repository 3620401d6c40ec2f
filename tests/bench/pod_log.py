"""How many lines of a pod's log a second go from bytes to rows and file, as a ratio to merely decoding them.

Run: python -m tests.bench.pod_log [--lines 200000] [--rounds 5]. The gate is 50,000 lines a second on one core; the
ratio, taken in turns within one run, is what can be compared between computers. Time is the processor's, as other
programs may be at work beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from oavr_tui.clients.pod_log import PodLog

GATE = 50_000
_CHUNK = 1 << 16


def log_lines(count: int) -> list[str]:
    """What a pod writes while it starts: plain words, colors, files, and progress bars."""
    kinds = (
        "[INFO] {0} loading model weights part {0} of many from /workspace/ComfyUI/models/diffusion_models",
        "\x1b[32m✅ [VALID]\x1b[0m model-{0}.safetensors",
        "Collecting package-{0}==1.{0} (from -r requirements.txt (line 12))",
        "Sampling {1}:  {2}%|######    | {2}/100 [00:01<00:09,  1.23it/s]",
    )
    return [kinds[number % 4].format(number, number // 400, number // 4 % 100) for number in range(count)]


def lines_per_second(data: bytes, count: int, folder: Path) -> float:
    """The whole path: bytes, clean rows, file and ring, with the place noted."""
    log = PodLog(folder / "pod.log", clock=time.time)
    stream = log.connect()
    began = time.process_time()
    for place in range(0, len(data), _CHUNK):
        stream.feed(data[place : place + _CHUNK])
    taken = time.process_time() - began
    log.close()
    return count / taken


def bare_lines_per_second(data: bytes, count: int) -> float:
    """Splitting and decoding alone."""
    began = time.process_time()
    for line in data.split(b"\n"):
        line.decode()
    return count / (time.process_time() - began)


def main() -> int:
    """Measure and print; returns 1 where the gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    lines = log_lines(arguments.lines)
    forms = {
        "log so far": "".join(f"data: {line}\n" for line in lines).encode() + b"\n",
        "live": "\n".join(f"data: {line}\n" for line in lines).encode() + b"\n",
    }
    worst = float("inf")
    for name, data in forms.items():
        pairs = []
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as folder:
                ours = lines_per_second(data, len(lines), Path(folder))
            pairs.append((ours, bare_lines_per_second(data, len(lines))))
        speed = statistics.median(ours for ours, _ in pairs)
        ratio = statistics.median(bare / ours for ours, bare in pairs)
        print(f"{name}: {speed:,.0f} lines/s, {ratio:.1f} times as long as splitting and decoding (gate {GATE:,}/s)")
        worst = min(worst, speed)
    return 0 if worst >= GATE else 1


if __name__ == "__main__":
    sys.exit(main())
