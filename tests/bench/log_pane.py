"""What the log pane costs, beside Textual's RichLog in the same run: lines a second, memory a line, the longest time
that keys had to wait, bytes to the terminal for a tick, and what a paused or hidden pane still does.

Run: python -m tests.bench.log_pane [--lines 1000000]. Gates: 50 times RichLog's lines a second, 110 bytes a line over
its text, no wait over 50 ms, 12 kB a tick, nothing sent and no timer while paused or hidden.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import RichLog

from oavr_tui.app.widgets.log_pane import LogPane

SIZE = (120, 40)
_BATCH = 1000
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Holder(App[None]):
    """One widget alone."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield self._widget


def lines(begin: int, end: int) -> list[str]:
    """Clean lines of some 75 characters, as a pod writes them."""
    return [
        f"2026-11-23T07:30:{j % 60:02d}Z INFO  sampler step {j} of many sigma=0.{j % 9973:04d} it/s=3.{j % 97:02d}"
        for j in range(begin, end)
    ]


def resident() -> int:
    """Bytes of memory this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class Waits:
    """How long a key would have had to wait: the loop is asked for a turn again and again.

    longest: seconds; busy: of the longest one in time of this process's own, which other programs do not lengthen.
    """

    def __init__(self) -> None:
        self.longest = self.busy = 0.0

    def into(self, figures: dict[str, float], name: str) -> None:
        """Note the longest since this was last done."""
        figures[f"longest wait, {name}, ms"] = 1000 * self.longest
        figures[f"stall, {name}, ms"] = 1000 * self.busy
        self.longest = self.busy = 0.0

    async def __aenter__(self) -> Waits:
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _ask(self) -> None:
        while True:
            asked, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - asked - 0.001)
            self.busy = max(self.busy, time.process_time() - used)


async def fed(
    widget: Widget, write: Callable[[list[str]], object], count: int, shown: Callable[[], bool]
) -> tuple[float, float, Waits]:
    """Lines a second until the last one is on the screen, bytes of memory a line, and the waits."""
    async with Holder(widget).run_test(size=SIZE) as pilot:
        await pilot.pause()
        before, taken = resident(), 0.0
        async with Waits() as waits:
            for begin in range(0, count, _BATCH):
                batch = lines(begin, begin + _BATCH)
                began = time.perf_counter()
                write(batch)
                await asyncio.sleep(0)
                taken += time.perf_counter() - began
            began = time.perf_counter()
            await until(shown)
            taken += time.perf_counter() - began
        return count / taken, (resident() - before) / count, waits


async def until(reached: Callable[[], bool]) -> None:
    """Not by the pilot's own pause, which waits for an idle processor and so for all that is measured here."""
    while not reached():
        await asyncio.sleep(0.002)


async def file_of(count: int, folder: Path) -> dict[str, float]:
    """A long file is opened, searched and filtered while the loop's waits are watched."""
    file = folder / "long.log"
    with file.open("w") as out:
        for begin in range(0, count, 100_000):
            out.write("\n".join(lines(begin, begin + 100_000)) + "\n")
    pane, figures = LogPane(), {}
    async with Holder(pane).run_test(size=SIZE) as pilot:
        await pilot.pause()
        async with Waits() as waits:
            began = time.perf_counter()
            pane.show("bench", file, str)
            await until(lambda: pane.lines.count > 0)
            figures["last lines after, ms"] = 1000 * (time.perf_counter() - began)
            await until(lambda: pane.lines.count == count)
            figures["all known after, ms"] = 1000 * (time.perf_counter() - began)
            waits.into(figures, "opening")
            await until(lambda: pane.settled)
            assert pane.lines.view is not None
            figures["bytes a line, index"] = pane.lines.view.bytes_used / count
            for name, keys in (("searching", "slash,9,9,9,7"), ("filtering", "ampersand,!,9,7")):
                await pilot.press(*keys.split(","))
                waits.longest, waits.busy, began = 0.0, 0.0, time.perf_counter()
                pilot.app.simulate_key("enter")
                await asyncio.sleep(0.01)
                await until(lambda: pane.settled)
                figures[f"{name}, ms"] = 1000 * (time.perf_counter() - began)
                waits.into(figures, name)
    return figures


# --- what goes over the wire


class Wire:
    """A terminal of its own for the app, whose bytes are counted by a thread."""

    def __init__(self) -> None:
        self.bytes = 0
        self.ours, self.theirs = os.openpty()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.ours, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.bytes += len(data)


class OnWire(App[None]):
    """Appends to a log some times, and prints what each tick cost: run in a process of its own."""

    def __init__(self, file: Path, wire: Callable[[], int], report: dict[str, float]) -> None:
        super().__init__()
        self._file, self._wire, self._report = file, wire, report
        self._pane = LogPane()

    def compose(self) -> ComposeResult:
        yield self._pane

    def on_mount(self) -> None:
        self.run_worker(self._measure())

    async def _quiet(self) -> int:
        """Bytes so far, when nothing more comes."""
        before = -1
        while before != (before := self._wire()):
            await asyncio.sleep(0.4)
        return before

    async def _measure(self) -> None:
        self._pane.show("bench", self._file, str)
        self._pane.focus()
        for name, more in (("tick of 1 line", 1), ("tick of 40 lines", 40), ("tick of 1,000 lines", 1000)):
            worst = 0
            for turn in range(5):
                before = await self._quiet()
                await self._append(turn, more)
                worst = max(worst, await self._quiet() - before)
            self._report[f"{name}, bytes"] = worst
        self._pane.action_pause()
        await self._rest("paused")
        self._pane.action_bottom()
        self._pane.display = False
        await self._rest("hidden")
        self.exit()

    async def _rest(self, name: str) -> None:
        before = await self._quiet()
        began = time.process_time()
        await self._append(7, 50)
        await asyncio.sleep(2)
        self._report[f"{name}, bytes in 2 s while 50 lines come"] = self._wire() - before
        self._report[f"{name}, CPU %"] = 50 * (time.process_time() - began)
        self._report[f"{name}, timers"] = float(self._pane.looking)

    async def _append(self, turn: int, more: int) -> None:
        with self._file.open("a") as out:
            out.write("\n".join(lines(turn * more, turn * more + more)) + "\n")


def on_wire(folder: Path) -> dict[str, float]:
    """The same pane in a terminal of 120x40 with all colors, in a child process, since Textual takes stdin for good."""
    import fcntl
    import json
    import struct
    import subprocess
    import termios

    wire = Wire()
    fcntl.ioctl(wire.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    file, report = folder / "wire.log", folder / "report.json"
    file.write_text("\n".join(lines(0, 5000)) + "\n")
    words = [sys.executable, "-m", "tests.bench.log_pane", "--child", str(file), str(report)]
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    subprocess.run(
        words, stdin=wire.theirs, stdout=wire.theirs, stderr=wire.theirs, env=environ, check=True, timeout=90
    )
    os.close(wire.theirs)
    found: dict[str, float] = json.loads(report.read_text())
    return found


def child(file: Path, report: Path) -> int:
    """The process on the terminal. What it writes is counted where Textual hands it to the system."""
    import json

    from textual.drivers.linux_driver import LinuxDriver

    sent = 0

    class Counting(LinuxDriver):
        def write(self, data: str) -> None:
            nonlocal sent
            sent += len(data.encode())
            super().write(data)

    figures: dict[str, float] = {}
    app = OnWire(file, lambda: sent, figures)
    app.driver_class = Counting
    app.run()
    report.write_text(json.dumps(figures))
    return 0


# --- the table


async def measure(count: int, rich_count: int, folder: Path) -> list[tuple[str, float, float | None, bool]]:
    """Rows of the table: what, the figure, its gate, and whether less is better."""
    pane = LogPane()
    ours, memory, waits = await fed(pane, _feeding(pane), count, lambda: pane.lines.in_sight()[1] == count - 1)
    rich = RichLog()
    theirs, their_memory, their_waits = await fed(
        rich, lambda batch: [rich.write(line) for line in batch], rich_count, lambda: len(rich.lines) == rich_count
    )
    text = sum(map(len, lines(0, count))) / count + 1
    rows: list[tuple[str, float, float | None, bool]] = [
        ("fed: lines/s", ours, None, False),
        ("RichLog: lines/s", theirs, None, False),
        ("fed: times RichLog", ours / theirs, 50, False),
        ("fed: bytes a line over its text", memory - text, 110, True),
        ("RichLog: bytes a line over its text", their_memory - text, None, True),
        ("fed: longest wait, ms", 1000 * waits.longest, None, True),
        ("fed: stall, ms", 1000 * waits.busy, 50, True),
        ("RichLog: stall, ms", 1000 * their_waits.busy, None, True),
    ]
    for name, figure in (await file_of(count, folder)).items():
        gate = 50.0 if "stall" in name else 110.0 if "bytes" in name else None
        rows.append((f"file of {count:,} lines: {name}", figure, gate, True))
    return rows


def _feeding(pane: LogPane) -> Callable[[list[str]], object]:
    def write(batch: list[str]) -> None:
        if pane.lines.view is None:
            pane.show("bench", None, str)
        pane.feed(batch)

    return write


def main() -> int:
    """Measure and print; returns 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rich-lines", type=int, default=10_000)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(*arguments.child)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = asyncio.run(measure(arguments.lines, arguments.rich_lines, folder))
        for what, figure in on_wire(folder).items():
            gate = 12_000 if "tick" in what else 0.5 if "CPU" in what else 0
            rows.append((what, figure, gate, True))
    missed = 0
    for what, figure, limit, less in rows:
        good = limit is None or (figure <= limit if less else figure >= limit)
        missed += not good
        gate_said = "" if limit is None else f"{'<=' if less else '>='} {limit:,.4g}   {'ok' if good else 'MISSED'}"
        print(f"{what:58} {figure:14,.1f}   {gate_said}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
