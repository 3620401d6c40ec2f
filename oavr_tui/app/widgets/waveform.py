"""A voice as a person sees it at a glance: how loud it is from its beginning to its end."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

_BARS = " ▁▂▃▄▅▆▇█"
_PLAIN_BARS = " ..::||##"
_PLAIN_TERMINALS = ("linux", "dumb")
"""Terminals whose fonts lack the eighths of a block."""

_SWELL = 0.6
"""Below 1, so that ordinary speech is seen beside its loudest moment, nearer to how the ear takes it."""


def bars(peaks: Sequence[float], width: int, height: int, characters: str = _BARS) -> list[str]:
    """A line of text for each of `height` lines, of `width` bars each; peaks: 0 .. 1, one or more.

    Each bar is the highest of the peaks that it stands for; the lowest is a thin line, so that silence is seen too.
    """
    lines = [""] * height
    for column in range(width):
        first = column * len(peaks) // width
        last = max(first + 1, (column + 1) * len(peaks) // width)
        eighths = max(1, round(8 * height * max(peaks[first:last]) ** _SWELL))
        for line in range(height):
            lines[line] += characters[min(8, max(0, eighths - 8 * (height - 1 - line)))]
    return lines


class Waveform(Widget):
    """Shows the peaks of a recording in as many lines as its height; nothing while there are none."""

    DEFAULT_CSS = """
    Waveform { width: 1fr; height: 1; color: $primary; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._peaks: tuple[float, ...] = ()
        self._plain = os.environ.get("TERM", "") in _PLAIN_TERMINALS

    def show(self, peaks: Sequence[float] | None) -> None:
        """Show these peaks, 0 .. 1 each, or nothing."""
        self._peaks = tuple(peaks or ())
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if not self._peaks or not 0 <= y < height:
            return Strip.blank(width, self.rich_style)
        line = bars(self._peaks, width, height, _PLAIN_BARS if self._plain else _BARS)[y]
        return Strip([Segment(line, self.rich_style)], width)
