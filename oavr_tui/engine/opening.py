"""A home that may only be read: looked at once, when the engine is opened, and said in one sentence."""

from __future__ import annotations

import errno
import os

from oavr_tui.paths import Paths, private_dir
from oavr_tui.text import safe

_BARRED = (errno.EACCES, errno.EPERM, errno.EROFS)


def why_only_read(paths: Paths) -> str:
    """Make the folders that the engine writes to. Returns why nothing can be kept there, as a sentence; empty where
    things can. Blocks. Raises OSError for what is wrong with a folder beyond that."""
    for folder in (paths.store_file.parent, paths.state, paths.data, paths.work):
        try:
            private_dir(folder)
        except OSError as error:
            if error.errno not in _BARRED:
                raise
            reason = error.strerror or "not allowed"
        else:
            if os.access(folder, os.W_OK | os.X_OK):
                continue
            reason = "it may only be read"
        return (
            f"Nothing can be kept in {safe(str(folder), 160)} ({reason}): you can look around, but no preview and no "
            "video can be made here until OAVR_HOME names a folder that can be written to."
        )
    return ""
