"""`oavr-tui demo`: the main job with a sample portrait and voice, apart from the person's own data."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from dataclasses import replace
from pathlib import Path

from oavr_tui.commands.demo_account import DEMO_KEY, hurry, open_demo_account
from oavr_tui.commands.generate import make
from oavr_tui.commands.reporting import reporter
from oavr_tui.commands.talk import exit_code, say
from oavr_tui.errors import DiskFull, OavrError, Rejected
from oavr_tui.models import AUTO, Failure, Request
from oavr_tui.paths import Paths, private_dir
from oavr_tui.settings import load_settings
from oavr_tui.text import safe

DEMO_SEED = 7
_DEMO = "DEMO: a sample portrait and a sample voice; nothing here costs money."
_DEMO_FULL = (
    "DEMO: a make-believe RunPod on this computer, in fast motion; nothing here costs money. Its studio is stopped by "
    "itself after 2 minutes without work."
)


def run(arguments: argparse.Namespace) -> int:
    paths = Paths.find().demo()
    headless = arguments.headless or arguments.json or not (sys.stdin.isatty() and sys.stdout.isatty())
    voice = reporter(arguments.json) if headless else None
    try:
        portrait, recording = samples(paths)
        if voice is not None and not arguments.json:
            say(_DEMO_FULL if arguments.on == AUTO else _DEMO)
        if arguments.on == AUTO and voice is not None:
            open_demo_account(paths, os.environ)
        hurry(os.environ)
        request = Request(
            image=str(portrait), audio=str(recording), seed=None if voice is None else DEMO_SEED, on=arguments.on
        )
        settings = replace(load_settings(paths), videos_folder=str(paths.videos))
        if voice is not None:
            return make(paths, settings, request, voice, arguments.output)
        from oavr_tui.app.demo import Demo
        from oavr_tui.commands.open_app import open_app

        os.environ["OAVR_HOME"] = str(paths.config.parent)  # from here on nothing may touch the person's own
        with_key = arguments.on == AUTO
        demo = Demo(DEMO_KEY, lambda: open_demo_account(paths, os.environ, with_key=with_key))
        if paths.app_memory.exists() and not with_key:  # somebody who comes back finds things as they were left
            return open_app(paths, settings, demo=demo)
        return open_app(paths, settings, request, at_once=True, demo=demo)
    except OavrError as error:
        if voice is None:
            raise
        voice.failed(Failure(error.code, error.message, error.can_retry))
        return exit_code(error.code)
    finally:
        if voice is not None:
            voice.close()


def samples(paths: Paths) -> tuple[Path, Path]:
    """Draw the sample portrait and speak the sample voice, once; returns their paths. Raises DiskFull, or Rejected
    where nothing may be written."""
    from oavr_tui.simulator.sample_voice import synthesize_voice

    portrait, voice = paths.data / "portrait.png", paths.data / "voice.wav"
    try:
        private_dir(paths.data)
        for file, make_sample in ((portrait, _portrait), (voice, synthesize_voice)):
            if not file.exists():
                unfinished = file.with_stem(file.stem + "-unfinished")
                make_sample(unfinished)
                unfinished.replace(file)
    except OSError as error:
        reason, place = error.strerror or "it cannot be written to", safe(str(paths.data), 160)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(f"The demo's files cannot be written to {place}: {reason}. Free some space.") from None
        raise Rejected(
            f"The demo's files cannot be written to {place}: {reason}. Set OAVR_HOME to a folder of yours."
        ) from None
    return portrait, voice


def _portrait(file: Path) -> None:
    from oavr_tui.simulator.sample_portrait import draw_portrait

    draw_portrait(file, 720, 1248)  # the video's own shape: nothing has to be cropped
