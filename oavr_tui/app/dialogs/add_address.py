"""An own ComfyUI: its address, a name for it, and the token that it wants, if any."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.errors import OavrError
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp


class AddAddress(OwnDialog[tuple[str, str] | None]):
    """Returns the new pod's id and a sentence on whether it answers; None where nothing was added."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", show=False)]
    DEFAULT_CSS = """
    AddAddress {
        & VerticalScroll { height: auto; max-height: 12; scrollbar-size-vertical: 1; }
        & .row { height: auto; }
        & .row Static { width: 10; }
        & .row Input { width: 1fr; background: $panel; }
        & #add-word { margin: 1 0; min-height: 1; height: auto; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._asking = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Add a ComfyUI of your own"), classes="title")
            with VerticalScroll(can_focus=False):
                for label, field, hint in (
                    ("Address", "add-url", "http://192.168.1.20:8188"),
                    ("Name", "add-name", "made from the address if left empty"),
                    ("Token", "add-token", "only if the server asks for one"),
                ):
                    with Horizontal(classes="row"):
                        yield Static(Content(label))
                        yield TextField(placeholder=hint, id=field, password=field == "add-token")
                yield Static(
                    Content("Videos made there cost nothing here. It needs the nodes of InfiniteTalk."),
                    id="add-word",
                    classes="hint",
                )
            with Horizontal(classes="answers"):
                yield Button("Add", variant="primary", id="add-do")
                yield Button("Back", id="add-back")

    def on_mount(self) -> None:
        self.query_one("#add-url", Input).focus()

    def _word(self, text: str, look: str) -> None:
        word = self.query_one("#add-word", Static)
        word.update(Content(safe(text, 400)))
        word.set_classes(look)

    @on(Input.Submitted)
    @on(Button.Pressed, "#add-do")
    def wanted(self) -> None:
        if not self.query_one("#add-url", Input).value.strip():
            self._word("Type the address first, such as http://192.168.1.20:8188.", "bad")
            self.query_one("#add-url", Input).focus()
            return
        if not self._asking:
            self._add()

    @on(Button.Pressed, "#add-back")
    def back(self) -> None:
        self.dismiss(None)

    @work(exclusive=True, group="add-address")
    async def _add(self) -> None:
        app = cast("OavrApp", self.app)
        engine = await app.engine_when_open()
        url, name, token = (self.query_one(f"#add-{field}", Input).value.strip() for field in ("url", "name", "token"))
        self._word("Asking whether it answers…", "hint")
        self._asking = True
        try:
            pod, sentence = await engine.add_address(url, name=name, token=token)
        except OavrError as error:
            self._word(error.message, "bad")
            return
        finally:
            self._asking = False
        self.dismiss((pod.id, sentence))
