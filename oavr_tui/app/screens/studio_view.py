"""How the Studio looks: its form, the first steps and the queue, as the facts stand."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import replace

from textual import events, work
from textual.app import ComposeResult

from oavr_tui.app.license_words import first_run, limit_hints
from oavr_tui.app.live import Topic
from oavr_tui.app.memory import Draft
from oavr_tui.app.request import place
from oavr_tui.app.screens.pane import Pane
from oavr_tui.app.screens.studio_ask import plain_full, ready_place
from oavr_tui.app.screens.studio_first import FirstSteps
from oavr_tui.app.screens.studio_looking import LookingForm
from oavr_tui.app.screens.studio_words import (
    FIRST_STEPS,
    LOADING,
    ON_OWN,
    SPEED,
    full_words,
    key_works,
    learned,
    next_words,
    preview_words,
    sentence,
)
from oavr_tui.app.widgets.queue import Queue
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, JobState, LicenseStatus, Quality

ROOMY, TALL, SHORT = 100, 36, 24
"""Columns of the terminal from which the pictures appear; lines from which the form is spaced out, and below which the
first steps give way to what is being made."""
ESTIMATE_AFTER = 0.5
"""Seconds without a change after which the account is asked."""


class StudioView(Pane):
    """Draws the form and what is known of it. What a person does there is the subclass's affair."""

    DEFAULT_CSS = "StudioView Form { max-height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.form, self._first, self._queue = LookingForm(self.engine), FirstSteps(), Queue(id="queue")
        self._full_words: tuple[str, ...] = ()
        self._followed = ""
        self._new_key = False
        self._answered: Draft | None = None
        self._places: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        self._fit()  # before there is anything whose style depends on it
        yield self.form
        yield self._first
        yield self._queue

    @property
    def draft(self) -> Draft:
        """The form as it stands, with the studio that can only be meant."""
        return ready_place(self.form.draft, self.oavr)

    @property
    def has_key(self) -> bool:
        """Whether there is a key; not while that is not known yet."""
        return self.oavr.engine is not None and self.oavr.engine.fleet.rental.has_key

    def on_resize(self, event: events.Resize) -> None:
        self._fit()
        self._draw_first_steps()

    def _fit(self) -> None:
        size = self.app.size
        roomy = size.width >= ROOMY and self.oavr.settings.app_pictures
        self.form.set_class(roomy, "roomy").set_class(size.height >= TALL, "tall")

    def _share_room(self) -> None:
        """What is being made stays in sight, however much the form holds."""
        if self.size.height:
            self.form.keep_within(self.size.height - self._first.lines - self._queue.lines)

    # --- drawing

    def draw(self, changed: Set[Topic]) -> None:
        self._queue.draw(changed)
        if changed & {Topic.JOBS, Topic.PODS, Topic.DRIVING, Topic.SETTINGS}:
            self._learn()
            self._follow()
            self.form.show_places(self.live, has_key=self.has_key)
            self.form.show_go("Add to queue" if self.live.active else "Generate")
            self._draw_kinds()
            self._draw_first_steps()
        elif changed & {Topic.LICENSE, Topic.CLOCK}:
            self._draw_kinds()
            self._draw_first_steps()
        places = tuple((pod.id, pod.state) for pod in self.live.pods)
        if places != self._places:  # what is ready, or has gone, changes what a video takes
            self._places = places
            self._estimate()
        self.refresh_bindings()

    def _learn(self) -> None:
        """Keep what ended videos teach."""
        views = learned(self.oavr.memory.views, self.live.jobs)
        if views != self.oavr.memory.views:
            self.oavr.memory = replace(self.oavr.memory, views=views)

    def _follow(self) -> None:
        """Once the video that was begun here has ended, say where to go on."""
        job = self.live.job(self._followed)
        if job is not None and job.ended:
            self._followed = ""
            if not (job.request.on == PREVIEW and self.form.draft.full):  # then the next one is spoken of already
                self.form.say("status", next_words(job), "good" if job.state is JobState.DONE else "hint")

    def _draw_kinds(self) -> None:
        seconds = self.form.seconds
        preview = preview_words(self.oavr.memory.views.get(SPEED, ""), seconds)
        full = (
            LOADING
            if not self.live.ready
            else self._full_words or plain_full(self.oavr, self.form.draft, has_key=self.has_key)
        )
        if (plan := self.live.license) is not None and plan.left == 0 and self.oavr.demo is None:
            full = limit_hints(plan, self.oavr.clock())
        self.form.show_kinds(preview, full)

    def _draw_first_steps(self) -> None:
        first = self._first
        done = set(self.oavr.memory.views.get(FIRST_STEPS, "").split())
        done |= {"image"} if self.form.portrait is not None else set()
        done |= {"audio"} if self.form.voice is not None else set()
        done |= {"key"} if self.has_key else set()
        size = self.app.size
        crowded = bool(self.live.jobs) or self.form.more_shown or size.width < 80 or size.height < SHORT
        small = crowded and size.height < TALL
        first.show(done, small=small, samples=self.oavr.samples is not None)
        first.show_plans(self._plans(small))
        if first.complete and not self.oavr.memory.welcomed:
            self._hide_first_steps()
        # What is being made must be in sight.
        first.display = not self.oavr.memory.welcomed and not (self.live.active and size.height < SHORT)
        self._share_room()

    def _plans(self, small: bool) -> list[str]:
        """What somebody new should know of the plans; not beside what is being made in a small window."""
        engine = self.oavr.engine
        if self.oavr.demo is not None or (small and (self.live.jobs or self.form.more_shown)):
            return []
        price = engine.license.price if engine is not None and engine.license.sells else 0
        # What holds for nearly everybody new is said at once, so that the screen stays as it is first seen.
        return first_run(self.live.license or LicenseStatus(), price, self.size.width, small=small)

    def _hide_first_steps(self) -> None:
        self.oavr.memory = replace(self.oavr.memory, welcomed=True)
        self._first.display = False
        self._share_room()

    @work(exclusive=True, group="estimate")
    async def _estimate(self) -> None:
        """What a full video would take: at once by what is known here, then by what the account says."""
        draft = self.draft
        seconds = self.form.seconds
        self._full_words = ()
        if seconds <= 0 or not self.has_key:
            return self._draw_kinds()
        engine = await self.engine()
        where, quality = place(replace(draft, full=True)), Quality(draft.quality)
        known = await engine.quick_estimate(where, seconds, quality)
        self._full_words = ON_OWN if known is None else full_words(known)
        self._draw_kinds()
        if known is None or not draft.full:
            return None
        await asyncio.sleep(ESTIMATE_AFTER)
        try:
            told = await engine.estimate(where, seconds, quality)
        except OavrError as error:
            self.form.say("status", error.message, "bad")
            return None
        if told is not None:
            self._full_words = full_words(told)
            if self.form.draft != self._answered:
                self.form.say("status", key_works(told) if self._new_key else sentence(told))
        return self._draw_kinds()
