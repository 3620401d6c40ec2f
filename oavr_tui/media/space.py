"""Is there room on the disk, asked before a video is started. Light."""

from __future__ import annotations

import shutil
from pathlib import Path

from oavr_tui.errors import BadInput, DiskFull
from oavr_tui.models import FPS
from oavr_tui.text import safe, size

_SMALL_THINGS = 20_000_000
"""Bytes for logs, posters, the store and prepared inputs."""
_BYTES_PER_PIXEL = 0.06
"""Six times what the preview's encoder was measured to write (1.4 MB for 19 s of 480x832), for finer encoders and for
the second copy while texts are written into the file."""
_SOUND_BYTES = 200_000
"""Bytes a second of the voice as prepared for sending: 48 kHz, two channels, 16 bits."""


def space_needed(duration: float, width: int, height: int) -> int:
    """A generous estimate of the bytes that making a video takes. duration in seconds, sizes in pixels."""
    return round(_SMALL_THINGS + duration * (width * height * FPS * _BYTES_PER_PIXEL + _SOUND_BYTES))


def check_space(folder: Path, needed: int) -> None:
    """Raise DiskFull when the disk of a folder (which need not exist yet) has fewer than `needed` bytes free.

    Raises BadInput when the folder cannot be one.
    """
    shown = safe(str(folder), 120)
    try:
        place = folder.absolute()
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise NotADirectoryError
        free = shutil.disk_usage(place).free
    except (OSError, ValueError) as error:
        raise BadInput(f"{shown} cannot be used as a folder. Choose another one in Settings.") from error
    if free < needed:
        raise DiskFull(
            f"There is not enough room for this video in {shown}: {size(free)} are free and about {size(needed)} "
            "are needed. Free some space, or choose another folder."
        )
