"""What the app costs, against its budgets: python -m tests.bench.app_budgets [--only start,idle,...] [--rounds 5].

In a pseudo-terminal of 120x40, in turns with a bare Textual app within one run, so that a busy machine slows both
alike; the budgets are ratios to it, or bytes. Linux only. Returns 1 where a budget is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.app_homes import full_home, title
from tests.bench.app_measures import (
    DOWN_UP,
    RIGHT_LEFT,
    Keys,
    ListKeys,
    Program,
    Start,
    idle,
    list_keys,
    opening,
    start,
    ticks,
)

TO_VIDEOS = ("escape", "2")
"""Keys that lead to the gallery: the first leaves the text field that may have the focus."""
NO_VIDEOS, NEWEST = "No videos yet", title(0)[:8]
"""What the gallery shows in an empty home, and in the full one (names may be cut)."""
MAKING = "Generating"
"""Stands on the Studio while a job generates."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. compared: what the ratio is to. unit: of value and compared; the budget is a ratio where
    something is compared, else of the same unit.
    """

    what: str
    value: float
    unit: str
    budget: float
    compared: float | None = None
    note: str = ""

    @property
    def against(self) -> float:
        return self.value if self.compared is None else self.value / self.compared

    @property
    def ok(self) -> bool:
        return self.against <= self.budget


@dataclass(frozen=True, slots=True)
class Bench:
    """The programs, and how long to measure."""

    folder: Path
    full: Path
    rounds: int
    idle_seconds: float

    def app(self, *words: str, home: Path | None = None, keys: tuple[str, ...] = ()) -> Program:
        return Program("the app", ("oavr_tui", *words), home or self.folder / "empty", keys)

    def bare(self, rows: int) -> Program:
        return Program("the bare app", ("tests.bench.bare_app", str(rows)), self.folder / "empty")

    def line_list(self) -> Program:
        return Program("the list alone", ("tests.bench.app_line_list", "10000"), self.folder / "empty")


def measure_start(bench: Bench) -> list[Row]:
    for program in (bench.app(), bench.bare(50)):
        start(program)  # so that the files are warm
    pairs = [(start(bench.app()), start(bench.bare(50))) for _ in range(bench.rounds)]

    def row(what: str, of: Callable[[Start], float], unit: str, budget: float) -> Row:
        ours, bare = (statistics.median(of(pair[side]) for pair in pairs) for side in (0, 1))
        spread = f"{min(of(one) for one, _ in pairs):.0f}-{max(of(one) for one, _ in pairs):.0f}"
        return Row(what, ours, unit, budget, bare, spread)

    cpu = [statistics.median(pair[side].cpu for pair in pairs) for side in (0, 1)]
    print(f"     processor time until settled: {cpu[0]:.2f} s, bare {cpu[1]:.2f} s, {cpu[0] / cpu[1]:.2f}x (no budget)")
    return [
        row("first frame", lambda one: one.first, "ms", 1.7),
        row("full frame", lambda one: one.full, "ms", 2.2),
        row("resident memory after start", lambda one: one.resident, "MB", 2.0),
    ]


def measure_idle(bench: Bench) -> list[Row]:
    found = idle(bench.app(), bench.idle_seconds)
    # A minute changes at most once a minute, so so many bursts are allowed, the largest ones.
    minutes = int(found.seconds // 60) + 1
    sizes = sorted((size for _, size in found.bursts), reverse=True)
    told = " ".join(f"{size}@{at:.0f}s" for at, size in found.bursts[:12])
    return [
        Row("idle: bytes between minute changes", sum(sizes[minutes:]), "B", 0, note=f"{found.seconds:.0f} s {told}"),
        Row("idle: bytes at a minute change", max(sizes[:minutes], default=0), "B", 400),
        Row("idle: processor", found.cpu, "%", 0.5),
    ]


def measure_list(bench: Bench) -> list[Row]:
    return _keys(bench, "LineList of 10,000", bench.line_list())


def measure_gallery_keys(bench: Bench) -> list[Row]:
    return _keys(bench, "gallery of 10,000", bench.app(home=bench.full, keys=TO_VIDEOS), RIGHT_LEFT)


def _keys(bench: Bench, what: str, program: Program, inside: Sequence[str] = DOWN_UP) -> list[Row]:
    ours, bare = ListKeys(), ListKeys()
    for _ in range(bench.rounds):
        ours.more(list_keys(program, inside))
        bare.more(list_keys(bench.bare(10_000)))

    def tails(keys: Keys) -> str:
        return f"p99 {keys.p99:.1f} ms, {len(keys.milliseconds)} keys, {keys.unanswered} unanswered"

    return [
        Row(f"{what}: key, p50", ours.inside.p50, "ms", 1.5, bare.inside.p50, tails(ours.inside)),
        Row(f"{what}: key that scrolls a line, p50", ours.line.p50, "ms", 1.5, bare.line.p50, tails(ours.line)),
        Row(f"{what}: key that scrolls a page, p50", ours.page.p50, "ms", 1.5, bare.page.p50, tails(ours.page)),
        Row(f"{what}: bytes a key", ours.inside.bytes50, "B", 2000, note=f"bare {bare.inside.bytes50:.0f} B"),
        Row(f"{what}: bytes a line scrolled", ours.line.bytes50, "B", 8000, note=f"bare {bare.line.bytes50:.0f} B"),
        Row(f"{what}: bytes a page scrolled", ours.page.bytes50, "B", 8000, note=f"bare {bare.page.bytes50:.0f} B"),
    ]


def measure_gallery(bench: Bench) -> list[Row]:
    empty, full = bench.app(keys=TO_VIDEOS), bench.app(home=bench.full, keys=TO_VIDEOS)
    pairs = [(opening(full, NEWEST), opening(empty, NO_VIDEOS)) for _ in range(bench.rounds)]
    return [_median_row("gallery of 10,000: opens, against an empty one", pairs)]


def measure_queue(bench: Bench) -> list[Row]:
    empty, full = bench.app(), bench.app(home=bench.full)
    start(full)
    pairs = [(start(full).full, start(empty).full) for _ in range(bench.rounds)]
    return [_median_row("queue of 1,000: full frame, against an empty one", pairs)]


def _median_row(what: str, pairs: Sequence[tuple[float, float]]) -> Row:
    ours, other = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return Row(what, ours, "ms", 1.5, other)


def measure_tick(bench: Bench) -> list[Row]:
    sizes = ticks(bench.app("demo", home=bench.folder / "demo"), MAKING, 120.0)
    if not sizes:
        raise RuntimeError(f"{MAKING!r} never stood on the screen of the demo")
    note = f"{len(sizes)} ticks, largest {max(sizes)} B"
    return [Row("job progress: bytes a tick, median", statistics.median(sizes), "B", 1000, note=note)]


MEASURES: dict[str, Callable[[Bench], list[Row]]] = {
    "start": measure_start,
    "idle": measure_idle,
    "list": measure_list,
    "gallery": measure_gallery,
    "gallery-keys": measure_gallery_keys,
    "queue": measure_queue,
    "tick": measure_tick,
}
_FULL_HOME = {"gallery", "gallery-keys", "queue"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(MEASURES), help="of " + ", ".join(MEASURES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=float, default=65.0, help="seconds to look at the idle app")
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - set(MEASURES):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="oavr-budgets-") as folder:
        for name in ("empty", "full", "demo"):
            (Path(folder) / name).mkdir()
        bench = Bench(Path(folder), Path(folder) / "full", arguments.rounds, arguments.idle)
        if _FULL_HOME & set(wanted):
            full_home(bench.full, videos=arguments.videos, jobs=arguments.jobs)
        for name in wanted:
            found = MEASURES[name](bench)
            rows += found
            for row in found:
                print(_line(row), flush=True)
    if arguments.json is not None:
        table = [{**asdict(row), "against": row.against, "ok": row.ok} for row in rows]
        arguments.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.ok for row in rows) else 1


def _line(row: Row) -> str:
    value = f"{row.value:.1f} {row.unit}" if row.value < 1000 else f"{row.value:,.0f} {row.unit}"
    ratio = "" if row.compared is None else f"{row.against:.2f}x of {row.compared:.1f}"
    budget = f"<= {row.budget:g}{'x' if row.compared is not None else ' ' + row.unit}"
    return f"{'ok  ' if row.ok else 'MISS'} {row.what:50} {value:>10} {ratio:>16}  {budget:9} {row.note}"


if __name__ == "__main__":
    sys.exit(main())
