"""The part of the settings about plan and license."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Static

from oavr_tui.app.license_words import plan_lines
from oavr_tui.app.widgets.flow import Flow
from oavr_tui.app.widgets.small_button import SmallButton

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp
    from oavr_tui.engine.license_commands import LicenseCommands

_BUTTONS = {
    "upgrade": "Upgrade",
    "activate": "I have a key",
    "move_license": "Move it here",
    "devices": "Devices…",
    "release_license": "Release this device…",
    "check_license": "Check now",
}
"""Actions of the app, and what their buttons say."""


class LicenseBox(Vertical):
    """What holds, and what can be done about it; what is of no use now is not there."""

    DEFAULT_CSS = """
    LicenseBox {
        height: auto;
        & Flow Button { margin-right: 2; min-width: 8; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Static("", id="license-line")
        with Flow():
            for action, label in _BUTTONS.items():
                button = SmallButton(label, id=f"license-{action}")
                button.display = False
                yield button

    def draw(self, license: LicenseCommands, now: float, *, demo: bool) -> None:
        """now: unix seconds. demo: nothing is counted."""
        lines = plan_lines(license.status, license, now, demo=demo)
        self.query_one("#license-line", Static).update(Content("\n".join(lines)))
        wanted = set() if demo else _useful(license)
        for action in _BUTTONS:
            self.query_one(f"#license-{action}").display = action in wanted
        self.query_one("#license-upgrade", Button).label = f"Upgrade ${license.price}"

    @on(Button.Pressed)
    async def pressed(self, event: Button.Pressed) -> None:
        event.stop()
        app = cast("OavrApp", self.app)
        await app.action_act(f"app.{(event.button.id or '').removeprefix('license-')}")


def _useful(license: LicenseCommands) -> set[str]:
    """Actions that can be done as things stand."""
    if not license.configured:
        return set()
    useful = {"check_license"} | ({"move_license"} if license.can_move_here else set())
    if license.status.is_pro:
        return useful | {"devices", "release_license"}
    return useful | {"activate"} | ({"upgrade"} if license.sells else set())
