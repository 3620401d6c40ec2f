"""Opening what a person chose without being hurt by it, and saying plainly why it will not do.

Only regular files are opened: a FIFO would block for ever and /dev/zero never ends. What a decoder raises on a broken
file becomes one sentence that names the file and what to do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from oavr_tui.errors import BadInput, DiskFull, OavrError, Rejected
from oavr_tui.text import safe

HEAD_BYTES = 1024
_NAME_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is wanted for, with the words for its refusals."""

    noun: str
    advice: str
    mend: str
    failure: type[OavrError]


PICTURE = Kind(
    "picture", "Choose a JPEG, PNG or WebP file.", "Save or fetch it again, or choose another picture.", BadInput
)
VOICE = Kind(
    "recording",
    "Choose a WAV, MP3, FLAC, M4A or OGG file, or a video with sound.",
    "Save or fetch it again, or choose another recording.",
    BadInput,
)
VIDEO = Kind("video", "Fetch it again, or make the video again.", "Fetch it again, or make the video again.", Rejected)


def shown_name(path: Path, name: str | None, kind: Kind) -> str:
    """How a file is called in sentences: as the person called it, else its own name; always safe to print."""
    return safe(name if name is not None else path.name, _NAME_LENGTH) or f"The {kind.noun}"


def open_regular(path: Path, name: str, kind: Kind) -> BinaryIO:
    """Open a regular, non-empty file for reading; anything else raises the kind's error. Never blocks."""
    try:
        _refuse_odd(os.stat(path).st_mode, name, kind)  # noqa: PTH116 - opening some devices already has an effect
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise kind.failure(_why_not_opened(error, name, kind)) from error
    file = os.fdopen(descriptor, "rb")
    try:
        status = os.fstat(descriptor)
        _refuse_odd(status.st_mode, name, kind)  # the path may lead elsewhere by now
        if status.st_size == 0:
            raise kind.failure(f"{name} is empty (0 bytes). {kind.mend}")
    except BaseException:
        file.close()
        raise
    return file


def _refuse_odd(mode: int, name: str, kind: Kind) -> None:
    if stat.S_ISDIR(mode):
        raise kind.failure(f"{name} is a folder, not a {kind.noun}. {kind.advice}")
    if not stat.S_ISREG(mode):
        raise kind.failure(f"{name} is a device or a pipe, not a file. {kind.advice}")


def _why_not_opened(error: OSError | ValueError, name: str, kind: Kind) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.ENOENT:
        return f"{name} is not there. Check the path, or choose another {kind.noun}."
    if code == errno.ENOTDIR:
        return f"{name} is not there: its path leads through a file. Check the path, or choose another {kind.noun}."
    if code in {errno.EACCES, errno.EPERM}:
        return f"{name} may not be read by you. Change its permissions, or choose another {kind.noun}."
    reason = safe(os.strerror(code), 80).lower() if code is not None else "its name is not a valid one"
    return f"{name} cannot be opened ({reason}). Choose another {kind.noun}."


def head_of(file: BinaryIO) -> bytes:
    """The first bytes of an open file, leaving it at its start."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return head


@contextlib.contextmanager
def refusing(name: str, kind: Kind, head: bytes) -> Iterator[None]:
    """Whatever a decoder raises inside becomes the kind's error with one sentence; our own errors pass."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata in a file that can be used none the less
            yield
    except (OavrError, MemoryError):
        raise
    except Exception as error:  # a hostile file can make a decoder raise anything
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise MemoryError from error
        raise kind.failure(_why_not_decoded(error, name, kind, head)) from error


@contextlib.contextmanager
def storing(target: Path) -> Iterator[None]:
    """A disk that cannot take what is written inside becomes DiskFull or Rejected, with one sentence."""
    try:
        yield
    except OSError as error:
        folder = safe(str(target.parent), 120)
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFull(f"The disk is full: {folder} takes no more. Free some space, then try again.") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR}:
            raise Rejected(
                f"{folder} cannot be written to. Change its permissions, or choose another folder."
            ) from error
        raise


def _why_not_decoded(error: Exception, name: str, kind: Kind, head: bytes) -> str:
    if isinstance(error, OSError) and error.errno == errno.EIO:
        return f"The disk fails to read {name}. Copy it from elsewhere, or choose another {kind.noun}."
    looks = looks_like(head)
    if looks and looks != _LOOKS_RIGHT.get(kind.noun) and not (kind is VOICE and looks == "a video"):
        return f"{name} is not a {kind.noun} that can be read (it looks like {looks}). {kind.advice}"
    words = str(error).lower()
    if isinstance(error, EOFError) or any(word in words for word in ("truncated", "end of file", "premature")):
        return f"{name} is incomplete: its end is missing. {kind.mend}"
    if looks:
        return f"{name} is damaged or incomplete and cannot be read. {kind.mend}"
    return f"{name} is not a {kind.noun} that can be read. {kind.advice}"


_LOOKS_RIGHT = {"picture": "a picture", "recording": "a sound file", "video": "a video"}
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"BM", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"ID3", "a sound file"),
    (b"\xff\xfb", "a sound file"),
    (b"\xff\xf3", "a sound file"),
    (b"fLaC", "a sound file"),
    (b"OggS", "a sound file"),
    (b"FORM", "a sound file"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"FLV", "a video"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "a program"),
)
_RIFF = {b"WAVE": "a sound file", b"WEBP": "a picture", b"AVI ": "a video"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def _brands(head: bytes) -> set[bytes]:
    """The brands of an ISO base media file (ISO/IEC 14496-12, box `ftyp`), or none for any other file."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}


def is_heic(head: bytes) -> bool:
    """Whether a file's first bytes are those of a HEIC picture (and not of an AVIF one, which needs no extra)."""
    brands = _brands(head)
    return bool(brands & _HEIC_BRANDS) and not brands & {b"avif", b"avis"}


def looks_like(head: bytes) -> str:
    """What a file's first bytes look like, in a person's words; empty when nothing can be said."""
    if brands := _brands(head):
        if brands & (_HEIC_BRANDS | {b"avif", b"avis"}):
            return "a picture"
        return "a sound file" if head[8:11] == b"M4A" else "a video"
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    for start, words in _STARTS:
        if head.startswith(start):
            return words
    lowered = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if b"<svg" in lowered:
        return "an SVG drawing"
    if lowered.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "text" if _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    try:
        words = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else only the last character is cut
            return False
        words = head[: error.start].decode("utf-8")
    return bool(words) and all(ch.isprintable() or ch in "\r\n\t\f\x1b" for ch in words)
