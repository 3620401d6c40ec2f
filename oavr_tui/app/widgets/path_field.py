"""A text field for a file: completes what is typed, understands what is pasted or dropped, never blinks."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.suggester import Suggester

from oavr_tui.app.fitting import shortened
from oavr_tui.app.outside.listing import Entry, in_thread, is_there, list_folder, typable
from oavr_tui.app.outside.pasted import pasted
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.engine.given import is_address
from oavr_tui.errors import BadInput
from oavr_tui.paths import expanded

_DEADLINE_SECONDS = 2.0
_MOST_SHOWN = 200
_WHOLE = ("/", "~", "'", '"', "file://", "http://", "https://")


class PathSuggester(Suggester):
    """Completes a path from the folder it leads to: folders, and files with a usable suffix."""

    def __init__(self, suffixes: frozenset[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._suffixes = suffixes
        self.found: tuple[str, ...] = ()
        """All that could follow what was last asked about, the suggested one first."""

    async def get_suggestion(self, value: str) -> str | None:
        self.found = ()
        if is_address(value) or value[:1] in ("'", '"') or not value.strip():
            return None
        try:
            found = await in_thread(lambda: self._completed(value), _DEADLINE_SECONDS)
        except TimeoutError:
            return None
        self.found = found
        return found[0] if found else None

    def _completed(self, value: str) -> tuple[str, ...]:
        if value == "~":
            return ("~/",)
        above, slash, part = value.rpartition("/")
        try:
            folder = expanded(above + slash) if slash else Path()
        except BadInput:
            return ()
        entries = [entry for entry in list_folder(folder, self._suffixes).entries if _follows(entry, part)]
        entries.sort(key=lambda entry: not entry.name.startswith(part))
        whole = (f"{above}{slash}{entry.name}{'/' if entry.is_folder else ''}" for entry in entries[:_MOST_SHOWN])
        return tuple(path for path in whole if path != value)


def _follows(entry: Entry, part: str) -> bool:
    """Whether a name can come of what is typed; hidden ones only when their dot is typed."""
    shown = part.startswith(".") or not entry.name.startswith(".")
    return shown and entry.name.casefold().startswith(part.casefold()) and typable(entry.name)


_TAKES = "  → takes it"
"""What is said behind a suggestion, where there is room."""


class PathField(TextField):
    """Its `value` is as typed; `given` is the path or address that is meant.

    Tab or the right arrow takes the suggestion, up and down show the others; without one Tab goes on.
    """

    DEFAULT_CSS = """
    PathField {
        & > .input--suggestion { text-style: italic; }
        &:ansi > .input--suggestion { text-style: dim italic; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", "Take suggestion", show=False),
        Binding("down", "other(1)", "Next suggestion", show=False),
        Binding("up", "other(-1)", "Previous suggestion", show=False),
    ]

    def __init__(
        self,
        value: str = "",
        *,
        suffixes: frozenset[str],
        placeholder: str = "",
        id: str | None = None,
        classes: str = "",
    ) -> None:
        """suffixes: of the files that can be used, lower case and with their dot."""
        self._paths = PathSuggester(suffixes)
        super().__init__(
            value,
            placeholder=placeholder,
            suggester=self._paths,
            select_on_focus=False,  # what is selected is gone at the next key
            id=id,
            classes=classes,
        )

    @property
    def given(self) -> str:
        """The path, or http(s) address, that is meant; empty if nothing is."""
        return pasted(self.value)

    @property
    def suggestion(self) -> str:
        """What Tab would make of the value; empty when there is nothing to suggest."""
        return self._suggestion if self._suggestion != self.value else ""

    def action_take(self) -> None:
        """Take the suggestion; where there is none, go on to what comes next."""
        if self.suggestion and self.cursor_at_end:
            self.value = self._suggestion
            self.cursor_position = len(self.value)
        else:
            self.screen.focus_next()

    async def action_submit(self) -> None:
        """Take the suggestion where what is typed is not all of a name, else be done with the field."""
        if self.suggestion and self.cursor_at_end and not await self._is_whole():
            self.action_take()
        else:
            await super().action_submit()

    async def _is_whole(self) -> bool:
        """Whether what is typed is there; a disk that does not answer is not waited for."""
        try:
            return await in_thread(lambda: is_there(self.given), _DEADLINE_SECONDS)
        except TimeoutError:
            return True

    def action_other(self, by: int) -> None:
        """Show the next thing that could be meant."""
        found = self._paths.found
        if self.suggestion in found:
            self._suggestion = found[(found.index(self.suggestion) + by) % len(found)]

    def _watch_value(self, value: str) -> None:
        super()._watch_value(value)
        if not self.has_focus:
            self.call_after_refresh(self._show_end)

    def on_blur(self) -> None:
        self.call_after_refresh(self._show_end)

    def on_resize(self) -> None:
        if not self.has_focus:
            self.call_after_refresh(self._show_end)

    def _show_end(self) -> None:
        """The name of a file is the end of its path."""
        if self.is_attached and not self.has_focus:
            self.cursor_position = len(self.value)
            self.scroll_to(x=self.virtual_size.width, animate=False, immediate=True)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        text = "".join(ch for ch in pasted(event.text) if unicodedata.category(ch) != "Cc")
        if not text:
            return
        if not self.value or event.text.strip().lower().startswith(_WHOLE):
            self.value = text
            self.cursor_position = len(text)
        else:
            self.replace(text, *self.selection)

    def render_line(self, y: int) -> Strip:
        """As Textual draws it, but a suggestion so that it is not taken for what is typed."""
        if y or not (self.suggestion and self.has_focus and self.cursor_at_end):
            return super().render_line(y)
        width, scrolled = self.scrollable_content_region.width + 1, self.scroll_offset.x
        drawn = self._value
        drawn += self._ghost(width - (drawn.cell_len - scrolled))
        if self._cursor_visible:
            at = self.cursor_position
            drawn.stylize(self.get_component_rich_style("input--cursor"), at, at + 1)
        options = self.app.console_options.update_width(drawn.cell_len + 1)
        strip = Strip(self.app.console.render(drawn, options)).crop(scrolled, scrolled + width)
        return strip.extend_cell_length(width).apply_style(self.rich_style)

    def _ghost(self, room: int) -> Text:
        """What the suggestion adds, in so many cells; between brackets where there are no colors to tell it by."""
        begin, end = ("[", "]") if self.app.no_color else ("", "")
        tail = shortened(self._suggestion[len(self.value) :], max(room - len(begin + end), 0))
        ghost = Text(end="").append(f"{begin}{tail}{end}", self.get_component_rich_style("input--suggestion"))
        if ghost.cell_len + len(_TAKES) <= room:
            ghost.append(_TAKES, self.get_component_rich_style("input--placeholder"))
        return ghost

    @property
    def _value(self) -> Text:
        """What is drawn: a name may hold what would be a command to the terminal, one sign for each sign of it."""
        shown = "".join(ch if typable(ch) else "�" for ch in self.value)
        return Text(shown, no_wrap=True, overflow="ignore", end="")
