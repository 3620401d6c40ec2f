"""Reading the stream of a pod's log server from its bytes, as they come.

The server writes server-sent events loosely, so no ordinary parser fits. What it does, and what is made of it here:
1. The log so far is one event: a `data:` line each, no blank line between them, one at its end. Later each line is an
   event of its own. So every `data:` line counts at once, and the first blank line ends the log so far.
2. A line that the pod has not finished comes as `data: part` without the blank line; its rest follows in that event.
3. `: heartbeat` and a blank line come when there is nothing to say for ten seconds, also in the middle of such a line.
4. Its splitting at vertical tabs, form feeds, separators, NEL and U+2028/9 puts `data: ` into the middle of lines, but
   only in the log so far, never in what comes live. Only a newline ends a line here.
5. When it cannot read its file it says `--- [ERROR] Stream error: …` once and hangs up.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

LONGEST_PIECE = 65_536
"""Characters; a line that goes on for longer is handed over in pieces."""

_SPLITS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_SPLIT = re.compile(f"[{_SPLITS}]")
_INJECTED = re.compile(f"([{_SPLITS}])(?:data: )+")
_HELD_BACK = 16
_BROKEN = "--- [ERROR] Stream error"


class Piece(NamedTuple):
    """Text of the log. continues: it goes on with the line before it instead of beginning one."""

    text: str
    continues: bool


class SseBytes:
    """The parser of one connection.

    open: the last line may go on. idle: the server has sent all there was to send, some time ago at least. broken: the
    last thing it said was that it cannot read its file. alive: it has said anything at all.
    """

    def __init__(self) -> None:
        self.open = False
        self.idle = False
        self.broken = False
        self.alive = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._inside = False
        self._skipping = False
        self._live = False
        self._commented = False
        self._complaint = ""

    def feed(self, chunk: bytes) -> list[Piece]:
        """Take in bytes, cut anywhere, and return what they add to the log."""
        text = self._rest + self._decoder.decode(chunk)
        if any(sign in text for sign in _SPLITS):  # many times faster than one search for all of them
            text = _INJECTED.sub(r"\1", text)
        lines = text.split("\n")
        self._rest = lines.pop()
        pieces: list[Piece] = []
        for line in lines:
            if self._inside:
                self._inside = False
                pieces.append(Piece(line, True))
            elif self._skipping:
                self._skipping = False
            elif line.startswith("data:"):
                self._data(line[6:] if line[5:6] == " " else line[5:], pieces)
            else:
                self._other(line)
        if len(self._rest) > LONGEST_PIECE:
            self._hand_over_long_line(pieces)
        return pieces

    def _data(self, text: str, pieces: list[Piece]) -> None:
        self.alive = True
        if self._complaint:  # something follows it, so it stands in the log itself
            pieces.append(Piece(self._complaint, self.open and self._live))
            self._complaint, self.broken, self.open = "", False, False
        if text.startswith(_BROKEN):
            self._complaint, self.broken = text, True
            return
        pieces.append(Piece(text, self.open and self._live))
        self.open = True
        self._commented = False

    def _other(self, line: str) -> None:
        """A blank line, a comment, or a field that the log server does not use."""
        if line.startswith(":"):
            self.alive = self._commented = self._live = self.idle = True
        elif not line.strip("\r"):
            if self._commented:
                self._commented = False  # it ends the comment and not a line of the log
                return
            self._live = True
            self.open = False

    def _hand_over_long_line(self, pieces: list[Piece]) -> None:
        """Pass on the head of a line whose end has not come, cut where no injected `data: ` is cut in two."""
        if self._skipping:
            self._rest = ""
            return
        if not self._inside and not self._rest.startswith("data:"):
            self._rest, self._skipping = "", True
            return
        cut = len(self._rest) - _HELD_BACK
        near = _SPLIT.search(self._rest, cut - _HELD_BACK, cut)
        cut = near.start() if near else cut
        head, self._rest = self._rest[:cut], self._rest[cut:]
        if self._inside:
            pieces.append(Piece(head, True))
        else:
            self._data(head[6:] if head[5:6] == " " else head[5:], pieces)
            self._inside = True
