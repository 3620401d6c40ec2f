"""What is known of the selected video: beside the gallery where there is room, else in a few lines below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from oavr_tui.app.fitting import even, shortened
from oavr_tui.app.screens.videos_shelf import facts, home_path, kind, made, when
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.models import Video
from oavr_tui.text import clock, size

Lines = Sequence[Sequence[Piece]]

GONE = "The file is no longer there: it was moved or deleted outside. d takes it off this list."
FULL = "f  Make the full video"
_LONGEST_WRAPPED = 5
"""Lines that one long text takes at most."""


class Details(LineList, can_focus=False):
    """Lines without a cursor; only those that changed are sent to the terminal."""

    class FullWanted(Message):
        """The offer to make the full video was clicked."""

    class Resized(Message):
        """It has another width now, so that its words break elsewhere."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(self._draw_line, id=id)
        self._shown: Lines = ()

    def show(self, lines: Lines) -> None:
        """Show these lines in place of those before; what there is no room for is not seen."""
        before, self._shown = self._shown, lines
        # Not shown by the list's own way, which would lay the screen out anew for a line more or less.
        self._count = max(len(lines), len(before))
        for index in range(self._count):
            if _at(before, index) != _at(lines, index):
                # No wider than what was there and what is there now: the blanks behind need not be sent.
                self.refresh(Region(0, index, max(_cells(_at(before, index)), _cells(_at(lines, index))), 1))
        self._count = len(lines)

    def on_resize(self, event: events.Resize | None = None) -> None:
        if event is not None:
            event.prevent_default()  # the list's own, which would make it scroll
        self.refresh()
        self.post_message(self.Resized())

    @property
    def plain(self) -> str:
        """What it says, without looks."""
        return "\n".join("".join(text for text, _look in line) for line in self._shown)

    def _draw_line(self, index: int, line: int, width: int) -> Sequence[Piece]:
        del line, width
        return self._shown[index]

    def render_line(self, y: int) -> Strip:
        return super().render_line(y).simplify()

    async def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # the list's own, which would move a cursor
        index = event.get_content_offset_capture(self).y + self.scroll_offset.y
        if any(FULL in text for text, _look in _at(self._shown, index)):
            self.post_message(self.FullWanted())


def _cells(line: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _look in line)


def _at(lines: Lines, index: int) -> Sequence[Piece]:
    return lines[index] if 0 <= index < len(lines) else ()


def beside(video: Video, now: float, width: int, *, gone: bool) -> list[list[Piece]]:
    """Everything, for a column of `width` cells."""
    request = video.request
    lines: list[list[Piece]] = [[(part, "strong")] for part in wrapped(even(video.title), width, 2)]
    # A line for each kind, so that what follows stays where it is when the cursor moves on.
    lines.append(
        [("PREVIEW", "badge"), ("  made on this computer", "dim")] if video.preview else [("full video", "dim")]
    )
    lines += [
        [],
        [(f"{clock(video.duration)} · {video.width}x{video.height} · {video.fps:g} fps", "")],
        [(f"{size(video.bytes)} · {when(video.created_at, now)}", "")],
    ]
    lines += [[(part, "dim")] for part in wrapped(made(video), width, 2)]
    lines.append([])
    for name, text in (
        ("prompt", even(request.prompt, 400)),
        ("seed", str(video.seed)),
        ("", ""),
        ("portrait", home_path(request.image)),
        ("voice", home_path(request.audio)),
        ("file", home_path(video.path)),
    ):
        parts = wrapped(text, width - 9)
        lines += [[(f"{name if not index else '':<9}", "dim"), (part, "")] for index, part in enumerate(parts)]
    if gone:
        lines += [[], *([(part, "bad")] for part in wrapped(f"! {GONE}", width))]
    if video.preview:
        lines += [[], [(FULL, "accent")]]
    return lines


def below(video: Video, now: float, width: int, *, gone: bool) -> list[list[Piece]]:
    """The same in five lines of `width` cells, the most important first."""
    seed = f"   seed {video.seed}"
    prompt = even(video.request.prompt, 200)
    room = max(width - 8 - len(seed), 10)
    badge: list[Piece] = [("  PREVIEW", "badge"), (f"   {FULL}", "accent")] if kind(video) else []
    return [
        [(shortened(even(video.title), width - _cells(badge)), "strong"), *badge],
        [(facts(video, now), "")],
        [(f"! {GONE}", "bad")] if gone else [(shortened(home_path(video.path), width), "")],
        [(made(video), "dim")],
        [("prompt  ", "dim"), (set_cell_size(prompt, min(cell_len(prompt), room)), ""), (seed, "dim")],
    ]


def wrapped(text: str, width: int, most: int = _LONGEST_WRAPPED) -> list[str]:
    """A text in lines of at most `width` cells, broken between words where that can be; cut after `most` lines."""
    width = max(width, 4)
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        pieces = chop_cells(word, width) or [""]
        if lines[-1]:
            lines.append("")
        lines[-1:] = pieces
    if len(lines) > most:
        lines = lines[:most]
        lines[-1] = chop_cells(lines[-1], width - 1)[0] + "…"
    return lines
