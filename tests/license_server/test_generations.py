"""Free videos: the recorded turns of the day, and a model of counters and reservations held against the rules."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from license_server import generations
from license_server.generations import RESERVED_FOR, Check, State, moment, reset
from license_server.licenses import activate, create, hold
from license_server.records import License
from tests.license_server.stores import NOON, SIGNER, World, fresh_key, world


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def used(here: World, fingerprint: str = "device") -> int:
    checked = here.look(generations.check(fingerprint, here.now, SIGNER))
    assert checked.pro is None
    return checked.used


def track(here: World, fingerprint: str = "device") -> int:
    return here.do(generations.track(fingerprint, here.now, SIGNER)).used


def report(here: World, job: str, state: State, limit: int = 1, fingerprint: str = "device") -> tuple[str, int]:
    told = here.do(generations.track_job(fingerprint, job, state, here.now, SIGNER, limit))
    assert not told.pro
    return told.outcome, told.used


def test_the_recorded_turn_of_the_day() -> None:
    """What the documented server answered around midnight, with its clock set by hand."""
    with world() as here:
        for when, does, text, count in (
            ("2026-11-23T23:59:58.900+00:00", "check", "0h 0m", 0),
            ("2026-11-23T23:59:59.100+00:00", "track", "0h 0m", 1),
            ("2026-11-23T23:59:59.999+00:00", "check", "0h 0m", 1),
            ("2026-11-24T00:00:00.000+00:00", "check", "24h 0m", 0),
            ("2026-11-24T00:00:00.001+00:00", "track", "23h 59m", 1),
            ("2026-11-24T00:00:00.001+00:00", "check", "23h 59m", 1),
            ("2026-11-24T00:00:59+00:00", "check", "23h 59m", 1),
            ("2026-12-31T23:59:00+00:00", "check", "0h 1m", 0),
            ("2026-12-31T23:59:59+00:00", "track", "0h 0m", 1),
            ("2027-01-01T00:00:00+00:00", "check", "24h 0m", 0),
            ("2028-02-28T23:30:30+00:00", "check", "0h 29m", 0),
        ):
            here.now = at(when)
            assert reset(moment(here.now)).text == text, when
            assert (track(here) if does == "track" else used(here)) == count, when


@given(st.integers(0, 4_000_000_000_000))
def test_the_reset_is_the_next_midnight(now_ms: int) -> None:
    told = reset(now_ms)
    assert told == reset(moment(now_ms / 1000)), "what is left out of the time makes no difference"
    midnight = datetime.fromisoformat(told.at)
    left = midnight.timestamp() - now_ms / 1000
    assert midnight.tzinfo is UTC or midnight.utcoffset() is not None
    assert (midnight.hour, midnight.minute, midnight.second) == (0, 0, 0)
    assert 0 < left <= 86_400
    assert told.seconds - 1 < left <= told.seconds
    hours, minutes = (int(part[:-1]) for part in told.text.split())
    assert hours * 60 + minutes == int(left // 60)


def test_a_reserved_video_is_used_until_it_is_given_back_or_forgotten() -> None:
    with world() as here:
        assert report(here, "a", "reserve") == ("ok", 1)
        assert used(here) == 1
        assert report(here, "b", "reserve") == ("limit", 1)
        assert report(here, "a", "release") == ("ok", 0)
        assert report(here, "b", "reserve") == ("ok", 1)
        here.now += RESERVED_FOR - 1
        assert report(here, "b", "reserve") == ("ok", 1), "a reservation can be renewed"
        here.now += RESERVED_FOR - 1
        assert used(here) == 1
        here.now += 1
        assert used(here) == 0


def test_a_video_counts_on_the_day_it_was_reserved() -> None:
    with world() as here:
        here.now = at("2026-11-23T23:00:00+00:00")
        assert report(here, "a", "reserve") == ("ok", 1)
        here.now = at("2026-11-24T01:00:00+00:00")
        assert used(here) == 0, "today's video is still to be had"
        assert report(here, "a", "reserve") == ("ok", 1), "renewed, on its own day"
        assert report(here, "b", "reserve") == ("ok", 1)
        assert report(here, "a", "commit") == ("ok", 1)
        assert used(here) == 1, "of today only b"
        here.now = at("2026-11-23T23:59:59+00:00")
        assert used(here) == 1, "and a of yesterday"


def test_reports_may_be_repeated_and_come_late() -> None:
    with world() as here:
        assert report(here, "a", "release") == ("ok", 0)
        assert here.rows("reservation") == {}
        assert [report(here, "a", "reserve") for _ in range(3)] == [("ok", 1)] * 3
        assert [report(here, "a", "commit") for _ in range(3)] == [("ok", 1)] * 3
        assert report(here, "a", "reserve") == ("ok", 1)
        assert report(here, "a", "release") == ("committed", 1)
        assert report(here, "late", "commit") == ("ok", 2), "it has been made: it counts, as without a job"
        assert track(here) == 3


def test_a_reservation_that_ran_out_counts_still_when_its_video_comes() -> None:
    with world() as here:
        here.now = at("2026-11-24T02:00:00+00:00")
        report(here, "a", "reserve")
        here.now += RESERVED_FOR
        assert report(here, "b", "reserve") == ("ok", 1)
        assert report(here, "a", "reserve") == ("limit", 1), "its place was taken meanwhile"
        assert report(here, "a", "commit") == ("ok", 2)


def test_a_licensed_device_has_no_limit_and_no_counter() -> None:
    with world() as here:
        record = here.do(create(License("", None, 3, NOON, "2026-11-24T12:00:00Z"), fresh_key))
        track(here)
        here.do(activate(record.key, "device", NOON, SIGNER))
        told = here.do(generations.track("device", NOON, SIGNER))
        assert (told.pro, told.used) == (True, 0)
        assert here.do(generations.track_job("device", "a", "reserve", NOON, SIGNER, 1)).pro
        assert here.look(generations.check("device", NOON, SIGNER)).pro is not None
        here.do(hold(record.key, "suspended"))
        assert here.look(generations.check("device", NOON, SIGNER)) == Check(None, 1)


def test_names_that_could_be_taken_for_each_other_are_not() -> None:
    with world() as here:
        report(here, "c", "reserve", fingerprint="a/b")
        assert used(here, "a") == 0
        assert report(here, "b/c", "reserve", fingerprint="a") == ("ok", 1)
        assert used(here, "2026-11-24/a/b") == 0


def test_counters_are_kept_for_weeks_not_for_ever() -> None:
    with world() as here:
        report(here, "a", "reserve")
        here.now += 35 * 86_400
        assert here.rows("count") == here.rows("reservation") == {}


def test_a_damaged_counter_is_no_free_video() -> None:
    from license_server.kv.interface import Put
    from tests.license_server.stores import ops

    with world() as here:
        here.do(ops(Put("count", "2026-11-24/device", b'"NaN"')))
        with pytest.raises(ValueError):
            used(here)
        with pytest.raises(ValueError):
            track(here)


class VideosAgainstModel(RuleBasedStateMachine):
    """The model: for each device and day a number made, and jobs with what became of them."""

    def __init__(self) -> None:
        super().__init__()
        self.exits = ExitStack()
        self.made: dict[tuple[str, str], int] = {}
        self.held: dict[tuple[str, str], float] = {}
        self.job_day: dict[tuple[str, str], str] = {}
        self.done: set[tuple[str, str]] = set()

    @initialize(limit=st.integers(0, 3))
    def open(self, limit: int) -> None:
        self.here = self.exits.enter_context(world())
        self.limit = limit

    @property
    def today(self) -> str:
        return datetime.fromtimestamp(self.here.now, UTC).strftime("%Y-%m-%d")

    def used(self, device: str, day: str) -> int:
        live = [
            job
            for job, until in self.held.items()
            if job[0] == device and self.job_day[job] == day and until > self.here.now
        ]
        return self.made.get((device, day), 0) + len(live)

    @rule(device=st.sampled_from("xy"))
    def track(self, device: str) -> None:
        told = self.here.do(generations.track(device, self.here.now, SIGNER))
        self.made[device, self.today] = self.made.get((device, self.today), 0) + 1
        assert told.used == self.used(device, self.today)

    @rule(device=st.sampled_from("xy"), name=st.sampled_from("ab"))
    def reserve(self, device: str, name: str) -> None:
        job = (device, name)
        outcome, _ = report(self.here, name, "reserve", self.limit, device)
        if job in self.done:
            assert outcome == "ok"
            return
        day = self.job_day.get(job, self.today)
        others = self.used(device, day) - (self.held.get(job, 0) > self.here.now)
        assert (outcome == "ok") == (others < self.limit)
        if outcome == "ok":
            self.job_day[job] = day
            self.held[job] = self.here.now + RESERVED_FOR

    @rule(device=st.sampled_from("xy"), name=st.sampled_from("ab"))
    def commit(self, device: str, name: str) -> None:
        job = (device, name)
        assert report(self.here, name, "commit", self.limit, device)[0] == "ok"
        if job not in self.done:
            day = self.job_day.setdefault(job, self.today)
            self.held.pop(job, None)
            self.made[device, day] = self.made.get((device, day), 0) + 1
            self.done.add(job)

    @rule(device=st.sampled_from("xy"), name=st.sampled_from("ab"))
    def release(self, device: str, name: str) -> None:
        job = (device, name)
        outcome, _ = report(self.here, name, "release", self.limit, device)
        assert outcome == ("committed" if job in self.done else "ok")
        if job not in self.done:
            self.held.pop(job, None)
            self.job_day.pop(job, None)

    @rule(hours=st.sampled_from([0.5, 3, 6, 13]))
    def time_passes(self, hours: float) -> None:
        self.here.now += hours * 3600

    @invariant()
    def they_agree(self) -> None:
        if hasattr(self, "here"):
            for device in "xy":
                assert used(self.here, device) == self.used(device, self.today)

    def teardown(self) -> None:
        self.exits.close()


VideosAgainstModel.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestVideosAgainstModel = VideosAgainstModel.TestCase
