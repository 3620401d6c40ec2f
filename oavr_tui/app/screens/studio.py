"""The Studio: the form, what its files are found to be, the first steps, and the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from oavr_tui.app.actions import bindings
from oavr_tui.app.license_words import first_run, limit_hints
from oavr_tui.app.live import EVERYTHING, Topic
from oavr_tui.app.memory import Draft
from oavr_tui.app.request import Wrong, draft_from, draft_of, place
from oavr_tui.app.screens.pane import Pane
from oavr_tui.app.screens.studio_ask import asked, needs_key, plain_full, ready_place
from oavr_tui.app.screens.studio_first import HIDE, SAMPLES, FirstSteps
from oavr_tui.app.screens.studio_form import Form
from oavr_tui.app.screens.studio_looking import LookingForm
from oavr_tui.app.screens.studio_pick import picked
from oavr_tui.app.screens.studio_words import (
    FIRST_STEPS,
    LOADING,
    NO_KEY_YET,
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
from oavr_tui.models import PREVIEW, JobState, Quality

ROOMY, TALL, SHORT = 100, 36, 24
"""Columns of the terminal from which the pictures appear; lines from which the form is spaced out, and below which the
first steps give way to what is being made."""
PASSED_ON: list[BindingType] = [
    Binding("c", "queue('cancel')", "Cancel", id="queue.cancel"),
    Binding("r", "queue('retry')", "Retry", id="queue.retry"),
    Binding("l", "queue('open')", "Log", show=False),
]
"""Keys that act on the queue's line wherever they are not text."""
_OTHER = {"image": "audio", "audio": "image"}
ESTIMATE_AFTER = 0.5
"""Seconds without a change after which the account is asked."""


class Studio(Pane):
    """Owns the draft. What is asked before a video begins is in studio_ask.py."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("studio"), *PASSED_ON]
    DEFAULT_CSS = "Studio Form { max-height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.form, self._first, self._queue = LookingForm(self.engine), FirstSteps(), Queue(id="queue")
        self._full_words: tuple[str, ...] = ()
        self._asking = False
        self._at_once = False
        self._followed = ""
        self._new_key = False
        self._answered: Draft | None = None
        self._places: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        self._fit()  # before there is anything whose style depends on it
        yield self.form
        yield self._first
        yield self._queue

    def on_mount(self) -> None:
        given, kept = self.oavr.given, self.oavr.memory.draft
        if given is not None:
            self.form.fill(draft_of(given))
        else:
            self.form.fill(draft_from(self.oavr.settings) if kept == Draft() else kept)
        if self.oavr.at_once:
            self._at_once = True
            self.action_generate()

    @property
    def draft(self) -> Draft:
        """The form as it stands, with the studio that can only be meant."""
        return ready_place(self.form.draft, self.oavr)

    @property
    def has_key(self) -> bool:
        """Whether there is a key; not while that is not known yet."""
        return self.oavr.engine is not None and self.oavr.engine.fleet.rental.has_key

    def first_focus(self) -> Widget | None:
        return self.form.missing

    def resting_focus(self) -> Widget | None:
        return self.form.go_button

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
        if engine is None or self.oavr.demo is not None or (small and (self.live.jobs or self.form.more_shown)):
            return []
        price = engine.license.price if engine.license.sells else 0
        return first_run(self.live.license, price, self.size.width, small=small)

    def _hide_first_steps(self) -> None:
        self.oavr.memory = replace(self.oavr.memory, welcomed=True)
        self._first.display = False
        self._share_room()

    # --- the draft

    @on(LookingForm.Looked)
    def looked(self, event: LookingForm.Looked) -> None:
        event.stop()
        self._estimate()
        self._draw_first_steps()

    @on(Form.Edited)
    def edited(self, event: Form.Edited) -> None:
        event.stop()
        if self.form.draft != self._answered:  # else this tells of a change from before the answer
            self._answered, self._new_key = None, False
            self.form.say("status", "")
        self.form.look(event.field)
        if event.field == "make" and self.form.draft.full:
            self._full_wanted()
        self._estimate()
        self.oavr.memory = replace(self.oavr.memory, draft=self.form.draft)

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

    # --- what the person does

    @on(Form.Wanted)
    async def wanted(self, event: Form.Wanted) -> None:
        event.stop()
        await self._do(event.what)

    @on(FirstSteps.Wanted)
    async def step_wanted(self, event: FirstSteps.Wanted) -> None:
        event.stop()
        await self._do(event.what)

    async def _do(self, what: str) -> None:
        match what:
            case "image":
                self.action_portrait()
            case "audio":
                self.action_voice()
            case "more":
                self.action_more()
            case "preview" | "full":
                self.form.choose_kind(full=what == "full")
                self.action_generate()
            case "go_on" if self.form.draft.full and self.form.missing is self.form.go_button:
                self.form.point_at("generate")  # what costs begins with the button or its key, not within a field
            case "key":
                self._ask_for_key()
            case _ if what == SAMPLES:
                self.action_samples()
            case _ if what == HIDE:
                self._hide_first_steps()
            case _:
                self.action_generate()

    def action_queue(self, name: str) -> None:
        """Do with the queue's line what its own key does there."""
        self.call_later(self.app.run_action, name, self._queue)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "queue" or self._queue.allows(str(parameters[0]))

    def action_portrait(self) -> None:
        self._browse("image")

    def action_voice(self) -> None:
        self._browse("audio")

    def action_more(self) -> None:
        self.form.show_more(not self.form.more_shown, seek=True)
        self._draw_first_steps()

    def action_clear(self) -> None:
        self.form.fill(draft_from(self.oavr.settings))
        self.form.point_at("image")

    @work(exclusive=True, group="browse")
    async def _browse(self, name: str) -> None:
        self.form.point_at(name)
        if path := await picked(self.oavr, name, self.form.given(name), self.form.given(_OTHER[name])):
            self.form.put(name, path)
        else:
            self.form.point_at("generate")  # in the field the next key would be text

    @work(exclusive=True, group="samples")
    async def action_samples(self) -> None:
        samples = self.oavr.samples
        if samples is None:
            self.form.say("status", "There are no samples here.")
            return
        self.form.say("status", "Making the samples…")
        try:
            image, audio = await asyncio.to_thread(samples)
        except OavrError as error:
            self.form.say("status", error.message, "bad")
            return
        self.form.fill(replace(self.form.draft, image=str(image), audio=str(audio)))
        self.form.point_at("generate")

    @work(exclusive=True, group="key")
    async def _ask_for_key(self) -> None:
        await self._got_key()

    @work(exclusive=True, group="key")
    async def _full_wanted(self) -> None:
        """A full video was chosen: without a key that is asked for, or the preview is chosen again."""
        at_once = self.oavr.engine is not None
        await self.engine()
        if not needs_key(self.oavr, self.form.draft, has_key=self.has_key):
            return
        if not at_once:
            # The question would open under the person's hands, and the next key would be the answer to it.
            self.form.say("status", NO_KEY_YET)
        elif not await self._got_key():
            self.form.choose_kind(full=False)

    async def _got_key(self) -> bool:
        from oavr_tui.app.dialogs.get_key import GetKey

        got = await self.app.push_screen_wait(GetKey())
        if got:
            self.draw(EVERYTHING)
            self._new_key = True
            ready = self.form.seconds > 0 and self.form.portrait is not None
            self.form.say("status", key_works(None, ready=ready, full=self.form.draft.full))
            self._estimate()
        return got

    def action_generate(self) -> None:
        self._generate(unseen=False)

    def action_generate_unseen(self) -> None:
        """The same, asked for from another screen: nothing that costs begins before its price was seen."""
        self._generate(unseen=True)

    @work(group="generate")
    async def _generate(self, *, unseen: bool) -> None:
        if self._asking:
            return
        self._asking = True
        try:
            await self._made(unseen)
        finally:
            self._asking = False

    async def _made(self, unseen: bool) -> None:
        form = self.form
        self._answered, self._new_key = form.draft, False
        agreed, self._at_once = self._at_once, False
        try:
            job = await asked(self.oavr, self.draft, partial(form.say, "status"), agreed=agreed, unseen=unseen)
        except OavrError as error:
            form.say("status", error.message, "bad")
            return
        if isinstance(job, Wrong):
            form.say("status", job.sentence, "bad")
            form.point_at(job.field)
        elif job is None:
            form.say("status", "Nothing was started.")
        else:
            form.say("status", "Added to the queue.", "good")
            self._followed = job.id
            if form.is_in_a_text and form.draft == self._answered:  # the queue's keys would be text there
                form.point_at("generate")
