"""Names in few cells."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from oavr_tui.app.fitting import even, fitted, shortened


@pytest.mark.parametrize(
    ("name", "cells", "shown"),
    [
        ("anna.png", 8, "anna.png"),
        ("portrait_of_anna_07.png", 16, "portrait…_07.png"),
        ("quarterly results 2026", 12, "quarter…2026"),
        ("日本語のごあいさつ", 10, "日本…さつ"),
        ("cafe\u0301-cafe\u0301-cafe\u0301", 5, "ca…fe\u0301"),
        ("anna", 2, "an"),
        ("anna", 0, ""),
        ("", 5, ""),
    ],
)
def test_the_beginning_and_the_end_of_a_name_stay(name: str, cells: int, shown: str) -> None:
    assert shortened(name, cells) == shown


@pytest.mark.parametrize("cells", range(24))
@pytest.mark.parametrize("name", ["a-very-long-title_07", "日本語のごあいさつ", "a日b本c語d" * 4, "e\u0301" * 30])
def test_it_never_takes_more_room_than_there_is(name: str, cells: int) -> None:
    assert cell_len(shortened(name, cells)) <= cells
    assert cell_len(fitted(name, cells)) == cells


def test_characters_that_are_joined_stand_side_by_side() -> None:
    """A terminal that does not join them would make them wider than they are reckoned."""
    assert even("a\U0001f469\u200d\U0001f467b") == "a\U0001f469\U0001f467b"
    assert even("\U0001f44d\U0001f3fd \u2764\ufe0f") == "\U0001f44d \u2764"
