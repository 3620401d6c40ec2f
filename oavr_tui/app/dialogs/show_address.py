"""An address for another device, where no browser can be opened here: to copy, to read, and as a code for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from rich.style import Style
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.outside.qr import INK, fitting
from oavr_tui.app.outside.terminal import Terminal
from oavr_tui.app.widgets.flow import Flow
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.talking import Talking

_LONGEST = 2000
_TEXT_COLUMNS = 48
"""What the words beside the code take at most."""


class Code(Widget):
    """A QR code. Its colors are its own in every theme: readers want dark on light."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Code { width: auto; height: auto; }"

    def __init__(self) -> None:
        super().__init__(id="code")
        self._lines: Sequence[str] = ()
        self._ink = Style.parse(INK)

    def show(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.display = bool(lines)
        self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return len(self._lines[0]) if self._lines else 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width)
        return Strip([Segment(self._lines[y], self._ink)], len(self._lines[y]))


class ShowAddress(OwnDialog[str]):
    """Over SSH it copies the address at once, since that is for another computer, and says how. Esc closes."""

    DEFAULT_CSS = """
    ShowAddress {
        & #frame { width: auto; max-width: 98%; height: auto; border: round $primary; background: $surface; }
        & #words { width: 48; height: auto; padding: 0 1; scrollbar-size-vertical: 1; }
        & .title { text-style: bold; color: $primary; }
        & .line { margin-top: 1; }
        & #address { text-style: bold; margin-top: 1; }
        & Flow { margin-top: 1; }
        & Flow Button { margin-right: 1; min-width: 9; }
    }
    """
    LEAST_COLUMNS: ClassVar[int] = 18
    """What the words need at least; where it is not left beside the code, there is no code."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, address: str, what: str) -> None:
        """what: what is behind the address, in words."""
        super().__init__()
        self.address = address
        self._what = what
        self._code = Code()
        self.lead = Static("For a browser on any computer or phone:", classes="line")
        self._copied = Static("y copies it.", classes="line", id="copied")
        self._no_room = Static("In a larger window there is a code for a phone here.", classes="line")
        self._words = VerticalScroll(id="words", can_focus=False)

    def compose(self) -> ComposeResult:
        with Horizontal(id="frame"):
            with self._words:
                yield Static(Content(safe(self._what)), classes="title")
                yield from self.state()
                yield self.lead
                yield Static(Content(safe(self.address, _LONGEST)), id="address")
                with Flow():
                    yield SmallButton("Copy again" if self._for_elsewhere else "Copy", id="again")
                    yield from self.ways()
                    yield SmallButton("Close", variant="primary", id="close")
                yield self._copied
                yield self._no_room
            yield self._code

    def state(self) -> ComposeResult:
        """What a dialog of this kind says first."""
        yield from ()

    def ways(self) -> ComposeResult:
        """Buttons of a dialog of this kind."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one("#close").focus()
        if self._for_elsewhere:
            self.action_copy()

    @property
    def _for_elsewhere(self) -> bool:
        return Terminal.find(cast("Talking", self.app).environ).over_ssh

    def on_resize(self) -> None:
        """Room for the code, and beside it what is left for the words."""
        width, height = self.size.width * 98 // 100 - 2, self.size.height - 2
        lines = fitting(self.address, width - self.LEAST_COLUMNS, height)
        self._code.show(lines)
        self._no_room.display = not lines
        self._words.styles.width = min(_TEXT_COLUMNS, width - (len(lines[0]) if lines else 0))
        self._words.styles.max_height = height

    @work(exclusive=True, group="copying")
    async def action_copy(self) -> None:
        copied = await cast("Talking", self.app).copied(self.address)
        self._copied.update(Content(safe(copied.sentence, 600)))

    @on(Button.Pressed, "#again")
    def again(self) -> None:
        self.action_copy()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        self.dismiss("")
