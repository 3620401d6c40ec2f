"""When writes are committed: with others, but never long after they came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from license_server.kv.gathering import GROUP, PATIENCE, QUIET_TURNS, Gathering


class Hand:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


def test_a_lone_write_waits_a_few_turns() -> None:
    gathering = Gathering(Hand())
    gathering.begin()
    assert [gathering.is_over(1) for _ in range(QUIET_TURNS + 1)] == [False] * QUIET_TURNS + [True]


def test_a_full_group_waits_no_more() -> None:
    gathering = Gathering(Hand())
    gathering.begin()
    assert not gathering.is_over(GROUP - 1)
    assert gathering.is_over(GROUP)


@given(st.floats(0.0001, 0.1), st.lists(st.integers(0, 3), max_size=200))
def test_nobody_waits_longer_than_a_commit_takes(commit: float, coming: list[int]) -> None:
    clock = Hand()
    gathering = Gathering(clock)
    gathering.time(lambda: clock.passes(commit))
    begun, count = clock.now, 1
    gathering.begin()
    for more in [*coming, *[1] * GROUP]:
        count += more
        if gathering.is_over(count):
            break
        clock.passes(commit / 100)
    assert clock.now - begun <= PATIENCE * commit + commit / 50
    gathering.begin()
    assert not gathering.is_over(1), "the next ones gather anew"
