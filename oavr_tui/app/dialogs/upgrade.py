"""Pro is bought in a browser, here or on any other device; this waits for it, and unlocks by itself."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.show_address import ShowAddress
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.errors import OavrError
from oavr_tui.text import safe

KEY, UNLOCKED = "key", "unlocked"
_WAITING = "Waiting for your purchase. Pro unlocks here by itself."
_TOO_LONG = (
    "No purchase has arrived so far. One that comes later is found too; and the key in your mail works at any time."
)


class Upgrade(ShowAddress):
    """Returns UNLOCKED, KEY where the person has one already, or "". address: of the checkout. price: whole dollars."""

    LEAST_COLUMNS = 34

    def __init__(self, address: str, price: int) -> None:
        super().__init__(address, f"OpenAvathar Pro, ${price} once")

    def state(self) -> ComposeResult:
        yield Static(Content(_WAITING), classes="line", id="upgrade-word")

    def ways(self) -> ComposeResult:
        yield SmallButton("I have a key", id="upgrade-key")
        yield SmallButton("Look again", id="upgrade-again")

    def on_mount(self) -> None:
        self._open()
        self._wait()

    @work(exclusive=True, group="purchase-browser")
    async def _open(self) -> None:
        """A browser is tried; the address stays, for another device."""
        from oavr_tui.app.outside.opening import open_outside

        opened = await open_outside(self.address, self.oavr.environ)
        if opened.done:
            self.lead.update(Content(safe(f"{opened.sentence} For another device, the address:")))

    @work(exclusive=True, group="purchase")
    async def _wait(self) -> None:
        """Ends with the dialog."""
        engine = await self.oavr.engine_when_open()
        self._say(_WAITING, waiting=True)
        try:
            if await engine.license.wait_for_purchase():
                self.dismiss(UNLOCKED)
            else:
                self._say(_TOO_LONG, waiting=False)
        except OavrError as error:
            self._say(safe(error.message, 400), waiting=False)

    def _say(self, text: str, *, waiting: bool) -> None:
        self.query_one("#upgrade-word", Static).update(Content(text))
        self.query_one("#upgrade-again").display = not waiting

    @on(Button.Pressed, "#upgrade-again")
    def wait_again(self) -> None:
        self.query_one("#close").focus()
        self._wait()

    @on(Button.Pressed, "#upgrade-key")
    def has_key(self) -> None:
        self.dismiss(KEY)
