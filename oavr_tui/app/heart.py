"""The engine's life within the app, and the beat at which what it tells is drawn."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections import deque
from collections.abc import Callable, Mapping, Set
from importlib import import_module
from typing import TYPE_CHECKING

from textual import work
from textual.worker import WorkerCancelled, WorkerFailed

from oavr_tui.app.frame import MAKES_WAY_SECONDS, ending, title
from oavr_tui.app.job_words import step_of
from oavr_tui.app.live import Live, Told, Topic
from oavr_tui.app.log_wishes import LogWishes
from oavr_tui.app.memory import Memory, load_memory, save_memory
from oavr_tui.app.screens.pane import Follows, Pane
from oavr_tui.app.themes import NAMES
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, JobState
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings

if TYPE_CHECKING:
    from oavr_tui.app.demo import Demo
    from oavr_tui.engine.engine import Engine

_ENGINE_ENDS_SECONDS = 15.0
_SAVE_AFTER = 1.0
"""Seconds without a change after which what is remembered is written to the disk."""
_SAID = 200


class Heart(LogWishes):
    """Opens the engine after the first frame, takes its events in, and redraws at a tick what is seen of them."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        demo: Demo | None,
        clock: Callable[[], float],
        environ: Mapping[str, str] | None,
    ) -> None:
        super().__init__(paths, environ)
        self.settings = settings
        self.demo = demo
        self.clock = clock
        self.live = Live()
        self.said: deque[Told] = deque(maxlen=_SAID)
        """What the person was told since the start, the oldest first."""
        self._memory: Memory = load_memory(paths.app_memory)
        self._writing_memory = threading.Lock()
        self.place = ""
        """The screen in front."""
        self._panes: dict[str, Pane] = {}
        self._engine: Engine | None = None
        self._engine_open = asyncio.Event()
        self._redraw_waits = False
        self._since = clock()
        self._start_shown: set[str] = set()

    def say(self, text: str, *, bad: bool = False, seconds: float | None = None, about: str = "") -> None:
        """A sentence over the headline; the notices keep it."""
        super().say(text, bad=bad, seconds=seconds, about=about)
        self.said.append(Told(self.clock(), text))

    def draw_frame(self) -> None:
        """Draw what is around the screens."""
        raise NotImplementedError

    # --- what is found again

    @property
    def memory(self) -> Memory:
        """Where things were left. A second after it was changed it is on the disk, whatever ends the app."""
        return self._memory

    @memory.setter
    def memory(self, memory: Memory) -> None:
        if memory != self._memory:
            self._memory = memory
            if self.is_running:
                self._keep_memory()

    @work(exclusive=True, group="memory")
    async def _keep_memory(self) -> None:
        await asyncio.sleep(_SAVE_AFTER)
        await asyncio.to_thread(self._write_memory)

    def _write_memory(self) -> None:
        with self._writing_memory:  # so that what was there first is never written last
            save_memory(self.paths.app_memory, self._memory)

    # --- the engine

    @work(exclusive=True, group="engine")
    async def _run_engine(self) -> None:
        """Runs as long as the app: opens the engine, drives when nobody else does, redraws on what it tells."""
        gc.freeze()  # what the first frame was made of is not gone through again
        gc.enable()
        try:
            engine, notes = await self._made_engine()
            with engine.listen() as told:
                async with engine, engine.driving_when_free():
                    self._engine = engine
                    self.live.fill(engine)
                    self._engine_open.set()
                    self._redraw()
                    if engine.barred:
                        self.say(engine.barred, bad=True)
                    for note in (*notes, (await engine.meanwhile()).sentence()):
                        if note:
                            self.say(note)
                    await engine.mark_seen()
                    self._next_minute()
                    self.set_timer(MAKES_WAY_SECONDS + 1, self.draw_frame)  # who drives by then is in front of somebody
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
        self.draw_frame()
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
            self.draw_frame()

    def _tell(self, changed: Set[Topic]) -> None:
        """What is said beside the screens: notices, ends of videos, the title."""
        while self.live.unsaid:
            self.say(self.live.unsaid.popleft().text)
        ended, self.live.ended = self.live.ended, []
        for job in ended:
            bad = job.state is JobState.FAILED
            self.say(ending(job), bad=bad)
        if ended:
            self._note_seen()
            if self.settings.app_bell:
                self.ring()
        self.tell_title(title(self.live))
        if Topic.STEPS in changed and len(self.screen_stack) == 1 and self.place == "studio":
            self._show_start()

    @work(group="seen")
    async def _note_seen(self) -> None:
        """Nobody was away when these ended: neither another window nor the next start shall say so."""
        if self._engine is not None:
            try:
                await self._engine.mark_seen()
            except OavrError as error:
                self.say(error.message, bad=True)

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
        if self._engine is not None:
            self.live.license = self._engine.license.status  # a new day begins by itself
        self.live.touch(Topic.CLOCK)
        self._redraw()
        self._next_minute()

    async def on_unmount(self) -> None:
        self._write_memory()
        for worker in [worker for worker in self.workers if worker.group == "engine"]:
            worker.cancel()
            # The engine gives back its locks, children and files; nobody waits longer than that for it.
            with contextlib.suppress(WorkerCancelled, WorkerFailed, TimeoutError):
                async with asyncio.timeout(_ENGINE_ENDS_SECONDS):
                    await worker.wait()
