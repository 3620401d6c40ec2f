"""Pro is bought in a browser, here or on any other device; this waits for it, and unlocks by itself."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Static

from oavr_tui.app.dialogs.show_address import ShowAddress
from oavr_tui.errors import OavrError
from oavr_tui.text import safe

KEY, UNLOCKED = "key", "unlocked"
_WAITING = "Waiting for your purchase. Pro unlocks here by itself."
_TOO_LONG = "No purchase has arrived so far. One that is made later is found too; and the key in your mail works any time."


class Upgrade(ShowAddress):
    """Returns UNLOCKED, KEY where the person has one already, or "". opened: a browser shows the address already, and
    which one did, as a sentence."""

    def __init__(self, address: str, price: int, opened: str) -> None:
        super().__init__(address, f"OpenAvathar Pro, ${price} once")
        self._opened = opened

    def lead(self) -> str:
        return safe(f"{self._opened} The address, for another device:") if self._opened else super().lead()

    def more(self) -> ComposeResult:
        yield Static(Content(_WAITING), classes="line", id="upgrade-word")
        yield Button("I have a key", compact=True, id="upgrade-key")
        yield Button("Look again", compact=True, id="upgrade-again")

    def on_mount(self) -> None:
        self.query_one("#upgrade-again").display = False
        self._wait()

    @property
    def copies_at_once(self) -> bool:
        return super().copies_at_once and not self._opened

    @work(exclusive=True, group="purchase")
    async def _wait(self) -> None:
        """Ends with the dialog."""
        engine = await self.oavr.engine_when_open()
        word, again = self.query_one("#upgrade-word", Static), self.query_one("#upgrade-again")
        word.update(Content(_WAITING))
        again.display = False
        try:
            if await engine.license.wait_for_purchase():
                self.dismiss(UNLOCKED)
                return
            said = _TOO_LONG
        except OavrError as error:
            said = safe(error.message, 400)
        word.update(Content(said))
        again.display = True

    @on(Button.Pressed, "#upgrade-again")
    def wait_again(self) -> None:
        self.query_one("#close").focus()
        self._wait()

    @on(Button.Pressed, "#upgrade-key")
    def has_key(self) -> None:
        self.dismiss(KEY)
