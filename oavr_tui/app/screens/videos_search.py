"""The field that videos are searched with."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from oavr_tui.app.widgets.text_field import TextField


class SearchField(TextField):
    """Filters as it is typed in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_search", "Show all", show=False),
        Binding("down", "leave", "To the videos", show=False),
    ]

    def action_clear_search(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))

    def action_leave(self) -> None:
        self.post_message(self.Submitted(self, self.value))
