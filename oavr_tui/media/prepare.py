"""What is sent to a ComfyUI server for a picture and a voice. Light: a child process opens the files."""

from __future__ import annotations

import contextlib
from pathlib import Path

from oavr_tui.media.files import PICTURE, VOICE, shown_name
from oavr_tui.media.types import Prepared
from oavr_tui.media.worker import DEADLINE, ask
from oavr_tui.paths import private_dir


async def prepare_for_upload(
    image: Path,
    audio: Path,
    *,
    folder: Path,
    max_seconds: float | None,
    max_bytes: int,
    names: tuple[str, str] | None = None,
    deadline: float = DEADLINE,
) -> Prepared:
    """Make sure that any server's loaders know the two files, and that the voice is cut and fits.

    The picture: JPEG or PNG, upright, without transparency or EXIF data, at most 2600 pixels long. The voice: sound
    alone, at most max_seconds long (exact to the sample) and max_bytes large. A file that is so already is returned
    itself; else one is written into folder as portrait.jpg|png, voice.flac|m4a (or .wav ... for a mere copy under the
    right suffix), the same for the same input. Raises BadInput when one cannot be used, DiskFull when there is no room.
    """
    picture_name = shown_name(image, names and names[0], PICTURE)
    voice_name = shown_name(audio, names and names[1], VOICE)
    private_dir(folder)
    try:
        answer = await ask(
            "prepare",
            {"image": (image, picture_name, PICTURE), "audio": (audio, voice_name, VOICE)},
            deadline=deadline,
            folder=str(folder),
            max_seconds=max_seconds,
            max_bytes=max_bytes,
        )
    finally:
        _remove_parts(folder)
    return Prepared(Path(answer["image"]), Path(answer["audio"]))


def _remove_parts(folder: Path) -> None:
    for part in folder.glob("*.part"):
        with contextlib.suppress(OSError):  # the folder is a job's own and goes with it
            part.unlink()
