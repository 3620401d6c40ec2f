"""A RunPod key: what it is for, where to get one, what it will cost; typed masked, tried, and only then kept."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from oavr_tui.app.dialogs.own_dialog import SHORT, OwnDialog
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.errors import OavrError
from oavr_tui.pods.cost import USUAL_RENT
from oavr_tui.text import safe

KEYS_PAGE = "https://console.runpod.io/user/settings"

_WHAT = (
    "Full videos are made on a machine rented by the second from RunPod. With your account's key this app starts it "
    "and stops it."
)
_AROUND, _AROUND_SHORT = 11, 7
"""Lines of the window that the scrolled part must leave: the title, the answers, borders and what lies between. The
second is for a short window, where a dialog has fewer blank ones."""


class GetKey(OwnDialog[bool]):
    """Returns whether a key was kept."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Back", show=False)]
    DEFAULT_CSS = """
    GetKey {
        & VerticalScroll { height: auto; scrollbar-size-vertical: 1; }
        & .row { height: auto; margin-bottom: 1; }
        & .row Input { width: 1fr; background: $panel; }
        & .row .label { width: 5; }
        & .row .where { width: 1fr; }
        & #key-word { height: auto; min-height: 1; }
        & .answers { margin-top: 1; }
        & .row Button { min-width: 6; }
        &.short .row { margin-bottom: 0; }
        &.short #key-word { margin-top: 1; }
    }
    """

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Your RunPod key"), classes="title")
            with VerticalScroll(can_focus=False):
                yield Static(Content(_WHAT), classes="line")
                yield Static(Content(self._costs()), classes="line")
                with Horizontal(classes="row"):
                    yield Static(Content(f"Get one: {KEYS_PAGE}"), classes="where")
                    yield SmallButton("Open", id="key-open")
                with Horizontal(classes="row"):
                    yield Static(Content("Key"), classes="label")
                    yield TextField(placeholder=self._example(), password=True, id="key")
                if (demo := self.oavr.demo) is not None:
                    with Horizontal(classes="row"):
                        yield Static(Content(f"The demo's account takes {demo.key}"), classes="where")
                        yield SmallButton("Use it", id="key-demo")
                yield Static("", id="key-word")
            with Horizontal(classes="answers"):
                yield Button("Test & save", variant="primary", id="key-save")
                yield Button("Back", id="key-back")

    def _costs(self) -> str:
        minutes = self.oavr.settings.pods_idle_minutes
        return (
            f"Usually {USUAL_RENT}, so some $0.10 a video. "
            f"It stops after {minutes:g} minutes without work. Quick previews stay free."
        )

    def _example(self) -> str:
        if self.oavr.demo is not None:
            return "enter alone takes the demo's"
        return "rpa_…, from API Keys on that page"

    def on_resize(self, event: events.Resize) -> None:
        around = _AROUND_SHORT if event.size.height < SHORT else _AROUND
        self.query_one(VerticalScroll).styles.max_height = max(event.size.height - around, 3)

    def on_mount(self) -> None:
        self.app.clear_notifications()  # in a small window they would cover the answers
        field = self.query_one("#key", Input)
        field.focus()
        self._word("Kept on this computer only; only you can read it.", "hint")

    def _say(self, text: str, look: str) -> None:
        """An answer to what the person did, which must be seen."""
        self.call_after_refresh(self._word(text, look).scroll_visible, animate=False)

    def _word(self, text: str, look: str) -> Static:
        line = self.query_one("#key-word", Static)
        line.set_classes(look)
        line.update(Content(safe(text, 600)))
        return line

    @on(Button.Pressed, "#key-demo")
    def take_demo_key(self) -> None:
        if (demo := self.oavr.demo) is not None:
            self.query_one("#key", Input).value = demo.key
            self._save(demo.key)

    @on(Button.Pressed, "#key-back")
    def back(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#key-open")
    def open_page(self) -> None:
        self._open_page()

    @work(exclusive=True, group="key-open")
    async def _open_page(self) -> None:
        self._say(await self.oavr.opened(KEYS_PAGE), "hint")

    @on(Input.Submitted, "#key")
    @on(Button.Pressed, "#key-save")
    def wanted(self) -> None:
        key = self.query_one("#key", Input).value.strip()
        if not key and self.oavr.demo is not None:
            self.take_demo_key()
            return
        if not key:
            self._say("Paste your key into the line above first.", "bad")
            self.query_one("#key", Input).focus()
            return
        self._save(key)

    @work(exclusive=True, group="key-save")
    async def _save(self, key: str) -> None:
        self._say("Asking RunPod…", "hint")
        engine = await self.oavr.engine_when_open()
        try:
            report = await engine.test_key(key)
            if not report.ok:
                self._say("✘ " + report.sentence, "bad")
                self.query_one("#key", Input).focus()
                return
            await engine.save_key(key)
        except OavrError as error:
            self._say("✘ " + error.message, "bad")
            return
        self.oavr.say(report.sentence)
        self.dismiss(True)
