"""Pictures in any terminal: two pixels a cell as half blocks, or shades of characters where there is no color."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.cells import set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from oavr_tui.media.types import Raster

_UPPER = "▀"
_SHADES = " .:-=+*#%@"
_MANY_COLORS = ("truecolor", "256")


def in_color(app: App[Any]) -> bool:
    """Whether pictures can be drawn in color: sixteen colors make of a face what nobody recognizes."""
    return not app.no_color and app.console.color_system in _MANY_COLORS


def half_blocks(raster: Raster, width: int, height: int, base: Style) -> list[Strip]:
    """A picture in the middle of width x height cells (1 or more each), as one strip for each line.

    It is made smaller where it does not fit, never larger. base: the look of the cells around it; its background must
    be a color or none.
    """
    small = raster.fitted(width, 2 * height)
    left, above = (width - small.width) // 2, (2 * height - small.height) // 4
    blank = Strip.blank(width, base)
    strips = [blank] * above
    for top in range(0, small.height, 2):
        cells = _cells(_row(small, top), _row(small, top + 1), base)
        before, after = Segment(" " * left, base), Segment(" " * (width - left - small.width), base)
        strips.append(Strip([part for part in (before, *cells, after) if part.text], width))
    return strips + [blank] * (height - len(strips))


def _row(raster: Raster, y: int) -> list[bytes | None]:
    if y >= raster.height:
        return [None] * raster.width
    start = 3 * raster.width * y
    return [raster.rgb[at : at + 3] for at in range(start, start + 3 * raster.width, 3)]


def _cells(upper: list[bytes | None], lower: list[bytes | None], base: Style) -> list[Segment]:
    """Neighbors of one color become one segment: fewer bytes for the terminal."""
    segments: list[Segment] = []
    run, last = 0, (upper[0], lower[0])
    for pair in [*zip(upper, lower, strict=True), None]:
        if pair != last:
            character = " " if last[0] == last[1] else _UPPER
            segments.append(Segment(character * run, _cell_style(*last, base)))
            if pair is None:
                break
            run, last = 0, pair
        run += 1
    return segments


@lru_cache(4096)
def _cell_style(upper: bytes | None, lower: bytes | None, base: Style) -> Style:
    colors = [None if pixel is None else Color.from_rgb(*pixel) for pixel in (upper, lower)]
    return base + Style.from_color(*colors)


def shades(raster: Raster, width: int, height: int, base: Style, *, dark: bool) -> list[Strip]:
    """The same in characters that are the denser the brighter a place is; the other way round on a light ground."""
    small = raster.fitted(width, 2 * height)
    light = [
        (299 * small.rgb[at] + 587 * small.rgb[at + 1] + 114 * small.rgb[at + 2]) / 1000
        for at in range(0, len(small.rgb), 3)
    ]
    lowest, span = min(light), max(max(light) - min(light), 1.0)
    ramp = _SHADES if dark else _SHADES[::-1]
    indent, above = " " * ((width - small.width) // 2), (2 * height - small.height) // 4
    lines = [""] * above
    for top in range(0, small.height, 2):
        upper = light[top * small.width : (top + 1) * small.width]
        lower = light[(top + 1) * small.width : (top + 2) * small.width] or upper
        levels = [((a + b) / 2 - lowest) / span for a, b in zip(upper, lower, strict=True)]
        lines.append("".join(ramp[min(len(ramp) - 1, int(level * len(ramp)))] for level in levels))
    lines += [""] * (height - len(lines))
    return [Strip([Segment((indent + line).ljust(width), base)], width) for line in lines]


def drawn(raster: Raster, width: int, height: int, base: Style, app: App[Any]) -> list[Strip]:
    """A picture as this terminal can show it; see half_blocks."""
    if in_color(app):
        return half_blocks(raster, width, height, base)
    return shades(raster, width, height, base, dark=app.current_theme.dark)


class Picture(Widget):
    """Shows a Raster as large as its own size allows, or a word where there is none."""

    DEFAULT_CSS = """
    Picture { width: 24; height: 12; color: $text-muted; }
    """

    def __init__(self, placeholder: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        """placeholder: shown while there is no picture, a line at least; without control bytes."""
        super().__init__(id=id, classes=classes)
        self._placeholder = placeholder
        self._raster: Raster | None = None
        self._strips: list[Strip] = []

    @property
    def raster(self) -> Raster | None:
        return self._raster

    def show(self, raster: Raster | None, placeholder: str | None = None) -> None:
        """Show a picture, or none; placeholder: the words from now on."""
        if placeholder is not None:
            self._placeholder = placeholder
        self._raster = raster
        self._strips = []
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []

    def on_resize(self) -> None:
        self._strips = []

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if not self._strips:
            self._strips = self._draw(width, height)
        return self._strips[y] if y < len(self._strips) else Strip.blank(width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        if self._raster is not None:
            return drawn(self._raster, width, height, self.rich_style, self.app)
        words = self._placeholder.splitlines()
        lines = [""] * ((height - len(words)) // 2) + words
        return [Strip([Segment(_centered(line, width), self.rich_style)], width) for line in lines]


def _centered(line: str, width: int) -> str:
    cells = Strip([Segment(line)]).cell_length
    return set_cell_size(" " * ((width - cells) // 2) + line, width)
