"""The app in a real terminal: keys typed into tmux, the screen read back."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.programs import command, needs
from tests.samples import decoded

WAIT_SECONDS = 120.0


class Terminal:
    """One tmux window of 80x24 with a shell in it."""

    def __init__(self, tmux: str, home: Path) -> None:
        self._base = [tmux, "-L", f"oavr-{uuid.uuid4().hex[:8]}"]
        plain = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
        env = {**plain, "OAVR_HOME": str(home), "TERM": "xterm-256color", "PS1": "ready> "}
        subprocess.run(
            [*self._base, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh"], env=env, check=True
        )

    def keys(self, *keys: str) -> None:
        subprocess.run([*self._base, "send-keys", *keys], check=True)

    def type(self, text: str) -> None:
        subprocess.run([*self._base, "send-keys", "-l", text], check=True)

    def screen(self) -> str:
        return subprocess.run([*self._base, "capture-pane", "-p"], check=True, capture_output=True, text=True).stdout

    def until(self, condition: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(screen := self.screen()):
            assert time.monotonic() < deadline, screen
            time.sleep(0.1)
        return screen

    def close(self) -> None:
        subprocess.run([*self._base, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    window = Terminal(needs("tmux"), tmp_path / "home")
    try:
        yield window
    finally:
        window.close()


def test_the_demo_makes_a_video_and_leaves_the_terminal_clean(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type(shlex.join(command("demo")) + "; echo left with $?\n")
    terminal.until(lambda text: "Done" in text)
    terminal.until(lambda text: "portrait-voice.mp4" in text.replace("\n", "").replace(" ", ""))
    terminal.keys("C-q")
    screen = terminal.until(lambda text: "left with 0" in text)
    assert "New video" not in screen
    assert decoded(next((tmp_path / "home").rglob("*.mp4"))).fps == 25


def test_a_terminated_app_gives_the_terminal_back(terminal: Terminal, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    terminal.type(f"sh -c 'echo $$ > {pid_file}; exec {shlex.join(command())}'; echo left with $?\n")
    terminal.until(lambda text: "New video" in text)
    os.kill(int(pid_file.read_text()), 15)
    screen = terminal.until(lambda text: re.search(r"left with \d", text) is not None)
    assert "left with 143" in screen
    assert "New video" not in screen
    terminal.type("echo typed\n")
    terminal.until(lambda text: "\ntyped" in text)


def test_a_bar_on_a_terminal(terminal: Terminal) -> None:
    terminal.type(shlex.join(command("demo", "--headless")) + "; echo left with $?\n")
    terminal.until(lambda text: "Making the video" in text and "%" in text)
    screen = terminal.until(lambda text: "left with 0" in text)
    assert "Preview saved" in screen
