"""`oavr-tui`: open the app."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.commands.talk import say
from oavr_tui.models import Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings, load_settings

if TYPE_CHECKING:
    import argparse

    from oavr_tui.app.demo import Demo

EXIT_WRONG_USE = 2


def run(arguments: argparse.Namespace | None) -> int:
    del arguments
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        say("The app needs a terminal. Without one, use 'oavr-tui generate'; 'oavr-tui --help' lists every command.")
        return EXIT_WRONG_USE
    paths = Paths.find()
    return open_app(paths, load_settings(paths))


def open_app(
    paths: Paths, settings: Settings, request: Request | None = None, *, at_once: bool = False, demo: Demo | None = None
) -> int:
    """Open the app, with the fields filled in from `request` if there is one; at_once: begin to make it."""
    gc.disable()  # until the first frame, when the app turns it on again: all that is made by then stays
    from oavr_tui.app.outside.terminal import Terminal, refusal

    if why_not := refusal(os.environ):
        say(why_not)
        return EXIT_WRONG_USE
    from oavr_tui.app.app import OavrApp
    from oavr_tui.app.outside.guard import run_guarded

    app = OavrApp(paths, settings, request, at_once=at_once, samples=partial(_samples, paths), demo=demo)
    app.animation_level = Terminal.find(os.environ, settings.app_motion).motion
    return run_guarded(app, say)


def _samples(paths: Paths) -> tuple[Path, Path]:
    from oavr_tui.commands.demo import samples

    return samples(paths)
