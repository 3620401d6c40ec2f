"""A license key for this device: typed masked, asked about, and every answer in plain words."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.dialogs.send_name import SendName, computer_name
from oavr_tui.app.license_words import not_confirmed
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.errors import LicenseRefused, OavrError
from oavr_tui.text import safe

_WHAT = "The key stands in the mail and on the receipt of your purchase. Capitals, dashes and spaces do not matter."
_LONGEST = 200
_FULL = "DEVICE_LIMIT"
"""The server's word for a license that is on as many devices as it may."""


class Activate(OwnDialog[bool]):
    """Returns whether a license is used here now. computer: what this one is called, where that is not to be looked
    up."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Back", show=False)]
    DEFAULT_CSS = """
    Activate {
        & .row { height: auto; margin-bottom: 1; }
        & .row .label { width: 5; }
        & .row Input { width: 1fr; background: $panel; }
        & .row Button { min-width: 6; margin-left: 1; }
        & #license-word { height: auto; min-height: 1; }
        & .answers { margin-top: 1; }
        &.short .row { margin-bottom: 0; }
    }
    """

    def __init__(self, computer: str | None = None) -> None:
        super().__init__()
        self._send = SendName(computer_name() if computer is None else computer)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Activate Pro on this device"), classes="title")
            yield Static(Content(_WHAT), classes="line")
            with Horizontal(classes="row"):
                yield Static(Content("Key"), classes="label")
                yield TextField(placeholder="OAVR-…", password=True, id="license-key", max_length=_LONGEST)
                yield SmallButton("Show", id="license-show")
            yield self._send
            yield Static("", id="license-word")
            with Horizontal(classes="answers"):
                yield Button("Activate", variant="primary", id="license-activate")
                yield Button("Back", id="license-back")

    def on_mount(self) -> None:
        self.app.clear_notifications()
        self._field.focus()

    @property
    def _field(self) -> Input:
        return self.query_one("#license-key", Input)

    def _say(self, text: str, look: str) -> None:
        line = self.query_one("#license-word", Static)
        line.set_classes(look)
        line.update(Content(safe(text, 600)))

    @on(Button.Pressed, "#license-show")
    def show_or_hide(self, event: Button.Pressed) -> None:
        self._field.password = not self._field.password
        event.button.label = "Show" if self._field.password else "Hide"
        self._field.focus()

    @on(Button.Pressed, "#license-back")
    def back(self) -> None:
        self.dismiss(False)

    @on(Input.Submitted, "#license-key")
    @on(Button.Pressed, "#license-activate")
    def wanted(self) -> None:
        key = self._field.value.strip()
        if not key:
            self._say("Paste your key into the line above first.", "bad")
            self._field.focus()
            return
        self._activate(key)

    @work(exclusive=True, group="license-activate")
    async def _activate(self, key: str) -> None:
        """Until it is activated, refused, or no device is released for it."""
        engine = await self.oavr.engine_when_open()
        while True:
            self._say("Asking the license server…", "hint")
            try:
                status = await engine.license.activate(key, name=self._send.wanted)
            except LicenseRefused as error:
                self._say(f"✘ {error.message}", "bad")
                if error.reason == _FULL and await self._released_one(key):
                    continue
            except OavrError as error:
                self._say(f"✘ {error.message}", "bad")
            else:
                if status.is_pro:
                    self.dismiss(True)
                    return
                self._say(f"✘ {not_confirmed(status)}", "bad")
            self._field.focus()
            return

    async def _released_one(self, key: str) -> bool:
        from oavr_tui.app.dialogs.devices import Devices

        return await self.app.push_screen_wait(Devices(key))
