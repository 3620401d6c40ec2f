"""What a failed write to this computer's disk means, in a sentence."""

from __future__ import annotations

import errno
from pathlib import Path

from oavr_tui.errors import BadInput, DiskFull, OavrError
from oavr_tui.text import safe

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def disk_error(error: OSError, path: Path) -> OavrError:
    """DiskFull where there is no room for `path`, BadInput where it cannot be written for another reason."""
    folder = safe(str(path.parent), 200)
    if error.errno in _FULL:
        return DiskFull(f"The disk is full, so the file could not be saved in {folder}. Free some space and try again.")
    return BadInput(f"Nothing can be saved in {folder}: {safe(error.strerror or 'unknown reason')}.")
