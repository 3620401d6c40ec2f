"""One log by two sources: each line as often as the source that has it more often sends it, in whatever order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.clients.log_merge import Merge
from oavr_tui.clients.sse_bytes import Piece

LINES = st.lists(st.sampled_from("abc"), max_size=12)


@given(LINES, LINES, st.randoms(use_true_random=False))
def test_whole_lines_in_any_order(server: list[str], provider: list[str], dice: object) -> None:
    steps = [("server", line) for line in server] + [("provider", line) for line in provider]
    dice.shuffle(steps)  # type: ignore[attr-defined]
    merge = Merge()
    shown: Counter[str] = Counter()
    for source, line in steps:
        if source == "server":
            shown.update(piece.text for piece in merge.from_server([Piece(line, False)], still_open=False))
        else:
            shown[line] += merge.from_provider(line)
    assert +shown == Counter(server) | Counter(provider)


def test_a_line_in_parts_is_shown_and_still_counted() -> None:
    merge = Merge()
    assert merge.from_server([Piece("on", False)], still_open=True) == [Piece("on", False)]
    assert merge.from_server([Piece("e", True), Piece("two", False)], still_open=False) == [
        Piece("e", True),
        Piece("two", False),
    ]
    assert [merge.from_provider(line) for line in ("one", "two", "two")] == [False, False, True]


def test_what_stands_in_the_log_already() -> None:
    merge = Merge(["one", "one"])
    assert [merge.from_provider(line) for line in ("\x1b[1mone", "o n e", "one")] == [False, False, True]


def test_blank_lines_are_never_counted() -> None:
    merge = Merge()
    assert merge.from_provider("")
    assert merge.from_server([Piece("", False)], still_open=False) == [Piece("", False)]


def test_only_so_many_lines_are_remembered() -> None:
    merge = Merge()
    for number in range(50_000):
        assert merge.from_provider(str(number))
    assert merge.from_server([Piece("1", False)], still_open=False) == [Piece("1", False)]
    assert merge.from_server([Piece("49999", False)], still_open=False) == []
