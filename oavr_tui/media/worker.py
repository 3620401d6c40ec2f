"""The parent's side of the media child: sends a task, and names the file that a decoder crashed or hung on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oavr_tui.child import run_in_child
from oavr_tui.errors import OutOfMemory, Rejected
from oavr_tui.media.files import Kind

DEADLINE = 120.0
"""Seconds without a sign of life; long recordings give one every half minute or so of their sound."""
_CRASHED = "The check of your files ended unexpectedly. Try again, or choose other files."


async def ask(
    task: str, files: Mapping[str, tuple[Path, str, Kind]], *, deadline: float = DEADLINE, **more: Any
) -> dict[str, Any]:
    """Run one task over named files and return the child's answer.

    files: by their role, each with what it is called in sentences. deadline: seconds for each of them. Raises what the
    child reports, OutOfMemory, or the failure of the kind of file it was reading when it crashes or hangs.
    """
    reading: list[str] = []
    message = {"task": task, **more}
    for role, (path, name, _) in files.items():
        message[role] = {"path": str(path), "name": name}
    try:
        return await run_in_child(
            "oavr_tui.media",
            message,
            deadline=deadline,
            crash_message=_CRASHED,
            on_progress=lambda progress: reading.append(progress["reading"]),
        )
    except OutOfMemory as error:
        name = files[reading[-1]][1] if reading else "One of your files"
        raise OutOfMemory(
            f"{name} needs more memory than it may take here. Use a smaller one, or close other programs and try again."
        ) from error
    except Rejected as error:
        if error.message != _CRASHED or not reading:
            raise
        _, name, kind = files[reading[-1]]
        raise kind.failure(
            f"{name} cannot be used: reading it takes too long or fails badly, as with a damaged file. {kind.mend}"
        ) from error
