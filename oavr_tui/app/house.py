"""The screen beneath everything else."""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.screen import Screen


class House(Screen[object]):
    """What is beneath everything else."""

    _fitted: Size | None = None

    def _screen_resized(self, size: Size) -> None:
        # The terminal tells its size several times while the app starts; what is laid out for it already stays.
        if size != self._fitted or self._layout_required:
            self._fitted = size
            super()._screen_resized(size)

    def _compositor_refresh(self) -> None:
        # While updates are gathered Textual draws all the same, and throws it away: a fifth of the start.
        if not self.app._batch_count:
            super()._compositor_refresh()

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        # Textual's own comes after this one. What was mounted a moment ago has its styles already.
        if not self.stack_updates:
            event.refresh_styles = False
