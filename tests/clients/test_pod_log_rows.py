"""Rows of a log: nothing in them can move a cursor, none is endless, and a progress bar is one row."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.clients.log_fold import LONGEST_LINE, Rows
from oavr_tui.clients.log_replay import squeeze
from oavr_tui.text import safe


def shown(*lines: str, most: int = 100) -> list[str]:
    rows = Rows(most)
    for line in lines:
        rows.begin(0.0, line)
    return [row.text for row in rows.last(most)]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mtrue color\x1b[m", "true color"),
        ("\x9b31mred with one byte less\x9b0m", "red with one byte less"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2;0;0;0\x1b\\picture", "picture"),
        ("\x1b_G1;AAAA\x1b\\picture", "picture"),
        ("\x1b(Bcharset\x1b7\x1b8\x1bc", "charset"),
        ("bell\x07 back\x08 null\x00 del\x7f", "bell back null del"),
        ("a\tb", "a    b"),
        ("a\u202eb\u2066c", "abc"),
        ("lone \ud800 half", "lone  half"),
        (" 10%\r 20%\r 30%", " 30%"),
        ("text\r", "text"),
        ("👩\u200d💻 stays", "👩\u200d💻 stays"),
        ("[/red] [@click=app.quit]x[/]", "[/red] [@click=app.quit]x[/]"),
        ("unfinished \x1b[3", "unfinished "),
    ],
)
def test_cleaning(raw: str, clean: str) -> None:
    assert shown(raw) == [clean]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_no_control_character_gets_through_however_a_line_is_cut(pieces: list[str]) -> None:
    rows = Rows(10)
    rows.begin(0.0, pieces[0])
    for piece in pieces[1:]:
        rows.extend(0.0, piece)
    for row in rows.last(10):
        assert squeeze(safe(row.text, 10_000)) == squeeze(
            "".join(each for each in row.text if unicodedata.category(each) not in {"Cn", "Co"})
        )
        assert "\x1b" not in row.text and "\n" not in row.text


@given(st.text(st.sampled_from("\x1b[]0;1m\x07\\ab\x9b(P"), max_size=30), st.integers(0, 30))
def test_a_line_in_two_parts_is_cleaned_as_one(text: str, place: int) -> None:
    whole, parts = Rows(3), Rows(3)
    whole.begin(0.0, text)
    parts.begin(0.0, text[:place])
    parts.extend(0.0, text[place:])
    assert [squeeze(row.text) for row in parts.last(3)] == [squeeze(row.text) for row in whole.last(3)]


@pytest.mark.parametrize("unit", ["\x9d", "\x1b[", "\x1b]", "\x9b0;", "\x1b(", "\x1b]\x1b", " 5%", "  "])
def test_a_hostile_line_costs_no_more_than_its_length(unit: str) -> None:
    """Not measured: a cost that grows with the square of it would run into the test's own deadline."""
    for _ in range(15):
        assert len("".join(shown(unit * (2 * LONGEST_LINE // len(unit)) + "\x1b[0m%|"))) <= LONGEST_LINE


def test_a_row_is_never_longer_than_said() -> None:
    rows = Rows(3)
    for _ in range(40):
        rows.extend(0.0, "x" * 1000)
    (row,) = rows.last(3)
    assert len(row.text) == LONGEST_LINE
    assert row.text.endswith("x…")


def test_a_bar_is_one_row_that_changes() -> None:
    rows = Rows(10)
    rows.begin(1.0, "before")
    for percent in range(0, 101, 5):
        rows.begin(2.0, f"Sampling: {percent:3}%|{'#' * (percent // 10):10}| {percent}/100 [00:01<00:02, 1.2it/s]")
    rows.begin(3.0, "after")
    assert [(row.number, row.key, row.text[:14]) for row in rows.last(10)] == [
        (1, None, "before"),
        (2, "Sampling:", "Sampling: 100%"),
        (3, None, "after"),
    ]
    assert sorted(rows.changed) == [1, 2, 3]


def test_a_bar_that_begins_again_is_a_new_row() -> None:
    assert shown("a 50%|", "a 100%|", "a 0%|", "a 10%|") == ["a 100%|", "a 10%|"]


def test_bars_within_bars_keep_their_rows() -> None:
    assert shown("out 10%|", "in 50%|", "out 20%|", "in 60%|") == ["out 20%|", "in 60%|"]


def test_a_bar_that_scrolled_away_is_not_changed_out_of_sight() -> None:
    assert shown("a 10%|", *"bcdefghijk", "a 20%|")[-1] == "a 20%|"


def test_a_bar_in_two_parts() -> None:
    rows = Rows(5)
    rows.begin(0.0, "a 10%|")
    rows.begin(0.0, "a 20%|##")
    rows.extend(0.0, "##| 2/10")
    assert [row.text for row in rows.last(5)] == ["a 20%|####| 2/10"]


def test_percent_signs_are_not_bars() -> None:
    assert shown("50%", "100%", "5% | done") == ["50%", "100%", "5% | done"]


def test_only_so_many_rows_are_kept_and_their_numbers_go_on() -> None:
    rows = Rows(3)
    for number in range(10):
        rows.begin(0.0, f"row {number}")
    assert [row.number for row in rows.last(99)] == [8, 9, 10]
    assert [row.text for row in rows.last(2)] == ["row 8", "row 9"]
    assert rows.last(0) == []
