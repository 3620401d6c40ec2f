"""The plain Studio: portrait, voice, Generate, true progress, and where the video is.

The screen asks the engine and redraws from its events; it knows no store, no client and no file format.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, Footer, Input, Label, ProgressBar, Static

from oavr_tui.engine.events import Event, JobChanged, JobProgressed, Notice
from oavr_tui.engine.logged import logged_engine
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, Job, JobState, Progress, Request, Video
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from oavr_tui.settings import where as check_where
from oavr_tui.text import clock, safe, safe_url, size

STAGES = {
    JobState.QUEUED: "Waiting for its turn",
    JobState.CHECKING: "Checking the picture and the voice",
    JobState.STARTING: "Looking at the server",
    JobState.SENDING: "Sending your files",
    JobState.GENERATING: "Making the video",
    JobState.FETCHING: "Bringing it home",
}


class Studio(Screen[None]):
    """Make one video after the other. Several may wait; the bar shows the one asked for last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "generate", "Generate", id="studio.generate", priority=True),
        Binding("escape", "leave_field", "Leave the field", id="studio.leave_field", show=False),
        Binding("c", "cancel", "Cancel", id="studio.cancel"),
    ]

    def __init__(
        self, paths: Paths, settings: Settings, request: Request | None = None, *, at_once: bool = False
    ) -> None:
        super().__init__()
        self._at_once = at_once and request is not None
        self._settings = settings
        self._first = request
        self._notes: list[str] = []
        self._engine = logged_engine(paths, settings, self._notes.append)
        self._engine_ready = asyncio.Event()
        self._job_id = ""

    # --- what it looks like

    def compose(self) -> ComposeResult:
        on_where = self._settings.on if self._first is None else self._first.on
        yield Static("OpenAvathar", id="title")
        with VerticalScroll(id="studio"):
            yield Label("New video", id="heading")
            for name, value, field, what in (
                ("Portrait", self._first.image if self._first else "", "image", "a picture: its path or address"),
                ("Voice", self._first.audio if self._first else "", "audio", "a recording: its path or address"),
                ("Make it", on_where, "where", "preview, or the address of a ComfyUI server"),
            ):
                with Horizontal(classes="row"):
                    yield Label(name, classes="name")
                    yield Input(value, placeholder=what, id=field, compact=True)
            yield Static("", id="hint")
            with Horizontal(id="buttons"):
                yield Button("Generate", variant="primary", id="generate")
                yield Button("Cancel", id="cancel", disabled=True)
            with Vertical(id="work"):
                yield Static("", id="stage")
                yield ProgressBar(total=100.0, show_eta=False, id="bar")
                yield Static("", id="message")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#work").display = False
        self._show_hint()
        for field in self.query(Input):
            field.cursor_blink = False
        self.query_one("#generate" if self._first else "#image").focus()
        self._live()
        if self._at_once:
            self._generate()

    def _show_hint(self) -> None:
        where = self.query_one("#where", Input).value.strip()
        if where in ("", PREVIEW):
            text = "Quick preview: on this computer, free, in seconds, marked PREVIEW."
        else:
            text = f"Full video: made by the ComfyUI server at {safe_url(where)}."
        self.query_one("#hint", Static).update(Content(text))

    # --- the engine

    @work(exclusive=True, exit_on_error=False)
    async def _live(self) -> None:
        """Runs as long as the screen: opens the engine, drives when nobody else does, and redraws on its events."""
        try:
            with self._engine.listen() as events:
                async with self._engine, self._engine.driving_when_free():
                    self._engine_ready.set()
                    self._show_unfinished()
                    for note in self._notes:
                        self.notify(safe(note), markup=False)
                    while True:
                        await self._hear(await events.next())
        except OavrError as error:
            self._say(error.message, bad=True)

    def _show_unfinished(self) -> None:
        """A job that was left behind is what the person wants to see first."""
        unfinished = [job for job in self._engine.jobs() if not job.ended]
        if unfinished and not self._job_id:
            self._begin(unfinished[-1])

    async def _hear(self, event: Event) -> None:
        if isinstance(event, JobProgressed) and event.progress.job_id == self._job_id:
            self._show_progress(event.progress)
        elif isinstance(event, JobChanged) and event.job.id == self._job_id:
            await self._show_job(event.job)
        elif isinstance(event, JobChanged) and event.job.ended:
            self.notify(safe(event.job.title), title=event.job.state.value, markup=False)
        elif isinstance(event, Notice):
            if event.job_id in (None, self._job_id):
                self._say(event.text)
            else:
                self.notify(safe(event.text), markup=False)

    # --- what the person does

    @on(Button.Pressed, "#generate")
    def action_generate(self) -> None:
        self._generate()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self._cancel()

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Enter goes on to what is missing, or makes the video when nothing is."""
        event.stop()
        self._generate()

    @on(Input.Changed, "#where")
    def where_changed(self) -> None:
        self._show_hint()

    def action_leave_field(self) -> None:
        self.set_focus(self.query_one("#generate"))

    def _wanted(self) -> Request | None:
        """What the fields say, or None after having told what is missing."""
        values = {name: _pasted(self.query_one(f"#{name}", Input).value) for name in ("image", "audio", "where")}
        for name, what in (("image", "Choose a portrait first."), ("audio", "Choose a voice first.")):
            if not values[name]:
                self._say(what, bad=True)
                self.query_one(f"#{name}").focus()
                return None
        try:
            where = check_where(values["where"] or PREVIEW)
        except ValueError as reason:
            self._say(f"Where to make it: {reason}.", bad=True)
            self.query_one("#where").focus()
            return None
        return Request(
            image=values["image"],
            audio=values["audio"],
            on=where,
            prompt=self._settings.prompt,
            shape=self._settings.shape,
            quality=self._settings.quality,
            audio_strength=self._settings.audio_strength,
        )

    @work(exit_on_error=False)
    async def _generate(self) -> None:
        request = self._wanted()
        if request is None:
            return
        await self._engine_ready.wait()
        try:
            self._begin(await self._engine.submit(request))
        except OavrError as error:
            self._say(error.message, bad=True)

    @work(exit_on_error=False)
    async def _cancel(self) -> None:
        job = self._engine.job(self._job_id)
        if job is None or job.ended:
            self._say("Nothing is being made.")
            return
        self._say("Cancelling…")
        try:
            await self._engine.cancel(job.id)
        except OavrError as error:
            self._say(error.message, bad=True)

    # --- redrawing

    def _begin(self, job: Job) -> None:
        self._job_id = job.id
        self.query_one("#work").display = True
        self.query_one("#cancel", Button).disabled = False
        self.query_one("#generate", Button).label = "Add to queue"
        self.query_one("#bar", ProgressBar).update(progress=0)
        self.query_one("#stage", Static).update(Content(STAGES.get(job.state, "")))
        self._say("")

    def _show_progress(self, progress: Progress) -> None:
        parts = [STAGES[JobState(progress.stage)], safe(progress.detail)]
        if progress.eta_seconds is not None:
            parts.append(f"about {clock(progress.eta_seconds)} left")
        self.query_one("#stage", Static).update(Content(" · ".join(part for part in parts if part)))
        self.query_one("#bar", ProgressBar).update(progress=progress.percent)

    async def _show_job(self, job: Job) -> None:
        if not job.ended:
            return
        self.query_one("#cancel", Button).disabled = True
        self.query_one("#generate", Button).label = "Generate"
        if job.state is JobState.DONE:
            video = await self._engine.video(job.video_id)
            self.query_one("#bar", ProgressBar).update(progress=100)
            self.query_one("#stage", Static).update(Content("✔ Done"))
            if video is not None:
                self._say(_saved(video), good=True)
            return
        cancelled = job.state is JobState.CANCELLED
        self.query_one("#stage", Static).update(Content("- Cancelled" if cancelled else "✘ Failed"))
        self._say(job.failure.message if job.failure else "", bad=not cancelled)

    def _say(self, text: str, *, bad: bool = False, good: bool = False) -> None:
        self.query_one("#work").display = True
        message = self.query_one("#message", Static)
        message.set_class(bad, "bad").set_class(good, "good")
        message.update(Content(safe(text, 1000)))
        self.call_after_refresh(message.scroll_visible, animate=False)


def _saved(video: Video) -> str:
    kind = "Preview" if video.preview else "Video"
    path, home = video.path, str(Path.home())
    shown = "~" + path.removeprefix(home) if path.startswith(home + "/") else path
    return f"{kind} saved as {shown}: {clock(video.duration)}, {video.width}x{video.height}, {size(video.bytes)}"


def _pasted(text: str) -> str:
    """A path as terminals paste or drop it: quoted, escaped, or as a file:// address."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    elif "\\ " in text:
        text = text.replace("\\ ", " ")
    if text.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        text = unquote(urlsplit(text).path)
    return text
