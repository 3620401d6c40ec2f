"""A pod's log: from its own log server, or as the provider keeps it, into one file that survives this process.

Light to import; following a log server loads httpx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from oavr_tui.clients.disk import disk_error
from oavr_tui.clients.log_file import follow_file, tail
from oavr_tui.clients.log_fold import LogLine
from oavr_tui.clients.log_follow import LogTimings, follow_log_server, follow_source
from oavr_tui.clients.log_merge import Merge
from oavr_tui.clients.log_record import LogRecord
from oavr_tui.clients.log_replay import LogRestarted, Replay, Seen
from oavr_tui.clients.log_store import LARGEST_FILE, Log
from oavr_tui.clients.sse_bytes import Piece, SseBytes

__all__ = [
    "Log",
    "LogLine",
    "LogRestarted",
    "LogTimings",
    "PodLog",
    "follow_file",
    "follow_log_server",
    "follow_source",
    "tail",
]

RESTARTED = "— The pod has begun a new log. —"
_MOST_COMPARED = 5000


class PodLog(Log):
    """A pod's log, which knows what it has got already, also from processes before this one.

    source_note: what keeps the log server's log from coming, as a sentence, or empty. other_wanted: set while the
    provider's own log is the better source.
    """

    def __init__(self, file: Path, *, ring: int = 5000, limit: int = LARGEST_FILE, clock: Callable[[], float]) -> None:
        self.source_note = ""
        self.other_wanted = asyncio.Event()
        self._merge: Merge | None = None
        self._record = LogRecord(file)
        trouble = ""
        try:
            self._record.mend_log()
        except OSError as error:
            trouble = disk_error(error, file).message
        self.seen = self._record.seen
        super().__init__(file, ring=ring, limit=limit, clock=clock)
        self.trouble = trouble

    @property
    def last_id(self) -> str:
        """The id of the last line that came from the provider's log, or empty."""
        return self._record.last_id

    def connect(self) -> LogStream:
        """The reader of one new connection to the log server."""
        return LogStream(self)

    def begin_anew(self) -> None:
        """Forget what has been seen, since the pod's log is another now, and say so in it."""
        self.seen = self._record.seen = Seen()
        self.add(RESTARTED)

    def add_identified(self, line_id: str, line: str) -> None:
        """Add a line of the provider's log and remember its id, unless the log server has sent this line before."""
        if self._merge is None:
            # After a restart nobody knows any more which source the rows came by.
            self._merge = Merge(row.text for row in self.lines(_MOST_COMPARED)) if not self.last_id else Merge()
        self._record.last_id = line_id
        if self._merge.from_provider(line):
            self.add(line)
        else:
            self._write(self._clock(), "")  # the id alone

    def take_from_server(self, pieces: list[Piece], *, still_open: bool) -> None:
        """Add new pieces of the log server's log, except for lines that the provider has sent before."""
        if self._merge is not None:
            pieces = self._merge.from_server(pieces, still_open=still_open)
        self.take(pieces, still_open=still_open)

    def close(self) -> None:
        super().close()
        self._record.close()

    def _write(self, at: float, text: str) -> None:
        super()._write(at, text)
        try:
            self._record.save(self._out.size)
        except OSError as error:
            self.trouble = disk_error(error, self.file).message


class LogStream:
    """What comes over one connection to the log server, which begins with all that came before.

    alive: the server has said something. broken: it said last that it cannot read its log.
    """

    def __init__(self, log: PodLog) -> None:
        self._log = log
        self._parser = SseBytes()
        self._replay = Replay(log.seen)
        self._was_open = False

    @property
    def alive(self) -> bool:
        return self._parser.alive

    @property
    def broken(self) -> bool:
        return self._parser.broken

    def feed(self, chunk: bytes) -> bool:
        """Take in bytes and add what is new to the log; returns whether they held any of the pod's words.

        Raises LogRestarted where they cannot belong to the log that is known: call begin_anew and connect again.
        """
        pieces = self._parser.feed(chunk)
        fresh = self._replay.fresh(pieces) if pieces else []
        if self._parser.idle:
            self._replay.all_sent()
        still_open = self._parser.open
        if fresh or (self._was_open and not still_open and self._replay.caught_up):
            self._log.take_from_server(fresh, still_open=still_open)
        self._was_open = still_open
        return bool(pieces)
