"""The screen beneath everything else."""

from __future__ import annotations

from textual import events
from textual.screen import Screen


class House(Screen[object]):
    """What is beneath everything else."""

    def _compositor_refresh(self) -> None:
        # While updates are gathered Textual draws all the same, and throws it away: a fifth of the start.
        if not self.app._batch_count:
            super()._compositor_refresh()

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        # Textual's own comes after this one. What was mounted a moment ago has its styles already.
        if not self.stack_updates:
            event.refresh_styles = False
