"""The Studio: what a person does there, from the files to a video in the queue."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from oavr_tui.app.actions import bindings
from oavr_tui.app.live import EVERYTHING
from oavr_tui.app.memory import Draft
from oavr_tui.app.request import Wrong, draft_from, draft_of
from oavr_tui.app.screens.studio_ask import asked, needs_key
from oavr_tui.app.screens.studio_first import HIDE, SAMPLES, FirstSteps
from oavr_tui.app.screens.studio_form import Form
from oavr_tui.app.screens.studio_looking import LookingForm
from oavr_tui.app.screens.studio_pick import picked
from oavr_tui.app.screens.studio_view import StudioView
from oavr_tui.app.screens.studio_words import NO_KEY_YET, key_works
from oavr_tui.errors import OavrError

PASSED_ON: list[BindingType] = [
    Binding("c", "queue('cancel')", "Cancel", id="queue.cancel"),
    Binding("r", "queue('retry')", "Retry", id="queue.retry"),
    Binding("l", "queue('open')", "Log", show=False),
]
"""Keys that act on the queue's line wherever they are not text."""
_OTHER = {"image": "audio", "audio": "image"}


class Studio(StudioView):
    """Owns the draft. What is asked before a video begins is in studio_ask.py."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("studio"), *PASSED_ON]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._asking = False
        self._at_once = False

    def on_mount(self) -> None:
        given, kept = self.oavr.given, self.oavr.memory.draft
        if given is not None:
            self.form.fill(draft_of(given))
        else:
            self.form.fill(draft_from(self.oavr.settings) if kept == Draft() else kept)
        if self.oavr.at_once:
            self._at_once = True
            self.action_generate()

    def first_focus(self) -> Widget | None:
        return self.form.missing

    def resting_focus(self) -> Widget | None:
        return self.form.go_button

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
