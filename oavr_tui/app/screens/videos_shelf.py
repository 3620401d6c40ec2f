"""Which videos are shown, in which order, and what is said of each; without a widget in sight."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from oavr_tui.app.fitting import even, fitted, shortened
from oavr_tui.app.widgets.line_list import Piece
from oavr_tui.models import Video
from oavr_tui.text import clock, size

_LONGEST_NAME, _LONGEST_TEXT = 120, 400


class Order(StrEnum):
    """How videos are sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    LONGEST = "longest"

    @property
    def words(self) -> str:
        return {"newest": "newest first", "oldest": "oldest first", "name": "by name", "longest": "longest first"}[self]

    @property
    def following(self) -> Order:
        orders = list(Order)
        return orders[(orders.index(self) + 1) % len(orders)]


class Shelf:
    """The videos as they are shown. Nothing is worked out for videos that nobody looks for: there may be thousands."""

    def __init__(self, order: Order = Order.NEWEST, search: str = "") -> None:
        self.order = order
        self.search = search
        self.shown: Sequence[Video] = ()
        self._all: Sequence[Video] = ()
        self._texts: dict[str, str] = {}

    @property
    def total(self) -> int:
        """How many there are, whether they are shown or not."""
        return len(self._all)

    def fill(self, newest_first: Sequence[Video]) -> None:
        """Take in what there is."""
        self._all = newest_first
        self._texts = {}
        self.arrange(self.order, self.search)

    def arrange(self, order: Order, search: str) -> None:
        """Show those that have every word of `search` in title or prompt; "preview" and "full" say of which kind."""
        self.order, self.search = order, search
        words = _folded(search).split()
        found = [video for video in self._all if self._has(video, words)] if words else self._all
        if order is Order.OLDEST:
            found = found[::-1]
        elif order is Order.NAME:
            found = sorted(found, key=lambda video: (_folded(video.title), video.id))
        elif order is Order.LONGEST:
            found = sorted(found, key=lambda video: -video.duration)
        self.shown = found

    def index_of(self, video_id: str) -> int | None:
        """Where a video is among those shown."""
        return next((index for index, video in enumerate(self.shown) if video.id == video_id), None)

    def _has(self, video: Video, words: Sequence[str]) -> bool:
        text = self._texts.get(video.id)
        if text is None:
            kind = "preview" if video.preview else "full video"
            text = self._texts[video.id] = _folded(f"{video.title}\n{video.request.prompt}\n{kind}")
        return all(word in text for word in words)


def _folded(text: str) -> str:
    """For comparing: as a person means it, whatever the case and however an accent is written."""
    return unicodedata.normalize("NFKC", text).casefold()


def kind(video: Video) -> str:
    return "PREVIEW" if video.preview else ""


def when(at: float, now: float) -> str:
    """A time as a person says it: today 14:02, yesterday 09:10, 12 Mar 14:02, 12 Mar 2025. Unix seconds."""
    then, today = (datetime.fromtimestamp(each, UTC).astimezone() for each in (at, now))
    hour = f"{then:%H:%M}"
    if then.date() == today.date():
        return f"today {hour}"
    if then.date() == today.date() - timedelta(days=1):
        return f"yesterday {hour}"
    return f"{then.day} {then:%b} {hour}" if then.year == today.year else f"{then.day} {then:%b %Y}"


def home_path(path: str) -> str:
    """A path as a person writes it."""
    home = str(Path.home())
    return even("~" + path.removeprefix(home) if path.startswith(home + "/") else path, _LONGEST_TEXT)


def made(video: Video) -> str:
    """Where it was made, how long that took, and what it cost."""
    text = f"made on {even(video.made_on, 60)} in {clock(video.seconds_taken)}"
    if video.preview:
        return f"{text} · free"
    return f"{text} · about ${max(video.cost, 0.01):.2f}" if video.cost > 0 else text


def facts(video: Video, now: float) -> str:
    """Length, picture, size and time."""
    picture = f"{video.width}x{video.height} · {video.fps:g} fps"
    return f"{clock(video.duration)} · {picture} · {size(video.bytes)} · {when(video.created_at, now)}"


def caption(video: Video, line: int, width: int, now: float) -> list[Piece]:
    """The two lines under a picture, for `width` cells."""
    if line == 0:
        return [(f" {shortened(even(video.title), width - 1)}", "")]
    length = f" {clock(video.duration)}"
    if video.preview:
        return [(length, "dim"), ("  PREVIEW", "badge")]
    at = when(video.created_at, now)
    if len(length) + 3 + len(at) > width:
        at = at.rpartition(" ")[0] if at[0].isdigit() else at.split()[0]
    return [(f"{length} · {at}", "dim")]


def row(video: Video, width: int, now: float) -> list[Piece]:
    """One line of the plain list, for `width` cells."""
    end = f"{clock(video.duration):>8}  {when(video.created_at, now):<16}"
    badge = f"{kind(video):<8}"
    name = max(width - len(end) - len(badge) - 1, 8)
    return [(f" {fitted(even(video.title), name - 1)} ", ""), (badge, "badge"), (end, "dim")]
