"""Two sources of one log: what both the log server and the provider send is shown once.

Neither says where it stands by the other, so lines are counted: one that came by either source is passed over as often
when it comes by the other. A line is so shown as often as the source that has it more often sends it.
"""

from __future__ import annotations

from collections.abc import Iterable

from oavr_tui.clients.log_fold import Cleaner
from oavr_tui.clients.log_replay import squeeze
from oavr_tui.clients.sse_bytes import Piece

_MOST_LINES = 20_000
_COMPARED = 500


class Merge:
    """shown: the lines that stand in the log already and came by the log server."""

    def __init__(self, shown: Iterable[str] = ()) -> None:
        self._server: dict[str, int] = {}
        self._provider: dict[str, int] = {}
        self._begun = ""
        for line in shown:
            _count(self._server, _comparable(line))

    def from_server(self, pieces: list[Piece], *, still_open: bool) -> list[Piece]:
        """What of these the provider has not sent. A line that comes in parts is shown before it can be compared."""
        ended = [not piece.continues for piece in pieces[1:]] + [not still_open]
        new: list[Piece] = []
        for piece, ends in zip(pieces, ended, strict=False):
            if piece.continues:
                self._begun = (self._begun + piece.text)[: 2 * _COMPARED]
            else:
                self._settle()
                if ends and self._is_other(piece.text, self._provider, self._server):
                    continue
                if not ends:
                    self._begun = piece.text[: 2 * _COMPARED]
            new.append(piece)
        if not still_open:
            self._settle()
        return new

    def from_provider(self, line: str) -> bool:
        """Whether this line of the provider's has not come by the log server."""
        return not self._is_other(line, self._server, self._provider)

    def _settle(self) -> None:
        """A line that came in parts is whole and stands in the log, whoever else sends it."""
        if self._begun:
            self._is_other(self._begun, self._provider, self._server)
            self._begun = ""

    def _is_other(self, text: str, others: dict[str, int], ours: dict[str, int]) -> bool:
        """Whether the other source has sent this line once more than this one so far; it is counted either way."""
        line = _comparable(text)
        left = others.get(line, 0)
        if left == 0:
            _count(ours, line)
            return False
        if left == 1:
            del others[line]
        else:
            others[line] = left - 1
        return True


def _comparable(text: str) -> str:
    return squeeze(Cleaner().begin(text[: 2 * _COMPARED]))[:_COMPARED]


def _count(lines: dict[str, int], line: str) -> None:
    if line:
        lines[line] = lines.get(line, 0) + 1
        if len(lines) > _MOST_LINES:
            del lines[next(iter(lines))]
