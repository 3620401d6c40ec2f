"""Signing out: what this computer is to forget. Running studios are never forgotten, since they cost money."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.memory import Memory
from oavr_tui.errors import OavrError

_THINGS = (
    ("key", "The RunPod key", True),
    ("addresses", "Own ComfyUI addresses, and their tokens", False),
    ("jobs", "The list of finished videos in the queue", False),
    ("measures", "How long things took here", False),
    ("drafts", "The form, and where the app left off", True),
)


class Tick(Checkbox):
    """Empty where it is not ticked: the usual one shows its X always, and only the color tells."""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        return "X" if self.value else " "


class SignOut(OwnDialog[bool]):
    """Returns whether something was forgotten."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Back", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Sign out: what is this computer to forget?"), classes="title")
            for name, label, chosen in _THINGS:
                yield Tick(Content(label), chosen, id=f"forget-{name}", compact=True)
            yield Static(Content("Your videos are files of yours, and stay."), classes="line hint", id="sign-out-stay")
            yield Static("", classes="line", id="sign-out-words")
            with Horizontal(classes="answers"):
                yield Button("Forget these", id="forget", variant="error")
                yield Button("Back", id="back")

    def on_mount(self) -> None:
        self.query_one("#back").focus()
        engine = self.oavr.engine
        if engine is not None and (costs := engine.against_forgetting_key()):
            self._say(costs)

    def _say(self, text: str) -> None:
        words = self.query_one("#sign-out-words", Static)
        words.add_class("bad")
        words.update(Content(text))

    @on(Button.Pressed, "#back")
    def back(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#forget")
    def forget(self) -> None:
        self._forget()

    @work(exclusive=True, group="sign-out")
    async def _forget(self) -> None:
        chosen = {name for name, _label, _chosen in _THINGS if self.query_one(f"#forget-{name}", Checkbox).value}
        engine = await self.oavr.engine_when_open()
        try:
            sentence = await engine.sign_out(chosen - {"drafts"})
        except OavrError as error:
            self._say(error.message)
            return
        if "drafts" in chosen:
            self.oavr.memory = Memory(place="settings")
        self.oavr.say(sentence or "Forgotten.")
        self.dismiss(True)
