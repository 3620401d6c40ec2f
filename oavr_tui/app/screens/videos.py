"""The screen Videos: every finished video, as pictures or as a plain list, with what is known of the selected one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from oavr_tui.app.fitting import even
from oavr_tui.app.live import EVERYTHING, Topic
from oavr_tui.app.screens.videos_actions import VideoActions
from oavr_tui.app.screens.videos_details import Details, below, beside
from oavr_tui.app.screens.videos_pictures import Pictures
from oavr_tui.app.screens.videos_search import SearchField
from oavr_tui.app.screens.videos_shelf import Order, Shelf, caption, row
from oavr_tui.app.widgets.gallery import Gallery
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.errors import OavrError
from oavr_tui.media.types import Raster
from oavr_tui.models import Video

NARROW, WIDE = 80, 120
"""Columns below which there is a plain list, and from which the details are beside the gallery."""
LOOK_AFTER = 0.15
"""Seconds that the cursor must stand still until it is looked whether the file is there."""
_WITH_A_VIDEO = ("open", "copy_path", "copy_scp", "export", "again", "full", "delete", "sort")
SELECTED, SORTED, SEARCHED, SEEN = "videos.selected", "videos.sort", "videos.search", "videos.seen"
"""Where Memory.views keeps what is found again at the next start."""


class Videos(VideoActions):
    """Holds the shelf; the engine's rows are taken in again whenever a video came or went."""

    DEFAULT_CSS = """
    Videos {
        & #videos-search { height: 1; margin: 0; background: $surface; }
        & #videos-body { height: 1fr; layout: vertical; margin-top: 1; }
        & #gallery, & #videos-list { height: 1fr; width: 1fr; scrollbar-gutter: stable; }
        & #videos-details { height: 5; width: 1fr; margin: 1 0 0 1; }
        & #videos-empty { height: 1fr; align: center middle; }
        & #videos-none { width: auto; max-width: 90%; margin-bottom: 1; }
        & #videos-studio { width: auto; }
        &.beside #videos-body { layout: horizontal; }
        &.beside #videos-details { height: 1fr; width: 40; margin: 0 0 0 1; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shelf = Shelf()
        self.known = False
        self._wanted = ""
        self._coming = True
        self._pictures = Pictures()

    def compose(self) -> ComposeResult:
        views = self.oavr.memory.views
        order = views.get(SORTED, "")
        self._shelf = Shelf(Order(order) if order in set(Order) else Order.NEWEST, views.get(SEARCHED, ""))
        self._wanted = views.get(SELECTED, "")
        field = SearchField(self._shelf.search, placeholder="title, prompt, preview or full", id="videos-search")
        field.display = bool(self._shelf.search)
        yield OneLine(id="videos-head")
        yield field
        with Container(id="videos-body"):
            yield Gallery(self._draw_caption, self._picture, id="gallery")
            yield LineList(self._draw_row, id="videos-list")
            yield Details(id="videos-details")
        with Vertical(id="videos-empty"):
            yield Static("", id="videos-none")
            yield Button("Go to Studio", variant="primary", id="videos-studio")

    # --- what is shown

    def draw(self, changed: Set[Topic]) -> None:
        if changed & {Topic.VIDEOS, Topic.DRIVING} or not self.known:
            self._reload()
        if Topic.SETTINGS in changed:
            self._arrange()
        if Topic.CLOCK in changed:
            self._list.redraw(0, len(self._shelf.shown))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is done with a video is offered where there is one."""
        return action not in _WITH_A_VIDEO or bool(self._shelf.shown)

    def was_hidden(self) -> None:
        self.query_one(Gallery).pause()
        self.workers.cancel_group(self, "videos-pictures")
        self.workers.cancel_group(self, "videos-look")

    def first_focus(self) -> Widget | None:
        return self._list if self._shelf.shown or not self.known else self.query_one("#videos-studio")

    @work(exclusive=True, group="videos-reload")
    async def _reload(self) -> None:
        engine = await self.engine()
        try:
            videos = await engine.videos()
        except OavrError as error:
            self.oavr.say(error.message, bad=True)
            return
        self.known = True
        self._pictures.try_again()
        if (video := self.selected) is not None and self._shelf.index_of(self._wanted) is not None:
            self._wanted = video.id  # the cursor may have told so, and not been heard yet
        self._shelf.fill(videos)
        self._to_the_new_one(videos)
        self._show_shelf()

    def _to_the_new_one(self, videos: Sequence[Video]) -> None:
        """Whoever comes here after a video was finished has come to see that one."""
        newest = max(videos, key=lambda video: video.created_at).id if videos else ""
        if self._coming and newest != self.oavr.memory.views.get(SEEN, newest):
            self._wanted = newest
        self._coming = False
        self.remember(SEEN, newest)

    def _show_shelf(self) -> None:
        """Show what the shelf shows, with the cursor on the video where it was, or where that was."""
        shown = self._shelf.shown
        index = self._shelf.index_of(self._wanted) if self._wanted else None
        if index is None:
            index = max(self._list.index, 0)
        had_focus = self.has_focus_within
        self._head()
        self._arrange()
        self._list.show_rows(len(shown), index)
        if had_focus and not isinstance(self.app.focused, Input) and (first := self.first_focus()) is not None:
            first.focus()
        self._show_details()
        self.refresh_bindings()

    def _head(self) -> None:
        shelf = self._shelf
        count = f"{len(shelf.shown):,} of {shelf.total:,}" if shelf.search else f"{shelf.total:,}"
        left = [("Videos", "strong", ""), (f"  {count}" if shelf.total else "", "dim", "")]
        right = [
            ("/", "key", "videos.search"),
            (" search   ", "dim", "videos.search"),
            ("s", "key", "videos.sort"),
            (f" sort   {shelf.order.words}", "dim", "videos.sort"),
        ]
        self.query_one("#videos-head", OneLine).show(left, right if shelf.total else ())

    def _arrange(self) -> None:
        """Gallery or list, or the words that there is nothing."""
        empty = self.known and not self._shelf.shown
        plain = self.app.size.width < NARROW or not self.oavr.settings.app_pictures
        self.query_one("#videos-body").display = not empty
        self.query_one("#videos-empty").display = empty
        gallery, plain_list = self.query_one(Gallery), self.query_one("#videos-list", LineList)
        before = self._list
        gallery.display, plain_list.display = not plain, plain
        if before is not self._list:
            index, focused = before.index, before.has_focus
            before.show_rows(0)
            self._list.show_rows(len(self._shelf.shown), index)
            if focused:
                self._list.focus()
        if empty:
            self._say_empty()

    def _say_empty(self) -> None:
        searched = bool(self._shelf.search) and self._shelf.total > 0
        words = f"No video has “{even(self._shelf.search, 60)}” in its title or prompt. Press / and Esc to show all."
        self.query_one("#videos-none", Static).update(Content(words if searched else "No videos yet"))
        self.query_one("#videos-studio").display = not searched

    @property
    def _list(self) -> LineList:
        """The gallery or the plain list, whichever is in use."""
        gallery = self.query_one(Gallery)
        return gallery if gallery.display else self.query_one("#videos-list", LineList)

    def on_resize(self) -> None:
        self.set_class(self.app.size.width >= WIDE, "beside")
        self._arrange()

    # --- the selected one

    @property
    def selected(self) -> Video | None:
        index = self._list.index
        return self._shelf.shown[index] if 0 <= index < len(self._shelf.shown) else None

    def select_soon(self, video_id: str) -> None:
        self._wanted = video_id
        if self._shelf.index_of(video_id) is not None:
            self._show_shelf()

    @on(LineList.Moved)
    def moved(self, event: LineList.Moved) -> None:
        if event.list is self._list and (video := self.selected) is not None:
            self._wanted = video.id
            self.remember(SELECTED, video.id)
            self._show_details()
            self._look(video)

    @on(LineList.Chosen)
    def chosen(self) -> None:
        self.action_open()

    @on(Details.FullWanted)
    async def full_wanted(self) -> None:
        await self.action_full()

    @on(Details.Resized)
    def details_resized(self) -> None:
        self._show_details()

    def _show_details(self) -> None:
        details, video = self.query_one(Details), self.selected
        if video is None:
            details.show(())
            return
        gone, now = video.id in self._pictures.gone, self.oavr.clock()
        words = beside if self.has_class("beside") else below
        details.show(words(video, now, max(details.size.width, 20), gone=gone))

    @work(exclusive=True, group="videos-look")
    async def _look(self, video: Video) -> None:
        """See whether the file is where it was, once the cursor stands still."""
        await asyncio.sleep(LOOK_AFTER)
        there = await asyncio.to_thread(Path(video.path).is_file)
        if there == (video.id in self._pictures.gone):
            self._pictures.gone ^= {video.id}
            self._show_details()

    # --- drawing

    def _draw_caption(self, index: int, line: int, width: int) -> Sequence[Piece]:
        return caption(self._shelf.shown[index], line, width, self.oavr.clock())

    def _draw_row(self, index: int, line: int, width: int) -> Sequence[Piece]:
        del line
        return row(self._shelf.shown[index], width, self.oavr.clock())

    def _picture(self, index: int) -> Raster | str:
        return self._pictures.of(self._shelf.shown[index])

    @on(Gallery.Stirred)
    def stirred(self) -> None:
        self.workers.cancel_group(self, "videos-pictures")

    @on(Gallery.Rested)
    def rested(self, event: Gallery.Rested) -> None:
        self._draw_pictures(event.indexes)

    @work(exclusive=True, group="videos-pictures")
    async def _draw_pictures(self, indexes: range) -> None:
        """Have the pictures drawn of what is in sight."""
        gallery = self.query_one(Gallery)
        engine = await self.engine()
        shown = self._shelf.shown[indexes.start : indexes.stop]
        if await self._pictures.draw(engine.looks, shown, gallery.grid.width, 2 * gallery.grid.tall):
            gallery.show_pictures(indexes)

    # --- searching and sorting

    def action_search(self) -> None:
        field = self.query_one(SearchField)
        field.display = True
        field.focus()

    @on(Input.Changed, "#videos-search")
    def search_changed(self, event: Input.Changed) -> None:
        if event.value != self._shelf.search:
            self._arrange_shelf(self._shelf.order, event.value)

    @on(Input.Submitted, "#videos-search")
    def search_left(self, event: Input.Submitted) -> None:
        event.input.display = bool(event.value)
        if (first := self.first_focus()) is not None:
            first.focus()

    def action_sort(self) -> None:
        self._arrange_shelf(self._shelf.order.following, self._shelf.search)

    def _arrange_shelf(self, order: Order, search: str) -> None:
        self._shelf.arrange(order, search)
        self.remember(SORTED, order.value)
        self.remember(SEARCHED, search)
        self._show_shelf()

    @on(Button.Pressed, "#videos-studio")
    async def to_studio(self) -> None:
        await self.oavr.go("studio")

    def was_shown(self) -> None:
        self._coming = True
        self.draw(EVERYTHING)
        self.query_one(Gallery).wake()
