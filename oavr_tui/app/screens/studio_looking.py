"""A form that looks at its files while it is filled in: what they are is said at once, and drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message

from oavr_tui.app.outside.listing import is_there
from oavr_tui.app.outside.pasted import pasted
from oavr_tui.app.request import limit_of, longest
from oavr_tui.app.screens.studio_form import HINTS, Form
from oavr_tui.app.screens.studio_words import doubtful, portrait_words, used_seconds, voice_words
from oavr_tui.engine.given import is_address
from oavr_tui.errors import OavrError
from oavr_tui.models import Shape

if TYPE_CHECKING:
    from oavr_tui.engine.engine import Engine
    from oavr_tui.engine.looks import PictureLook, VoiceLook

LOOK_AFTER = 0.3
"""Seconds without a change after which a file is looked at."""


class LookingForm(Form):
    """engine_when_open: where looks are asked for. What was found is in `portrait` and `voice`."""

    @dataclass
    class Looked(Message):
        """Something else is known of the files."""

    def __init__(self, engine_when_open: Callable[[], Awaitable[Engine]]) -> None:
        super().__init__()
        self._engine_when_open = engine_when_open
        self.portrait: PictureLook | None = None
        self.voice: VoiceLook | None = None

    @property
    def seconds(self) -> float:
        """Seconds of voice that become video; 0 while the voice is not known."""
        return used_seconds(self.voice, limit_of(self.draft))

    def look(self, edited: str) -> None:
        """Look again at what a change of this field of the Draft concerns."""
        if edited in ("image", "make"):
            self.look_at_portrait()
        if edited in ("audio", "make"):
            self.look_at_voice()
        if edited in ("shape", "max_seconds"):
            self.draw_found()

    @work(exclusive=True, group="look-portrait")
    async def look_at_portrait(self) -> None:
        given = pasted(self.draft.image)
        if self.portrait is not None and self.portrait.given == given:
            return self.draw_found()
        self.portrait = None
        self.draw_found()
        if not given:
            return None
        await asyncio.sleep(LOOK_AFTER)
        if await self._still_typing("image", given):
            return None
        self.say("found-image", "Looking…")
        engine = await self._engine_when_open()
        try:
            self.portrait = await engine.looks.picture(given)
        except OavrError as error:
            self.say("found-image", error.message, "bad")
            return None
        return self.draw_found()

    @work(exclusive=True, group="look-voice")
    async def look_at_voice(self) -> None:
        draft = self.draft
        given = pasted(draft.audio)
        if self.voice is not None and (self.voice.given, self.voice.longest) == (given, longest(draft)):
            return self.draw_found()
        self.voice = None
        self.draw_found()
        if not given:
            return None
        await asyncio.sleep(LOOK_AFTER)
        if await self._still_typing("audio", given):
            return None
        self.say("found-audio", "Listening…")
        engine = await self._engine_when_open()
        try:
            self.voice = await engine.looks.voice(given, longest(draft))
        except OavrError as error:
            self.say("found-audio", error.message, "bad")
            return None
        return self.draw_found()

    async def _still_typing(self, name: str, given: str) -> bool:
        """Whether there is no such file yet, and the person is about to type on."""
        if is_address(given) or not self.is_typed_in(name):
            return False
        if await asyncio.to_thread(is_there, given):
            return False
        self.say(f"found-{name}", "There is no file of that name so far.")
        return True

    def draw_found(self) -> None:
        """What is known of the two files, in words and pictures."""
        draft = self.draft
        if self.portrait is not None:
            self.say("found-image", portrait_words(self.portrait, Shape(draft.shape)), "good")
        elif not pasted(draft.image):
            self.say("found-image", HINTS["image"])
        if self.voice is not None:
            words = voice_words(self.voice, limit_of(draft))
            self.say("found-audio", words, "hint" if doubtful(self.voice, limit_of(draft)) else "good")
        elif not pasted(draft.audio):
            self.say("found-audio", HINTS["audio"])
        portrait, voice = self.portrait, self.voice
        self.show_pictures(portrait.raster if portrait else None, voice.peaks if voice else None)
        self.post_message(self.Looked())
