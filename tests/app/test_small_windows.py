"""The smallest window in which everything can be used: what is looked for is in sight, and the rest can be reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.add_address import AddAddress
from oavr_tui.app.dialogs.consent import consent
from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.dialogs.help import Help
from oavr_tui.app.dialogs.sign_out import SignOut
from oavr_tui.app.dialogs.voice_too_long import voice_too_long
from oavr_tui.app.screens.studio import Studio
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.app.widgets.queue import Queue
from tests.app.still import calm, furnish, remembered, standing
from tests.app.studios import until

SIZE = (60, 20)


@pytest.fixture
async def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pilot[None]]:
    """The app with something of everything in it."""
    (me := tmp_path / "me").mkdir()
    monkeypatch.setenv("HOME", str(me))
    environ = {"HOME": str(me), "TERM": "xterm-256color", "PATH": str(me / "nowhere")}
    async with standing(furnish(me), remembered(me), environ, SIZE) as pilot:
        yield pilot


async def test_further_options_leave_the_queue_in_sight(small: Pilot[None]) -> None:
    pane = small.app.query_one(Studio)
    queue, form = pane.query_one(Queue), pane.form
    small.app.set_focus(form.go_button)
    await small.press("o")
    await until(small, lambda: form.more_shown and form.scroll_y > 0)
    assert queue.rows.region.height >= 2
    assert small.app.screen.region.contains_region(queue.region)
    shown = form.region
    assert shown.contains_region(form.query_one("#more").region)
    assert shown.contains_region(form.query_one("#quality").region)
    form.point_at("workflow")
    await until(small, lambda: shown.contains_region(form.query_one("#workflow").region))
    form.point_at("image")
    await until(small, lambda: shown.contains_region(form.query_one("#image").region))


DIALOGS: dict[str, Callable[[], ModalScreen[Any]]] = {
    "key": GetKey,
    "address": AddAddress,
    "sign-out": SignOut,
    "consent": consent,
    "too-long": lambda: voice_too_long(512.0, 400.0, full=True),
}


@pytest.mark.parametrize("name", DIALOGS)
async def test_a_dialog_shows_its_title_and_its_answers(small: Pilot[None], name: str) -> None:
    dialog = DIALOGS[name]()
    await small.app.push_screen(dialog)
    await calm(small)
    inside = dialog.query_one(".dialog").content_region
    assert small.app.screen.region.contains_region(dialog.query_one(".dialog").region)
    assert inside.contains_region(dialog.query_one(".title", Static).region)
    for answer in dialog.query(".answers Button").results(Button):
        assert inside.contains_region(answer.region), answer.id
    for _ in range(8):  # wherever the focus goes, it is seen
        await small.press("tab")
        assert small.app.focused is not None
        await until(small, lambda: inside.contains_region(small.app.focused.region))  # type: ignore[union-attr]


async def test_the_key_help_says_whole_what_its_row_cuts_and_how_it_scrolls(small: Pilot[None]) -> None:
    app = small.app
    assert isinstance(app, OavrApp)
    app.set_focus(app.query_one(Studio).form.go_button)
    await small.press("f1")
    await until(small, lambda: isinstance(app.screen, Help))
    rows, whole = app.screen.query_one(LineList), app.screen.query_one("#help-whole", Static)
    await until(small, lambda: rows.index == 1)
    await small.press("down", "down", "down")
    await until(small, lambda: "quality, seed and the rest" in str(whole.render()))
    assert "…" in rows.render_line(4).text
    hint = app.screen.query_one(".hint", Static)
    assert "scroll" in str(hint.render()) and hint.region.height == 1
    await small.press("end")
    await until(small, lambda: rows.index == rows.count - 1 and rows.scroll_y > 0)
