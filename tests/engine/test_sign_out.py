"""Signing out forgets what it was told to, and nothing that may cost money or is still needed."""

from __future__ import annotations

import pytest

from oavr_tui.engine.sign_out import Forget
from oavr_tui.errors import BadInput, FailureCode
from oavr_tui.models import Failure, JobState, PodKind, PodState
from oavr_tui.paths import Paths
from oavr_tui.secrets_file import address_token, runpod_key, save_address_token
from tests.engine.engines import engine_on
from tests.engine.yards import job, pod

KEY = "rpa_0123456789abcdef3fA9"
EVERYTHING = set(Forget)


async def test_everything_goes_where_nothing_is_in_the_way(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine.save_key(KEY)
        await engine.fleet.book.add(pod("p1", PodState.READY, 1.0, name="box", kind=PodKind.ADDRESS))
        save_address_token(home, "box", "a-token-of-the-box")
        await engine._queue.add(job("a", state=JobState.DONE))
        await engine._queue.add(job("b"))
        await engine.fleet.book.measured("start", "gpu", 400.0)
        assert await engine.sign_out(EVERYTHING) == ""
        assert runpod_key(home, {}) is None
        assert address_token(home, "box") is None
        assert engine.fleet.book.all() == []
        assert [one.id for one in engine.jobs()] == ["b"]
        assert await engine.fleet.book.measures() == []


async def test_what_costs_money_keeps_its_key_and_its_place(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine.save_key(KEY)
        studio = pod("p1", PodState.READY, engine.now(), pod_id="m1", per_hour=0.34)
        await engine.fleet.book.add(studio)
        told = await engine.sign_out(EVERYTHING)
        assert "The key stays: studio-1 is on your RunPod account at $0.34/h" in told
        assert runpod_key(home, {}) == KEY
        assert engine.fleet.book.get("p1") is not None
        assert engine.fleet.book.paid


async def test_what_is_still_needed_stays(home: Paths) -> None:
    unreachable = Failure(FailureCode.UNREACHABLE, "It did not answer.", can_retry=True)
    async with engine_on(home) as engine:
        await engine.fleet.book.add(pod("p1", PodState.READY, 1.0, name="box", kind=PodKind.ADDRESS))
        await engine._queue.add(job("a", on="box"))
        await engine._queue.add(job("b", state=JobState.FAILED, sent=True, failure=unreachable))
        told = await engine.sign_out({"addresses", "jobs"})
        assert "box stays: a video waits for it" in told
        assert "title-b stays" in told
        assert engine.fleet.book.named("box") is not None
        assert [one.id for one in engine.jobs()] == ["a", "b"]


async def test_only_what_was_chosen_is_forgotten(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine.save_key(KEY)
        await engine._queue.add(job("a", state=JobState.DONE))
        assert await engine.sign_out({"jobs"}) == ""
        assert runpod_key(home, {}) == KEY
        with pytest.raises(BadInput):
            await engine.sign_out({"key", "everything"})
        assert runpod_key(home, {}) == KEY


async def test_a_key_in_the_environment_is_said(home: Paths) -> None:
    async with engine_on(home) as engine:
        engine._environ = {"RUNPOD_API_KEY": KEY}
        assert "RUNPOD_API_KEY in the environment still" in await engine.sign_out({"key"})
