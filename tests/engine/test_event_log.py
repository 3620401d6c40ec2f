"""What is told of jobs and studios in the log: each change once, by whoever drives, and never a prompt, id or path."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from oavr_tui.app_log import log_path, start_log, stop_log
from oavr_tui.engine.event_log import EventLog, job_line, pod_line, without_prompt
from oavr_tui.engine.events import Bus, DrivingChanged, JobChanged, JobProgressed, Notice, PodChanged
from oavr_tui.engine.logged import guarded, logged_engine
from oavr_tui.engine.rental import PodSetup
from oavr_tui.engine.setup import pod_setup
from oavr_tui.errors import BadInput, FailureCode
from oavr_tui.models import Failure, Job, JobState, Pod, PodKind, PodState, PodWish, Progress, Request
from oavr_tui.paths import Paths
from oavr_tui.redact import Redactor
from oavr_tui.secrets_file import save_address_token, save_runpod_key
from oavr_tui.settings import load_settings

PROMPT = "a pirate captain tells  of the sunken ship at noon"
POD_ID = "7h9k2m4n6p8q"
KEY = "rpa_8Q2W4E6R8T0Y2U4I"
JOB = Job(
    id="0b5e0000-0000-4000-8000-000000000001",
    title="portrait-voice",
    request=Request("/home/ann/faces/portrait.png", "/home/ann/voice.wav", prompt=PROMPT, on="auto"),
    state=JobState.QUEUED,
    created_at=1.0,
    updated_at=1.0,
    seed=7,
)
POD = Pod(
    id="0b5e0000-0000-4000-8000-00000000000a",
    name="studio-1",
    kind=PodKind.RUNPOD,
    state=PodState.READY,
    created_at=1.0,
    updated_at=1.0,
    pod_id=POD_ID,
    gpu_name="RTX 4090",
    cloud="community",
    per_hour=0.34,
)


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    stop_log()


class Told:
    """A bus with a log behind it."""

    def __init__(self, home: Paths) -> None:
        self.home = home
        self.driving = True
        self.redactor = Redactor()
        log = start_log(home, self.redactor)
        self.bus = Bus()
        self.bus.also(EventLog(log, lambda: self.driving, {JOB.id: JOB}.get, self.redactor.know_pod).hear)

    def lines(self) -> list[str]:
        try:
            text = log_path(self.home).read_text("utf-8")
        except FileNotFoundError:
            return []
        return [line.split(": ", 1)[1] for line in text.splitlines()]


@pytest.fixture
def told(home: Paths) -> Told:
    return Told(home)


def test_each_change_of_a_job_is_a_line(told: Told) -> None:
    checking = JOB.moved_to(JobState.CHECKING, at=2.0)
    told.bus.emit(JobChanged(JOB))
    told.bus.emit(JobChanged(checking))
    told.bus.emit(JobChanged(replace(checking, image_hash="abc", updated_at=3.0)))
    told.bus.emit(JobProgressed(Progress(JOB.id, "checking", 3.0)))
    told.bus.emit(JobChanged(replace(checking, cancel_asked=True)))
    told.bus.emit(JobChanged(checking.moved_to(JobState.CANCELLED, at=4.0)))
    assert [line.removeprefix(f"Job {JOB.id}: ") for line in told.lines()] == [
        "queued",
        "checking",
        "checking, to be cancelled",
        "cancelled",
    ]


def test_why_a_job_failed_is_told_without_prompt_and_folders(told: Told) -> None:
    quoting = f"The server does not like {' '.join(PROMPT.split())[:30]} in /home/ann/faces/portrait.png."
    for message in ("/home/ann/faces/portrait.png is no picture.", quoting):
        failed = JOB.moved_to(JobState.FAILED, at=2.0, failure=Failure(FailureCode.REJECTED, message, True))
        told.bus.emit(JobChanged(failed))
    assert told.lines() == [
        f"Job {JOB.id}: failed, rejected: …/portrait.png is no picture.",
        f"Job {JOB.id}: failed, rejected: The server does not like (the prompt)…",
    ]


def test_a_notice_is_a_line_without_what_is_the_persons_own(told: Told) -> None:
    told.bus.emit(PodChanged(POD))
    told.bus.emit(Notice(f"Job says: {PROMPT[:40]} and so on", JOB.id))
    told.bus.emit(Notice(f"{POD_ID} is lost; https://{POD_ID}-8188.proxy.runpod.net/x said\nno \x1b[31m{KEY}."))
    assert told.lines() == [
        "studio-1: ready, RTX 4090 community, $0.34/h",
        "Job says: (the prompt)…",
        "7h9k… is lost; https://7h9k…-8188.proxy.runpod.net/x said no rpa_•••.",
    ]


def test_each_change_of_a_studio_is_a_line(told: Told) -> None:
    told.bus.emit(PodChanged(POD))
    told.bus.emit(PodChanged(replace(POD, last_used=5.0)))
    told.bus.emit(PodChanged(replace(POD, asked=PodWish.STOP)))
    told.bus.emit(PodChanged(POD.moved_to(PodState.STOPPED, at=6.0)))
    told.bus.emit(PodChanged(POD.moved_to(PodState.GONE, at=6.0)))
    assert [line.removeprefix("studio-1: ") for line in told.lines()] == [
        "ready, RTX 4090 community, $0.34/h",
        "ready, RTX 4090 community, $0.34/h, asked to stop",
        "stopped, RTX 4090 community",
        "gone, RTX 4090 community",
    ]


def test_who_only_looks_on_tells_nothing_of_jobs_and_studios(told: Told) -> None:
    told.driving = False
    told.bus.emit(JobChanged(JOB))
    told.bus.emit(PodChanged(POD))
    assert told.lines() == []
    told.driving = True
    told.bus.emit(DrivingChanged(True))
    told.bus.emit(JobChanged(JOB))
    told.bus.emit(DrivingChanged(False))
    assert told.lines() == [
        "This process drives from now on.",
        f"Job {JOB.id}: queued",
        "This process no longer drives.",
    ]


def test_neither_line_holds_an_id_of_the_provider_or_a_title() -> None:
    assert POD_ID not in pod_line(POD)
    assert JOB.title not in job_line(JOB)


def test_a_prompt_too_short_to_be_told_from_other_words_hides_nothing() -> None:
    short = replace(JOB, request=replace(JOB.request, prompt="is"))
    assert without_prompt("This is fine.", short) == without_prompt("This is fine.", None) == "This is fine."


class Keys:
    """Where a key comes from, in a test: it may change, and become unreadable."""

    def __init__(self, setup: PodSetup) -> None:
        self.key: str | None = None
        self.broken = ""
        self.setup = replace(setup, key=self._key, token=lambda name: f"{name}-token-0123")

    def _key(self) -> str | None:
        if self.broken:
            raise BadInput(self.broken)
        return self.key


@pytest.fixture
def keys(home: Paths) -> Keys:
    return Keys(pod_setup(home, load_settings(home, {}), {}))


def test_every_secret_is_known_before_it_is_handed_out(keys: Keys) -> None:
    redactor = Redactor()
    setup = guarded(keys.setup, redactor, logging.getLogger("oavr_tui"))
    assert setup.key() is None
    keys.key = "another.kind.of.key"
    assert setup.key() == keys.key
    token = setup.token("box")
    assert token == "box-token-0123"
    address = setup.service(POD_ID, 8188)
    assert POD_ID in address
    shown = redactor(f"{keys.key} {token} {POD_ID}")
    assert shown == "••• ••• 7h9k…"


def test_a_file_of_keys_that_breaks_takes_no_key_away_and_is_told_once(home: Paths, keys: Keys) -> None:
    redactor = Redactor()
    setup = guarded(keys.setup, redactor, start_log(home, redactor))
    keys.broken = "The file of keys cannot be read."
    assert setup.key() is None
    keys.broken, keys.key = "", KEY
    assert setup.key() == KEY
    keys.broken = "The file of keys cannot be opened."
    assert [setup.key(), setup.key()] == [KEY, KEY]
    keys.broken, keys.key = "", None
    assert setup.key() is None
    assert [line.partition(": ")[2] for line in log_path(home).read_text().splitlines()] == [
        "The file of keys cannot be read.",
        "The file of keys cannot be opened.",
    ]


async def test_an_engine_of_an_ordinary_installation_knows_what_is_kept(home: Paths) -> None:
    save_runpod_key(home, KEY)
    save_address_token(home, "box", "token.of.the.box")
    home.secrets_file.chmod(0o644)
    said: list[str] = []
    async with logged_engine(home, load_settings(home, {}), said.append, {}) as engine:
        engine.bus.emit(Notice("It said token.of.the.box%21 and " + KEY.lower()))
    assert len(said) == 1 and "now only you can" in said[0]
    text = log_path(home).read_text()
    assert "now only you can" in text
    assert "It said •••%21 and •••" in text
    assert str(home.config) not in text


async def test_a_broken_file_of_keys_is_said_and_stops_nobody(home: Paths) -> None:
    home.config.mkdir(parents=True)
    home.secrets_file.write_text("broken")
    said: list[str] = []
    async with logged_engine(home, load_settings(home, {}), said.append, {}) as engine:
        assert not engine.fleet.rental.has_key
    assert len(said) == 1 and "cannot be read" in said[0]
