"""What every screen of the sidebar has in common."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from textual.containers import Vertical
from textual.widget import Widget

from oavr_tui.app.live import EVERYTHING, Live, Topic

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp
    from oavr_tui.engine.engine import Engine


@runtime_checkable
class Follows(Protocol):
    """A dialog that redraws with what happens."""

    def draw(self, changed: Set[Topic]) -> None: ...


class Pane(Vertical):
    """One screen of the sidebar. It is made when first shown; while hidden it is told nothing and draws nothing.

    Subclasses carry out the actions of their owner (actions.py) and draw themselves in `draw`.
    """

    DEFAULT_CSS = "Pane { height: 1fr; padding: 0 1; }"

    @property
    def oavr(self) -> OavrApp:
        """The app, as what it is."""
        from oavr_tui.app.app import OavrApp

        return cast(OavrApp, self.app)

    @property
    def live(self) -> Live:
        return self.oavr.live

    async def engine(self) -> Engine:
        """The engine, as soon as it is open."""
        return await self.oavr.engine_when_open()

    def draw(self, changed: Set[Topic]) -> None:
        """Redraw what these topics concern; called only while shown and once at each showing, with everything."""
        raise NotImplementedError

    def first_focus(self) -> Widget | None:
        """Where the focus goes when this is shown; None: nowhere."""
        return next((widget for widget in self.query("*") if widget.focusable), None)

    def resting_focus(self) -> Widget | None:
        """Where the focus goes when a text field is left, so that the keys of this screen act; None: nowhere."""
        return None

    def was_shown(self) -> None:
        """This is on the screen now: begin what costs something while it is seen."""
        self.draw(EVERYTHING)

    def was_hidden(self) -> None:
        """This is not on the screen any more: end whatever reads, ticks or draws."""
