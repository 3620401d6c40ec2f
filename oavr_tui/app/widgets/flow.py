"""Widgets side by side, on as many lines as they need: none of them is cut off."""

from __future__ import annotations

from textual.geometry import Offset, Size
from textual.layout import ArrangeResult, Layout
from textual.layouts.horizontal import HorizontalLayout
from textual.widget import Widget


class _FlowLayout(HorizontalLayout):
    name = "flow"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        """As in one row; what would go beyond its end begins the next one."""
        flowed: ArrangeResult = []
        shift = top = bottom = 0
        for placed in super().arrange(parent, children, size, greedy):
            region = placed.region
            if region.x - shift and region.right - shift > size.width:
                shift, top = region.x, bottom
            at = region.at_offset(Offset(region.x - shift, region.y + top))
            bottom = max(bottom, at.bottom)
            flowed.append(placed._replace(region=at))
        return flowed


class Flow(Widget):
    """Its children have widths of their own."""

    DEFAULT_CSS = "Flow { width: 1fr; height: auto; }"

    @property
    def layout(self) -> Layout:
        """Its own; styles know those of Textual alone."""
        return _LAYOUT


_LAYOUT = _FlowLayout()
