"""Writing to a terminal that may not read, on real pipes."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from oavr_tui.app.outside.outlet import MOST_WAITING, Outlet

WAIT_SECONDS = 30.0
FRAME = "x" * 10_000


@dataclass
class Pipe:
    """An outlet into a pipe, and what it told."""

    reader: int
    writer: int
    gone: threading.Event = field(default_factory=threading.Event)
    caught_up: threading.Event = field(default_factory=threading.Event)

    def open(self) -> Outlet:
        return Outlet(self.writer, self.gone.set, self.caught_up.set)

    def read_until(self, end: bytes) -> bytes:
        """Everything up to and with these bytes."""
        text = b""
        while not text.endswith(end):
            data = os.read(self.reader, 1 << 16)
            assert data, text[-100:]
            text += data
        return text


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(*os.pipe())
    yield pipe
    for descriptor in (pipe.reader, pipe.writer):
        if descriptor >= 0:
            os.close(descriptor)


def test_what_is_written_arrives_in_its_order(pipe: Pipe) -> None:
    outlet = pipe.open()
    for number in range(500):
        outlet.write(f"{number},")
    outlet.close()
    assert pipe.read_until(b"499,").decode() == "".join(f"{number}," for number in range(500))
    assert not pipe.gone.is_set()
    assert not pipe.caught_up.is_set()


def test_half_a_character_is_no_error(pipe: Pipe) -> None:
    outlet = pipe.open()
    outlet.write("a\udcffb")
    outlet.close()
    assert pipe.read_until(b"b") == b"a?b"


def test_one_that_does_not_read_loses_frames_and_is_told_to_draw_anew(pipe: Pipe) -> None:
    outlet = pipe.open()
    for _ in range(3 * MOST_WAITING // len(FRAME)):
        outlet.write(FRAME)
    arrived = 0
    while not pipe.caught_up.is_set():
        if select.select([pipe.reader], [], [], 0.05)[0]:
            arrived += len(os.read(pipe.reader, 1 << 16))
    assert arrived <= MOST_WAITING + 2 * len(FRAME) + (1 << 17)
    outlet.write("whole again.")
    assert pipe.read_until(b"again.").endswith(b"whole again.")
    outlet.close()


def test_the_way_out_is_written_even_then(pipe: Pipe) -> None:
    outlet = pipe.open()
    for _ in range(2 * MOST_WAITING // len(FRAME)):
        outlet.write(FRAME)
    outlet.leave()
    outlet.write("farewell")
    closing = threading.Thread(target=outlet.close)
    closing.start()
    pipe.read_until(b"farewell")
    closing.join(WAIT_SECONDS)
    assert not closing.is_alive()


def test_closing_does_not_wait_for_one_that_never_reads(pipe: Pipe) -> None:
    outlet = pipe.open()
    outlet.write("x" * 500_000)
    outlet.close()
    os.close(pipe.reader)  # only now can the thread end
    pipe.reader = -1
    assert pipe.gone.wait(WAIT_SECONDS)


def test_nobody_at_the_other_end_is_told_once_and_costs_nothing_more(pipe: Pipe) -> None:
    os.close(pipe.reader)
    pipe.reader = -1
    outlet = pipe.open()
    outlet.write("x")
    assert pipe.gone.wait(WAIT_SECONDS)
    for _ in range(1000):
        outlet.write(FRAME)
    outlet.close()
