"""Rows of a log as they are shown: cleaned, of bounded length, and with progress bars as one row that changes."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

LONGEST_LINE = 16_384
"""Characters of one row; what goes beyond is left out, with … in its place."""

_STRING = "(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*"
_ESCAPE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colors, cursor
    f"|{_STRING}(?:\x07|\x1b\\\\|\x9c)"  # OSC, DCS and others: titles, links, pictures
    "|\x1b[ -/]*[0-OQ-WYZ\\\\`-~]"
    f"|((?:(?:\x1b\\[|\x9b)[0-?]*[ -/]*|{_STRING}\x1b?|\x1b[ -/]*)\\Z)"  # not finished where the text ends
    "|[\x1b\x90\x98\x9b\x9d-\x9f]"
)
_LONGEST_HELD = 64
_JOINERS = frozenset("\u200c\u200d\ufe0f\u00ad\ufeff\u200b\u2060")
_BAR = re.compile(r"([^%]{0,200}?)\s{0,8}(\d{1,3})%\|")
BAR_REACH = 8
"""Rows; a bar's frames find its row among so many last ones."""


class LogLine(NamedTuple):
    """A row. at: unix seconds; key: what a progress bar is of, None for other rows; number: counts up from 1 within
    this process, and stays the same when the row changes."""

    at: float
    text: str
    key: str | None
    number: int


class Cleaner:
    """Takes escape sequences and control characters out of text that comes in pieces."""

    def __init__(self) -> None:
        self._held = ""

    def begin(self, text: str) -> str:
        """The clean beginning of a line; whatever was left of the line before is forgotten."""
        self._held = ""
        return text if text.isprintable() else self._clean(text)

    def extend(self, text: str) -> str:
        """The clean text of a line's next piece."""
        return text if not self._held and text.isprintable() else self._clean(text)

    def _clean(self, text: str) -> str:
        held, self._held = self._held, ""
        text = _ESCAPE.sub(self._without, held + text)
        if "\r" in text:  # what a carriage return overwrites was not meant to stay
            text = next((part for part in reversed(text.split("\r")) if part.strip()), "")
        text = text.replace("\t", "    ")
        if text.isprintable():
            return text
        return "".join([_shown(character) for character in text])

    def _without(self, escape: re.Match[str]) -> str:
        """Nothing in an escape sequence's place; one that may go on is kept for the next piece."""
        held = escape.group(1) or ""
        if len(held) > _LONGEST_HELD:  # what it says is of no matter, only where it ends
            held = held[:2] + "\x1b" * held.endswith("\x1b")
        self._held = held
        return ""


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else ""


class Rows:
    """The last rows of a log. changed: rows that are new or different since it was last emptied, by number."""

    def __init__(self, most: int) -> None:
        self.changed: dict[int, LogLine] = {}
        self._most = most
        self._rows: deque[LogLine] = deque(maxlen=most)
        self._next = 1
        self._open = 0
        self._bars: dict[str, tuple[int, int]] = {}
        self._cleaner = Cleaner()

    def last(self, count: int) -> list[LogLine]:
        """At most so many of the last rows, oldest first."""
        if count >= len(self._rows):
            return list(self._rows)
        return [self._rows[index] for index in range(-count, 0)] if count > 0 else []

    def close_line(self) -> None:
        """The last line is whole; what comes next begins another."""
        self._open = 0
        self._cleaner.begin("")

    def begin(self, at: float, text: str) -> str:
        """Begin a line with this raw text, and return what of it is shown; nothing makes no row."""
        return self._place(at, _cut(self._cleaner.begin(text[: 2 * LONGEST_LINE])))

    def extend(self, at: float, text: str) -> tuple[str, bool]:
        """Go on with the last line, and return what this shows of it and whether a row had been begun by it before."""
        added = self._cleaner.extend(text[: 2 * LONGEST_LINE])
        row = self._row(self._open)
        if row is None:
            return self._place(at, _cut(added)), False
        room = LONGEST_LINE - len(row.text)
        if room <= 0 or not added:
            return "", True
        added = _cut(added, room)
        whole = row.text + added
        bar = _BAR.match(whole)
        self._replace(LogLine(at, whole, row.key if bar is None else _bar_key(bar), row.number))
        return added, True

    def _place(self, at: float, shown: str) -> str:
        """Make a row of a line's first text, or none where nothing is to be seen, and return it."""
        if not shown or shown.isspace():
            self._open = 0
            return ""
        if "%|" in shown and (bar := _BAR.match(shown)) is not None:
            self._open = self._place_bar(at, shown, bar)
        else:
            self._open = self._put(LogLine(at, shown, None, self._next))
        return shown

    def _put(self, row: LogLine) -> int:
        self._rows.append(row)
        self.changed[row.number] = row
        self._next += 1
        return row.number

    def _place_bar(self, at: float, shown: str, bar: re.Match[str]) -> int:
        """Put a frame over the one before it, unless the bar began again or scrolled away."""
        key, percent = _bar_key(bar), int(bar.group(2))
        number, before = self._bars.get(key, (0, 0))
        if number > self._next - 1 - BAR_REACH and percent >= before and self._row(number) is not None:
            self._replace(LogLine(at, shown, key, number))
        else:
            number = self._put(LogLine(at, shown, key, self._next))
        self._bars = {name: place for name, place in self._bars.items() if place[0] > self._next - 1 - BAR_REACH}
        self._bars[key] = (number, percent)
        return number

    def _row(self, number: int) -> LogLine | None:
        behind = self._next - number
        return self._rows[-behind] if number > 0 and 0 < behind <= len(self._rows) else None

    def _replace(self, row: LogLine) -> None:
        self._rows[row.number - self._next] = row
        self.changed[row.number] = row


def _bar_key(bar: re.Match[str]) -> str:
    return bar.group(1).strip() or "%"


def bar_of(shown: str) -> tuple[str, int] | None:
    """What a row is a progress bar of, and its percent; None where it is no bar."""
    bar = _BAR.match(shown) if "%|" in shown else None
    return None if bar is None else (_bar_key(bar), int(bar.group(2)))


def _cut(text: str, room: int = LONGEST_LINE) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
