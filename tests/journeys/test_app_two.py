"""Two apps on one folder, coming back, and leaving while a machine costs money."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from oavr_tui.app.memory import load_memory
from oavr_tui.engine.lock import FileLock
from oavr_tui.models import PREVIEW, JobState, PodState
from oavr_tui.paths import Paths
from tests.app.studios import app, dialog, field, jobs, text, until
from tests.faults.account import account
from tests.journeys.seen import ended, oavr, row, said, wish
from tests.programs import command
from tests.programs import oavr as run
from tests.samples import portrait, voice
from tests.terminal.ptys import Pty

SIZE = (120, 40)


@pytest.fixture
def other(home: Paths) -> Iterator[Pty]:
    """Another app on the same folder, in a process and a terminal of its own, which drives."""
    window = Pty(command(), {"OAVR_PODS_KEEPER": "no"})
    window.until("Generate")
    driver = FileLock(home.driver_lock)
    window.until_so(lambda: not driver.is_free())  # its screen is there before its engine drives
    yield window
    window.close()


async def test_a_second_app_sees_everything_and_takes_over(home: Paths, other: Pty) -> None:
    second = app(home, pods_keeper=False)
    async with second.run_test(size=SIZE) as pilot:
        engine = await second.engine_when_open()
        headline = second.query_one("#headline")
        await until(pilot, lambda: "looks on" in headline.plain)  # type: ignore[attr-defined]
        await engine.submit(wish(PREVIEW))
        seen: set[float] = set()

        def over() -> bool:
            seen.update(progress.percent for progress in second.live.progress.values())
            other.read(0)
            return bool(jobs(pilot)) and jobs(pilot)[0].ended

        await until(pilot, over)
        await ended(pilot, JobState.DONE)
        assert not second.live.driving
        assert len(seen) > 1, "its progress is seen here too"
        await until(pilot, lambda: "Done" in row(pilot))
        os.kill(other.process.pid, signal.SIGKILL)
        other.end(reading=False)
        await until(pilot, lambda: second.live.driving)
        await until(pilot, lambda: "looks on" not in headline.plain)  # type: ignore[attr-defined]
        await engine.submit(wish(PREVIEW))
        await until(pilot, lambda: len(jobs(pilot)) == 2 and all(job.state is JobState.DONE for job in jobs(pilot)))


async def test_what_happened_meanwhile_is_said_and_all_is_as_it_was(home: Paths) -> None:
    before = app(home, pods_keeper=False)
    async with before.run_test(size=SIZE) as pilot:
        await before.engine_when_open()
        field(pilot, "prompt").value = "she nods"
        await until(pilot, lambda: oavr(pilot).memory.draft.prompt == "she nods")
        await pilot.press("escape", "3")
        await until(pilot, lambda: oavr(pilot).place == "pods")
    assert "away" not in said(pilot)
    made = ("--image", str(portrait()), "--audio", str(voice()), "--max-seconds", "1")
    ran = await asyncio.to_thread(run, "generate", *made, home=home.config.parent)
    assert ran.code == 0, ran.err
    after = app(home, memory=load_memory(home.app_memory), pods_keeper=False)
    async with after.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "finished while you were away." in said(pilot))
        assert oavr(pilot).place == "pods"
        await pilot.press("1")
        await until(pilot, lambda: field(pilot, "prompt").value == "she nods")
        assert text(pilot, "status") == ""


async def test_leaving_while_a_machine_costs_money(
    home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with account(tmp_path / "account") as cloud:
        monkeypatch.setenv("RUNPOD_API_BASE_URL", cloud.base_url)
        monkeypatch.setenv("OAVR_RUNPOD_PROXY", cloud.proxy_template)
        monkeypatch.setenv("RUNPOD_API_KEY", cloud.account.script.keys.full)
        made = app(home, pods_keeper=False, pods_idle_minutes=15)
        async with made.run_test(size=SIZE) as pilot:
            engine = await made.engine_when_open()
            await until(pilot, lambda: made.live.driving)
            await engine.fleet.deploy()
            await until(pilot, lambda: made.live.pods and made.live.pods[0].state is PodState.READY)
            await pilot.press("ctrl+q")
            await until(pilot, lambda: "Leave" in dialog(pilot))
            shown = "\n".join(str(each.render()) for each in pilot.app.screen.query(".line"))
            assert "1 studio is running ($0.34/h)" in shown
            await pilot.press("escape")
            await until(pilot, lambda: not dialog(pilot))
            assert made.is_running
            await pilot.press("ctrl+q")
            await until(pilot, lambda: "Leave" in dialog(pilot))
            await pilot.click("#answer-stop")
            await until(pilot, lambda: not made.is_running)
        assert [pod["status"] for pod in cloud.books()["pods"]] == ["EXITED"]


async def test_what_ended_before_ones_eyes_did_not_end_while_one_was_away(home: Paths) -> None:
    async with app(home, pods_keeper=False).run_test(size=SIZE) as pilot:
        engine = await oavr(pilot).engine_when_open()
        await engine.submit(wish(PREVIEW))
        await ended(pilot, JobState.DONE)
        async with asyncio.timeout(20):
            while (await engine.meanwhile()).done:
                await pilot.pause(0.02)


async def test_where_one_was_is_on_the_disk_before_the_app_ends(home: Paths) -> None:
    async with app(home, pods_keeper=False).run_test(size=SIZE) as pilot:
        await oavr(pilot).engine_when_open()
        await pilot.press("escape", "2")
        await until(pilot, lambda: load_memory(home.app_memory).place == "videos")
