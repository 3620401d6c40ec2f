"""Whether this computer's name may be told to the license server: off, until the person wants it."""

from __future__ import annotations

import platform

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from oavr_tui.app.dialogs.sign_out import Tick
from oavr_tui.app.fitting import shortened
from oavr_tui.text import safe

_LONGEST, _SHOWN = 60, 16


def computer_name() -> str:
    """What a person calls this computer: its own name, without the network's part; empty where it has none."""
    return safe(platform.node().partition(".")[0], _LONGEST)


class SendName(Vertical):
    """computer: its name; where there is none, nothing is asked."""

    DEFAULT_CSS = """
    SendName {
        height: auto;
        margin-bottom: 1;
        & .hint { padding-left: 4; }
    }
    """

    def __init__(self, computer: str) -> None:
        super().__init__(id="send-name")
        self._computer = computer
        self._tick = Tick(Content(f"Send this computer's name ({shortened(computer, _SHOWN)}),"), compact=True)
        self.display = bool(computer)

    def compose(self) -> ComposeResult:
        yield self._tick
        yield Static(Content("so that you recognize it in the list of devices"), classes="hint")

    @property
    def wanted(self) -> str | None:
        """The name, if it may be sent."""
        return self._computer if self._computer and self._tick.value else None
