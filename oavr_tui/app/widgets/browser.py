"""Looking through folders: type to filter, enter or click to go in, names of any kind, folders of any size."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static

from oavr_tui.app.fitting import fitted, shortened
from oavr_tui.app.outside.listing import DEADLINE_SECONDS, Entry, Listing, in_thread, listed
from oavr_tui.app.outside.pasted import pasted
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.path_field import PathField
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.errors import BadInput
from oavr_tui.paths import expanded
from oavr_tui.text import safe, size

_DATE_FROM, _SIZE_FROM = 56, 36
"""Cells of width from which a row has room for its date, and for its size."""
_MOST_RECENT = 3
_UP = ".."
_SHOW, _HIDE = "Show hidden", "Leave out hidden"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list: an entry of the folder, or a way to another folder with what it is called."""

    path: Path
    entry: Entry | None
    label: str = ""

    @property
    def is_folder(self) -> bool:
        return self.entry is None or self.entry.is_folder


class FilterField(PathField):
    """Tells of a backspace where nothing is left to take away: in a path, that takes away its last part."""

    class Up(Message):
        """Go to the folder above."""

    def action_delete_left(self) -> None:
        if self.value:
            super().action_delete_left()
        else:
            self.post_message(self.Up())


class Browser(Vertical):
    """Begins in `start`, or in the nearest folder above it that is there. Tells of a chosen file by Picked."""

    DEFAULT_CSS = """
    Browser {
        height: 1fr;
        & #where { color: $text-muted; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #rows { height: 1fr; background: $surface; }
        & #foot { height: auto; }
        & #state { width: 1fr; height: auto; max-height: 3; color: $text-muted; }
        & #state.bad { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
    ]

    @dataclass
    class Picked(Message):
        """A file, that was there a moment ago."""

        path: Path

    def __init__(
        self, start: Path, suffixes: frozenset[str], recent: Sequence[Path] = (), *, id: str | None = None
    ) -> None:
        """suffixes: of the files shown; none for folders alone. recent: folders that are offered above the others."""
        super().__init__(id=id)
        self.folder = start
        self._suffixes = suffixes
        self._recent = recent
        self._listing = Listing()
        self._rows: list[Row] = []
        self._reading = True
        self._typed = ""
        self._field = FilterField(suffixes=suffixes, placeholder="Type to filter, or a path", id="filter")
        self._field.suggester = None
        self._where = Static(id="where")
        self._list = LineList(self._draw, id="rows")
        self._list.can_focus = False  # the field has the keys; the mouse has the rows
        self._says = Static(id="state")
        self._hidden = SmallButton(_SHOW, id="hidden")
        self._all = False

    def compose(self) -> ComposeResult:
        yield self._where
        yield self._field
        yield self._list
        with Horizontal(id="foot"):
            yield self._says
            yield self._hidden

    def on_mount(self) -> None:
        self._field.focus()
        self.go(self.folder)

    # --- reading

    @work(exclusive=True, group="reading")
    async def go(self, folder: Path, stand_on: str = "") -> None:
        """Show a folder; stand_on: the name where the cursor shall be."""
        self.folder = folder
        self._reading, self._listing = True, Listing()
        self._field.value = self._typed = ""
        self._show(0)
        with contextlib.suppress(TimeoutError):
            self.folder = await in_thread(lambda: _nearest(folder), DEADLINE_SECONDS)
        self._listing = await listed(self.folder, self._suffixes)
        self._reading = False
        self._show(self._index_of(stand_on))

    def _index_of(self, name: str) -> int:
        rows = self._matching()
        found = (at for at, row in enumerate(rows) if row.entry is not None and row.entry.name == name)
        first = next((at for at, row in enumerate(rows) if row.entry is not None), 0)
        return next(found, first)

    def _matching(self) -> list[Row]:
        """The rows for what is typed; hidden ones when asked for, or when their dot is typed."""
        wanted = self._field.value.strip().casefold()
        hidden = self._all or wanted.startswith(".")
        rows = [
            Row(self.folder / entry.name, entry)
            for entry in self._listing.entries
            if (hidden or not entry.name.startswith(".")) and wanted in entry.shown.casefold()
        ]
        return rows if wanted else self._ways() + rows

    def _ways(self) -> list[Row]:
        above = [Row(self.folder.parent, None, _UP)] if self.folder.parent != self.folder else []
        recent = [path for path in dict.fromkeys(self._recent) if path not in (self.folder, self.folder.parent)]
        return above + [Row(path, None, _short(path)) for path in recent[:_MOST_RECENT]]

    def _show(self, index: int | None = None) -> None:
        self._rows = self._matching()
        self._where.update(Content(_short(self.folder)))
        self._say(self._state(), bad=bool(self._listing.wrong))
        self._list.show_rows(len(self._rows), index)

    def _say(self, text: str, *, bad: bool = False) -> None:
        self._says.update(Content(text))
        self._says.set_class(bad, "bad")

    def _state(self) -> str:
        if self._reading:
            return "Reading…"
        if self._listing.wrong:
            return self._listing.wrong
        folders = sum(1 for row in self._rows if row.entry is not None and row.is_folder)
        files = sum(1 for row in self._rows if not row.is_folder)
        said = f"{_many(folders, 'folder')}, {_many(files, 'file')}" if self._suffixes else _many(folders, "folder")
        if self._listing.more:
            return f"{said} of the first {len(self._listing.entries):,}"
        return said if self._typed else f"{said} · backspace goes up"

    # --- drawing

    def _draw(self, index: int, line: int, width: int) -> Sequence[Piece]:
        row = self._rows[index]
        here = "▸ " if index == self._list.index else "  "
        if row.entry is None:
            if row.label == _UP:
                return [(here, "accent"), (_UP, "dim"), ("  the folder above", "dim")]
            return [(here, "accent"), ("recent ", "dim"), (_end_of(row.label, width - 9), "strong")]
        name = row.entry.shown
        if row.entry.is_folder:
            return [(here, "accent"), (f"{shortened(name, width - 3)}/", "strong")]
        facts = ""
        if width >= _SIZE_FROM:
            facts = f" {size(row.entry.bytes):>8}"
        if width >= _DATE_FROM:
            facts += time.strftime("  %Y-%m-%d %H:%M", time.localtime(row.entry.changed))
        return [(here, "accent"), (fitted(name, width - 2 - len(facts)), ""), (facts, "dim")]

    # --- what the person does

    @on(Input.Changed, "#filter")
    def filtered(self, event: Input.Changed) -> None:
        event.stop()
        if self._field.value != self._typed:
            self._typed = self._field.value
            self._show(0 if self._typed.strip() else self._index_of(""))

    @on(Button.Pressed, "#hidden")
    def hidden_changed(self, event: Button.Pressed) -> None:
        event.stop()
        self._all = not self._all
        self._hidden.label = _HIDE if self._all else _SHOW
        self._show(self._index_of(""))

    @on(Input.Submitted, "#filter")
    def entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.choose()

    def choose(self) -> None:
        """Take what the cursor stands on, or the path that is typed."""
        typed = self._field.value
        if "/" in typed or typed.startswith(("~", "..")):
            self._go_to(typed)
        elif self._rows:
            self._choose(self._rows[max(0, self._list.index)])
        elif not self._reading:
            self._say("There is nothing here to choose. Empty the filter, or type a path.", bad=True)

    @on(LineList.Chosen, "#rows")
    def row_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self._choose(self._rows[event.index])

    def _choose(self, row: Row) -> None:
        if row.is_folder:
            self.go(row.path, self.folder.name if row.label == _UP else "")
        else:
            self.post_message(self.Picked(row.path))

    @work(exclusive=True, group="reading")
    async def _go_to(self, typed: str) -> None:
        """A path was typed or pasted: a folder is shown, a file is taken."""
        is_folder = is_file = False
        with contextlib.suppress(BadInput, OSError, TimeoutError):
            path = self.folder / expanded(pasted(typed))
            is_folder, is_file = await in_thread(lambda: (path.is_dir(), path.is_file()), DEADLINE_SECONDS)
        if is_folder:
            self.go(Path(os.path.normpath(path)))
        elif is_file and self._suffixes:
            self.post_message(self.Picked(path))
        else:
            self._say(f"{safe(typed, 60)} is not there. Check how it is written.", bad=True)

    @on(FilterField.Up)
    def go_up(self, event: FilterField.Up) -> None:
        event.stop()
        if self.folder.parent != self.folder:
            self.go(self.folder.parent, self.folder.name)

    def action_move(self, by: int) -> None:
        self._list.action_move(by)

    def action_page(self, by: int) -> None:
        self._list.action_page(by)


def _nearest(start: Path) -> Path:
    try:
        path = start.expanduser().absolute()
        return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))
    except (RuntimeError, OSError, ValueError):
        return Path("/")


def _short(path: Path) -> str:
    """A folder as a person knows it, with ~ for the home."""
    text, home = str(path), str(Path.home())
    return safe(f"~{text.removeprefix(home)}" if text == home or text.startswith(f"{home}/") else text)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _end_of(path: str, width: int) -> str:
    """The last part of a path, which tells the most, in so many cells."""
    while path and cell_len(path) > width:
        path = "…" + path[2:]
    return path
