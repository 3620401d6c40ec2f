"""Fewer bytes for the same screen: what goes out is compared with what stands there, and only the difference is sent.

Textual sends the whole style of every piece, spaces one by one, and lines that look as before; over a slow connection
that is felt. What is not surely understood (unknown sequences, letters whose width terminals disagree on) goes out as
it came, and what may stand there then counts as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from oavr_tui.app.outside.cells import Pen, Pens, Row

FORGET = "\x00"
"""Written among the frames: what stands on the screen is not known any more. Terminals ignore it."""

_TEXT = r"[^\x00-\x1f\x7f-\x9f]+"
_PIECE = re.compile(rf"\x1b\[([\d;]+)m({_TEXT})\x1b\[0m|({_TEXT})")
"""What nearly everything consists of: texts, each with a style of its own."""
_AROUND = len("\x1b[m\x1b[0m")
_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")
_TOKEN = re.compile(rf"({_TEXT})|\x1b\[([<>=?]?[\d;]*\$?[@-~])|\x1b\](8?)[^\x07\x1b]*(?:\x07|\x1b\\)|.", re.DOTALL)
_HARMLESS = frozenset(
    [f"?{mode}{end}" for mode in (25, *range(1000, 1007), 1015, 1016, 2004, 2026, 2048) for end in "hl"]
    + ["?2026$p", "?2048$p", "<u", ">1u", ">25u", "22;2t", "23;2t"]
)
"""Sequences that change no cell."""
_SURE = frozenset(
    chr(code)
    for begin, end in (
        *((0x20, 0x7E), (0xA1, 0xAC), (0xAE, 0x2FF), (0x391, 0x3D7), (0x400, 0x45F), (0x2010, 0x2027)),
        *((0x2030, 0x205E), (0x20AC, 0x20AC), (0x2190, 0x21FF), (0x2500, 0x25FC), (0x2800, 0x28FF)),
    )
    for code in range(begin, end + 1)
).union("☁⚙✎✔✘")
"""Letters of one cell in every terminal."""
_EMPTY_FRAME = "\x1b[?2026h\x1b[?2026l"
_MOST_PENS = 10_000
_JUMP = 4
"""So many cells that are as they should be are rather written again than jumped over."""
_BLANKS = re.compile("( {9,})")
"""So many spaces that it is shorter to erase and jump."""


class Thrift:
    """`spare` turns what would be written into less.

    size: columns and lines of the terminal. erases: it knows ECH, and erases in the color of the background.
    """

    def __init__(self, size: Callable[[], tuple[int, int]], *, erases: bool) -> None:
        self._ask_size = size
        self._width, self._height = size()
        self._erases = erases
        self._begin_pens()
        self._out: list[str] = []
        self._rows: dict[int, Row] = {}
        self._at: tuple[int, int] | None = None  # the terminal's cursor, as line and column from 0
        self._wanted: tuple[int, int] | None = None  # where what comes next is to be
        self._run: list[tuple[str, Pen]] = []
        self._line_waits = self._linked = False

    @property
    def remembered(self) -> int:
        """How many styles, or steps between them, are kept."""
        return len(self._pens)

    def _begin_pens(self) -> None:
        self._pens = Pens()
        self._plain = self._pens.of("")
        self._now = self._plain  # the terminal's
        self._run_pen = self._plain

    def forget(self) -> None:
        """Anything may stand on the screen now, which may have another size."""
        self._width, self._height = self._ask_size()
        self._rows.clear()
        self._at = self._wanted = None

    def spare(self, text: str) -> str:
        """Whole sequences in, fewer out: the screen, its colors, and the cursor are the same afterwards."""
        if len(self._pens) > _MOST_PENS and self._now is self._run_pen is self._plain:
            self._begin_pens()  # pictures have ever new ones
            self._rows.clear()
        start, *moves = _MOVE.split(text)
        self._take(start)
        for row, column, strip in zip(moves[::3], moves[1::3], moves[2::3], strict=True):
            self._end_run()
            self._line_waits = False  # it led nowhere
            self._wanted = max(int(row), 1) - 1, max(int(column), 1) - 1
            if strip and not self._stands(strip):
                self._take(strip)
        self._settle()
        sent = "".join(self._out)
        self._out.clear()
        return sent.replace(_EMPTY_FRAME, "")

    def _stands(self, strip: str) -> bool:
        """Whether just this was the last to be written just there; else, if it is plain, it is compared and sent."""
        assert self._wanted is not None
        row, column = self._wanted
        ends = strip[-1] == "\n"
        if (ends and row >= self._height - 1) or self._run_pen is not self._plain:
            return False
        whole = strip[:-1] if ends else strip
        line = self._rows.get(row)
        found = None if line is None else line.strips.get(column)
        if found is not None and found[0] == whole:
            self._wanted = row, found[1]
        elif run := self._pieces(whole):
            self._run = run
            self._end_run(whole)
        else:
            return False
        self._line_waits = ends
        return True

    def _take(self, text: str) -> None:
        """Anything but moves."""
        for token in _TOKEN.finditer(text):
            plain, sequence, link = token.groups()
            if plain:
                self._run.append((plain, self._run_pen))
            elif sequence and sequence[-1] == "m" and not sequence.startswith(("<", ">", "=", "?")):
                old = "" if sequence in ("m", "0m") else self._run_pen.codes
                self._run_pen = self._pens.of(f"{old};{sequence[:-1]}" if old else sequence[:-1])
            elif link:
                self._run.append((token[0], self._run_pen))
                self._linked = True
            elif token[0] == "\n":
                self._end_line()
            else:
                self._settle()
                if token[0] != FORGET:
                    self._out.append(token[0])
                if token[0] != "\x07" and sequence not in _HARMLESS and link is None:
                    self.forget()

    def _pieces(self, strip: str) -> list[tuple[str, Pen]]:
        """The texts of a strip with their pens; none when there is something else in it."""
        found = _PIECE.findall(strip)
        length = sum(len(plain) or len(codes) + len(text) + _AROUND for codes, text, plain in found)
        return [(text or plain, self._pens.of(codes)) for codes, text, plain in found] if length == len(strip) else []

    def _end_line(self) -> None:
        self._end_run()
        if self._line_waits:
            self._settle()
        self._line_waits = True
        if self._wanted is None or self._wanted[0] >= self._height - 1:
            self._settle()  # it may scroll

    # --- what stands there

    def _settle(self) -> None:
        """Let the terminal be as it would be without us, but for what follows."""
        self._end_run()
        if self._line_waits:
            self._change(self._run_pen)
            self._begin_line()
            self.forget()
        if self._wanted is not None:
            self._go(*self._wanted)
        self._change(self._run_pen)

    def _end_run(self, strip: str = "") -> None:
        """Send what differs of the texts since the last move. strip: that they are, if nothing else is."""
        run, linked = self._run, self._linked
        if not run:
            return
        self._run, self._linked = [], False
        if self._wanted is None or self._line_waits:
            if self._line_waits:
                self._begin_line()
            self._as_it_comes(run)
            self.forget()
            return
        row, column = self._wanted
        text = "".join([piece for piece, _ in run])
        end = column + len(text)
        if linked or row >= self._height or end > self._width or not _SURE.issuperset(text):
            self._go(row, column)
            self._as_it_comes(run)
            line = self._rows.get(min(row, self._height - 1))
            if line is not None:
                line.lose(column if row < self._height and column < self._width else 0)
            self._at = self._wanted = None
            return
        line = self._rows.get(row) or self._rows.setdefault(row, Row())
        self._compare(line, row, column, text, run)
        if strip:
            line.strips[column] = strip, end
        self._wanted = row, end

    def _begin_line(self) -> None:
        self._line_waits = False
        if self._wanted is not None:
            self._go(*self._wanted)
        self._out.append("\n")

    def _as_it_comes(self, run: list[tuple[str, Pen]]) -> None:
        for text, pen in run:
            self._change(pen)
            self._out.append(text)

    def _compare(self, line: Row, row: int, column: int, text: str, run: list[tuple[str, Pen]]) -> None:
        end = column + len(text)
        line.reach(end, self._plain)
        letters = list(text)
        pens: list[Pen] = []
        for piece, pen in run:
            pens += [pen] * len(piece)
        pens = [pen.blank if letter == " " else pen for letter, pen in zip(letters, pens, strict=True)]
        old_letters, old_pens = line.letters[column:end], line.pens[column:end]
        if letters == old_letters and pens == old_pens:
            return
        differing = [
            at
            for at, (letter, pen, old, old_pen) in enumerate(zip(letters, pens, old_letters, old_pens, strict=True))
            if letter != old or pen is not old_pen
        ]
        for begin, stop in _spans(differing):
            self._put(row, column, letters, pens, begin, stop)
        line.overwrite(column, end)
        line.letters[column:end] = letters
        line.pens[column:end] = pens

    # --- sending

    def _put(self, row: int, column: int, letters: list[str], pens: list[Pen], begin: int, stop: int) -> None:
        """Send the cells from begin to stop of a run that begins at a column."""
        at = begin
        while at < stop:
            pen = pens[at]
            # A blank needs no other pen if only the color behind it is the same.
            if letters[at] == " " and self._now.blank is pen:
                pen = self._now
            blank, end = pen.blank, at + 1
            while end < stop and (pens[end] is pen or (letters[end] == " " and pens[end] is blank)):
                end += 1
            self._go(row, column + at)
            self._change(pen)
            self._write("".join(letters[at:end]), row, column + at, can_erase=not blank.attributes)
            at = end

    def _write(self, text: str, row: int, column: int, *, can_erase: bool) -> None:
        if not (can_erase and self._erases) or not _BLANKS.search(text):
            self._out.append(text)
            self._at = (row, column + len(text)) if column + len(text) < self._width else None
            return
        for number, part in enumerate(_BLANKS.split(text)):
            if part:
                self._go(row, column)
                if number % 2:
                    self._out.append(f"\x1b[{len(part)}X")
                else:
                    self._write(part, row, column, can_erase=False)
                column += len(part)

    def _go(self, row: int, column: int) -> None:
        if self._at == (row, column):
            return
        if self._at is not None and self._at[0] == row and column > self._at[1]:
            by = column - self._at[1]
            self._out.append("\x1b[C" if by == 1 else f"\x1b[{by}C")
        else:
            line = str(row + 1) if row else ""
            self._out.append(f"\x1b[{line};{column + 1}H" if column else f"\x1b[{line}H")
        self._at = row, column

    def _change(self, pen: Pen) -> None:
        if pen is not self._now:
            self._out.append(self._pens.change(self._now, pen))
            self._now = pen


def _spans(cells: list[int]) -> Iterator[tuple[int, int]]:
    """Begin and end of what is to be written, small gaps included."""
    begin = last = cells[0]
    for at in cells[1:]:
        if at - last > _JUMP:
            yield begin, last + 1
            begin = at
        last = at
    yield begin, last + 1
