"""A home that may only be read: looked at when the engine is opened, and before anything is begun."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from oavr_tui.paths import Paths, private_dir
from oavr_tui.text import safe

BARRED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says where something may not be written."""


def made_or_barred(paths: Paths) -> str:
    """Make the folders that the engine writes to. Returns why nothing can be kept there, as a sentence; empty where
    things can. Blocks. Raises OSError for what is wrong with a folder beyond that."""
    for folder in _folders(paths):
        try:
            private_dir(folder)
        except OSError as error:
            if error.errno not in BARRED:
                raise
            return _sentence(folder, error.strerror or "not allowed")
    return barred_now(paths)


def barred_now(paths: Paths) -> str:
    """The same of the folders that are there, without making any. Blocks; raises nothing."""
    for folder in _folders(paths):
        if os.access(folder, os.F_OK) and not os.access(folder, os.W_OK | os.X_OK):
            return _sentence(folder, "it may only be read")
    return ""


def _folders(paths: Paths) -> tuple[Path, ...]:
    return paths.store_file.parent, paths.state, paths.data, paths.work


def _sentence(folder: Path, reason: str) -> str:
    return (
        f"Nothing can be kept in {safe(str(folder), 160)} ({reason}): you can look around, but no preview and no "
        "video can be made here until OAVR_HOME names a folder that can be written to."
    )
