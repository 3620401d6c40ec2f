"""The Studio's form: two files, a prompt, a shape, which kind of video, and further options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from oavr_tui.app.memory import Draft
from oavr_tui.app.outside.listing import PICTURES, VOICES
from oavr_tui.app.screens.studio_more import More, Row, field
from oavr_tui.app.widgets.choice import Choice, Pick
from oavr_tui.app.widgets.path_field import PathField
from oavr_tui.app.widgets.picture import Picture
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.app.widgets.waveform import Waveform
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.live import Live
    from oavr_tui.media.types import Raster

Hints = tuple[str, ...]
Mood = Literal["hint", "good", "bad"]
_MARKS: dict[Mood, str] = {"hint": "", "good": "✔ ", "bad": "✘ "}

SHAPES = (
    Pick("auto", "From the picture", "Auto"),
    Pick("portrait", "Portrait"),
    Pick("landscape", "Landscape"),
    Pick("square", "Square"),
)
HINTS = {
    "image": "a clear picture of one face",
    "audio": "a recording of somebody speaking",
}
"""What is said below an empty field."""
_EMPTY = "type a path, or drop a file"
_LEAST_LINES = 6
"""Of the form that are always seen; the others can be scrolled to."""


class Form(VerticalScroll, can_focus=False):
    """Holds a Draft; says what was found about its files; knows no engine."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "go_on", "Go on", show=False)]
    DEFAULT_CSS = """
    Form {
        height: auto;
        scrollbar-size-vertical: 1;
        & #top, & #go { height: auto; }
        & #fields { width: 1fr; height: auto; }
        & #fields Input, & #fields Choice { margin-left: 10; }
        & Input { width: 1fr; background: $surface; }
        & Input:focus { background: $panel; }
        & .browse { margin-left: 1; min-width: 8; }
        & .found { margin-left: 10; height: auto; }
        & #side { display: none; width: 26; height: auto; margin-left: 2; }
        & #side Picture { width: 26; height: 8; background: $surface; }
        & #side Waveform { height: 1; width: 26; }
        & #more { width: 1fr; height: 1; text-align: left; content-align: left middle; padding: 0; }
        & #more { text-wrap: nowrap; text-overflow: ellipsis; }
        & #more { background: $background; color: $text-muted; text-style: none; }
        & #more:focus { color: $primary; text-style: bold reverse; }
        & #go { margin-top: 1; }
        & #generate { width: 18; }
        & #generate:focus { text-style: bold underline; }
        & #status { width: 1fr; height: auto; margin-left: 2; }
    }
    Form.roomy #side { display: block; }
    Form.tall {
        & Row { margin-bottom: 1; }
        & .found { margin: 0 0 1 10; }
        & Row.under, & More Row { margin-bottom: 0; }
        & .heading { margin-bottom: 1; }
        & #side Picture { height: 14; }
        & #side Waveform { height: 2; }
    }
    """

    @dataclass
    class Edited(Message):
        """The person changed something. field: the Draft's field."""

        field: str

    @dataclass
    class Wanted(Message):
        """The person wants something done: generate, image or audio (to browse for), more, or go_on (Enter)."""

        what: str

    def __init__(self) -> None:
        super().__init__()
        self._more = More(id="more-options")
        self._seeks_more = False
        self._files = {
            "image": PathField(suffixes=PICTURES, placeholder=_EMPTY, id="image"),
            "audio": PathField(suffixes=VOICES, placeholder=_EMPTY, id="audio"),
        }
        self._texts: dict[str, Input] = {
            **self._files,
            "prompt": field("prompt", "what the person in the picture does"),
        }
        self._make = Choice(_makes((), ()), "preview", column=True, id="make")
        self._choices = {
            "shape": Choice(SHAPES, "auto", id="shape"),
            "quality": self._more.quality,
            "on": self._more.where,
        }
        self._lines = {
            name: Static("", id=name, classes="found hint") for name in ("found-image", "found-audio", "status")
        }
        self._fold = SmallButton("", id="more")
        self.go_button = SmallButton("Generate", variant="primary", id="generate")
        self._thumb, self._wave = Picture(id="thumb"), Waveform(id="wave")

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            with Vertical(id="fields"):
                yield Static("New video", classes="heading")
                for name, label in (("image", "Portrait"), ("audio", "Voice")):
                    browse = SmallButton("Browse", id=f"browse-{name}", classes="browse")
                    yield Row(label, self._files[name], browse, classes="under")
                    yield self._lines[f"found-{name}"]
                yield Row("Prompt", self._texts["prompt"])
                yield Row("Shape", self._choices["shape"])
                yield Row("Make", self._make)
            with Vertical(id="side"):
                yield self._thumb
                yield self._wave
        yield self._fold
        yield self._more
        with Horizontal(id="go"):
            yield self.go_button
            yield self._lines["status"]

    def on_mount(self) -> None:
        self.show_more(self.more_shown)

    # --- what it holds

    @property
    def draft(self) -> Draft:
        """The form as it stands."""
        texts = {name: text.value for name, text in self._texts.items()}
        choices = {name: choice.value for name, choice in self._choices.items()}
        return Draft(full=self._make.value == "full", **texts, **choices, **self._more.values)

    def fill(self, draft: Draft) -> None:
        """Put everything into the fields, as if it had been typed."""
        for name, text in self._texts.items():
            text.value = getattr(draft, name)
        for name in self._more.values:
            self._more.put(name, getattr(draft, name))
        for name, choice in self._choices.items():
            choice.value = getattr(draft, name)
        self.show_more(_unusual(draft))
        self.choose_kind(full=draft.full)

    def given(self, name: str) -> str:
        """The path or address that is meant by `image` or `audio`; empty where nothing is."""
        return self._files[name].given

    def put(self, name: str, path: str) -> None:
        """Put a file into `image` or `audio`, and go on to what is missing."""
        self._files[name].value = path
        self.missing.focus()

    def choose_kind(self, *, full: bool) -> None:
        """Choose the full video or the preview."""
        self._make.value = "full" if full else "preview"
        self.post_message(self.Edited("make"))

    def is_typed_in(self, name: str) -> bool:
        """Whether the person is in this text field."""
        return self._texts[name].has_focus

    @property
    def is_in_a_text(self) -> bool:
        """Whether the person is in any text field."""
        return any(text.has_focus for text in (*self._texts.values(), *self._more.texts.values()))

    # --- what it shows

    def say(self, where: str, text: str, mood: Mood = "hint") -> None:
        """A sentence at `found-image`, `found-audio` or `status`."""
        line = self._lines[where]
        line.set_class(mood == "hint", "hint").set_class(mood == "good", "good").set_class(mood == "bad", "bad")
        line.update(Content(_MARKS[mood] + safe(text, 600) if text else ""))

    def show_pictures(self, portrait: Raster | None, voice: Sequence[float] | None) -> None:
        """Draw the portrait, and the voice as its peaks."""
        self._thumb.show(portrait)
        self._wave.show(voice)

    def show_kinds(self, preview: Hints, full: Hints) -> None:
        """What the two kinds of video take, each said at length and more and more briefly."""
        self._make.show(_makes(preview, full))

    def show_places(self, live: Live, *, has_key: bool) -> None:
        """Offer the studios that there are now."""
        self._more.show_places(live, has_key=has_key)

    def show_go(self, label: str) -> None:
        """What the button says."""
        self.go_button.label = label

    @property
    def more_shown(self) -> bool:
        return bool(self._more.display)

    def show_more(self, shown: bool, *, seek: bool = False) -> None:
        """Unfold or fold the further options. seek: bring them into sight, as many as there is room for."""
        self._seeks_more = shown and seek
        if shown:
            self._more.unfold()
        else:
            self._more.display = False
        hint = "" if shown else "   quality · seed · audio strength · length"
        self._fold.label = Content(("▾" if shown else "▸") + " More options" + hint)

    def keep_within(self, lines: int) -> None:
        """Take so many lines at most, and scroll where that is too little."""
        lines = max(lines, _LEAST_LINES)
        if self.styles.max_height is None or self.styles.max_height.value != lines:
            self.styles.max_height = lines

    @property
    def missing(self) -> Widget:
        """Where the person goes on: the first file that is not named, else the button."""
        return next((text for text in self._files.values() if not text.given), self.go_button)

    def point_at(self, name: str) -> None:
        """Put the focus on a field, by the Draft's name of it, unfolding what hides it; others are the button."""
        if name in self._more.values or name in ("quality", "on"):
            self.show_more(True)
        targets: dict[str, Widget] = {**self._texts, **self._more.texts, **self._choices, "full": self._make}
        targets.get(name, self.go_button).focus()

    @on(More.Laid)
    def more_laid(self, event: More.Laid) -> None:
        event.stop()
        if self._seeks_more:
            self._seeks_more = False
            self.scroll_to_widget(self._fold, top=True, animate=False)

    # --- what the person does

    @on(Input.Changed)
    def text_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Edited(event.input.id or ""))

    @on(Choice.Chosen)
    def choice_changed(self, event: Choice.Chosen) -> None:
        event.stop()
        self.post_message(self.Edited(event.choice.id or ""))

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Wanted("go_on"))

    def action_go_on(self) -> None:
        self.post_message(self.Wanted("go_on"))

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Wanted((event.button.id or "").removeprefix("browse-")))


def _makes(preview: Hints, full: Hints) -> tuple[Pick, Pick]:
    return Pick("preview", "Quick preview", hints=preview), Pick("full", "Full video", hints=full)


def _unusual(draft: Draft) -> bool:
    """Whether one of the further options is not as it usually is, so that it should be seen."""
    usual = Draft()
    return any(
        getattr(draft, name) != getattr(usual, name)
        for name in ("quality", "strength", "max_seconds", "workflow", "on")
    )
