"""The app: one screen for now, the plain Studio."""

from __future__ import annotations

import asyncio
import signal
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from oavr_tui.app.studio import Studio
from oavr_tui.models import Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings


class OavrApp(App[None]):
    """Owns nothing but the screen; everything that happens is the engine's, and the engine lives in the Studio."""

    TITLE = "OpenAvathar"
    CSS_PATH = "styles/app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="app.quit", show=True),
    ]

    def __init__(
        self, paths: Paths, settings: Settings, request: Request | None = None, *, at_once: bool = False
    ) -> None:
        """request: fills the fields in. at_once: begins with it, as if Generate had been pressed."""
        super().__init__()
        self._studio = Studio(paths, settings, request, at_once=at_once)

    def on_mount(self) -> None:
        # Textual leaves these to the system, which would end the process with the terminal still in its hands.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, None, 128 + number)
        self.push_screen(self._studio)
