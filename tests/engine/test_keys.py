"""The key: kept for its owner alone, tried without starting anything, never shown whole, never forgotten at a cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.key_commands import KeyOrigin, KeyReport, masked
from oavr_tui.engine.setup import pod_setup
from oavr_tui.errors import BadInput, NoKey, Unreachable
from oavr_tui.models import PodState
from oavr_tui.paths import Paths
from oavr_tui.pods.provider import CloudPod
from oavr_tui.pods.runpod_sentences import wrong_key
from oavr_tui.secrets_file import runpod_key
from oavr_tui.settings import load_settings
from tests.engine.account import Hands, MemoryAccount
from tests.engine.engines import engine_on
from tests.engine.yards import pod

KEY = "rpa_0123456789abcdef3fA9"


def ordinary(home: Paths, environ: dict[str, str] | None = None) -> Engine:
    there = environ or {}
    return Engine(
        home,
        settings=load_settings(home, there),
        environ=there,
        pods=pod_setup(home, load_settings(home, there), there),
    )


async def test_a_key_is_kept_shown_masked_and_forgotten(home: Paths) -> None:
    async with ordinary(home) as engine:
        assert await engine.key_origin() == KeyOrigin("none")
        before = engine.fleet.rental.has_key
        shown = await engine.save_key(f" {KEY} ")
        assert shown == KeyOrigin("file", "rpa_…3fA9", str(home.secrets_file))
        assert (before, engine.fleet.rental.has_key) == (False, True)
        assert home.secrets_file.stat().st_mode & 0o777 == 0o600
        assert await engine.forget_key()
        assert not await engine.forget_key()
        assert runpod_key(home, {}) is None


async def test_the_environment_goes_before_the_file(home: Paths) -> None:
    async with ordinary(home, {"RUNPOD_API_KEY": "rpa_from-the-environment"}) as engine:
        assert await engine.save_key(KEY) == KeyOrigin("environment", "rpa_…ment", "RUNPOD_API_KEY")
        assert runpod_key(home, {}) == KEY


async def test_what_cannot_be_a_key_is_not_kept(home: Paths) -> None:
    async with ordinary(home) as engine:
        with pytest.raises(BadInput):
            await engine.save_key("short")
        assert not (await engine.test_key("short")).ok
        report = await engine.test_key()
        assert not report.ok and "no RunPod key yet" in report.sentence


def test_a_masked_key_shows_less_than_half_of_a_usual_one() -> None:
    assert masked(KEY) == "rpa_…3fA9"
    assert masked("12345678") == "12…"


@pytest.mark.parametrize(
    ("balance", "sentence"),
    [
        (20.0, "The key works. Your balance is $20.00."),
        (0.0, "The key works. Your balance is $0.00. Add credit before you start a studio."),
        (None, "The key works. Your balance is not available."),
    ],
)
async def test_a_key_that_works(home: Paths, balance: float | None, sentence: str) -> None:
    account = MemoryAccount(Hands())
    account.balance = balance
    async with engine_on(home, account) as engine:
        assert await engine.test_key(KEY) == KeyReport(True, sentence, balance)
        assert account.closed == 1
        assert not account.wishes


class Refusing(MemoryAccount):
    """An account that takes no key, or does not answer at all."""

    error: Exception | None = wrong_key()

    async def pods(self) -> tuple[CloudPod, ...]:
        if self.error is None:
            await asyncio.Event().wait()
            raise AssertionError
        raise self.error


@pytest.mark.parametrize("error", [wrong_key(), Unreachable("RunPod does not answer.")])
async def test_a_key_that_does_not_work_is_a_sentence(home: Paths, error: NoKey | Unreachable) -> None:
    account = Refusing(Hands())
    account.error = error
    async with engine_on(home, account) as engine:
        assert await engine.test_key(KEY) == KeyReport(False, error.message)
        assert account.closed == 1


async def test_an_account_that_never_answers_is_not_waited_for(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oavr_tui.engine.key_commands._TEST_SECONDS", 0.01)
    account = Refusing(Hands())
    account.error = None
    async with engine_on(home, account) as engine:
        report = await engine.test_key(KEY)
    assert not report.ok and "did not answer in time" in report.sentence
    assert account.closed == 1


async def test_a_key_is_hidden_before_it_is_tried(home: Paths) -> None:
    hidden: list[str] = []
    async with engine_on(home) as engine:
        engine._setup = replace(engine._setup, hide=hidden.append)
        await engine.test_key(KEY)
        assert hidden == [KEY]


@pytest.mark.parametrize("state", [PodState.READY, PodState.BOOTING, PodState.STOPPED])
async def test_a_key_is_not_forgotten_while_something_costs(home: Paths, state: PodState) -> None:
    async with engine_on(home) as engine:
        await engine.save_key(KEY)
        await engine.fleet.book.add(pod("p1", state, engine.now(), pod_id="m1", per_hour=0.34, storage_per_hour=0.011))
        with pytest.raises(BadInput, match=r"studio-1 is on your RunPod account at \$0\.\d\d/h"):
            await engine.forget_key()
        assert runpod_key(home, {}) == KEY
        assert await engine.forget_key(anyway=True)
