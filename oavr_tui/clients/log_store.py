"""Everything that is shown as a log: all of it in a file, its last rows in memory, and who wants to hear of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from oavr_tui.clients.disk import disk_error
from oavr_tui.clients.log_file import LogFile, read_rows
from oavr_tui.clients.log_fold import LogLine
from oavr_tui.clients.sse_bytes import Piece

Listener = Callable[[list[LogLine]], None]
LARGEST_FILE = 64_000_000
"""Bytes; a longer file is put aside once, and what is older than that is dropped."""


class Log:
    """One log: of a job, or (PodLog) of a pod. Exactly one process writes a file; see log_file.py for readers.

    ring: rows kept in memory; limit: bytes of the file; clock: unix seconds. Opening continues an older file. A disk
    that cannot be written to costs the file's lines, never the rows or the work that is logged: `trouble` then says so.
    """

    def __init__(self, file: Path, *, ring: int = 5000, limit: int = LARGEST_FILE, clock: Callable[[], float]) -> None:
        self.file = file
        self.trouble = ""
        self._clock = clock
        self._out = LogFile(file, limit)
        self._rows = read_rows(file, ring)
        self._listeners: list[Listener] = []

    def add(self, text: str) -> None:
        """Add lines of our own; foreign text in them is cleaned like everything else."""
        self.take([Piece(line, False) for line in text.split("\n")], still_open=False)

    def lines(self, last: int) -> list[LogLine]:
        """At most so many of the last rows, oldest first."""
        return self._rows.last(last)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call with the rows that are new or changed (by number), at each change; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def take(self, pieces: Iterable[Piece], *, still_open: bool) -> None:
        """Add pieces as they come from a stream. still_open: the last one may yet go on."""
        at = self._clock()
        out: list[str] = []
        ended = self._out.ended
        stamp = self._out.stamp(at)
        rows = self._rows
        for text, continues in pieces:
            shown, goes_on = rows.extend(at, text) if continues else (rows.begin(at, text), False)
            if goes_on:
                out.append(shown)
            elif shown:
                out.append(stamp + shown if ended else "\n" + stamp + shown)
                ended = False
        if not still_open:
            rows.close_line()
            if not ended:
                out.append("\n")
        self._write(at, "".join(out))
        self._tell()

    def close(self) -> None:
        """Give back the file. The log may still be read, and is opened again by the next line."""
        self._out.close()

    def _write(self, at: float, text: str) -> None:
        if not text:
            return
        try:
            if self.trouble:
                lost = f"{self._out.stamp(at)}— Lines are missing here: {self.trouble} —\n"
                self._out.append(at, lost if self._out.ended else "\n" + lost)
                self.trouble = ""
                text = text.removeprefix("\n")
            self._out.append(at, text)
        except OSError as error:
            self.trouble = disk_error(error, self.file).message

    def _tell(self) -> None:
        changed = list(self._rows.changed.values())
        self._rows.changed.clear()
        if changed:
            for listener in tuple(self._listeners):
                listener(changed)
