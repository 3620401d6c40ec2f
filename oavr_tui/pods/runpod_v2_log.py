"""The log of a pod as RunPod streams it: bytes in, (id, line) out.

Each event is an `id:` line and a `data:` line holding {"ts", "source", "line"}; RunPod's own example ends without the
blank line that would end the event, so a line is given out as soon as its `data:` is complete. Only "\\n" ends a line:
the usual splitting would also do so at characters that a log may well hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from oavr_tui.text import safe

LONGEST_LINE = 16_000
"""Characters of a line of the log; what is longer is cut."""
_LONGEST_RAW = 1_000_000
_LEFT_OUT = "(a line that is too long was left out)"
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,200}")


def usable_event_id(event_id: str) -> bool:
    """Whether an event's id may be sent back in a header: short, printable, without spaces."""
    return _EVENT_ID.fullmatch(event_id) is not None


class LogParser:
    """Bytes of the stream, in any portions, to lines. after: the id from which it was asked to go on."""

    def __init__(self, after: str = "") -> None:
        self._rest = bytearray()
        self._skipping = False
        self._id = after
        self._named = False
        # Going on may begin with the very event that was had last.
        self._repeated = after

    def feed(self, piece: bytes) -> Iterator[tuple[str, str]]:
        """The lines that this portion completes, each with the id to go on from afterwards."""
        *complete, rest = piece.split(b"\n")
        for part in complete:
            self._take(part)
            if found := self._finish():
                yield found
        self._take(rest)

    def _take(self, part: bytes) -> None:
        if self._skipping:
            return
        self._rest += part
        if len(self._rest) > _LONGEST_RAW:
            self._skipping = True
            self._rest.clear()

    def _finish(self) -> tuple[str, str] | None:
        if self._skipping:
            self._skipping = False
            return self._id, _LEFT_OUT
        raw = bytes(self._rest).rstrip(b"\r")
        self._rest.clear()
        name, _, value = raw.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"id" and usable_event_id(text):
            self._id, self._named = text, True
        if name != b"data":
            return None
        named, self._named = self._named, False
        if named and self._id == self._repeated:
            return None
        self._repeated = ""
        return self._id, _line_of(text)


def _line_of(data: str) -> str:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    line = event.get("line") if isinstance(event, dict) else None
    text = line if isinstance(line, str) else data
    # A bar of progress writes over itself: what a terminal would show is its last writing.
    return safe(text.rstrip("\r\n").rpartition("\r")[2], LONGEST_LINE)
