"""How fast the license server is: `python -m tests.bench.license_server --out FOLDER [--large]`.

Three servers take turns under wrk with the same settings: this one as its owner starts it (SQLite, synchronous=FULL;
only rate limits are off), a plain Starlette on uvicorn with SQLite FULL, and a bare httptools protocol that answers
without doing anything. `--large` adds a store of 100,000 licenses and 1,000,000 counters, asked by 1,000 devices and
by all of them at random. Rounds are short and alternate, so that a busy machine slows all alike: the figures that count
are the ratios. A table comes out, and in the folder the figures as JSON and a plot.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import license_seed as seed
from tests.bench.license_plot import plot
from tests.bench.license_starlette import fill
from tests.bench.wrk import Served, wrk_command

OURS, STARLETTE, BARE = "license_server", "starlette", "do-nothing"
LARGE, RANDOM = "license_server, large", "license_server, large, random"
CHECK, TRACK, VALIDATE = "/api/generation/check", "/api/generation/track", "/api/license/validate"
DEVICES = 1_000
DRAWN = 50_000
"""Requests of devices drawn at random: more than the server's cache holds."""
SIZE = (100_000, 1_000_000)
MEMORY = 60
"""MiB that the server may take."""

KINDS: dict[str, tuple[Callable[[int], str], str, str, float, float]] = {
    # name of number, path, field of the body ("" for the query), goals: times Starlette, share of do-nothing
    "check free": (seed.free, CHECK, "", 4.5, 0.50),
    "check Pro": (seed.licensed, CHECK, "", 4.5, 0.50),
    "validate": (seed.key, VALIDATE, "licenseKey", 3.5, 0.40),
    "track": (seed.free, TRACK, "fingerprint", 6.0, 0.22),
}

SCRIPT = """
local requests, n = {}, 0
init = function()
  for name in io.lines("%(names)s") do requests[#requests + 1] = %(request)s end
end
request = function()
  n = n %% #requests + 1
  return requests[n]
end
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--out", type=Path, help="folder for the figures and the plot")
    arguments.add_argument("--large", action="store_true")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=2, help="of each round")
    arguments.add_argument("--connections", type=int, default=32)
    chosen = arguments.parse_args()
    load = wrk_command(chosen.connections, chosen.seconds)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), load, chosen.rounds, chosen.large)
    head = f"{' '.join(['wrk', *load[1:]])}, {chosen.rounds} rounds, medians, load {os.getloadavg()[0]:.1f}"
    print(head)
    print(table(found))
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        (chosen.out / "license_server.json").write_text(json.dumps({"how": head, **found}, indent=1))
        (chosen.out / "license_server.svg").write_text(plot(head, found["rates"], list(KINDS)))
    return 0


Figures = dict[str, dict[str, dict[str, float]]]
"""`rates` (req/s) and `cpu` (microseconds a request) by server and kind, `memory` (MiB) by server, before and after."""


def measured(folder: Path, load: list[str], rounds: int, large: bool) -> Figures:
    servers = started(folder, large)
    scripts = {(name, kind): script(folder, name == RANDOM, kind) for name in servers for kind in KINDS}
    rates: dict[tuple[str, str], list[tuple[float, float]]] = {pair: [] for pair in scripts}
    memory = {name: {"before": server.rss() / 1024} for name, server in servers.items()}
    try:
        for turn in range(rounds + 1):
            for kind in KINDS:
                for name, server in servers.items():
                    figures = server.measure([*load, "-s", str(scripts[name, kind])], "/")
                    if turn:  # the first warms caches up
                        rates[name, kind].append(figures)
        for name, server in servers.items():
            memory[name]["after"] = server.rss() / 1024
    finally:
        for server in servers.values():
            server.end()
    result: Figures = {"rates": {}, "cpu": {}, "memory": memory}
    for (name, kind), several in rates.items():
        result["rates"].setdefault(name, {})[kind] = statistics.median(rate for rate, _ in several)
        result["cpu"].setdefault(name, {})[kind] = statistics.median(cpu for _, cpu in several)
    return result


def started(folder: Path, large: bool) -> dict[str, Served]:
    python = [sys.executable, "-m"]
    stores = Path(tempfile.gettempdir()) / "oavr-license-bench"

    def ours(store: Path) -> Served:
        words = ["license_server", "serve", "--dev", "--rate-limit", "off", "--port", "0", "--kv", f"sqlite:///{store}"]
        return Served([*python, *words], errors=subprocess.DEVNULL)

    sold = [(seed.key(number), seed.licensed(number)) for number in range(DEVICES)]
    fill(str(folder / "starlette.db"), sold, map(seed.free, range(DEVICES)))
    servers = {
        OURS: ours(seed.store(stores, DEVICES, DEVICES)),
        STARLETTE: Served([*python, "tests.bench.license_starlette", str(folder / "starlette.db")]),
        BARE: Served([*python, "tests.bench.license_http", "--serve", "bare httptools"]),
    }
    if large:
        servers |= {name: ours(seed.store(stores, *SIZE)) for name in (LARGE,)}
        servers |= {RANDOM: ours(copied(seed.store(stores, *SIZE), folder))}
    return servers


def copied(store: Path, folder: Path) -> Path:
    """A store of its own for the second server: two on one file would empty each other's caches with each write."""
    copy = folder / store.name
    subprocess.run(["cp", str(store), str(copy)], check=True, timeout=300)
    return copy


def script(folder: Path, drawn: bool, kind: str) -> Path:
    """What wrk is to ask: one request after the other, made before it begins."""
    name_of, path, field, _, _ = KINDS[kind]
    numbers: list[int] | range = range(DEVICES)
    if drawn:
        chance = random.Random(1)
        most = SIZE[1] if name_of is seed.free else SIZE[0]
        numbers = [chance.randrange(most) for _ in range(DRAWN)]
    names = folder / f"{kind} {drawn}.txt"
    names.write_text("".join(f"{name_of(number)}\n" for number in numbers))
    if field:
        length = len(json.dumps({field: name_of(0)}))
        head = f"POST {path} HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Type: application/json\\r\\n"
        request = f"""'{head}Content-Length: {length}\\r\\n\\r\\n{{"{field}": "' .. name .. '"}}'"""
    else:
        request = f"'GET {path}?fingerprint=' .. name .. ' HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n'"
    file = folder / f"{kind} {drawn}.lua"
    file.write_text(SCRIPT % {"names": names, "request": request})
    return file


def table(found: Figures) -> str:
    """All rows, with the goals beside what was reached."""
    rates, cpu, memory = found["rates"], found["cpu"], found["memory"]
    lines = [f"{'':30}{'':12}{'req/s':>9}{'CPU us':>8}   reached (goal)"]
    for kind, (_, _, _, times, share) in KINDS.items():
        for name in rates:
            rate, ours = rates[name][kind], rates[OURS][kind]
            note = ""
            if name == OURS:
                by_cpu = cpu[STARLETTE][kind] / cpu[OURS][kind], cpu[BARE][kind] / cpu[OURS][kind]
                note = f"{rate / rates[STARLETTE][kind]:.1f}x Starlette ({times}x), {rate / rates[BARE][kind]:.0%} of"
                note += f" do-nothing ({share:.0%}); by CPU {by_cpu[0]:.1f}x, {by_cpu[1]:.0%}"
            elif name in (LARGE, RANDOM):
                note = f"{rate / ours:.0%} of the small store" + (" (80%)" if kind.startswith("check") else "")
            lines.append(f"{name:30}{kind:12}{rate:9,.0f}{cpu[name][kind]:8.1f}   {note}")
    for name, sizes in memory.items():
        goal = f" (under {MEMORY})" if name.startswith(OURS) else ""
        lines.append(f"{name:30}{'MiB':12}{sizes['before']:9.0f} at the start, {sizes['after']:.0f} at the end{goal}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
