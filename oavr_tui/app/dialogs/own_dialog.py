"""What the dialogs have in common that ask something of our app."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import ModalScreen, ScreenResultType

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp


class OwnDialog(ModalScreen[ScreenResultType]):
    """A dialog that knows whose it is."""

    @property
    def oavr(self) -> OavrApp:
        """The app, as what it is."""
        return cast("OavrApp", self.app)
