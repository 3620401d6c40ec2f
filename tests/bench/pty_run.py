"""A program in a pseudo-terminal of its own: its queries answered as a terminal would, its output kept with times.

Linux and macOS; figures of memory and CPU time need /proc. Times are seconds since the program was started.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

COLUMNS, ROWS = 120, 40
KEYS = {
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "tab": b"\t",
    "enter": b"\r",
    "escape": b"\x1b",
    "ctrl+q": b"\x11",
    "ctrl+p": b"\x10",
    "f1": b"\x1bOP",
}
"""What a terminal sends for a key; a key of one letter sends itself."""

_ANSWERS = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # whole frames at once: known, and off
    b"\x1b[?2048$p": b"\x1b[?2048;0$y",  # sizes by escape sequence: not known
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[16t": b"\x1b[6;20;10t",
    b"\x1b[14t": b"\x1b[4;800;1200t",
    b"\x1b[>c": b"\x1b[>1;10;0c",
}
_LONGEST_QUERY = max(map(len, _ANSWERS))
_PATIENCE = 5.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes as they came. at: seconds since the start."""

    at: float
    data: bytes


class PtyRun:
    """`with PtyRun(words, env) as run: run.rest(0.5)`. The program is ended, with its children, when the block is left.

    env: the whole environment. The terminal is COLUMNS x ROWS with 24-bit color.
    """

    def __init__(self, words: Sequence[str], env: Mapping[str, str], *, folder: Path | None = None) -> None:
        self.pieces: list[Piece] = []
        self.ended = False
        self._unanswered = b""
        whole = {**env, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        self.began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                # Before the program can look: a child that is faster than its parent would see a size of zero.
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * 10, ROWS * 20))
                if folder is not None:
                    os.chdir(folder)
                os.execvpe(words[0], list(words), whole)
            finally:
                os._exit(127)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.began

    @property
    def size(self) -> int:
        """Bytes so far."""
        return sum(len(piece.data) for piece in self.pieces)

    def press(self, key: str) -> float:
        """Press a key by its name in KEYS, or type a text; returns when."""
        at = self.now
        os.write(self._fd, KEYS.get(key, key.encode()))
        return at

    def for_seconds(self, seconds: float) -> None:
        """Read on for so long."""
        self._read(lambda: False, seconds)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Read until a condition holds, looked at after each piece; False when it did not within so many seconds."""
        return self._read(condition, seconds)

    def rest(self, quiet: float, seconds: float = 60.0) -> bool:
        """Read until nothing was written for `quiet` seconds from now on; False if that did not happen."""
        begun = self.now

        def at_rest() -> bool:
            return self.now - max(begun, self.pieces[-1].at if self.pieces else 0.0) >= quiet

        return self._read(at_rest, seconds)

    def answer(self, key: str, quiet: float, longest: float = 2.0) -> tuple[float | None, int]:
        """Press a key; returns the milliseconds to the first bytes that follow (None: no answer), and how many
        there are until `quiet` seconds pass without any.
        """
        begun = len(self.pieces)
        at = self.press(key)
        if not self._read(lambda: len(self.pieces) > begun, longest):
            return None, 0
        self._read(lambda: self.now - self.pieces[-1].at >= quiet, longest)
        mine = self.pieces[begun:]
        return 1000 * (mine[0].at - at), sum(len(piece.data) for piece in mine)

    def close(self) -> None:
        """Ask the program to end, and make it; then let its terminal go."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            if self._read(self._gone, _PATIENCE):
                break
        os.close(self._fd)

    # --- inside

    def _gone(self) -> bool:
        if not self.ended:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                    return False
            self.ended = True
        return True

    def _read(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Read until the condition holds (True), the time is over, or the program's side is closed (False then)."""
        deadline = self.now + seconds
        while not condition():
            left = deadline - self.now
            if left <= 0:
                return False
            if not select.select([self._fd], [], [], min(left, _LOOK_SECONDS))[0]:
                continue
            try:
                data = os.read(self._fd, 1 << 20)
            except OSError:  # how Linux says that nobody has the terminal open any more
                data = b""
            if not data:
                self._wait_for_end(deadline)
                return condition()
            self.pieces.append(Piece(self.now, data))
            self._answer(data)
        return True

    def _wait_for_end(self, deadline: float) -> None:
        """Its terminal is closed, so the end is near."""
        while not self._gone() and self.now < deadline:
            time.sleep(_LOOK_SECONDS)

    def _answer(self, data: bytes) -> None:
        """Answer the queries in it, also one that came in two pieces."""
        text = self._unanswered + data
        end = 0
        for query, answer in _ANSWERS.items():
            at = text.find(query)
            if at >= 0:
                end = max(end, at + len(query))
                os.write(self._fd, answer)
        self._unanswered = text[end:][-(_LONGEST_QUERY - 1) :]
