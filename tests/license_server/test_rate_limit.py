"""Buckets and bans, by a clock of our own and by laws that hold for any sequence of requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from license_server.rate_limit import Ban, Rate, RateLimit, group_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


MINUTE = {"generation": Rate(60, 60.0)}
GAPS = st.lists(st.floats(0, 5, allow_nan=False), max_size=200)
RATES = st.builds(Rate, st.integers(1, 20), st.floats(1, 100))


def test_sixty_at_once_then_one_a_second() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    assert [limit.take("generation", "192.0.2.1") for _ in range(62)] == [0] * 60 + [1, 1]
    clock.now += 1
    assert [limit.take("generation", "192.0.2.1") for _ in range(2)] == [0, 1]
    clock.now += 3600
    assert [limit.take("generation", "192.0.2.1") for _ in range(61)] == [0] * 60 + [1]


def test_addresses_and_kinds_do_not_disturb_each_other() -> None:
    limit = RateLimit(Clock(), {"generation": Rate(1, 60.0), "license": Rate(1, 60.0)})
    assert [limit.take("generation", "192.0.2.1") for _ in range(2)] == [0, 60]
    assert limit.take("generation", "192.0.2.2") == 0
    assert limit.take("license", "192.0.2.1") == 0
    assert [limit.take("webhook", "192.0.2.1") for _ in range(1000)] == [0] * 1000


def test_ten_wrong_keys_in_ten_minutes_are_a_ban_of_thirty() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    for _ in range(9):
        limit.failed("192.0.2.1")
        clock.now += 60
    assert limit.banned("192.0.2.1") == 0
    limit.failed("192.0.2.1")
    assert limit.banned("192.0.2.1") == 1800
    assert limit.banned("192.0.2.2") == 0
    assert limit.take("generation", "192.0.2.1") == 0, "a ban is for guessing only"
    clock.now += 1799.5
    assert limit.banned("192.0.2.1") == 1
    clock.now += 0.5
    assert limit.banned("192.0.2.1") == 0
    limit.failed("192.0.2.1")
    assert limit.banned("192.0.2.1") == 0, "the count starts anew"


def test_wrong_keys_that_are_far_apart_are_none_of_a_guesser() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    for _ in range(100):
        limit.failed("192.0.2.1")
        assert limit.banned("192.0.2.1") == 0
        clock.now += 67


def test_it_can_be_switched_off() -> None:
    limit = RateLimit(Clock(), enabled=False)
    assert {limit.take("generation", "192.0.2.1") for _ in range(1000)} == {0}
    for _ in range(100):
        limit.failed("192.0.2.1")
    assert limit.banned("192.0.2.1") == 0


def test_one_client_is_an_ipv4_address_or_a_64() -> None:
    assert group_of("2001:db8:1:2:3:4:5:6") == group_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert group_of("2001:db8:1:2::") != group_of("2001:db8:1:3::")
    assert group_of("::ffff:192.0.2.1") == group_of("192.0.2.1") != group_of("192.0.2.2")
    assert group_of("fe80::1%eth0") == "fe80::/64"
    assert group_of("") == "" and group_of("unix") == "unix"


def test_a_flood_of_addresses_is_forgotten_and_forgets_no_ban() -> None:
    clock = Clock()
    limit = RateLimit(clock, MINUTE, Ban(failures=2), addresses=100)
    for _ in range(2):
        limit.failed("192.0.2.1")
    for number in range(10_000):
        limit.take("generation", f"10.0.{number // 256}.{number % 256}")
        limit.failed(f"10.1.{number // 256}.{number % 256}")
    tables = (limit._full_at, limit._failures, limit._banned)
    assert [len(table) for table in tables] == [100, 100, 1]
    assert limit.banned("192.0.2.1") == 1800


def test_who_asks_often_is_remembered_while_others_are_forgotten() -> None:
    limit = RateLimit(Clock(), {"generation": Rate(50, 60.0)}, addresses=10)
    for number in range(50):
        assert limit.take("generation", "192.0.2.1") == 0
        limit.take("generation", f"10.0.0.{number}")
    assert limit.take("generation", "192.0.2.1") > 0


@given(rate=RATES, gaps=GAPS)
def test_never_more_than_the_bucket_and_what_ran_in(rate: Rate, gaps: list[float]) -> None:
    """In any stretch of time no more are admitted than a full bucket and what runs in meanwhile."""
    clock = Clock()
    limit = RateLimit(clock, {"a": rate})
    admitted: list[float] = []
    for gap in gaps:
        clock.now += gap
        if limit.take("a", "192.0.2.1") == 0:
            admitted.append(clock.now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            ran_in = (admitted[last] - admitted[first]) * rate.count / rate.seconds
            assert last - first + 1 <= rate.count + ran_in + 1e-6


@given(rate=RATES, gaps=GAPS)
def test_waiting_as_told_is_enough_and_a_refusal_costs_nothing(rate: Rate, gaps: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(clock, {"a": rate})
    for gap in gaps:
        clock.now += gap
        wait = limit.take("a", "192.0.2.1")
        if wait:
            assert 1 <= wait <= rate.seconds / rate.count + 1
            assert limit.take("a", "192.0.2.1") == wait
            clock.now += wait
            assert limit.take("a", "192.0.2.1") == 0


@given(
    failures=st.integers(1, 5),
    gaps=st.lists(st.floats(0, 400, allow_nan=False), max_size=60),
)
def test_a_ban_is_exactly_so_many_failures_within_the_time(failures: int, gaps: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(clock, {}, Ban(failures, 600.0, 1800.0))
    recent: list[float] = []
    until = 0.0
    for gap in gaps:
        clock.now += gap
        assert (limit.banned("192.0.2.1") > 0) == (clock.now < until)
        if clock.now < until:
            continue
        limit.failed("192.0.2.1")
        recent = [at for at in recent if at > clock.now - 600.0] + [clock.now]
        if len(recent) >= failures:
            until, recent = clock.now + 1800.0, []
