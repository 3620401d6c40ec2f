"""Text fields: what keys do that come faster than they can be looked up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Input

from oavr_tui.app.outside.listing import PICTURES
from oavr_tui.app.widgets.path_field import PathField
from oavr_tui.app.widgets.text_field import TextField


class Fields(App[None]):
    """One field, as deep within others as those of the screens."""

    def __init__(self, make: Callable[[], Input]) -> None:
        super().__init__()
        self._make = make

    def compose(self) -> ComposeResult:
        with Vertical(), Vertical(), Vertical():
            yield self._make()

    @property
    def field(self) -> Input:
        return self.query_one(Input)


MAKES: dict[str, Callable[[], Input]] = {
    "plain": lambda: TextField("old", select_on_focus=False),
    "path": lambda: PathField("old", suffixes=PICTURES),
}


def at_once(pilot: Pilot[None], *keys: str) -> None:
    """Press all of them before the first is looked at, as a terminal hands on what is typed fast or pasted plainly."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize("kind", MAKES)
@pytest.mark.parametrize(
    ("keys", "left"),
    [
        (("ctrl+u", "n", "e", "w"), "new"),
        (("backspace", "w", "backspace", "x"), "olx"),
        (("home", "x"), "xold"),
        (("ctrl+u", "a", "ctrl+u", "b"), "b"),
    ],
)
async def test_keys_act_in_the_order_in_which_they_are_pressed(kind: str, keys: tuple[str, ...], left: str) -> None:
    app = Fields(MAKES[kind])
    async with app.run_test() as pilot:
        app.field.focus()
        await pilot.pause()
        at_once(pilot, *keys)
        await pilot.pause()
        await pilot.press("end")
        assert app.field.value == left


async def test_a_field_never_blinks() -> None:
    app = Fields(TextField)
    async with app.run_test():
        assert not app.field.cursor_blink
