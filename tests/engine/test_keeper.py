"""The keeper as a process: at most one, as long as something is left to do, and whatever goes wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from oavr_tui.engine import keeper
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.keeper import Keeper, start_keeper
from oavr_tui.engine.lock import FileLock, Wanted
from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.paths import Paths, private_dir
from oavr_tui.settings import save_setting
from oavr_tui.store.store import Store


def environment() -> dict[str, str]:
    """Without any key: nothing outside can be reached."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD", "OAVR_PODS"))}


def something_left(home: Paths) -> None:
    """A stopped pod, which somebody has to terminate in a day's time."""
    now = time.time()
    private_dir(home.store_file.parent)
    store = Store(home.store_file)
    store.put_pod(Pod("id", "studio-1", PodKind.RUNPOD, PodState.STOPPED, now, now, pod_id="m1", state_since=now))
    store.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def all_ended() -> bool:
    keeper._reap()
    return not keeper._started


@contextmanager
def keepers(home: Paths) -> Iterator[FileLock]:
    """The keeper's lock; whatever was started ends with the test."""
    try:
        yield FileLock(home.keeper_lock)
    finally:
        keeper._reap()
        for pid in keeper._started:
            os.kill(pid, signal.SIGKILL)
        until(all_ended)


def test_there_is_one_keeper_however_often_one_is_started_and_it_goes_when_told(home: Paths) -> None:
    something_left(home)
    with keepers(home) as lock:
        for _time in range(3):
            start_keeper(home, environment())

        def one_left() -> bool:
            keeper._reap()
            return len(keeper._started) == 1 and not lock.is_free() and lock.holder() == keeper._started[0]

        until(one_left)
        start_keeper(home, environment())
        assert len(keeper._started) == 1
        os.kill(keeper._started[0], signal.SIGTERM)
        until(all_ended)
        assert lock.is_free()


def test_it_ends_when_nothing_is_left(home: Paths) -> None:
    with keepers(home) as lock:
        start_keeper(home, environment())
        assert keeper._started
        until(all_ended)
        assert lock.is_free()


def test_no_process_to_be_had_is_no_reason_to_fail(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(home.state / "nothing-there"))
    start_keeper(home, environment())
    assert keeper._started == []


class Clumsy(Engine):
    """An engine in which something goes wrong so many times."""

    failures = 2

    async def refresh(self) -> None:
        if self.failures:
            self.failures -= 1
            raise LookupError("a bug")
        await super().refresh()


async def test_it_goes_on_whatever_goes_wrong(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_AFTER_FAILURE_SECONDS", 0.01)
    lock, said = FileLock(home.keeper_lock), list[str]()
    assert lock.take()
    clumsy = Clumsy(home)
    async with clumsy, asyncio.timeout(60):
        await Keeper(home, lock, clumsy, said.append).keep()
    assert clumsy.failures == 0
    assert len(said) == 2
    assert all("while keeping" in text and "a bug" not in text for text in said)
    lock.release()


async def test_it_drives_when_nobody_else_wants_to_and_makes_way_at_once(home: Paths) -> None:
    something_left(home)
    lock, driver, person = FileLock(home.keeper_lock), FileLock(home.driver_lock), Wanted(home.wanted_lock)
    assert lock.take()

    async def driven(state: bool) -> None:
        while driver.is_free() is state:
            await asyncio.sleep(0.05)

    person.hold()
    async with Engine(home) as engine, asyncio.timeout(60):
        keeping = asyncio.create_task(Keeper(home, lock, engine, print).keep())
        await asyncio.sleep(0)
        person.release()
        await driven(True)
        person.hold()
        await driven(False)
        assert not keeping.done()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    person.release()
    lock.release()


async def test_one_that_is_switched_off_goes_when_somebody_else_drives_and_not_before(home: Paths) -> None:
    something_left(home)
    lock, driver, person = FileLock(home.keeper_lock), FileLock(home.driver_lock), Wanted(home.wanted_lock)
    assert lock.take()
    async with Engine(home, environ=environment()) as engine, asyncio.timeout(60):
        keeping = asyncio.create_task(Keeper(home, lock, engine, print).keep())
        while driver.is_free():
            await asyncio.sleep(0.05)
        save_setting(home, "pods.keeper", "no")
        while engine.settings.pods_keeper:
            await asyncio.sleep(0.05)
        assert not keeping.done()
        assert not driver.is_free()
        person.hold()
        await keeping
    person.release()
    lock.release()
