"""The app: one screen for now, the plain Studio."""

from __future__ import annotations

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

    def __init__(self, paths: Paths, settings: Settings, request: Request | None = None) -> None:
        super().__init__()
        self.paths = paths
        self.settings = settings
        self.first_request = request

    def on_mount(self) -> None:
        self.push_screen(Studio(self.paths, self.settings, self.first_request))
