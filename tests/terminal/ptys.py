"""The app in a pty that a test holds the other end of: what it wrote, and the ways a terminal can go."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

WAIT_SECONDS = 60.0


class Pty:
    """A program that leads a session on a terminal of its own. controlled: whether a signal tells it of the
    terminal's end.
    """

    def __init__(
        self, words: list[str], env: dict[str, str], *, size: tuple[int, int] = (80, 24), controlled: bool = True
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.attributes = termios.tcgetattr(slave)
        self.written = b""

        # They would be believed more than the terminal is; a worker of the suite has them.
        around = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}

        def take_terminal() -> None:
            if controlled:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**around, "TERM": "xterm-256color", **env},
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        self._slave = slave

    def read(self, seconds: float = 0.1) -> bytes:
        """What came within that time, or until something came; also kept in `written`."""
        if self.master < 0 or not select.select([self.master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # the other side is closed
            return b""
        self.written += data
        return data

    def until(self, text: str) -> None:
        """Wait until the program has written this."""
        self.until_so(lambda: text.encode() in self.written)

    def until_so(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, reading what the program writes."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert self.process.poll() is None, self.written[-2000:]
            assert time.monotonic() < deadline, self.written[-2000:]
            self.read()

    def until_quiet(self) -> None:
        """Wait until nothing was written for half a second."""
        while self.read(0.5):
            pass

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def modes(self) -> list[object]:
        """What the terminal's driver is set to now, without its speeds."""
        return list(termios.tcgetattr(self._slave)[:4])

    def hang_up(self) -> None:
        """Close the terminal, as a window that is closed does."""
        os.close(self._slave)
        os.close(self.master)
        self.master = -1

    def end(self, *, reading: bool = True) -> int:
        """Wait for the program's end, reading what it still writes, and return its exit code."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.written[-2000:]
            if reading and self.master >= 0:
                self.read()
            else:
                time.sleep(0.05)
        while reading and self.read(0):
            pass
        return self.process.returncode

    def cpu_seconds(self) -> float:
        """Processor time the program has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            os.close(self._slave)
            os.close(self.master)
            self.master = -1
