"""Files that the owner gets: for nobody else to read, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from license_server.owner.session import Refused


@contextmanager
def new_file(name: str) -> Iterator[Path]:
    """A path to write to, which becomes the file `name` when the block ends well, and is gone when it does not.

    Raises:
        Refused: there is such a file already, or it cannot be made.
    """
    path = Path(name)
    if path.exists():
        raise Refused(f"{path} is there already; name another, or move it away")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield beside
        with beside.open("rb") as done:
            os.fsync(done.fileno())
        beside.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        beside.unlink(missing_ok=True)
