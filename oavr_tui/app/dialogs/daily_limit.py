"""Today's free videos are used: until when, and what else there is. It follows the clock while it is open."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TYPE_CHECKING

from textual.widgets import Static

from oavr_tui.app.dialogs.question import Answer, Question
from oavr_tui.app.license_words import UNLOCKED, limit_lines
from oavr_tui.app.live import Topic

if TYPE_CHECKING:
    from oavr_tui.engine.license_commands import LicenseCommands

UPGRADE, KEY = "upgrade", "key"
_ABOUT = frozenset({Topic.CLOCK, Topic.LICENSE})
_OVER = "A new day has begun: the next full video is yours."


class DailyLimit(Question):
    """Answers UPGRADE, KEY, or "" for waiting. What is not sold, or cannot be activated, is not offered."""

    def __init__(self, license: LicenseCommands, clock: Callable[[], float]) -> None:
        self._license, self._clock = license, clock
        super().__init__(self._heading(), self._said(), self._choices())

    def draw(self, changed: Set[Topic]) -> None:
        """Take in that a minute has passed, or that the plan is another one."""
        if changed & _ABOUT:
            self.tell(self._said(), self._choices(), "")
            self.query_one(".title", Static).update(self._heading())

    def _heading(self) -> str:
        status = self._license.status
        return "Daily limit reached" if status.left == 0 else "Pro" if status.is_pro else "A new day"

    def _said(self) -> list[str]:
        status = self._license.status
        if status.is_pro:
            return [UNLOCKED]
        return limit_lines(status, self._clock(), self._license) if status.left == 0 else [_OVER]

    def _choices(self) -> list[Answer]:
        if self._license.status.left != 0:
            return [Answer("", "Go on")]
        offered = [Answer(UPGRADE, f"Upgrade ${self._license.price}", "primary")] if self._license.sells else []
        offered += [Answer(KEY, "I have a key")] if self._license.configured else []
        return [*offered, Answer("", "Wait until tomorrow")]
