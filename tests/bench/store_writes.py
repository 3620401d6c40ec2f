"""What a durable write costs as the store grows: `python -m tests.bench.store_writes`.

All sizes take turns within one run, so that a busy machine slows them all alike; the figure that counts is the ratio of
the largest store to the smallest. TinyDB's own JSONStorage at 10,000 documents stands beside it for scale.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinydb import TinyDB

from oavr_tui.store import records
from oavr_tui.store.documents import to_document
from oavr_tui.store.store import Store
from oavr_tui.store.tables import JournalDB
from tests.store.helpers import make_job

SIZES = (100, 10_000, 100_000)
KINDS = ("put by string id", "insert", "update by id", "Store.put_job", "Store.update_job")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=300, help="writes of each kind at each size")
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        opened = {size: Writers(Path(folder) / str(size), size) for size in SIZES}
        times: dict[tuple[str, int], list[float]] = {(kind, size): [] for kind in KINDS for size in SIZES}
        for number in range(rounds):
            for kind in KINDS:
                for size in SIZES:
                    times[kind, size].append(timed(opened[size].writer(kind, number)))
        print(
            f"{len(str(to_document(make_job())))} characters a document, {rounds} durable writes each, median ms (p99)"
        )
        for kind in KINDS:
            report(kind, {size: times[kind, size] for size in SIZES})
        print(f"plain TinyDB JSONStorage, insert at 10,000: {plain(Path(folder)):.1f} ms")
        for size in SIZES:
            opened[size].report_large_steps()
    return 0


class Writers:
    """One store of a given size, and the writes to be timed."""

    def __init__(self, folder: Path, size: int) -> None:
        self.file = folder / "db.json"
        self.size = size
        self.document = to_document(make_job())
        self.db = JournalDB(self.file)
        for start in range(0, size, 5000):
            numbers = range(start, min(start + 5000, size))
            self.db.journal.commit(
                [records.put("jobs", f"job-{n}", to_document(make_job(f"job-{n}"))) for n in numbers]
                + [records.put("rows", str(n + 1), self.document) for n in numbers]
            )
        self.db.journal.compact()
        self.keyed = self.db.keyed("jobs")
        self.rows = self.db.table("rows")
        self.store = Store(self.file)

    def writer(self, kind: str, number: int) -> Callable[[], object]:
        key = f"job-{(number * 7919) % self.size}"
        return {
            "put by string id": lambda: self.keyed.put(key, {**self.document, "id": key}),
            "insert": lambda: self.rows.insert(self.document),
            "update by id": lambda: self.rows.update({"note": str(number)}, doc_ids=[number % self.size + 1]),
            "Store.put_job": lambda: self.store.put_job(make_job(key, note=str(number))),
            "Store.update_job": lambda: self.store.update_job(key, lambda job: replace(job, seed=number)),
        }[kind]

    def report_large_steps(self) -> None:
        """What is not paid at each write: compaction, and opening."""
        self.db.close()
        opening = timed(lambda: JournalDB(self.file).close())
        compacting = timed(self.store.compact)
        listing = timed(self.store.jobs)
        again = timed(self.store.jobs)
        self.store.close()
        print(
            f"{self.size:>7} jobs and as many rows: open {opening:.0f} ms, compact {compacting:.0f} ms,"
            f" jobs() first {listing:.0f} ms, then {again:.0f} ms"
        )


def plain(folder: Path) -> float:
    db = TinyDB(folder / "plain.json")
    document = to_document(make_job())
    db.insert_multiple([document] * 10_000)
    return statistics.median(timed(lambda: db.insert(document)) for _ in range(5))


def timed(call: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def report(kind: str, times: dict[int, list[float]]) -> None:
    medians = {size: statistics.median(values) for size, values in times.items()}
    columns = ", ".join(
        f"{size:,}: {medians[size]:.2f} ({statistics.quantiles(times[size], n=100)[98]:.2f})" for size in SIZES
    )
    print(f"{kind:>17}  {columns}  ratio {medians[SIZES[-1]] / medians[SIZES[0]]:.2f}")


if __name__ == "__main__":
    sys.exit(main())
