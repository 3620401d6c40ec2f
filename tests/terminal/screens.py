"""The app in a real terminal: a tmux window of any size, its keys typed, its mouse moved, its screen read back.

Open a window with `open_terminal`. The program in it sees tmux's own TERM unless another is asked for.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.cells import cell_len

from tests.programs import needs

WAIT_SECONDS = 120.0
PROMPT = "ready> "
_WHEEL_UP, _WHEEL_DOWN = 64, 65


class Terminal:
    """One tmux window with a shell in it. home: the app's OAVR_HOME. size: columns, rows. term: the program's TERM.

    env: further variables; one whose value is None is not set.
    """

    def __init__(
        self,
        tmux: str,
        home: Path,
        *,
        size: tuple[int, int] = (80, 24),
        term: str = "screen-256color",
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self._base = [tmux, "-L", f"oavr-{uuid.uuid4().hex[:8]}"]
        left_out = {"LINES", "COLUMNS", "TMUX", "TMUX_PANE", "SSH_CONNECTION"} | set(env or {})
        plain = {name: value for name, value in os.environ.items() if name not in left_out}
        given = {name: value for name, value in (env or {}).items() if value is not None}
        whole = {**plain, "OAVR_HOME": str(home), "TERM": "xterm-256color", "PS1": PROMPT, **given}
        columns, rows = size
        window = ["new-session", "-d", "-x", str(columns), "-y", str(rows), "env", f"TERM={term}", "sh"]
        subprocess.run([*self._base, "-f", "/dev/null", *window], env=whole, check=True)
        # The shell writes its prompt when it can read; what is typed before would be echoed twice.
        self.until(PROMPT.strip())

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names: "C-q", "Down", "F1", "x"."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text as it is."""
        self._tmux("send-keys", "-l", "--", text)

    def paste(self, text: str) -> None:
        """Paste a text, marked as pasted where the program asked for that; also how a dropped file arrives."""
        subprocess.run([*self._base, "load-buffer", "-"], input=text, text=True, check=True)
        self._tmux("paste-buffer", "-p", "-d")

    def click(self, text: str, *, nth: int = 0, times: int = 1) -> None:
        """Click the middle of a text that is on the screen (the nth, from 0). Fails where a mouse would do nothing."""
        column, row = self.find(text, nth=nth)
        column += max(0, cell_len(text) - 1) // 2
        for _ in range(times):
            self._mouse(0, column, row, "M")
            self._mouse(0, column, row, "m")

    def wheel(self, text: str, *, down: bool = True, times: int = 1) -> None:
        """Turn the mouse's wheel over a text that is on the screen."""
        column, row = self.find(text)
        for _ in range(times):
            self._mouse(_WHEEL_DOWN if down else _WHEEL_UP, column, row, "M")

    def find(self, text: str, *, nth: int = 0) -> tuple[int, int]:
        """Column and row, from 0, of the nth occurrence of a text; waits for it."""
        places: list[tuple[int, int]] = []

        def found(screen: str) -> bool:
            places.clear()
            for row, line in enumerate(screen.split("\n")):
                at = line.find(text)
                while at >= 0:
                    places.append((cell_len(line[:at]), row))
                    at = line.find(text, at + len(text))
            return len(places) > nth

        self.until(found)
        return places[nth]

    def screen(self) -> str:
        """What the screen shows, without colors."""
        return self._tmux("capture-pane", "-p")

    def styled(self) -> str:
        """What the screen shows, with the escape sequences of its colors."""
        return self._tmux("capture-pane", "-p", "-e")

    def tty(self) -> str:
        """The terminal's own file, to which other programs may write."""
        return self._tmux("display-message", "-p", "#{pane_tty}").strip()

    def until(self, wanted: str | Callable[[str], bool], seconds: float = WAIT_SECONDS) -> str:
        """Wait until the screen shows a text, or meets a condition; returns that screen."""
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if wanted in screen if isinstance(wanted, str) else wanted(screen):
                return screen
            assert time.monotonic() < deadline, f"waited {seconds:g} s in vain{_told(wanted)}; the screen:\n{screen}"
            time.sleep(0.1)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def takes_mouse(self) -> bool:
        """Whether the program in the window has asked for the mouse."""
        return self._fact("mouse_any_flag") == "1"

    def alternate(self) -> bool:
        """Whether a full-screen program has the window; false again when the terminal was given back."""
        return self._fact("alternate_on") == "1"

    def title(self) -> str:
        """The window's title, as a program has set it."""
        return self._fact("pane_title")

    def close(self) -> None:
        """End whatever runs in the window, as when its user closes it."""
        subprocess.run([*self._base, "kill-server"], check=False, capture_output=True)

    def _fact(self, name: str) -> str:
        return self._tmux("display-message", "-p", f"#{{{name}}}").rstrip("\n")

    def _mouse(self, button: int, column: int, row: int, end: str) -> None:
        assert self.takes_mouse(), f"the program has not asked for the mouse:\n{self.screen()}"
        report = f"\x1b[<{button};{column + 1};{row + 1}{end}".encode()
        self._tmux("send-keys", "-H", *(f"{byte:02x}" for byte in report))

    def _tmux(self, *words: str) -> str:
        return subprocess.run([*self._base, *words], check=True, capture_output=True, text=True).stdout


def _told(wanted: object) -> str:
    return f" for {wanted!r}" if isinstance(wanted, str) else ""


@contextlib.contextmanager
def open_terminal(
    home: Path,
    *,
    size: tuple[int, int] = (80, 24),
    term: str = "screen-256color",
    env: Mapping[str, str | None] | None = None,
) -> Iterator[Terminal]:
    """A terminal for a while; the test is skipped where tmux is missing."""
    window = Terminal(needs("tmux"), home, size=size, term=term, env=env)
    try:
        yield window
    finally:
        window.close()
