"""What is spared of the bytes changes nothing on the screen: replayed with and without into a terminal in memory."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.app.outside.thrift import FORGET, Thrift

COLUMNS, ROWS = 30, 6

_STYLES: tuple[str, ...] = (
    "",
    "1",
    "2;38;2;1;2;3",
    "38;2;9;9;9;48;2;40;40;40",
    "48;2;40;40;40",
    "1;4;31;44",
    "7;38;5;9",
    "9;97;100",
)
_STYLES += ("3;39;49", "53;38;2;1;2;3", "1;3;38;2;1;2;3;48;5;17", "2")
_TEXTS = (
    "video 12",
    "video 13",
    " " * 12,
    "    a         b",
    "▀▄█ │ ✔ Done",
    "日本語",
    "e\u0301a",
    "👩🔬 x",
    "☁ Pods",
)

_segment = st.tuples(st.sampled_from(_STYLES), st.sampled_from(_TEXTS) | st.text("ab ─日", min_size=1, max_size=8))
_link = st.just("\x1b]8;id=1;https://example.org\x1b\\link\x1b]8;;\x1b\\")
_other = st.sampled_from(["\x1b[2J", "\r", "abc", "\n", "\x1b[31m", FORGET, "\x07", "\x1b]2;title\x1b\\"])


def styled(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


@st.composite
def _run(draw: st.DrawFn) -> str:
    at = f"\x1b[{draw(st.integers(1, ROWS + 1))};{draw(st.integers(1, COLUMNS))}H"
    pieces = draw(st.lists(_segment.map(lambda one: styled(*one)) | _link, min_size=1, max_size=4))
    return at + "".join(pieces) + draw(st.sampled_from(["", "\n"]))


_frame = st.lists(_run() | _run() | _run() | _other, max_size=8).map("".join)


def frame(text: str) -> str:
    """As Textual writes it: within a synchronized update, with the cursor put somewhere at the end."""
    return f"\x1b[?2026h{text}\x1b[1;1H\x1b[?2026l"


class Screen:
    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.screen.reset_mode(pyte.modes.DECAWM)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        # pyte takes sequences with < = > for others; NUL and titles it knows
        self._stream.feed(text)

    def seen(self) -> list[tuple[object, ...]]:
        """Each cell as far as it can be seen: of a blank only what is behind it, unless it is underlined or so."""
        cells = []
        for row in range(self.screen.lines):
            for column in range(self.screen.columns):
                cell = self.screen.buffer[row][column]
                lines = (cell.reverse, cell.underscore, cell.strikethrough)
                cells.append((cell.data, cell.bg) if cell.data == " " and not any(lines) else tuple(cell))
        return cells


def thrift(*, erases: bool = True) -> Thrift:
    return Thrift(lambda: (COLUMNS, ROWS), erases=erases)


@settings(max_examples=100, deadline=None)
@given(st.lists(_frame, min_size=1, max_size=6), st.booleans())
def test_the_screen_is_the_same(frames: list[str], erases: bool) -> None:
    whole, less, spares = Screen(), Screen(), thrift(erases=erases)
    for text in map(frame, frames):
        whole.feed(text)
        less.feed(spares.spare(text))
        assert less.seen() == whole.seen()
        assert (less.screen.cursor.y, less.screen.cursor.x) == (whole.screen.cursor.y, whole.screen.cursor.x)
        assert less.screen.cursor.attrs == whole.screen.cursor.attrs


def test_what_stands_there_already_is_not_sent() -> None:
    spares = thrift()
    text = frame("\x1b[1;1H" + styled("1;31", "Hello") + "\n\x1b[2;1H" + styled("", "there"))
    assert len(spares.spare(text)) > 10
    assert spares.spare(text) == ""


def test_only_the_letters_that_differ_are_sent() -> None:
    spares = thrift()
    spares.spare("\x1b[1;1H" + styled("1", "video 12 of 90") + "\x1b[1;1H")
    sent = spares.spare("\x1b[1;1H" + styled("1", "video 13 of 90") + "\x1b[1;1H")
    assert sent == "\x1b[7C\x1b[1m3\x1b[H\x1b[m"


def test_a_change_of_style_names_only_what_changes() -> None:
    spares = thrift()
    sent = spares.spare("\x1b[1;1H" + styled("1;38;2;1;1;1;48;2;2;2;2", "a") + styled("38;2;3;3;3;48;2;2;2;2", "b"))
    assert sent == "\x1b[H\x1b[1;38;2;1;1;1;48;2;2;2;2ma\x1b[22;38;2;3;3;3mb\x1b[m"


@pytest.mark.parametrize(("erases", "sent"), [(True, "\x1b[44m\x1b[20X"), (False, "\x1b[44m" + " " * 20)])
def test_many_spaces_are_erased_only_where_the_terminal_can(erases: bool, sent: str) -> None:
    assert thrift(erases=erases).spare("\x1b[1;1H" + styled("44", " " * 20)).startswith("\x1b[H" + sent)


@pytest.mark.parametrize("unknown", [FORGET, "\x1b[2J", "\x1b[?1049h", "\x1bc"])
def test_after_what_may_change_everything_all_is_sent(unknown: str) -> None:
    spares, text = thrift(), "\x1b[2;3H" + styled("1", "Hello") + "\x1b[1;1H"
    first = spares.spare(text)
    spares.spare(unknown)
    assert spares.spare(text) == first


def test_letters_of_doubtful_width_are_always_sent_with_what_follows_them() -> None:
    spares, text = thrift(), "\x1b[2;3H日本語 Hello"
    assert spares.spare(text) == spares.spare(text)
    after = "\x1b[2;20Hthere"
    assert "there" in spares.spare(after)
    assert "there" not in spares.spare(after)


def test_a_line_out_of_the_window_is_sent_whole() -> None:
    """A terminal that was just made smaller puts it somewhere else."""
    spares, last = thrift(), f"\x1b[{ROWS};1Hlast line"
    spares.spare(last)
    assert "below" in spares.spare(f"\x1b[{ROWS + 3};1Hbelow")
    assert "last line" in spares.spare(last)


def test_the_styles_that_are_remembered_are_bounded() -> None:
    spares, whole, less = thrift(), Screen(), Screen()
    for number in range(12_000):
        text = f"\x1b[{1 + number % ROWS};1H" + styled(f"38;2;{number % 250};{number // 250};7", "▀") + "same"
        whole.feed(text)
        less.feed(spares.spare(text))
    assert less.seen() == whole.seen()
    assert spares.remembered < 12_000
