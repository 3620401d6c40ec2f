"""A pod's log as the provider keeps it: its own lines and the container's, each with a time and an id."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

_KEPT = 20_000
Source = Literal["container", "system"]


def iso(moment: float) -> str:
    """Unix seconds as the API writes times: 2026-06-01T12:00:00Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class LogLine:
    """number: counted from 1 over the pod's life; at: unix seconds."""

    number: int
    at: float
    source: Source
    line: str

    @property
    def id(self) -> str:
        """As in the API's own example: the time, then the number in twelve digits."""
        return f"{iso(self.at)}/{self.number:012}"


class ProviderLog:
    """The last lines of one pod's log. It outlives the container and its files."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=_KEPT)
        self._count = 0
        self._seen = ""

    def add(self, line: str, at: float, source: Source = "system") -> None:
        """Write down a line."""
        self._count += 1
        self._lines.append(LogLine(self._count, at, source, line))

    def follow(self, text: str, at: float) -> None:
        """Take over what the container has written since the last look; its whole log is `text`."""
        if text == self._seen:
            return
        fresh = text[len(self._seen) :] if text.startswith(self._seen) else text  # else it was begun anew
        whole = fresh.rfind("\n") + 1
        if whole:
            for line in fresh[:whole].split("\n")[:-1]:
                self.add(line.rstrip("\r"), at, "container")
        self._seen = text[: len(text) - len(fresh) + whole]

    def after(self, number: int) -> Iterator[LogLine]:
        """The lines that are kept with a higher number."""
        return iter([each for each in self._lines if each.number > number])

    def tail(self, count: int) -> list[LogLine]:
        """The last so many lines."""
        return list(self._lines)[-count:] if count else []
