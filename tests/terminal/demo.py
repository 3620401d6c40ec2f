"""`oavr-tui demo` in a real terminal, on a make-believe account whose books a test can read."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oavr_tui.paths import Paths
from tests.programs import command
from tests.programs_runpod import RunPod, runpod
from tests.terminal.screens import Terminal, open_terminal

STEADY = {"boot": {"seconds_per_file": 0.05, "warm_seconds": 0.3, "comfy": {"step_seconds": 0.1}}}
"""A studio is ready after some three seconds, and a video of the sample voice takes about as long."""

_NOTHING_OPENS = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "BROWSER": None, "RUNPOD_API_KEY": None}


@dataclass
class DemoRun:
    """terminal: the window. account: what the demo rents from. paths: the demo's own places."""

    terminal: Terminal
    account: RunPod
    paths: Paths

    def start(self) -> None:
        """Type the command."""
        self.terminal.type(shlex.join(command("demo")) + "; echo left with $?\n")

    def left(self) -> None:
        """Wait until the app has ended well and the terminal is as it was."""
        self.terminal.until(lambda text: text.rstrip().endswith("ready>"))
        assert "left with 0" in self.terminal.screen()
        assert not self.terminal.alternate()
        assert not self.terminal.takes_mouse()
        self.terminal.type("clear\n")
        self.terminal.until(lambda text: "left with" not in text)

    def videos(self) -> list[str]:
        """The files of the finished videos."""
        return sorted(file.name for file in self.paths.videos.glob("*.mp4"))


@contextlib.contextmanager
def demo_run(folder: Path, size: tuple[int, int]) -> Iterator[DemoRun]:
    """A window in which the demo can be started, any number of times; nothing of it is left running."""
    home = folder / "person"
    paths = Paths.under(home).demo()
    with runpod(folder / "account", STEADY) as account:
        account.home = paths.config.parent
        paths.state.mkdir(parents=True)
        # Where an earlier run of the demo has left the address of its account.
        (paths.state / "demo-account.log").write_text(f"listening on {account.url}\n")
        with open_terminal(home, size=size, env=_NOTHING_OPENS) as terminal:
            yield DemoRun(terminal, account, paths)
