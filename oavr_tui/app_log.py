"""The app's own log: one file that turns over, without secrets, and nothing on the terminal ever.

Libraries' loggers end up here too, from warnings on; whatever they set up for themselves finds a handler in place.
Several processes of one installation write into the same file. Never logged: a key, a token, a whole pod id, the
folders of a path, the values in a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from oavr_tui.paths import Paths, private_dir
from oavr_tui.redact import without_folders
from oavr_tui.text import safe

LARGEST_FILE = 1_000_000
"""Bytes of one file."""
OLDER_FILES = 2
"""Full files that are kept beside the newest."""

_NAME = "oavr_tui"
_LONGEST_TEXT = 2000
_LOOKED_AT = 50 * _LONGEST_TEXT
_MOST_FRAMES = 12
_TALKATIVE = (
    "aiohttp",
    "asyncio",
    "httpcore",
    "httpx",
    "paramiko",
    "PIL",
    "requests",
    "runpod",
    "urllib3",
    "websockets",
)

Redact = Callable[[str], str]


def log_path(paths: Paths) -> Path:
    return paths.state / "log" / "oavr-tui.log"


def start_log(paths: Paths, redactor: Redact) -> logging.Logger:
    """Have everything that is logged in this process written to the file, and return the app's own logger.

    redactor: takes the secrets out of a text. Called again, it only changes file and redactor. A folder that cannot be
    written to makes no error; what could not be written is counted, and told when writing goes again.
    """
    stop_log()
    handler = _SharedFile(log_path(paths))
    handler.set_name(_NAME)
    handler.setFormatter(_Clean(redactor))
    root, ours = logging.getLogger(), logging.getLogger(_NAME)
    # On the root, so that a library's basicConfig finds a handler there and adds none that prints.
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return ours


def stop_log() -> None:
    """End the log; what is logged afterwards goes nowhere that start_log set up."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.get_name() == _NAME]:
        root.removeHandler(handler)
        handler.close()
        logging.captureWarnings(False)


class _SharedFile(logging.Handler):
    """A file that only its owner can read, which other processes write to and turn over as well.

    It is opened for every line, which are few: so a line goes to the file that is the newest at that moment, and no
    process holds on to one that another has put aside.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises and never prints: a log that cannot be written is no reason to disturb anybody."""
        lost = f"({self._lost} lines before this one could not be written)\n" if self._lost else ""
        try:
            self._write(f"{lost}{self.format(record)}\n".encode("utf-8", "replace"))
        except Exception:
            self._lost += 1
        else:
            self._lost = 0

    def _write(self, data: bytes) -> None:
        private_dir(self._path.parent)
        if self._size() + len(data) > LARGEST_FILE:
            self._turn_over(len(data))
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.fstat(fd).st_mode & 0o077:
                os.fchmod(fd, 0o600)
            # One call, so that lines of several processes do not mix (write(2), O_APPEND).
            if os.write(fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(fd)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _turn_over(self, coming: int) -> None:
        """Put the full file aside, unless another process is doing so or has just done it."""
        with _alone_in(self._path.parent) as alone:
            if not alone or self._size() + coming <= LARGEST_FILE:
                return
            files = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, OLDER_FILES + 1))]
            for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
                with contextlib.suppress(FileNotFoundError):
                    newer.replace(older)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Whether this is the only process inside; never waits."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


class _Clean(logging.Formatter):
    """One line a record, without control characters, secrets and folders."""

    def __init__(self, redactor: Redact) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
        except Exception as error:  # a library's words and values that do not fit together, or a value's own __str__
            message = f"(words that could not be put together: {type(error).__name__})"
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        parts = [f"{when} {record.process} {record.levelname} {safe(record.name)}: {self._clean(message)}"]
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(_where(record.exc_info[1]))
        return " | ".join(parts)

    def _clean(self, text: str) -> str:
        # Control characters go first, as they might stand in the middle of a secret; the length is cut last, as a
        # secret that is cut in two is not recognized.
        text = text[:_LOOKED_AT]
        text = safe(text, max(1, len(text)))
        return safe(without_folders(self._redactor(text)), _LONGEST_TEXT)


def _where(error: BaseException) -> str:
    """The kinds of errors and the places they came through, the last one first; no values, texts or folders."""
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None and len(chain) < _MOST_FRAMES:
        frames = traceback.extract_tb(link.__traceback__)[-_MOST_FRAMES:]
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
        chain.append(f"{type(link).__name__} at {places}" if places else type(link).__name__)
        link = link.__cause__ or link.__context__
    return safe(" from ".join(chain), _LONGEST_TEXT)
