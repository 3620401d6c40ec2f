"""What all dialogs have in common: they know our app, and F1 tells their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp

SHORT = 24
"""Lines of the window below which a dialog spares its blank ones."""


class OwnDialog(ModalScreen[ScreenResultType]):
    """A dialog that knows whose it is. Its own bindings are told by F1 with their descriptions."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,question_mark", "keys_here", "Help", show=False)]
    VERTICAL_BREAKPOINTS = [(0, "short"), (SHORT, "high")]  # noqa: RUF012 - as Textual declares it
    DEFAULT_CSS = """
    OwnDialog.short .answers Button {
        height: 1 !important;
        border: none !important;
        &:focus { text-style: bold reverse !important; }
    }
    """

    @property
    def oavr(self) -> OavrApp:
        """The app, as what it is."""
        return cast("OavrApp", self.app)

    def action_keys_here(self) -> None:
        """Show the keys that work in this dialog."""
        from oavr_tui.app.dialogs.help import Help, keys_of

        self.app.push_screen(Help(keys_of(self)))
