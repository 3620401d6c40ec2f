"""The app's own log: one file that turns over, without secrets, and nothing on the terminal ever.

Libraries' loggers end up here too, from warnings on; whatever they set up for themselves finds a handler in place.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import cast

from oavr_tui.paths import Paths, private_dir
from oavr_tui.text import safe

LARGEST_FILE = 1_000_000
"""Bytes of one file."""
OLDER_FILES = 2
"""Full files that are kept beside the newest."""

_NAME = "oavr_tui"
_LONGEST_RECORD = 4000
_MOST_TRACE = 40
_TALKATIVE = ("httpx", "httpcore", "websockets", "urllib3", "requests", "runpod", "aiohttp", "asyncio", "PIL")

Redact = Callable[[str], str]


def log_path(paths: Paths) -> Path:
    return paths.state / "log" / "oavr-tui.log"


def start_log(paths: Paths, redactor: Redact) -> logging.Logger:
    """Have everything that is logged in this process written to the file, and return the app's own logger.

    redactor: takes the secrets out of a text. Called again, it only changes file and redactor. A folder that cannot be
    written to makes no error: then nothing is logged.
    """
    stop_log()
    root, ours = logging.getLogger(), logging.getLogger(_NAME)
    handler: logging.Handler
    try:
        private_dir(log_path(paths).parent)
        handler = _PrivateFile(log_path(paths))
    except OSError:
        handler = logging.NullHandler()
    handler.set_name(_NAME)
    handler.setFormatter(_Clean(redactor))
    # On the root, so that a library's basicConfig finds a handler there and adds none that prints.
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    return ours


def stop_log() -> None:
    """Close the log; what is logged afterwards goes nowhere that start_log set up."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.get_name() == _NAME]:
        root.removeHandler(handler)
        handler.close()


class _PrivateFile(RotatingFileHandler):
    """A file that only its owner can read, and that never complains on the terminal."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LARGEST_FILE, backupCount=OLDER_FILES, encoding="utf-8", errors="replace")

    def _open(self) -> TextIOWrapper:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return cast(
            "TextIOWrapper", open(self.baseFilename, self.mode, encoding="utf-8", errors="replace", opener=private)
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A log that cannot be written (a full disk) is no reason to disturb anybody."""


class _Clean(logging.Formatter):
    """One line a record, and the traceback's lines below it; every one without control characters and secrets."""

    def __init__(self, redactor: Redact) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a library's words and values that do not fit together
            message = str(record.msg)
        when = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        lines = [f"{when} {record.levelname} {self._clean(record.name)}: {self._clean(message)}"]
        if record.exc_info and record.exc_info[1] is not None:
            trace = "".join(traceback.format_exception(record.exc_info[1], limit=-_MOST_TRACE))
            lines += ["    " + self._clean(line) for line in self._redactor(trace).splitlines()]
        return "\n".join(lines)

    def _clean(self, text: str) -> str:
        # Once more after control characters are gone, which might have stood in the middle of a secret.
        return self._redactor(safe(self._redactor(text), _LONGEST_RECORD))
