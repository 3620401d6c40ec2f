"""The keys, the wheel and the scrollbar of a log: all of them move by whole lines, at once and without motion."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollUp

_WHEEL = 3


class LogScroll(ScrollView, can_focus=True, inherit_bindings=False):
    """Its heir says what moving means; Textual's own scrolling sends some ten frames for a page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("left,h", "sideways(-1)", "Left", show=False),
        Binding("right,l", "sideways(1)", "Right", show=False),
    ]

    def action_move(self, lines: int) -> None:
        raise NotImplementedError

    def action_page(self, pages: int) -> None:
        raise NotImplementedError

    def action_sideways(self, steps: int) -> None:
        raise NotImplementedError

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        event.prevent_default()
        event.stop()
        if event.ctrl or event.shift:
            self.action_sideways(steps)
        else:
            self.action_move(steps * _WHEEL)

    def _on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.prevent_default()
        event.stop()
        self.action_sideways(1)

    def _on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.prevent_default()
        event.stop()
        self.action_sideways(-1)

    def _on_scroll_up(self, event: ScrollUp) -> None:  # the scrollbar was clicked above its handle
        event.prevent_default()
        event.stop()
        self.action_page(-1)

    def _on_scroll_down(self, event: ScrollDown) -> None:
        event.prevent_default()
        event.stop()
        self.action_page(1)
