"""Component styles that are made when something is first drawn with them.

Textual makes all of a widget's at every update of its style, each as costly as the style of a widget itself: with a
dozen looks, half of the work before the first frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.css.styles import RenderStyles
from textual.dom import DOMNode

if TYPE_CHECKING:
    from textual.widget import Widget
else:
    # Not a widget of its own: Textual takes the CSS of the first base only, which is to be the other one's.
    Widget = object


class LazyLooks(Widget):
    """To be named before the widget it is mixed into; COMPONENT_CLASSES are only what the looks are called."""

    @classmethod
    def _get_component_classes(cls) -> frozenset[str]:  # type: ignore[override]
        return frozenset()

    def get_component_styles(self, *names: str) -> RenderStyles:
        for name in names:
            if name not in self._component_styles:
                node = DOMNode(classes=name)
                node._attach(self)
                self.app.stylesheet.apply(node)
                self._component_styles[name] = node.styles
        return super().get_component_styles(*names)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._component_styles:
            self._component_styles.clear()
            self.refresh()
