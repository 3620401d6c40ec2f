"""The app: the frame around the screens, the engine's life, and the actions that act everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from oavr_tui.app.actions import ACTIONS, BY_ID, bindings
from oavr_tui.app.frame import PLACES, ending, entries, foot, headline, title
from oavr_tui.app.job_words import step_of
from oavr_tui.app.live import Live, Topic
from oavr_tui.app.log_wishes import LogWishes
from oavr_tui.app.memory import Memory, load_memory, save_memory
from oavr_tui.app.screens.pane import Follows, Pane
from oavr_tui.app.themes import NAMES, THEMES
from oavr_tui.app.widgets.key_bar import KeyBar
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.app.widgets.sidebar import Sidebar
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, JobState, Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings

if TYPE_CHECKING:
    from oavr_tui.app.demo import Demo
    from oavr_tui.engine.engine import Engine

NARROW, WIDE = 80, 120
"""Columns below which the sidebar shows icons only, and from which side panels appear."""
LEAST = (50, 15)
"""Columns and lines below which nothing can be shown."""


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


class House(Screen[object]):
    """What is beneath everything else."""

    def _compositor_refresh(self) -> None:
        # While updates are gathered Textual draws all the same, and throws it away: a fifth of the start.
        if not self.app._batch_count:
            super()._compositor_refresh()

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        # Textual's own comes after this one. What was mounted a moment ago has its styles already.
        if not self.stack_updates:
            event.refresh_styles = False


class OavrApp(LogWishes):
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
        super().__init__(paths, environ)
        self.settings = settings
        self.given = request
        self.at_once = at_once and request is not None
        self.samples = samples
        self.demo = demo
        self.clock = clock
        self.live = Live()
        self.memory: Memory = load_memory(paths.app_memory)
        self.place = ""
        self._engine: Engine | None = None
        self._engine_open = asyncio.Event()
        self._panes: dict[str, Pane] = {}
        self._headline, self._sidebar, self._body = OneLine(id="headline"), Sidebar(id="sidebar"), Container(id="body")
        self._redraw_waits = False
        self._since = clock()
        self._start_shown: set[str] = set()
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
        yield Static(Content("Please make the window larger."), id="too-small")

    async def on_mount(self) -> None:
        place = "studio" if self.given is not None else self.memory.place
        await self.go(place if place in PLACES else "studio")
        self.call_after_refresh(self._run_engine)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(*event.size)

    def _fit(self, width: int, height: int) -> None:
        house = self.screen_stack[0]
        house.set_class(width < NARROW, "narrow").set_class(width >= WIDE, "wide")
        house.set_class(width < LEAST[0] or height < LEAST[1], "tiny")
        self._sidebar.set_class(width < NARROW, "narrow")

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
        self._draw_frame()
        if (first := pane.first_focus()) is not None:
            first.focus()
        self.memory = replace(self.memory, place=place)
        return pane

    def _draw_frame(self) -> None:
        self._headline.show(*headline(self.live, demo=self.demo is not None))
        self._sidebar.show(entries(self.live), self.place, foot(self.live, self.clock()))

    @on(Sidebar.Wanted)
    async def sidebar_wanted(self, event: Sidebar.Wanted) -> None:
        if event.place == "quit":
            await self.action_quit()
        else:
            await self.go(event.place)

    @on(OneLine.Clicked)
    async def line_clicked(self, event: OneLine.Clicked) -> None:
        await self.action_act(event.wanted)

    # --- the engine

    @work(exclusive=True, group="engine")
    async def _run_engine(self) -> None:
        """Runs as long as the app: opens the engine, drives when nobody else does, redraws on what it tells."""
        try:
            engine, notes = await self._made_engine()
            with engine.listen() as told:
                async with engine, engine.driving_when_free():
                    self._engine = engine
                    self.live.fill(engine)
                    self._engine_open.set()
                    self._redraw()
                    for note in (*notes, (await engine.meanwhile()).sentence()):
                        if note:
                            self.say(note, seconds=12)
                    await engine.mark_seen()
                    self._next_minute()
                    try:
                        while True:
                            self.live.take(await told.next(), engine)
                            self._redraw_soon()
                    finally:
                        await engine.mark_seen()
        except OavrError as error:
            self.say(error.message, bad=True, seconds=3600)

    async def _made_engine(self) -> tuple[Engine, list[str]]:
        if self.demo is not None:
            await asyncio.to_thread(self.demo.prepare)
        logged = await asyncio.to_thread(import_module, "oavr_tui.engine.logged")
        notes = list(self.settings.notes)
        engine: Engine = logged.logged_engine(self.paths, self.settings, notes.append)
        return engine, notes

    async def engine_when_open(self) -> Engine:
        """The engine, as soon as it is open."""
        await self._engine_open.wait()
        assert self._engine is not None
        return self._engine

    @property
    def engine(self) -> Engine | None:
        """The engine, None while it is not open yet."""
        return self._engine

    def _redraw_soon(self) -> None:
        if not self._redraw_waits:
            self._redraw_waits = True
            self.set_timer(1 / self.terminal.ticks, self._redraw)

    def _redraw(self) -> None:
        """Redraw what changed since the last tick, on what is seen."""
        self._redraw_waits = False
        changed = self.live.changed()
        if not changed or not self.is_running:  # while the app ends, parts of the screens are gone already
            return
        if Topic.SETTINGS in changed and self._engine is not None:
            self.settings = self._engine.settings
            self.theme = NAMES[self.settings.app_theme]
        if Topic.VIDEOS in changed and self._engine is not None:
            self.call_after_refresh(self._count_videos, self._engine)  # what is seen first comes first
        self._draw_frame()
        if (pane := self._panes.get(self.place)) is not None:
            pane.draw(changed)
        for screen in self.screen_stack[1:]:
            if isinstance(screen, Follows):
                screen.draw(changed)
        self._tell(changed)

    @work(exclusive=True, group="counting")
    async def _count_videos(self, engine: Engine) -> None:
        """For the badge of Videos; what is read for it is what that screen shows at once then."""
        try:
            self.live.video_count = len(await engine.videos())
        except OavrError as error:
            self.say(error.message, bad=True)
        else:
            self._draw_frame()

    def _tell(self, changed: Set[Topic]) -> None:
        """What is said beside the screens: notices, ends of videos, the title."""
        while self.live.unsaid:
            self.say(self.live.unsaid.popleft().text)
        ended, self.live.ended = self.live.ended, []
        for job in ended:
            bad = job.state is JobState.FAILED
            self.say(ending(job), bad=bad, seconds=12 if bad else 6)
        if ended and self.settings.app_bell:
            self.ring()
        self.tell_title(title(self.live))
        if Topic.STEPS in changed and len(self.screen_stack) == 1 and self.place == "studio":
            self._show_start()

    def _show_start(self) -> None:
        """Show once how the studio gets on that a video of this session waits for."""
        from oavr_tui.app.dialogs.starting import Starting

        for job in self.live.jobs:
            waits = job.state in (JobState.QUEUED, JobState.CHECKING, JobState.STARTING) and job.request.on != PREVIEW
            if waits and job.created_at >= self._since and job.id not in self._start_shown and step_of(job, self.live):
                self._start_shown.add(job.id)
                self.push_screen(Starting(job.id))
                return

    def _next_minute(self) -> None:
        self.set_timer(60 - self.clock() % 60, self._minute)

    def _minute(self) -> None:
        self.live.touch(Topic.CLOCK)
        self._redraw()
        self._next_minute()

    # --- actions

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action by its name."""
        for action in ACTIONS:
            if action.id != "app.command_palette":
                yield SystemCommand(
                    action.label, action.help, lambda wanted=action.id: self.call_later(self.action_act, wanted)
                )

    async def action_act(self, action_id: str) -> None:
        """Do any action of the table, wherever the person is."""
        action = BY_ID[action_id]
        if action.owner == "app":
            await self.run_action(f"app.{action.name}")
            return
        owner = self._owner(action.owner)
        if owner is None:
            owner = await self.go(_HOMES.get(action.owner, action.owner))
        elif action.owner in PLACES:
            await self.go(action.owner)
        target = owner if action.owner in PLACES else self._owner(action.owner)
        if target is None:
            self.say(f"{action.label}: there is nothing here to do that with.")
            return
        await self.run_action(action.name, target)

    def _owner(self, owner: str) -> Widget | None:
        """The widget in sight that carries an owner's actions out."""
        pane = self._panes.get(self.place)
        if owner in PLACES:
            return pane if owner == self.place else None
        if pane is None:
            return None
        return next((widget for widget in pane.query(f".owns-{owner}") if widget.display), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a question is open, the keys of what lies beneath do nothing."""
        below = action in ("act", "help", "command_palette") or action.startswith("go_")
        return len(self.screen_stack) == 1 or not below

    async def action_go_studio(self) -> None:
        await self.go("studio")

    async def action_go_videos(self) -> None:
        await self.go("videos")

    async def action_go_pods(self) -> None:
        await self.go("pods")

    async def action_go_settings(self) -> None:
        await self.go("settings")

    async def action_go_docs(self) -> None:
        await self.go("docs")

    def action_help(self) -> None:
        from oavr_tui.app.dialogs.help import Help

        owners = [self.place]
        if self.focused is not None:
            for node in self.focused.ancestors_with_self:
                owners += [name.removeprefix("owns-") for name in node.classes if name.startswith("owns-")]
        self.push_screen(Help(list(dict.fromkeys(reversed(owners)))))

    def action_theme(self) -> None:
        self._choose_theme()

    @work(exclusive=True, group="theme")
    async def _choose_theme(self) -> None:
        from oavr_tui.app.dialogs.pick_one import PickOne
        from oavr_tui.app.themes import LABELS

        def show(name: str) -> None:
            self.theme = NAMES[name]

        before = self.settings.app_theme
        chosen = await self.push_screen_wait(PickOne("Colors", tuple(LABELS.items()), before, show))
        show(chosen or before)
        if chosen and chosen != before:
            try:
                await (await self.engine_when_open()).change_setting("app.theme", chosen)
            except OavrError as error:
                self.say(error.message, bad=True)

    def action_notices(self) -> None:
        from oavr_tui.app.dialogs.notices import Notices

        self.push_screen(Notices(tuple(self.live.notices)))

    def action_release_mouse(self) -> None:
        """Give the mouse to the terminal, or take it again."""
        self.say(
            "The mouse is the terminal's now: F8 takes it again."
            if self.free_mouse()
            else "The mouse works here again."
        )

    def action_leave_field(self) -> None:
        if isinstance(self.focused, Input):
            pane = self._panes.get(self.place)
            self.set_focus(None if pane is None else pane.resting_focus())

    async def action_quit(self) -> None:
        """Leave; what goes on, and what it costs, is said first."""
        self._leave()

    @work(exclusive=True, group="leaving")
    async def _leave(self) -> None:
        from oavr_tui.app.dialogs.leaving import leaving

        if await leaving(self):
            self.exit()

    async def on_unmount(self) -> None:
        save_memory(self.paths.app_memory, self.memory)


_HOMES = {"queue": "studio", "log": "pods"}
"""Where the owners are at home that are not screens themselves."""
