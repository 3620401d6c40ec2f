"""Docs: the guides of the package, with contents and search; the keys are drawn from the table of actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from importlib import resources
from textwrap import shorten
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Markdown

from oavr_tui.app.actions import ACTIONS, OWNERS, bindings
from oavr_tui.app.keys import shown_keys
from oavr_tui.app.live import Topic
from oavr_tui.app.screens.pane import Pane
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.text_field import TextField


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a guide under one heading. level: 1 for the guide's own title, 2 below it."""

    guide: int
    level: int
    title: str
    text: str


def guides() -> list[str]:
    """The guides as Markdown, in order; the keys are the last."""
    folder = resources.files("oavr_tui.app") / "docs"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name)
    return [*(file.read_text("utf-8") for file in files), _keys_page()]


def _keys_page() -> str:
    lines = ["# Keys", "", "Single keys act when no text field has the focus; `Esc` leaves a field.", ""]
    for owner, name in OWNERS.items():
        lines += [f"## {name}", "", "| key | action | |", "| --- | --- | --- |"]
        for action in ACTIONS:
            if action.owner == owner:
                keys = shown_keys(action).replace("|", "\\|")
                lines.append(f"| {keys or '(palette)'} | {action.label} | {action.help} |")
        lines.append("")
    return "\n".join(lines)


def sections(texts: Sequence[str]) -> Iterator[Section]:
    """The parts of all guides, each with the text that stands under it."""
    for number, text in enumerate(texts):
        level, title, body = 0, "", list[str]()
        for line in text.splitlines():
            marks = len(line) - len(line.lstrip("#"))
            if 1 <= marks <= 2 and line[marks : marks + 1] == " ":
                if level:
                    yield Section(number, level, title, "\n".join(body))
                level, title, body = marks, line[marks:].strip(), []
            else:
                body.append(line)
        if level:
            yield Section(number, level, title, "\n".join(body))


class Docs(Pane):
    """The table of contents on the left, a guide on the right."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("docs")
    DEFAULT_CSS = """
    Docs {
        & #contents { width: 27; }
        & #page { scrollbar-size-vertical: 1; }
        & #contents-side { width: 30; height: 1fr; }
        & #page { height: 1fr; padding: 0 1; }
        & #page Markdown { margin: 0; padding: 0; }
        & #docs-search { height: 1; border: none; padding: 0; width: 1fr; margin-bottom: 1; }
    }
    .narrow Docs { & #contents { width: 18; } }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts = guides()
        self._all = list(sections(self._texts))
        self._found = self._all
        self._guide = -1

    def compose(self) -> ComposeResult:
        search = TextField(placeholder="/ searches the guides", id="docs-search")
        yield search
        with Horizontal():
            yield LineList(self._draw, id="contents")
            with VerticalScroll(id="page"):
                yield Markdown(id="guide", open_links=False)

    @property
    def _contents(self) -> LineList:
        return self.query_one("#contents", LineList)

    def on_mount(self) -> None:
        self._contents.show_rows(len(self._found), self._remembered())

    def _remembered(self) -> int:
        title = self.oavr.memory.views.get("docs.section", "")
        return next((index for index, section in enumerate(self._found) if section.title == title), 0)

    def draw(self, changed: Set[Topic]) -> None:
        """Nothing here changes by itself."""

    def first_focus(self) -> Widget | None:
        return self._contents

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        section = self._found[index]
        title = shorten(section.title, max(width - 2, 4), placeholder="…")
        return ((title, "strong"),) if section.level == 1 else ((f"  {title}", ""),)

    @on(LineList.Moved)
    async def moved(self, event: LineList.Moved) -> None:
        await self._show(event.index)

    async def _show(self, index: int) -> None:
        if not 0 <= index < len(self._found):
            return
        section = self._found[index]
        views = self.oavr.memory.views | {"docs.section": section.title}
        self.oavr.memory = replace(self.oavr.memory, views=views)
        guide = self.query_one("#guide", Markdown)
        if section.guide != self._guide:
            self._guide = section.guide
            await guide.update(self._texts[section.guide])
        if section.level == 1:
            self.query_one("#page", VerticalScroll).scroll_home(animate=False)
        else:
            self.call_after_refresh(self._show_heading, section.title)

    def _show_heading(self, title: str) -> None:
        page = self.query_one("#page", VerticalScroll)
        for block in self.query("MarkdownH2"):
            if str(getattr(block, "_content", "")).strip() == title.replace("`", ""):
                page.scroll_to_widget(block, top=True, animate=False)

    @on(LineList.Chosen)
    def chosen(self) -> None:
        self.query_one("#page").focus()

    def action_search(self) -> None:
        self.query_one("#docs-search").focus()

    @on(Input.Changed, "#docs-search")
    async def search(self, event: Input.Changed) -> None:
        words = event.value.lower().split()
        self._found = [
            section for section in self._all if all(word in f"{section.title} {section.text}".lower() for word in words)
        ]
        self._contents.show_rows(len(self._found), 0)
        await self._show(0)  # another text, though the cursor may not have moved

    @on(Input.Submitted, "#docs-search")
    def searched(self) -> None:
        self._contents.focus()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.query_one("#docs-search").has_focus:
            event.stop()
            self.query_one("#docs-search", Input).value = ""
            self._contents.focus()

    @on(Markdown.LinkClicked)
    async def link_clicked(self, event: Markdown.LinkClicked) -> None:
        event.stop()
        if event.href.startswith("https://"):
            await self.oavr.open_elsewhere(event.href)
