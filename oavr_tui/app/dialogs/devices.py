"""The devices that a license is on; any of them can be released, and another one take its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.app.fitting import shortened
from oavr_tui.app.license_words import device_words
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.errors import OavrError
from oavr_tui.models import LicensedDevice
from oavr_tui.text import counted, safe

_FULL = "The license is on as many devices as it may. Release one of them, and this computer takes its place."
_MOST_ROWS = 8


class Devices(OwnDialog[bool]):
    """Returns whether a device was released. key: of a license that has no place left for this computer, which the
    released one makes; without one it is about the license that is used here, and stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("d", "release", "Release", show=False),
    ]
    DEFAULT_CSS = """
    Devices {
        & LineList { height: auto; background: $surface; }
        & #devices-word { height: auto; min-height: 1; margin-bottom: 1; }
        & .answers { margin-top: 1; }
    }
    """

    def __init__(self, key: str = "") -> None:
        super().__init__()
        self._key = key
        self._devices: Sequence[LicensedDevice] = ()
        self._released = False
        self._rows = LineList(self._draw, id="devices-rows")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Your license's devices"), classes="title")
            yield Static(Content("Asking the license server…"), id="devices-word")
            yield self._rows
            with Horizontal(classes="answers"):
                yield Button("Release it…", id="devices-release")
                yield Button("Back", id="devices-back")

    def on_mount(self) -> None:
        self._show(())
        self.query_one("#devices-back").focus()
        self._ask()

    @work(exclusive=True, group="devices")
    async def _ask(self) -> None:
        engine = await self.oavr.engine_when_open()
        try:
            devices = await engine.license.devices(self._key)
        except OavrError as error:
            self._say(f"✘ {error.message}", "bad")
            return
        self._show(devices)
        self._say(_FULL if self._key else counted(len(devices), "device") + ".", "")
        if devices:
            self._rows.focus()

    def _say(self, text: str, look: str) -> None:
        line = self.query_one("#devices-word", Static)
        line.set_classes(look)
        line.update(Content(safe(text, 400)))

    def _show(self, devices: Sequence[LicensedDevice]) -> None:
        self._devices = tuple(devices)
        self._rows.styles.height = min(len(devices), _MOST_ROWS)
        self._rows.display = bool(devices)
        self._rows.show_rows(len(devices))
        self.query_one("#devices-release").display = bool(devices)

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        name, facts = device_words(self._devices[index], self.oavr.clock())
        name = shortened(name, max(width - cell_len(facts) - 4, 8))
        return ((f" {name}  ", ""), (facts, "dim"))

    def action_back(self) -> None:
        self.dismiss(self._released)

    @on(Button.Pressed, "#devices-back")
    def back(self) -> None:
        self.action_back()

    @on(Button.Pressed, "#devices-release")
    @on(LineList.Chosen)
    def action_release(self) -> None:
        if 0 <= self._rows.index < len(self._devices):
            self._release(self._devices[self._rows.index])

    @work(exclusive=True, group="asking")
    async def _release(self, device: LicensedDevice) -> None:
        name = "" if device.this else device_words(device, self.oavr.clock())[0]
        if await self.app.push_screen_wait(ask_release(name)) != RELEASE:
            return
        engine = await self.oavr.engine_when_open()
        self._say("Asking the license server…", "hint")
        try:
            if device.this and not self._key:
                await engine.license.release_this_device()
                left: Sequence[LicensedDevice] = ()
            else:
                left = await engine.license.release_device(device.shown, self._key)
        except OavrError as error:
            self._say(f"✘ {error.message}", "bad")
            return
        self._released = True
        if self._key or not left:
            self.dismiss(True)
            return
        self._show(left)
        self._say(f"✔ Released. {counted(len(left), 'device')} left.", "good")


RELEASE = "release"


def ask_release(name: str) -> Question:
    """name: of the device, safe to show; empty for this computer. Answers RELEASE or ""."""
    lines = [
        f"Pro then ends {'there' if name else 'on this computer'}, and its place is free for another device. Videos "
        "stay where they are, and the same key activates it again.",
    ]
    title = f"Release {name}?" if name else "Release this device?"
    return Question(title, lines, [Answer(RELEASE, "Release it", "warning"), BACK], focus=RELEASE)
