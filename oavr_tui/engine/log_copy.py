"""The whole log as one clean file: its older part first, without secrets and without control bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from oavr_tui.text import safe

_LONGEST_LINE = 1 << 20


def copy_log(file: Path, target: Path, redact: Callable[[str], str]) -> int:
    """Write a log, and the part of it that was put aside, into a new file; returns how many lines that are. Blocks.

    redact: hides secrets in a line. The new file is for its owner alone. Raises OSError: FileExistsError where there
    is one of that name, FileNotFoundError where nothing has been logged.
    """
    from oavr_tui.clients.log_file import older

    parts = [part for part in (older(file), file) if part.exists()]
    if not parts:
        raise FileNotFoundError(file)
    lines = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as written:
        for part in parts:
            with part.open(encoding="utf-8", errors="replace", newline="\n") as handle:
                while line := handle.readline(_LONGEST_LINE):
                    written.write(safe(redact(line), _LONGEST_LINE) + "\n")
                    lines += 1
    return lines


def free_name(folder: Path, name: str) -> Path:
    """A path in a folder under which there is nothing yet: the name, or the name with a number."""
    path, number = folder / name, 1
    stem, dot, ending = name.rpartition(".")
    while path.exists():
        number += 1
        path = folder / (f"{stem}-{number}.{ending}" if dot and stem else f"{name}-{number}")
    return path
