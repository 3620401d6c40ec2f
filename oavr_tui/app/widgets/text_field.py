"""A text field of one line, whose keys act in the order in which they are pressed."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.reactive import reactive
from textual.widgets import Input


class TextField(Input):
    """Carries its own keys out as they come, and never blinks.

    Textual looks up what a key does only after it has gone all the way up to the app. Letters go straight in, so that
    those pressed in the meantime were in the field first, and were erased by the key that was to make room for them.

    It is compact from the start: set later, that costs two more rounds of styles.
    """

    compact = reactive(True, toggle_class="-textual-compact")

    def __init__(self, *given: Any, classes: str = "", **named: Any) -> None:
        super().__init__(*given, compact=True, classes=f"{classes} -textual-compact", **named)
        self.cursor_blink = False

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable:
            return
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if not binding.priority and await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
