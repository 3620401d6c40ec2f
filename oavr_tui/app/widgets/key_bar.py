"""The bar of keys at the foot: what can be done where the focus is, then what can be done everywhere."""

from __future__ import annotations

from textual.screen import Screen

from oavr_tui.app.actions import BY_ID
from oavr_tui.app.keys import shown_key
from oavr_tui.app.widgets.one_line import OneLine, Part


class KeyBar(OneLine):
    """Follows the focus. A click on a key does what the key does."""

    DEFAULT_CSS = "KeyBar { dock: bottom; background: $surface; }"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if not self.is_attached or not screen.is_current:
            return
        parts: list[Part] = []
        seen: set[str] = set()
        for active in screen.active_bindings.values():
            action = BY_ID.get(active.binding.id or "")
            if action is None or not active.binding.show or action.id in seen:
                continue
            seen.add(action.id)
            key = active.binding.key_display or shown_key(active.binding.key)
            parts += [(f" {key} ", "key", action.id), (f"{action.label} ", "name", action.id)]
        self.show(parts)
