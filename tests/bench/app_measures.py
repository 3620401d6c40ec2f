"""The single measurements of a program in a pseudo-terminal. Each starts it anew and ends it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.pty_run import PtyRun
from tests.bench.pty_screen import bursts, first_paint, frames, full_frame, lines
from tests.bench.pty_usage import usage

_SETTLED = 1.5
"""Seconds without a byte after which a started program is taken to have settled."""
_SET_UP = 1000
"""More bytes than a program sends to set the terminal up, before it paints."""
_LONGEST = 10.0
"""Seconds that it is given to settle."""
_AFTER_KEY = 0.12
"""Seconds without a byte that end the answer to a key; shorter than what may follow it apart (thumbnails, 0.15)."""
_ROOT = Path(__file__).parent.parent.parent
DOWN_UP = ("down",) * 10 + ("up",) * 10
"""Keys that stay inside the window of a list."""
RIGHT_LEFT = ("right", "left") * 10
"""Keys that stay inside the window of a grid."""
_EDGE = 45
"""More rows than are in sight: so many times down, and each further one scrolls."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is started: python -m and these words. keys: pressed to get to its list.

    home: copied for each start, since the app remembers where it was left.
    """

    name: str
    words: tuple[str, ...]
    home: Path
    keys: tuple[str, ...] = ()

    @contextlib.contextmanager
    def run(self) -> Iterator[PtyRun]:
        """Started; ended when the block is left."""
        with tempfile.TemporaryDirectory(prefix="oavr-budgets-home-") as folder:
            home = shutil.copytree(self.home, Path(folder) / "home")
            env = {"PATH": os.environ["PATH"], "HOME": str(home), "OAVR_HOME": str(home)}
            with PtyRun([sys.executable, "-m", *self.words], env, folder=_ROOT) as run:
                yield run


@dataclass(frozen=True, slots=True)
class Start:
    """Milliseconds to the first paint and to the full frame; when settled, megabytes, bytes, and processor seconds."""

    first: float
    full: float
    resident: float
    written: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Idle:
    """bursts: seconds since the window began, and bytes. cpu: percent of one processor."""

    seconds: float
    bursts: list[tuple[float, int]]
    cpu: float


@dataclass(slots=True)
class Keys:
    """Milliseconds to the first byte of each key's answer, and bytes of the answers; how many keys had none."""

    milliseconds: list[float] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    unanswered: int = 0

    def add(self, answer: tuple[float | None, int]) -> None:
        milliseconds, written = answer
        if milliseconds is None:
            self.unanswered += 1
        else:
            self.milliseconds.append(milliseconds)
            self.written.append(written)

    def more(self, other: Keys) -> None:
        self.milliseconds += other.milliseconds
        self.written += other.written
        self.unanswered += other.unanswered

    @property
    def p50(self) -> float:
        return statistics.median(self.milliseconds) if self.milliseconds else float("nan")

    @property
    def p99(self) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] if ordered else float("nan")

    @property
    def bytes50(self) -> float:
        return statistics.median(self.written) if self.written else float("nan")


@dataclass(slots=True)
class ListKeys:
    """Keys that move the cursor inside the window, that scroll by a line, and that scroll by a page."""

    inside: Keys = field(default_factory=Keys)
    line: Keys = field(default_factory=Keys)
    page: Keys = field(default_factory=Keys)

    def more(self, other: ListKeys) -> None:
        self.inside.more(other.inside)
        self.line.more(other.line)
        self.page.more(other.page)


def start(program: Program) -> Start:
    """From the start of the process to a settled screen."""
    with program.run() as run:
        _settle(run, program)
        used = usage(run.pid)
    seen = list(frames(run.pieces))
    first, full = first_paint(seen), full_frame(seen)
    if first is None or full is None:
        raise RuntimeError(f"{program.name} painted nothing:\n" + _last_screen(run))
    return Start(1000 * first, 1000 * full, used.resident, run.size, used.cpu)


def idle(program: Program, seconds: float) -> Idle:
    """What a program writes and uses while nobody does anything, from the first quiet stretch on."""
    with program.run() as run:
        _settle(run, program)
        _press(run, program.keys)
        run.for_seconds(_SETTLED)
        begun, at, before = len(run.pieces), run.now, usage(run.pid).cpu
        run.for_seconds(seconds)
        cpu = 100 * (usage(run.pid).cpu - before) / (run.now - at)
        return Idle(run.now - at, [(when - at, size) for when, size in bursts(run.pieces[begun:])], cpu)


def list_keys(program: Program, inside: Sequence[str] = DOWN_UP) -> ListKeys:
    """Keys in the list that program.keys leads to. inside: those that do not scroll it."""
    found = ListKeys()
    with program.run() as run:
        _settle(run, program)
        _press(run, program.keys)
        run.answer("home", _AFTER_KEY, 0.5)
        for key in inside:
            found.inside.add(run.answer(key, _AFTER_KEY))
        _press(run, ("down",) * _EDGE)
        for key in ("down",) * 10:
            found.line.add(run.answer(key, _AFTER_KEY))
        for key in ("pagedown",) * 10:
            found.page.add(run.answer(key, _AFTER_KEY))
    return found


def opening(program: Program, brings: str) -> float:
    """Milliseconds from the last of program.keys to the first frame with a text that it brings."""
    with program.run() as run:
        _settle(run, program)
        _press(run, program.keys[:-1])
        begun = len(run.pieces)
        at = run.press(program.keys[-1])
        run.until(lambda: len(run.pieces) > begun, _LONGEST)
        _settle(run, program)
    showing = [frame.at for frame in frames(run.pieces) if brings in "\n".join(lines(frame))]
    if not showing or showing[0] <= at:
        when = "not shown" if not showing else "there before"
        raise RuntimeError(f"{brings!r} was {when} after {program.keys[-1]!r}:\n" + _last_screen(run))
    return 1000 * (showing[0] - at)


def ticks(program: Program, during: str, seconds: float) -> list[int]:
    """Bytes of each burst while `during` stands on the screen; what brings it or takes it away is left out.

    Ends when nothing was written for four seconds, or after `seconds`.
    """
    with program.run() as run:
        run.until(lambda: run.size > _SET_UP, seconds)
        run.rest(4.0, seconds)
    marks = [during in "\n".join(lines(frame)) for frame in frames(run.pieces)]
    steady = [before and after for before, after in itertools.pairwise(marks)]
    return [size for _, size in bursts(piece for piece, yes in zip(run.pieces[1:], steady, strict=True) if yes)]


def _settle(run: PtyRun, program: Program) -> None:
    """Until nothing is written any more; a program that never rests (a blinking cursor) is measured all the same."""
    run.until(lambda: run.size > _SET_UP, 60.0)
    run.rest(_SETTLED, _LONGEST)
    if run.ended:
        raise RuntimeError(f"{program.name} ended:\n" + _last_screen(run))


def _press(run: PtyRun, keys: Sequence[str]) -> None:
    for key in keys:
        run.answer(key, _AFTER_KEY, 0.5)


def _last_screen(run: PtyRun) -> str:
    """What is there to be seen, for whoever wonders what went wrong."""
    seen = list(frames(run.pieces))
    return "\n".join(line for line in lines(seen[-1]) if line) if seen else "(nothing was written)"
