"""A pod's log from the bytes of its log server: every row once, however the bytes are cut and sent again."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.clients.log_fold import LONGEST_LINE
from oavr_tui.clients.log_replay import LogRestarted, Seen, squeeze
from oavr_tui.clients.pod_log import RESTARTED, PodLog
from oavr_tui.clients.sse_bytes import LONGEST_PIECE, Piece, SseBytes
from oavr_tui.simulator.pod_log_server import events

DATA = Path(__file__).parents[1] / "data" / "runpod"
FIRST = (DATA / "sse_first_raw.bin").read_bytes()
AGAIN = (DATA / "sse_reconnect_raw.bin").read_bytes()

ROWS = [
    "--- [SYSTEM] Container Started ---",
    "line A",
    "line after blank",
    "last existing (no newline)",
    " <- completes it",
    "new line 1",
    "new line 2",
    " 100%|###| 100/100 [00:02]",
    "green text",
    "X" * (LONGEST_LINE - 1) + "…",
    "unicode ✅ ls sep nel end ff  vt  fs  end",
    "partial...rest",
]
LIVE = "live after reconnect"


def opened(file: Path) -> PodLog:
    return PodLog(file, clock=lambda: 1_800_000_000.0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PodLog]:
    log = opened(tmp_path / "pod.log")
    yield log
    log.close()


def rows(log: PodLog) -> list[str]:
    return [row.text for row in log.lines(10_000)]


def text_of(log: PodLog) -> str:
    """Everything shown, without white space: what no cutting may change."""
    return squeeze("".join(rows(log)))


def chunks(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """The bytes, cut at random places, which are close together at their beginning and their end."""
    near = [*range(1, 700), *range(len(data) - 400, len(data))]
    places = dice.sample(near, dice.choice((3, 60, 900))) + dice.sample(range(1, len(data)), dice.choice((0, 3, 40)))
    for begin, end in itertools.pairwise([0, *sorted(set(places)), len(data)]):
        yield data[begin:end]


def feed(log: PodLog, *pieces: bytes) -> None:
    """One connection."""
    stream = log.connect()
    for piece in pieces:
        stream.feed(piece)


def sse(*lines: str) -> bytes:
    """The log so far as the server sends it."""
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


def test_recorded_bytes_make_these_rows(log: PodLog) -> None:
    feed(log, FIRST)
    assert rows(log) == ROWS
    feed(log, AGAIN)
    assert rows(log) == [*ROWS, LIVE]


@pytest.mark.parametrize("seed", range(40))
def test_any_chunks_and_three_replays(log: PodLog, seed: int) -> None:
    dice = random.Random(seed)
    feed(log, *chunks(FIRST, dice))
    assert rows(log) == ROWS
    for _ in range(3):
        feed(log, *chunks(AGAIN, dice))
        assert rows(log) == [*ROWS, LIVE]


def test_the_chunks_are_the_whole() -> None:
    for seed in range(40):
        assert b"".join(chunks(FIRST, random.Random(seed))) == FIRST


EVERYWHERE = range(0, len(FIRST), 100)
NEAR = [*range(0, 700, 9), *range(700, len(FIRST) - 400, 9000), *range(len(FIRST) - 400, len(FIRST), 9)]


@pytest.mark.parametrize("cuts", [NEAR, pytest.param(EVERYWHERE, marks=pytest.mark.full)], ids=["near", "everywhere"])
def test_a_first_connection_cut_anywhere_and_a_full_replay(tmp_path: Path, cuts: Iterable[int]) -> None:
    whole = squeeze("".join([*ROWS, LIVE]))
    for cut in cuts:
        log = opened(tmp_path / f"{cut}.log")
        feed(log, FIRST[:cut])
        for _ in range(2):
            feed(log, AGAIN)
            assert text_of(log) == whole, cut
        log.close()


def test_another_process_goes_on_where_this_one_ended(tmp_path: Path) -> None:
    for cut in range(0, 800, 37):
        log = opened(tmp_path / f"{cut}.log")
        feed(log, FIRST[:cut])
        log.close()
        log = opened(tmp_path / f"{cut}.log")
        feed(log, AGAIN)
        assert text_of(log) == squeeze("".join([*ROWS, LIVE])), cut
        log.close()


# --- another log


def test_a_new_log_is_noticed_by_its_first_words(log: PodLog) -> None:
    feed(log, sse(*(f"old line {number}" for number in range(1000))))
    stream = log.connect()
    with pytest.raises(LogRestarted):
        stream.feed(b"data: --- [SYSTEM] Container Started --- once more\n")
    log.begin_anew()
    feed(log, sse("--- [SYSTEM] Container Started --- once more", "and on"))
    assert rows(log)[-3:] == [RESTARTED, "--- [SYSTEM] Container Started --- once more", "and on"]


@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_new_log_that_begins_like_the_old_is_noticed_at_the_first_heartbeat(log: PodLog, count: int) -> None:
    feed(log, sse(*(f"line {number}" for number in range(100))))
    stream = log.connect()
    stream.feed(sse(*(f"line {number}" for number in range(count))))  # the rest might be on its way
    with pytest.raises(LogRestarted):
        stream.feed(b": heartbeat\n\n")


def test_a_new_log_differs_after_the_last_mark(log: PodLog) -> None:
    feed(log, sse("a" * 100, "the end is this"))
    with pytest.raises(LogRestarted):
        feed(log, b"data: " + b"a" * 100 + b"\ndata: the end is that, and more than before\n")


def test_a_server_that_sends_each_line_as_an_event(log: PodLog) -> None:
    """As the protocol means it; that also the log so far ends with blank lines is no sign of a new log."""
    whole = b"data: one\n\ndata: two\n\ndata: three\n\n"
    feed(log, whole)
    feed(log, whole + b"data: four\n\n")
    assert rows(log) == ["one", "two", "three", "four"]


# --- what the server does, one by one


def test_1_the_log_so_far_is_one_event(log: PodLog) -> None:
    stream = log.connect()
    stream.feed(b"data: one\ndata: two\n")
    assert rows(log) == ["one", "two"]  # before any blank line


def test_1_a_log_that_ends_within_a_line(log: PodLog) -> None:
    stream = log.connect()
    stream.feed(b"data: one\ndata: tw\n")
    stream.feed(b": heartbeat\n\n")
    stream.feed(b"data: o\n\n")
    assert rows(log) == ["one", "two"]


def test_2_a_line_in_two_parts_is_one_row(log: PodLog) -> None:
    stream = log.connect()
    stream.feed(sse("one") + b"data: part\n")
    assert rows(log) == ["one", "part"]
    number = log.lines(1)[0].number
    stream.feed(b"data: , rest\n\ndata: next\n\n")
    assert rows(log) == ["one", "part, rest", "next"]
    assert log.lines(2)[0].number == number
    feed(log, sse("one", "part, rest", "next", "last"))
    assert rows(log) == ["one", "part, rest", "next", "last"]


def test_2_a_part_whose_rest_comes_by_the_next_connection(log: PodLog) -> None:
    feed(log, sse("one") + b"data: part\n")
    feed(log, sse("one", "part, rest"))
    assert rows(log) == ["one", "part, rest"]


def test_3_a_heartbeat_within_a_line(log: PodLog) -> None:
    stream = log.connect()
    stream.feed(sse("one") + b"data: part\n: heartbeat\n\ndata: rest\n\n: heartbeat\n\ndata: two\n\n")
    assert rows(log) == ["one", "partrest", "two"]


def test_5_frames_that_came_as_lines_are_one_row(log: PodLog) -> None:
    feed(log, sse("", "  0%|   | 0/9", " 50%|#  | 5/9", "100%|###| 9/9", "", "done"))
    assert rows(log) == ["100%|###| 9/9", "done"]


@pytest.mark.parametrize("sign", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
def test_6_words_put_into_a_replay_are_taken_out(log: PodLog, sign: str) -> None:
    feed(log, sse("first") + f"data: a{sign}b{sign}{sign}c\n\n".encode())
    feed(log, sse("first", f"a{sign}data: b{sign}data: {sign}data: c", "new"))
    assert [squeeze(row) for row in rows(log)] == ["first", "abc", "new"]


def test_7_a_log_that_the_server_cannot_read_is_not_taken_for_a_new_one(log: PodLog) -> None:
    feed(log, sse("one", "two"))
    stream = log.connect()
    stream.feed(b"data: --- [ERROR] Stream error: 'utf-8' codec can't decode byte 0xff in position 3\n\n")
    assert stream.broken
    assert rows(log) == ["one", "two"]
    feed(log, sse("one", "two", "three"))
    assert rows(log) == ["one", "two", "three"]


def test_7_the_same_words_within_the_log_are_kept(log: PodLog) -> None:
    words = "--- [ERROR] Stream error: of somebody else"
    stream = log.connect()
    stream.feed(sse("one", words, "two"))
    assert not stream.broken
    feed(log, sse("one", words, "two", "three"))
    assert rows(log) == ["one", words, "two", "three"]


def test_8_fragments_after_the_file_was_cut_and_the_log_after_them(log: PodLog) -> None:
    stream = log.connect()
    stream.feed(sse("one", "two") + b"data: te\n")
    with pytest.raises(LogRestarted):
        feed(log, sse("start", "te", "and on"))
    log.begin_anew()
    feed(log, sse("start", "te", "and on"))
    assert rows(log) == ["one", "two", "te", RESTARTED, "start", "te", "and on"]


def test_9_colors_and_controls_are_taken_out_also_across_parts(log: PodLog) -> None:
    stream = log.connect()
    stream.feed(sse("x") + b"data: \x1b[3\ndata: 2mgreen\x1b]0;title\ndata:  more\x07 text\x1b[0m\n\n")
    assert rows(log) == ["x", "green text"]
    feed(log, sse("x", "\x1b[32mgreen\x1b]0;title more\x07 text\x1b[0m", "y"))
    assert rows(log) == ["x", "green text", "y"]


def test_9_a_very_long_line_is_cut_and_what_follows_is_not_lost(log: PodLog) -> None:
    feed(log, sse("a", "é" * (5 * LONGEST_PIECE), "b"))
    feed(log, sse("a", "é" * (5 * LONGEST_PIECE), "b", "c"))
    assert rows(log) == ["a", "é" * (LONGEST_LINE - 1) + "…", "b", "c"]


def test_bytes_that_are_no_text_and_fields_of_others(log: PodLog) -> None:
    feed(log, b"id: 7\nevent: x\nretry: 9\ndata:\xff\xfe half \xe2\x9c\n" + b"junk" * LONGEST_PIECE + b"\ndata: b\n")
    assert rows(log) == ["\ufffd\ufffd half \ufffd", "b"]


def test_a_comment_without_end_takes_no_memory() -> None:
    parser = SseBytes()
    for _ in range(100):
        assert parser.feed(b":" + b"x" * LONGEST_PIECE) == []
    assert len(parser._rest) <= LONGEST_PIECE
    assert parser.feed(b"\ndata: a\n") == [Piece("a", False)]


# --- anything at all

LETTERS = st.sampled_from("ab c\t5✅\x0b\x0c\x1c\x85\u2028")
ACTIONS = st.lists(st.one_of(st.tuples(st.text(LETTERS, max_size=20), st.booleans()), st.integers(0, 400)), max_size=14)


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS)
def test_a_log_that_grows_and_connections_that_break(
    tmp_path_factory: pytest.TempPathFactory, actions: list[object]
) -> None:
    """Text is written to a file, also half lines; a number breaks the connection after so many more bytes."""
    folder = tmp_path_factory.mktemp("log")
    source = folder / "source.log"
    source.write_text("")
    log = opened(folder / "pod.log")
    asyncio.run(_live_through(source, log, actions))
    assert text_of(log) == squeeze(source.read_text(encoding="utf-8"))
    assert log.seen.chars == len(squeeze(source.read_text(encoding="utf-8")))
    assert RESTARTED not in rows(log)
    log.close()


async def _live_through(source: Path, log: PodLog, actions: list[object]) -> None:
    for action in [*actions, 1 << 30]:
        if isinstance(action, tuple):
            text, ends = action
            with source.open("a", encoding="utf-8") as handle:
                handle.write(text + "\n" * ends)
        else:
            assert isinstance(action, int)
            await _connect(source, log, action)


async def _connect(source: Path, log: PodLog, most: int) -> None:
    """Everything the server has to say at present, or so many bytes of it."""
    said: list[bytes] = []

    async def no_more(_: float) -> None:
        raise asyncio.CancelledError

    server = events(source, no_more)
    try:
        async for text in server:
            said.append(text.encode())
    except asyncio.CancelledError:
        pass
    feed(log, b"".join(said)[:most])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50)), st.integers(1, 40))
def test_sums_do_not_depend_on_how_the_text_is_cut(texts: list[str], size: int) -> None:
    whole, cut = Seen(), Seen()
    joined = "".join(texts)
    whole.add(joined)
    for place in range(0, len(joined), size):
        cut.add(joined[place : place + size])
    assert whole == cut
    assert whole.is_whole()


@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    at_once, one_by_one = SseBytes(), SseBytes()
    together = at_once.feed(data + b"\n")
    singly = [piece for byte in data + b"\n" for piece in one_by_one.feed(bytes([byte]))]
    assert together == singly
