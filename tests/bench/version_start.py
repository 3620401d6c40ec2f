"""How long `oavr-tui --version` takes, as a ratio to an interpreter that does nothing, in turns within one run.

Run: python -m tests.bench.version_start [--rounds 15]. The gate is a ratio of at most 6.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

GATE = 6.0


def seconds(words: list[str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print; returns 1 where the gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    program = [str(Path(sys.executable).with_name("oavr-tui")), "--version"]
    nothing = [sys.executable, "-c", "pass"]
    pairs = [(seconds(program), seconds(nothing)) for _ in range(rounds)]
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    print(f"--version {1000 * statistics.median(ours for ours, _ in pairs):.1f} ms, ", end="")
    print(
        f"python -c pass {1000 * statistics.median(bare for _, bare in pairs):.1f} ms, ratio {ratio:.2f} (gate {GATE})"
    )
    return 0 if ratio <= GATE else 1


if __name__ == "__main__":
    sys.exit(main())
