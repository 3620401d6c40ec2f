"""Trying again on another machine: of a kind that was not tried in vain yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oavr_tui.engine.engine import Engine
from oavr_tui.errors import BadInput, FailureCode
from oavr_tui.models import Failure, Job, JobState, PodState
from oavr_tui.paths import Paths
from oavr_tui.pods.provider import Cloud
from tests.engine.account import OFFERS
from tests.engine.engines import engine_on
from tests.engine.test_fleet_drive import driven
from tests.engine.yards import job, pod

GPU = OFFERS[0].gpu
HERE, OTHER = f"{GPU}|community", f"{GPU}|secure"


def failed(code: FailureCode = FailureCode.NO_GPU, **facts: Any) -> Job:
    return job("a", state=JobState.FAILED, failure=Failure(code, "It did not work.", can_retry=True), **facts)


async def gone(engine: Engine, name: str, **facts: Any) -> None:
    """A studio that was started for videos and never became ready, unless `facts` say so."""
    usual = {"gpu": GPU, "cloud": "community", "for_jobs": True, "last_used": 0.0, "name": name}
    await engine.fleet.book.add(pod(name, PodState.GONE, engine.now(), **{**usual, **facts}))


async def test_what_was_tried_in_vain_is_avoided_and_a_plain_retry_avoids_nothing(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine._queue.add(failed())
        await gone(engine, "p1")
        await gone(engine, "p2", cloud="secure", tries=(HERE, "NVIDIA L40S|community"))
        await gone(engine, "good", gpu="NVIDIA A40", last_used=engine.now())
        await gone(engine, "asked-for", gpu="NVIDIA A40", for_jobs=False)
        again = await engine.retry("a", elsewhere=True)
        assert again.state is JobState.QUEUED
        assert again.avoid == (HERE, "NVIDIA L40S|community", OTHER)
        await engine._queue.move(again, JobState.FAILED)
        assert (await engine.retry("a")).avoid == ()


async def test_the_machine_on_which_it_failed_is_avoided(home: Paths) -> None:
    async with engine_on(home) as engine:
        await gone(engine, "p1", last_used=5.0)
        await engine._queue.add(failed(FailureCode.UNREACHABLE, sent=True, pod="p1"))
        again = await engine.retry("a", elsewhere=True)
        assert (again.state, again.pod, again.avoid) == (JobState.QUEUED, "", (HERE,))


async def test_a_video_for_one_place_alone_stays_there(home: Paths) -> None:
    async with engine_on(home) as engine:
        await engine._queue.add(failed(on="http://127.0.0.1:8188"))
        with pytest.raises(BadInput, match=r"meant for http://127\.0\.0\.1:8188 alone"):
            await engine.retry("a", elsewhere=True)


async def test_a_start_for_it_obeys(tmp_path: Path) -> None:
    async with driven(tmp_path) as here:
        here.studio.up = True
        waiting = here.sit(job("a", avoid=(HERE,)))
        await here.until(lambda: waiting.seat is not None)
        assert [wish.cloud for wish in here.account.wishes] == [Cloud.SECURE]
        await waiting.ends()
