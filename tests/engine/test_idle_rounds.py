"""The rounds: what is idle stops, what is old goes, and what somebody needs stays, whatever the account says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from oavr_tui.engine.dispatch import Desk
from oavr_tui.engine.idle import IdleRounds
from oavr_tui.engine.needs import Needs
from oavr_tui.errors import FailureCode, NoKey, Unreachable
from oavr_tui.models import Failure, Job, JobState, Pod, PodKind, PodState, PodWish
from tests.clients.scripted import Scripted
from tests.clients.scripted import running as serving
from tests.engine.account import Hands, MemoryAccount
from tests.engine.yards import Place, job, place

RENTED: dict[str, Any] = {"pod_id": "m1", "per_hour": 0.34, "storage_per_hour": 0.01}
MINUTES = 60.0
IDLE = 15 * MINUTES
DAY = 24 * 3600.0


def account() -> MemoryAccount:
    return MemoryAccount(Hands())


class Rounds:
    """The rounds of a place, with its desk and the jobs that a test wants there."""

    def __init__(self, here: Place, *jobs: Job) -> None:
        self.here = here
        self.desk = Desk()
        self.jobs = list(jobs)
        self.idle = IdleRounds(here.yard, self.desk, Needs(here.yard, lambda: self.jobs))

    async def round(self, pod: Pod) -> PodState:
        """One round; the state of a pod after it."""
        await self.idle.learn_balance()
        await self.idle.round()
        return (await self.here.on_disk(pod.id)).state


async def test_a_pod_is_stopped_when_it_was_idle_for_long_enough_and_not_before(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.READY, **RENTED)
        here.heard()
        here.hands.now += IDLE - 5
        assert await rounds.round(pod) is PodState.READY
        here.hands.now += 5
        assert await rounds.round(pod) is PodState.STOPPING
        assert here.notices() == ["studio-1 has been idle for 15 min, so it is stopped."]


@pytest.mark.parametrize(
    "facts", [{"found": True}, {"asked": PodWish.STOP}, {"kind": PodKind.ADDRESS, "url": "http://127.0.0.1:9"}]
)
async def test_what_is_not_ours_to_decide_about_is_left_alone(tmp_path: Path, facts: dict[str, Any]) -> None:
    async with place(tmp_path, account()) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.READY, **{**RENTED, **facts})
        here.hands.now += 10 * IDLE
        assert await rounds.round(pod) is PodState.READY


async def test_a_pod_that_a_job_has_or_that_somebody_waits_for_is_not_stopped(tmp_path: Path) -> None:
    async with place(tmp_path, account(), day_cap=1e9) as here:
        rounds = Rounds(here, job("a"))
        pod = await here.add(PodState.READY, **RENTED)
        here.hands.now += 10 * IDLE
        assert await rounds.round(pod) is PodState.READY
        rounds.jobs = []
        ticket = rounds.desk.ask(job("a"), "")
        rounds.desk.settle([pod], [pod])
        assert ticket.served
        assert await rounds.round(pod) is PodState.READY
        rounds.desk.free(pod.id)
        assert await rounds.round(pod) is PodState.STOPPING


async def test_a_pod_with_a_video_that_is_not_saved_is_kept_twice_as_long_and_never_terminated(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        pod = await here.add(PodState.READY, **RENTED)
        failure = Failure(FailureCode.DISK_FULL, "The disk is full.", can_retry=True)
        rounds = Rounds(here, job("a", state=JobState.FAILED, pod=pod.id, sent=True, failure=failure))
        here.hands.now += IDLE
        assert await rounds.round(pod) is PodState.READY
        here.hands.now += IDLE
        assert await rounds.round(pod) is PodState.STOPPING
        stopping = here.book.get(pod.id)
        assert stopping is not None
        await here.book.move(stopping, PodState.STOPPED)
        here.hands.now += 10 * DAY
        assert await rounds.round(pod) is PodState.STOPPED
        rounds.jobs = []
        assert await rounds.round(pod) is PodState.TERMINATING


async def test_a_pod_whose_own_queue_is_not_empty_is_used_by_somebody(tmp_path: Path) -> None:
    async with serving(Scripted()) as server, place(tmp_path, account(), service=server.base) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.READY, **RENTED)
        server.running = ["a prompt from a browser"]
        here.hands.now += IDLE
        assert await rounds.round(pod) is PodState.READY
        assert (await here.on_disk(pod.id)).last_used == here.hands.now
        server.running = []
        here.hands.now += IDLE
        assert await rounds.round(pod) is PodState.STOPPING


async def test_a_pod_that_was_ended_during_that_question_is_left_to_who_ends_it(tmp_path: Path) -> None:
    async with serving(Scripted()) as server, place(tmp_path, account(), service=server.base) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.READY, **RENTED)
        other = await here.add(PodState.READY, **{**RENTED, "name": "studio-2", "pod_id": "m2"})
        here.hands.now += IDLE
        asked, answer = asyncio.Event(), asyncio.Event()

        async def slow(_request: web.Request) -> web.StreamResponse:
            asked.set()
            await answer.wait()
            return web.json_response({"queue_running": [], "queue_pending": []})

        server.script("GET", "/queue", slow)
        going = asyncio.create_task(rounds.round(other))
        async with asyncio.timeout(30):
            await asked.wait()
            await here.book.move(pod, PodState.TERMINATING)
            answer.set()
            assert await going is PodState.STOPPING
        assert (await here.on_disk(pod.id)).state is PodState.TERMINATING


async def test_a_pod_that_stands_for_a_day_is_terminated_unless_it_may_stay(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.STOPPED, **RENTED)
        here.hands.now += DAY
        assert await rounds.round(pod) is PodState.TERMINATING
    async with place(tmp_path, account(), terminate_after_hours=0.0) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.STOPPED, **RENTED)
        here.hands.now += 100 * DAY
        assert await rounds.round(pod) is PodState.STOPPED


async def test_when_the_money_runs_out_nothing_new_is_given_out_and_that_is_said_once(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        rounds = Rounds(here, job("a"))
        here.account.put("oavr-studio-1-x", price=0.34)
        pod = await here.add(PodState.READY, **RENTED)
        here.account.balance = 0.34 * 10 / 60
        here.heard()
        assert await rounds.round(pod) is PodState.READY
        assert rounds.idle.hold
        await rounds.idle.round()
        assert len(here.notices()) == 1
        here.account.balance = 0.34 * 4 / 60
        here.hands.now += 61  # what the account said is a minute old
        assert await rounds.round(pod) is PodState.STOPPING


async def test_a_balance_that_cannot_be_learned_stops_nothing_and_saves_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.READY, **RENTED)
        here.account.faults["account"] = ["unreachable"]
        assert await rounds.round(pod) is PodState.READY
        assert (rounds.idle.balance_seconds, rounds.idle.hold) == (None, False)
        here.hands.now += IDLE
        assert await rounds.round(pod) is PodState.STOPPING


async def test_a_cap_that_is_reached_stops_what_is_idle(tmp_path: Path) -> None:
    async with place(tmp_path, account(), day_cap=0.01, idle_minutes=1e6) as here:
        rounds = Rounds(here)
        pod = await here.add(PodState.READY, **RENTED)
        here.hands.now += 3600
        assert await rounds.round(pod) is PodState.STOPPING
        assert "your limit is $0.01" in here.notices()[-1]


async def test_an_account_that_cannot_be_looked_at_is_told_once_with_what_may_go_on_costing(tmp_path: Path) -> None:
    async with place(tmp_path, account()) as here:
        rounds = Rounds(here)
        rounds.idle.worry(Unreachable("It does not answer."))
        assert here.notices() == []
        await here.add(PodState.READY, **RENTED)
        rounds.idle.worry(Unreachable("It does not answer."))
        rounds.idle.worry(Unreachable("It still does not answer."))
        rounds.idle.worry(NoKey("The key is wrong."))
        told = here.notices()
        assert ["studio-1 may go on costing money" in each for each in told] == [True, True]
        rounds.idle.relieved()
        rounds.idle.worry(NoKey("The key is wrong."))
        assert len(here.notices()) == 1


async def test_a_pod_on_a_network_volume_is_not_even_stopped_while_a_video_on_it_is_not_saved(tmp_path: Path) -> None:
    async with place(tmp_path, account(), day_cap=1e9) as here:
        pod = await here.add(PodState.READY, **RENTED, volume="vol1")
        failure = Failure(FailureCode.DISK_FULL, "The disk is full.", can_retry=True)
        rounds = Rounds(here, job("a", state=JobState.FAILED, pod=pod.id, sent=True, failure=failure))
        here.heard()
        here.hands.now += 10 * IDLE
        assert await rounds.round(pod) is PodState.READY
        assert await rounds.round(pod) is PodState.READY
        (said,) = here.notices()
        assert "not saved yet" in said and "jobs retry" in said
        rounds.jobs = []
        assert await rounds.round(pod) is PodState.STOPPING
