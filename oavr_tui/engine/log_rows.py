"""One row of a log as it is shown: clean, without secrets, with its time and how grave it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from oavr_tui.clients.log_file import split_stamp
from oavr_tui.clients.log_fold import LONGEST_LINE, Cleaner
from oavr_tui.engine.log_parts import Parts

_FIRST_READ = 512
_MOST_READ = 4 * LONGEST_LINE
"""Bytes of a line that are read; a row shows no more than LONGEST_LINE characters."""


class Level(IntEnum):
    """How grave a line is."""

    NONE = 0
    WARNING = 1
    ERROR = 2


_LEVELS = (
    (
        Level.ERROR,
        re.compile(r"\b(?:ERROR|CRITICAL|FATAL|PANIC)\b|Traceback \(most recent|^\s*[\w.]*(?:Error|Exception):"),
    ),
    (Level.WARNING, re.compile(r"\bWARN(?:ING)?\b|^\s*[\w.]*Warning:")),
)
_SIGNS = ("WARN", "ERROR", "rror:", "arning:", "xception:", "Trace", "CRIT", "FATAL", "PANIC")
_REACH = 200
"""Characters at the beginning of a line that may say its level."""


class LogRow(NamedTuple):
    """at: unix seconds, 0 where the line has no time. word: where in the text its level is named."""

    at: float
    text: str
    level: Level
    word: tuple[int, int]


def read_line(parts: Parts, part: int, place: int) -> bytes:
    """The line at a place, without its end, cut where it is longer than what is ever shown."""
    data = parts.read(part, place, _FIRST_READ)
    end = data.find(b"\n")
    if end < 0 and len(data) == _FIRST_READ:
        data = parts.read(part, place, _MOST_READ)
        end = data.find(b"\n")
    return data if end < 0 else data[:end]


def clean(line: bytes) -> tuple[float, str]:
    """A line of the file as its time and its text, without control characters and of bounded length."""
    at, text = split_stamp(line.decode("utf-8", "replace"))
    text = Cleaner().begin(text[: 2 * LONGEST_LINE])
    return at, text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


def level_of(text: str) -> tuple[Level, tuple[int, int]]:
    """How grave a line says it is, and where it says so."""
    head = text[:_REACH]
    if not any(map(head.__contains__, _SIGNS)):  # three times faster than to search in vain
        return Level.NONE, (0, 0)
    for level, pattern in _LEVELS:
        if found := pattern.search(head):
            return level, found.span()
    return Level.NONE, (0, 0)


def row_of(line: bytes, redact: Callable[[str], str]) -> LogRow:
    """A line of the file as it is shown."""
    at, text = clean(line)
    text = redact(text)
    return LogRow(at, text, *level_of(text))


class Gravity:
    """The level of lines in their order: what belongs to a warning or an error, indented or in a traceback, has its
    level too."""

    def __init__(self) -> None:
        self._last = Level.NONE
        self._tracing = False

    def of(self, text: str) -> Level:
        """The level of the next line."""
        level, _ = level_of(text)
        if text.startswith("Traceback (most recent"):
            self._tracing = True
        elif level is Level.NONE or self._tracing:
            if text[:1].isspace():
                return max(level, self._last)
            if self._tracing:
                self._tracing = False
                level = Level.ERROR
        self._last = level
        return level
