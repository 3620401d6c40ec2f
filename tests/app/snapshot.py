"""Snapshots of a screen as small text files: its lines, and below them its styles.

    await snap(pilot, "studio-empty-80x24")

compares with tests/app/snapshots/studio-empty-80x24.txt; `OAVR_SNAPSHOTS=update pytest tests/app` writes
the files anew.
Give the app a clock of your own and paths that are the same everywhere: nothing is blotted out here.
"""

from __future__ import annotations

import difflib
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.color import Color
from rich.style import Style
from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input, TextArea

FOLDER = Path(__file__).parent / "snapshots"
UPDATING = "OAVR_SNAPSHOTS"
"""The environment variable that, set to "update", has the files written instead of compared."""
_DIFF_LINES = 80
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "strike", "reverse", "blink")


async def snap(pilot: Pilot[Any], name: str, *, folder: Path = FOLDER) -> None:
    """Compare what the app shows with the snapshot of this name, or write it; raises AssertionError where they differ.

    Waits for messages and animations to come to rest, and has cursors stand still.
    """
    await _settled(pilot)
    shown = text_of(pilot.app)
    file = folder / f"{name}.txt"
    if os.environ.get(UPDATING) == "update":
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(shown, encoding="utf-8")
        return
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if shown != before:
        raise AssertionError(_difference(pilot.app, name, before, shown))


def text_of(app: App[Any]) -> str:
    """The screen as the text of a snapshot."""
    context = visible_screen_stack.set(app._background_screens)  # what shines through a dialog, as the app itself does
    try:
        strips = app.screen._compositor.render_strips()
    finally:
        visible_screen_stack.reset(context)
    return as_text(strips)


def as_text(strips: Sequence[Strip]) -> str:
    """Lines between bars, then each style's letter, then for each line which style is how many cells wide."""
    lines = [f"|{strip.text}|" for strip in strips]
    letters: dict[str, str] = {}
    names = _names()
    runs = []
    for strip in strips:
        run = []
        styles = ((described(segment.style), segment.cell_length) for segment in strip if not segment.control)
        for style, pieces in itertools.groupby(styles, key=lambda piece: piece[0]):
            if style not in letters:
                letters[style] = next(names)
            run.append(f"{letters[style]}{sum(cells for _, cells in pieces)}")
        runs.append(" ".join(run))
    legend = [f"{letter} = {style}" for style, letter in letters.items()]
    return "\n".join([*lines, "", *legend, "", *_numbered(runs), ""])


def described(style: Style | None) -> str:
    """A style in words: foreground on background, then its attributes. What a click does is not part of the looks."""
    if style is None:
        return "plain"
    words = f"{_color(style.color)} on {_color(style.bgcolor)}"
    return " ".join([words, *(name for name in _ATTRIBUTES if getattr(style, name))])


def _color(color: Color | None) -> str:
    if color is None:
        return "default"
    return color.triplet.hex if color.triplet is not None else color.name


def _names() -> Iterator[str]:
    """a, b, ... z, aa, ab, ..."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    for length in itertools.count(1):
        for letters in itertools.product(alphabet, repeat=length):
            yield "".join(letters)


def _numbered(runs: Iterable[str]) -> Iterator[str]:
    """Each line's runs behind its number; lines that are alike together."""
    first = 1
    for run, alike in itertools.groupby(runs):
        last = first + sum(1 for _ in alike) - 1
        yield f"{first if first == last else f'{first}-{last}'}: {run}"
        first = last + 1


async def _settled(pilot: Pilot[Any]) -> None:
    for field in (*pilot.app.screen.query(Input), *pilot.app.screen.query(TextArea)):
        field.cursor_blink = False
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


def _difference(app: App[Any], name: str, before: str, shown: str) -> str:
    """What a person needs to judge: the lines that differ, where a picture is, how to accept it."""
    folder = Path(tempfile.gettempdir()) / f"oavr-snapshots-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    picture = folder / f"{name}.svg"
    picture.write_text(app.export_screenshot(), encoding="utf-8")
    diff = list(difflib.unified_diff(before.splitlines(), shown.splitlines(), "snapshot", "shown", lineterm="", n=1))
    more = [f"... {len(diff) - _DIFF_LINES} more lines"] if len(diff) > _DIFF_LINES else []
    return "\n".join(
        [
            f"The screen is not as in snapshot {name!r}." if before else f"There is no snapshot {name!r} yet.",
            *diff[:_DIFF_LINES],
            *more,
            f"As a picture: {picture}",
            f"If it is as it shall be: {UPDATING}=update",
        ]
    )
