"""The app: the frame around the screens, the engine's life, and the actions that act everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from oavr_tui.app.actions import ACTIONS, bindings
from oavr_tui.app.deeds import Deeds
from oavr_tui.app.frame import PLACES, entries, foot, headline
from oavr_tui.app.house import House
from oavr_tui.app.screens.pane import Pane
from oavr_tui.app.themes import NAMES, THEMES
from oavr_tui.app.widgets.key_bar import KeyBar
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.app.widgets.sidebar import Sidebar
from oavr_tui.models import Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings

if TYPE_CHECKING:
    from oavr_tui.app.demo import Demo

NARROW, WIDE = 80, 120
"""Columns below which the sidebar shows icons only, and from which side panels appear."""
LEAST = (50, 15)
"""Columns and lines below which nothing can be shown."""
ENOUGH = (60, 20)
"""Columns and lines in which everything can be used."""
_COME_BACK_TO = ("studio", "videos", "pods")
"""Screens where people go on with what they did; the others are looked into."""


def _everywhere() -> list[BindingType]:
    """Keys of a screen's actions that act on every screen."""
    return [
        Binding(
            action.keys,
            f"act('{action.id}')",
            action.label,
            id=action.id,
            show=action.shown,
            priority=True,
            tooltip=action.help,
        )
        for action in ACTIONS
        if action.everywhere and action.owner != "app"
    ]


class OavrApp(Deeds):
    """Owns the frame and the engine; what happens is the engine's, what is seen the screens'."""

    TITLE = "OpenAvathar"
    CSS_PATH = "styles/app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*_everywhere(), *bindings("app")]

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        request: Request | None = None,
        *,
        at_once: bool = False,
        samples: Callable[[], tuple[Path, Path]] | None = None,
        demo: Demo | None = None,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """request: fills the form in. at_once: begins with it. samples: makes, and names, a portrait and
        a voice to try; it may take a second and raise OavrError. clock: unix seconds."""
        super().__init__(paths, settings, demo, clock, environ)
        self.given = request
        self.at_once = at_once and request is not None
        self.samples = samples
        self._headline, self._sidebar, self._body = OneLine(id="headline"), Sidebar(id="sidebar"), Container(id="body")
        self._too_small = Static("", id="too-small")
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = NAMES[settings.app_theme]

    # --- the frame

    def get_default_screen(self) -> Screen[object]:
        return House(id="_default")

    def compose(self) -> ComposeResult:
        self._fit(*self.size)  # before there is anything whose style depends on it
        yield self._headline
        with Horizontal(id="house"):
            yield self._sidebar
            yield self._body
        yield KeyBar(id="keys")

    async def on_mount(self) -> None:
        place = "studio" if self.given is not None else self.memory.place
        await self.go(place if place in _COME_BACK_TO else "studio")
        self.call_after_refresh(self._run_engine)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(*event.size)
        if self.place:
            self.draw_frame()

    def _fit(self, width: int, height: int) -> None:
        house = self.screen_stack[0]
        house.set_class(width < NARROW, "narrow").set_class(width >= WIDE, "wide")
        tiny = width < LEAST[0] or height < LEAST[1]
        house.set_class(tiny, "tiny")
        self._sidebar.set_class(width < NARROW, "narrow")
        if tiny and house.is_mounted and not self._too_small.is_attached:
            house.mount(self._too_small)
        small = f"Please make the window larger: it is {width}x{height}, and {ENOUGH[0]}x{ENOUGH[1]} is enough."
        self._too_small.update(Content(small))

    async def go(self, place: str) -> Pane:
        """Bring a screen to the front; it is made when it is first shown."""
        pane = self._panes.get(place)
        if place == self.place and pane is not None:
            return pane
        before = self._panes.get(self.place)
        self.place = place
        if before is not None:
            before.display = False
            before.was_hidden()
        if pane is None:
            module, _, name = PLACES[place].partition(":")
            pane = getattr(import_module(module), name)(id=place)
            assert isinstance(pane, Pane)
            self._panes[place] = pane
            await self._body.mount(pane)
        pane.display = True
        pane.was_shown()
        self.draw_frame()
        if (first := pane.first_focus()) is not None:
            first.focus()
        self.memory = replace(self.memory, place=place)
        return pane

    def draw_frame(self) -> None:
        if not self.screen_stack:  # the app is ending
            return
        # As fitted, not by the size, which is still the old one while the window is being resized.
        narrow = self.screen_stack[0].has_class("narrow")
        self._headline.show(*headline(self.live, self.clock(), demo=self.demo is not None, narrow=narrow))
        # Reckoned anew each time: a restarted studio counts from its restart, as its row on Pods does.
        running = self._engine.running_cost() if self._engine is not None and self.live.running_pods else None
        since = None if running is None else running.since
        self._sidebar.show(entries(self.live), self.place, foot(self.live, self.clock(), since))

    @on(Sidebar.Wanted)
    async def sidebar_wanted(self, event: Sidebar.Wanted) -> None:
        if event.place == "quit":
            await self.action_quit()
        else:
            await self.go(event.place)

    @on(OneLine.Clicked)
    async def line_clicked(self, event: OneLine.Clicked) -> None:
        await self.action_act(event.wanted)
