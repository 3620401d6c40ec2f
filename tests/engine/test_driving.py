"""Driving that fails is heard by whoever waits inside, and the lock is given back."""

from __future__ import annotations

import asyncio

import pytest

from oavr_tui.engine.driver import Driver
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.lock import FileLock
from oavr_tui.errors import DiskFull
from oavr_tui.paths import Paths


class Failing(Engine):
    """An engine whose driver finds the disk full."""

    def _driver(self) -> Driver:
        driver = super()._driver()

        async def recover() -> None:
            raise DiskFull("The disk is full.")

        setattr(driver, "recover", recover)  # noqa: B010 - mypy refuses a plain assignment to a method
        return driver


async def test_a_driver_that_fails_ends_the_waiting_with_its_sentence(home: Paths) -> None:
    async with Failing(home) as engine:
        with pytest.raises(DiskFull, match="disk is full"):
            async with asyncio.timeout(30), engine.driving_when_free():
                await asyncio.Event().wait()
        assert FileLock(home.driver_lock).take()


async def test_an_error_inside_comes_out_as_itself(home: Paths) -> None:
    async with Engine(home) as engine:
        with pytest.raises(LookupError):
            async with engine.driving_when_free():
                raise LookupError
