"""A log's rows through its index: the same as reading the file plainly, however it comes to be what it is."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.clients.log_file import LogFile, older, read_rows
from oavr_tui.clients.log_fold import LONGEST_LINE
from oavr_tui.engine.log_rows import Gravity, Level, level_of
from oavr_tui.engine.log_scan import Pattern, Query
from oavr_tui.engine.log_view import STEP_BYTES, LogView

STAMP = "2026-11-23T14:02:11Z "


def keep_up(view: LogView) -> None:
    """All that there is to know by now."""
    view.look()
    while (step := view.step()) is not None:
        view.take(step)


def texts(view: LogView) -> list[str]:
    return [view.row(place).text for place in range(view.count)]


def opened(file: Path) -> LogView:
    view = LogView(file, str)
    keep_up(view)
    return view


# A line of which nothing is left when it is clean is a row here, as it is a line of the file; the writer makes none.
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).map("x{}".format)
bars = st.builds(
    "{}: {:3}%|{:10}| {}/9".format, st.sampled_from(["Sampling", "Loading"]), st.integers(0, 100), words, words
)
logs = st.lists(st.one_of(words, bars, words.map(STAMP.__add__), bars.map(STAMP.__add__)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(logs, st.lists(st.integers(0, 3000), max_size=8), st.booleans())
def test_bytes_appended_in_any_pieces_give_the_rows_of_a_plain_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], cuts: list[int], ended: bool
) -> None:
    file = tmp_path_factory.mktemp("log") / "a.log"
    data = ("\n".join(lines) + "\n" * (ended and bool(lines))).encode()
    view = LogView(file, str)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for begin, end in pairwise(places):
        with file.open("ab") as out:
            out.write(data[begin:end])
        keep_up(view)
        plain = [row.text for row in read_rows(file, 1_000_000).last(1_000_000)]
        assert texts(view) == plain
    view.close()


@settings(max_examples=60, deadline=None)
@given(logs, st.integers(1, 50), st.booleans(), st.sampled_from(["x", "Sampling", "1", "é|%"]))
def test_a_filter_and_a_search_find_what_a_plain_look_finds_while_the_log_grows(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], half: int, inverse: bool, typed: str
) -> None:
    file = tmp_path_factory.mktemp("log") / "a.log"
    view = LogView(file, str)
    only, find = Pattern(typed), Pattern("9")
    view.ask(Query(find=find, only=only, inverse=inverse))
    for part in (lines[:half], lines[half:]):
        with file.open("a", encoding="utf-8") as out:
            out.write("".join(f"{line}\n" for line in part))
        keep_up(view)
        plain = [row.text for row in read_rows(file, 1_000_000).last(1_000_000)]
        wanted = [number for number, text in enumerate(plain) if only.found_in(text) is not inverse]
        assert [view.number(place) for place in range(view.count)] == wanted
        assert texts(view) == [plain[number] for number in wanted]
        hits = [number for number in wanted if find.found_in(plain[number])]
        assert view.hits == len(hits)
        assert [view.rank(number) for number in hits] == list(range(1, len(hits) + 1))
    view.close()


def test_a_file_that_is_missing_until_later(tmp_path: Path) -> None:
    file = tmp_path / "later.log"
    view = opened(file)
    assert view.count == 0
    file.write_text("first\n")
    keep_up(view)
    assert texts(view) == ["first"]
    view.close()


def test_a_file_put_aside_goes_on_in_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "pod.log"
    out = LogFile(file, 500)
    view = opened(file)
    said = []
    for number in range(12):
        said.append(f"line {number} of the first part")
        out.append(0, f"{STAMP}{said[-1]}\n")
        keep_up(view)
    assert older(file).exists()
    shown = [text for text in texts(view) if not text.startswith("—")]
    assert shown == said
    fresh = opened(file)
    assert texts(fresh) == texts(view)
    out.close()
    view.close()
    fresh.close()


def test_what_is_older_than_the_part_put_aside_goes_and_the_rows_move(tmp_path: Path) -> None:
    file = tmp_path / "pod.log"
    out = LogFile(file, 400)
    view = opened(file)
    moved = 0
    for number in range(60):
        out.append(0, f"{STAMP}line {number}\n")
        keep_up(view)
        moved += view.moved()
        assert view.row(view.count - 1).text == f"line {number}"
    fresh = opened(file)
    assert texts(fresh) == texts(view)
    assert moved < -20
    assert view.anew == 1
    for each in (view, fresh, out):
        each.close()


@pytest.mark.parametrize("how", ["truncated", "replaced"])
def test_a_file_begun_anew_is_read_anew(tmp_path: Path, how: str) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\ntwo\nthree\n")
    view = opened(file)
    before = view.anew
    if how == "truncated":
        os.truncate(file, 4)
    else:
        other = tmp_path / "other"
        other.write_text("four\n")
        other.replace(file)
    keep_up(view)
    assert texts(view) == (["one"] if how == "truncated" else ["four"])
    assert view.anew == before + 1
    view.close()


def test_a_long_file_shows_its_last_rows_before_all_is_known(tmp_path: Path) -> None:
    file = tmp_path / "long.log"
    file.write_text("".join(f"{STAMP}line {number}\n" for number in range(60_000)))
    view = LogView(file, str)
    view.look()
    assert 0 < view.count < 60_000
    assert view.row(view.count - 1).text == "line 59999"
    early = view.count
    with file.open("a") as out:
        out.write("line 60000\n")
    keep_up(view)
    assert view.count == 60_001
    assert view.moved() == 60_000 - early
    assert [view.row(place).text for place in (0, 30_000, 60_000)] == ["line 0", "line 30000", "line 60000"]
    assert view.bytes_used / view.count < 16
    view.close()


def test_each_step_of_a_long_file_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "long.log"
    file.write_bytes(b"x" * (5 * STEP_BYTES) + b"\nend\n")
    view = LogView(file, str)
    view.look()
    steps = 0
    while (step := view.step()) is not None:
        view.take(step)
        steps += 1
    assert 5 <= steps <= 6
    assert [len(view.row(place).text) for place in range(view.count)] == [LONGEST_LINE, 3]
    view.close()


def test_the_rows_of_one_bar_are_one_and_what_is_searched_is_its_last_frame(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    view = LogView(file, str)
    view.ask(Query(find=Pattern("100%")))
    with file.open("w") as out:
        for percent in range(101):
            out.write(f"{STAMP}Sampling: {percent:3}%|###| {percent}/100\n")
            out.flush()
            if percent % 10 == 0:
                keep_up(view)
                assert view.count == 1
                assert view.hits == (percent == 100)
    view.close()


def test_secrets_and_control_bytes_do_not_come_out(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(
        b"key rpa_secret \x1b]0;title\x07\x1b[2J\x9b31m[@click=app.quit]x[/]\ta\xff\x00b \xe2\x80\xaeRTL\n"
    )
    view = LogView(file, lambda text: text.replace("rpa_secret", "•••"))
    keep_up(view)
    (text,) = texts(view)
    assert text.startswith("key ••• ")
    assert text.isprintable()
    assert "[@click=app.quit]x[/]    a" in text
    view.close()


@pytest.mark.parametrize(
    ("text", "level", "word"),
    [
        ("[INFO] got prompt", Level.NONE, ""),
        ("[ERROR] no such file", Level.ERROR, "ERROR"),
        ("WARNING: slow", Level.WARNING, "WARNING"),
        ("14:02 WARN low memory", Level.WARNING, "WARN"),
        ("Traceback (most recent call last):", Level.ERROR, "Traceback (most recent"),
        ("torch.OutOfMemoryError: CUDA", Level.ERROR, "torch.OutOfMemoryError:"),
        ("UserWarning: deprecated", Level.WARNING, "UserWarning:"),
        ("the word terror, and errors: 0", Level.NONE, ""),
    ],
)
def test_how_grave_a_line_is(text: str, level: Level, word: str) -> None:
    found, (begin, end) = level_of(text)
    assert (found, text[begin:end]) == (level, word)


def test_a_traceback_belongs_together() -> None:
    gravity = Gravity()
    lines = [
        "[INFO] x",
        "Traceback (most recent call last):",
        '  File "a.py"',
        "    x()",
        "KeyError",
        "[INFO] y",
        "  z",
    ]
    assert [gravity.of(line) for line in lines] == [0, 2, 2, 2, 2, 0, 0]


@pytest.mark.parametrize(
    ("typed", "text", "marks"),
    [
        ("step", "a Step b", [(2, 6)]),
        ("Step", "a step b", []),
        (r"s\w+p", "a step b", [(2, 6)]),
        ("(unclosed", "an (unclosed one", [(3, 12)]),
        ("[/bold", "[/bold]", [(0, 6)]),
        ("x*", "ab", []),
        ("(a+)+$", "see (a+)+$ there", [(4, 10)]),
        ("((a|b)*)*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", []),
    ],
)
def test_patterns(typed: str, text: str, marks: list[tuple[int, int]]) -> None:
    assert Pattern(typed).marks(text) == marks
