"""What a folder holds that can be used: read in a thread, bounded in number and in time."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from oavr_tui.app.fitting import even
from oavr_tui.text import safe


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


PICTURES = _suffixes("png jpg jpeg jpe jfif webp bmp gif tif tiff heic heif avif jp2 ppm pgm tga")
VIDEOS = _suffixes("mp4 m4v mov mkv webm avi mpg mpeg ts 3gp")
VOICES = VIDEOS | _suffixes("wav mp3 m4a m4b aac ogg oga opus flac aif aiff aifc wma amr caf au weba")
"""Recordings, and videos for their sound."""
NONE: frozenset[str] = frozenset()
"""For folders alone."""

MOST_ENTRIES = 20_000
DEADLINE_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """name: as the system has it, to open it. shown: fit for a terminal. bytes: -1 for a folder.

    changed: unix seconds.
    """

    name: str
    shown: str
    is_folder: bool
    bytes: int
    changed: float


@dataclass(frozen=True, slots=True)
class Listing:
    """Folders first, each kind by name. more: there are others beyond MOST_ENTRIES. wrong: why it cannot be read."""

    entries: tuple[Entry, ...] = ()
    more: bool = False
    wrong: str = ""


async def listed(folder: Path, suffixes: frozenset[str], deadline: float = DEADLINE_SECONDS) -> Listing:
    """The folders and the files with these suffixes in a folder, hidden ones too. Never raises for a bad folder."""
    try:
        return await in_thread(lambda: list_folder(folder, suffixes), deadline)
    except TimeoutError:
        return Listing(wrong="This folder does not answer. Its disk or network may be away; choose another one.")


def list_folder(folder: Path, suffixes: frozenset[str], most: int = MOST_ENTRIES) -> Listing:
    """As `listed`, in this thread. Pipes, devices and dead links are left out: nothing can be made of them."""
    entries: list[Entry] = []
    more = False
    try:
        with os.scandir(folder) as found:
            for item in found:
                if len(entries) >= most:
                    more = True
                    break
                if (entry := _entry(item, suffixes)) is not None:
                    entries.append(entry)
    except (OSError, ValueError) as error:
        return Listing(wrong=_why(error))
    entries.sort(key=lambda entry: (not entry.is_folder, entry.name.casefold(), entry.name))
    return Listing(tuple(entries), more)


def _entry(item: os.DirEntry[str], suffixes: frozenset[str]) -> Entry | None:
    wanted = os.path.splitext(item.name)[1].lower() in suffixes  # noqa: PTH122 - a Path for each would cost more
    try:
        if item.is_dir():
            return Entry(item.name, _shown(item.name), True, -1, 0.0)
        if not wanted:
            return None
        status = item.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Entry(item.name, _shown(item.name), False, status.st_size, status.st_mtime)


def _shown(name: str) -> str:
    if name.isascii() and name.isprintable():  # nearly all; in a folder of thousands the difference is felt
        return name
    return even(name, 300) or "(a name that cannot be shown)"


def _why(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "This folder is not there. Check how it is written, or choose another one."
        case NotADirectoryError():
            return "This is a file of another kind, not a folder. Choose another one."
        case PermissionError():
            return "This folder may not be read by you. Choose another one."
        case _:
            reason = safe(os.strerror(error.errno), 80).lower() if isinstance(error, OSError) and error.errno else ""
            return f"This folder cannot be read{f' ({reason})' if reason else ''}. Choose another one."


def typable(name: str) -> bool:
    """Whether a name can stand in a text field as it is: no control bytes, nothing that hides or turns it.

    Any kind of space may: a Mac puts a narrow one into the names of its screenshots.
    """
    plain = "".join("_" if unicodedata.category(ch) == "Zs" else ch for ch in name)
    return safe(plain) == plain


async def in_thread(work: Callable[[], T], deadline: float) -> T:
    """Do something in a thread of its own; TimeoutError after the deadline (seconds).

    The thread is a daemon: one that hangs on a dead network drive keeps neither the app nor its end waiting.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, wrong = None, None
        try:
            result = work()
        except Exception as error:
            wrong = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, result, wrong)

    threading.Thread(target=run, name="listing", daemon=True).start()
    async with asyncio.timeout(deadline):
        return await done


def is_there(given: str) -> bool:
    """Whether there is a file or folder of that name. Blocks."""
    try:
        return Path(given).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False
