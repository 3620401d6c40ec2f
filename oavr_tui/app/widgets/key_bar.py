"""The bar of keys at the foot: what can be done where the focus is; at the right what can be done everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.screen import Screen

from oavr_tui.app.actions import BY_ID
from oavr_tui.app.keys import shown_key
from oavr_tui.app.widgets.one_line import OneLine, Part

_IN_A_QUESTION: tuple[tuple[Part, Part], ...] = (
    ((" tab ", "key", ""), ("Next ", "name", "")),
    ((" enter ", "key", ""), ("Choose ", "name", "")),
    ((" esc ", "key", ""), ("Back ", "name", "")),
)
"""While a question is in front only its own keys act, and they are the same in each."""


class KeyBar(OneLine):
    """Follows the focus. A click on a key does what the key does."""

    DEFAULT_CSS = "KeyBar { dock: bottom; background: $surface; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._here: list[Part] = []
        self._everywhere: list[Part] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if not self.is_attached or not screen.is_current:
            return
        if len(screen.app.screen_stack) > 1:
            self._here, self._everywhere = [part for pair in _IN_A_QUESTION for part in pair], []
            self._show_what_fits()
            return
        here: list[Part] = []
        everywhere: list[Part] = []
        seen: set[str] = set()
        for active in screen.active_bindings.values():
            action = BY_ID.get(active.binding.id or "")
            if action is None or not active.binding.show or action.id in seen:
                continue
            seen.add(action.id)
            key = active.binding.key_display or shown_key(active.binding.key)
            parts = everywhere if action.owner == "app" else here
            parts += [(f" {key} ", "key", action.id), (f"{action.label} ", "name", action.id)]
        self._here, self._everywhere = here, everywhere
        self._show_what_fits()

    def on_resize(self) -> None:
        self._show_what_fits()

    def _show_what_fits(self) -> None:
        """As many keys with their whole names as there is room for; the key help has them all."""
        room = self.size.width - _cells(self._everywhere)
        here, everywhere = self._here, self._everywhere
        while here and _cells(here) > room:
            here = here[:-2]
        while everywhere and _cells(everywhere) > self.size.width:
            everywhere = everywhere[:-2]
        self.show(here, everywhere)


def _cells(parts: Sequence[Part]) -> int:
    return sum(cell_len(text) for text, _look, _wanted in parts)
