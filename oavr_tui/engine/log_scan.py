"""Searching and filtering a log: which rows match, found in slices while the log is shown and goes on."""

from __future__ import annotations

import copy
import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from oavr_tui.clients.log_fold import BAR_REACH
from oavr_tui.engine.log_index import LogIndex
from oavr_tui.engine.log_parts import Parts
from oavr_tui.engine.log_rows import Gravity, Level
from oavr_tui.engine.log_texts import texts

_LITERAL = re.compile(r"[^\\.^$*+?{}\[\]|()]*")
_REPEATED_REPEAT = re.compile(r"[*+}][^()]*\)+[*+{]|\([^()]*\|[^()]*\)[*+{]")
_REGEX_REACH = 2000
_MOST_MARKS = 200


class Pattern:
    """What a person typed to find: a regular expression, or the text itself where it is none or would take for ever.

    Capitals count only where some were typed.
    """

    def __init__(self, typed: str) -> None:
        self.typed = typed
        flags = re.NOFLAG if any(letter.isupper() for letter in typed) else re.IGNORECASE
        self._literal = _LITERAL.fullmatch(typed) is not None
        try:
            if _REPEATED_REPEAT.search(typed):
                raise re.error("one repetition within another")
            self._regex = re.compile(typed, flags)
        except (re.error, OverflowError, RecursionError):
            self._literal = True
            self._regex = re.compile(re.escape(typed), flags)
        self.search: Callable[[str], re.Match[str] | None] = self._regex.search if self._literal else self._near

    def _near(self, text: str) -> re.Match[str] | None:
        """An expression, unlike a plain text, is looked for in the first 2,000 characters, since it may take long."""
        return self._regex.search(text, 0, _REGEX_REACH)

    def found_in(self, text: str) -> bool:
        """Whether it is there."""
        return self.search(text) is not None

    def marks(self, text: str) -> list[tuple[int, int]]:
        """Where it is, at most 200 times; never empty stretches."""
        spans: list[tuple[int, int]] = []
        for found in self._regex.finditer(text if self._literal else text[:_REGEX_REACH]):
            if found.start() < found.end():
                spans.append(found.span())
            if len(spans) >= _MOST_MARKS:
                break
        return spans


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted of a log. find: rows to jump to; only: rows to show, or with inverse, not to show."""

    find: Pattern | None = None
    only: Pattern | None = None
    inverse: bool = False
    level: Level = Level.NONE

    @property
    def filters(self) -> bool:
        """Whether rows are left out."""
        return self.only is not None or self.level > Level.NONE

    @property
    def scans(self) -> bool:
        """Whether the rows have to be read to know."""
        return self.filters or self.find is not None

    def judge(self, text: str, level: Level) -> tuple[bool, bool]:
        """Whether a row is shown, and whether it is one that is looked for."""
        shown = level >= self.level and (self.only is None or self.only.found_in(text) is not self.inverse)
        return shown, shown and self.find is not None and self.find.found_in(text)


@dataclass(slots=True)
class Matches:
    """What a look over some rows found."""

    end: int
    gravity: Gravity
    shown: array[int] = field(default_factory=lambda: array("Q"))
    hits: array[int] = field(default_factory=lambda: array("Q"))


class Scan:
    """The rows of one query so far. Rows that a progress bar may still change are judged anew at each look.

    `look_ahead` changes nothing, and `take` adds what it found.
    """

    def __init__(self, query: Query, index: LogIndex, parts: Parts) -> None:
        self.query = query
        self.index = index
        self.shown = array("Q")
        self.hits = array("Q")
        self._parts = parts
        self._done = 0
        self._gravity = Gravity()
        self._recent = Matches(0, self._gravity)

    @property
    def behind(self) -> int:
        """Rows not judged yet, beside the last few."""
        return max(0, self._settled - self._done)

    @property
    def _settled(self) -> int:
        return max(0, self.index.whole - BAR_REACH)

    def look_ahead(self, rows: int) -> Matches:
        """Judge up to so many rows more. Changes nothing."""
        return self._judge(self._done, min(self._settled, self._done + rows))

    def take(self, matches: Matches) -> None:
        """Add what a look ahead found."""
        self._without_recent()
        self.shown.extend(matches.shown)
        self.hits.extend(matches.hits)
        self._done, self._gravity = matches.end, matches.gravity

    def look_at_recent(self) -> None:
        """Judge the last few rows, which may have changed; once all others are judged."""
        if self.behind:
            return
        self._without_recent()
        self._recent = self._judge(self._done, self.index.count)
        self.shown.extend(self._recent.shown)
        self.hits.extend(self._recent.hits)

    def _without_recent(self) -> None:
        for rows, recent in ((self.shown, self._recent.shown), (self.hits, self._recent.hits)):
            if recent:
                del rows[-len(recent) :]
        self._recent = Matches(0, self._gravity)

    def _judge(self, begin: int, end: int) -> Matches:
        matches = Matches(max(begin, end), copy.copy(self._gravity))
        query, rows = self.query, enumerate(texts(self.index, self._parts, begin, end), begin)
        if query.find is not None and not query.filters:  # the usual search, in half the time
            found = query.find.search
            matches.hits.extend([row for row, text in rows if found(text)])
            return matches
        leveled, filters = query.level > Level.NONE, query.filters
        for row, text in rows:
            level = matches.gravity.of(text) if leveled else Level.NONE
            shown, hit = query.judge(text, level)
            if shown and filters:
                matches.shown.append(row)
            if hit:
                matches.hits.append(row)
        return matches
