"""Recognizing what a log server sends again: it answers every new connection with the whole log.

Lines cannot be compared, since the same text comes cut differently live and later. What stays the same is the sequence
of its characters without white space; of what has been seen only their number and a running checksum are kept, which
fit into a small file and so outlive the process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from zlib import crc32

from oavr_tui.clients.sse_bytes import Piece

_FIRST_MARK = 32
_WORD = re.compile(r"\S+")


class LogRestarted(Exception):
    """What comes is not the log that has been seen: the pod has begun a new one."""


@dataclass(slots=True)
class Seen:
    """A log's characters so far. marks: the checksum after 32, 64, 128 … of them, so that another log is noticed
    at its beginning and not only when it is as long as the old one."""

    chars: int = 0
    checksum: int = 0
    marks: list[int] = field(default_factory=list)

    def add(self, squeezed: str) -> None:
        """Count in text without white space."""
        while squeezed:
            due = _FIRST_MARK << len(self.marks)
            part, squeezed = squeezed[: due - self.chars], squeezed[due - self.chars :]
            self.checksum = crc32(part.encode("utf-8", "surrogatepass"), self.checksum)
            self.chars += len(part)
            if self.chars == due:
                self.marks.append(self.checksum)

    def is_whole(self) -> bool:
        """Whether there are as many marks as so many characters leave."""
        return len(self.marks) == max(0, (self.chars // _FIRST_MARK).bit_length())


class Replay:
    """One connection's part: drops what has been seen and lets through what is new, adding it to `seen`."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._again = Seen()
        self.caught_up = seen.chars == 0

    def fresh(self, pieces: list[Piece]) -> list[Piece]:
        """What of these pieces is new. Raises LogRestarted where they differ from what has been seen."""
        squeezed = squeeze("".join([piece.text for piece in pieces]))
        if self.caught_up:
            self._seen.add(squeezed)
            return pieces
        if self._again.chars + len(squeezed) < self._seen.chars:
            self._again.add(squeezed)
            self._compare_marks()
            return []
        return self._catch_up(pieces)

    def all_sent(self) -> None:
        """There is no more of the log than what came. Raises LogRestarted where that is less than has been seen."""
        if not self.caught_up:
            raise LogRestarted

    def _catch_up(self, pieces: list[Piece]) -> list[Piece]:
        for index, piece in enumerate(pieces):
            squeezed = squeeze(piece.text)
            room = self._seen.chars - self._again.chars
            self._again.add(squeezed[:room])
            if len(squeezed) < room:
                continue
            self._compare_marks()
            if self._again.checksum != self._seen.checksum:
                raise LogRestarted
            self.caught_up = True
            rest = _after(piece.text, room)
            new = [Piece(rest, True)] if rest.strip() else []
            new += pieces[index + 1 :]
            self._seen.add(squeeze("".join([each.text for each in new])))
            return new
        raise AssertionError("the pieces were counted to reach the end of what has been seen")

    def _compare_marks(self) -> None:
        if self._again.marks != self._seen.marks[: len(self._again.marks)]:
            raise LogRestarted


def squeeze(text: str) -> str:
    """The text without its white space."""
    return "".join(text.split())


def _after(text: str, count: int) -> str:
    """What follows the first `count` characters that are not white space."""
    for word in _WORD.finditer(text):
        length = word.end() - word.start()
        if count <= length:
            return text[word.start() + count :]
        count -= length
    return ""
