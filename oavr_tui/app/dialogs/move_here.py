"""A license that is still on the computer from which this one was copied: it may be moved here."""

from __future__ import annotations

from textual.app import ComposeResult

from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.app.dialogs.send_name import SendName, computer_name

MOVE = "move"
_LINES = (
    "This app was copied here from another computer, or this one was set up anew, and its license is still on the "
    "other one. Moved here, Pro works on this computer, and ends on the other.",
)


class MoveHere(Question):
    """Answers MOVE or "". computer: what this one is called, where that is not to be looked up."""

    def __init__(self, computer: str | None = None) -> None:
        super().__init__("Move your license here?", _LINES, [Answer(MOVE, "Move it here", "primary"), BACK], focus=MOVE)
        self._send = SendName(computer_name() if computer is None else computer)

    def more(self) -> ComposeResult:
        yield self._send

    @property
    def computer(self) -> str | None:
        """The name to send, also once it is answered; None where it may not be sent."""
        return self._send.wanted
