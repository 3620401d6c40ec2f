"""Browsing for a portrait or a voice, from where one was found last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.app.outside.listing import PICTURES, VOICES
from oavr_tui.engine.given import is_address
from oavr_tui.errors import BadInput
from oavr_tui.paths import Paths, expanded

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp

_MOST_FOLDERS = 8
_PICKS = {"image": ("Choose a portrait", PICTURES), "audio": ("Choose a voice", VOICES)}


async def picked(app: OavrApp, name: str, given: str, other: str) -> str:
    """The file that the person chooses, empty for none. name: image or audio. given: what is in its field; other: what
    is in the other one's.

    Call it from a worker.
    """
    from oavr_tui.app.dialogs.pick_file import PickFile

    title, suffixes = _PICKS[name]
    recent = [Path(folder) for folder in app.memory.folders]
    chosen = await app.push_screen_wait(PickFile(title, suffixes, _start(given, recent, other, app.paths), recent))
    if chosen is None:
        return ""
    folders = dict.fromkeys([str(chosen.parent), *app.memory.folders])
    app.memory = replace(app.memory, folders=tuple(folders)[:_MOST_FOLDERS])
    return str(chosen)


def _start(given: str, recent: list[Path], other: str, paths: Paths) -> Path:
    """Beside the file that is named already, else where one was chosen last, else beside the other file, else at home.

    Never among the app's own files, as the demo's samples are: their folders mean nothing to a person.
    """
    ways = (_path(given, paths), *recent[:1], _path(other, paths))
    return next((path for path in ways if path is not None), Path.home())


def _path(given: str, paths: Paths) -> Path | None:
    """A file of the person's own that a field names; None where it names none."""
    if not given or is_address(given):
        return None
    try:
        path = expanded(given)
    except BadInput:
        return None
    return None if path.is_relative_to(paths.data) else path
