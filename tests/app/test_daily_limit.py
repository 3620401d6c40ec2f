"""The daily limit on a computer without a license server: its own count, until midnight UTC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from oavr_tui.app.dialogs.daily_limit import DailyLimit
from oavr_tui.app.memory import Memory, save_memory
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.engine.events import DrivingChanged
from oavr_tui.engine.lock import FileLock
from oavr_tui.errors import LimitReached
from oavr_tui.models import Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from tests.app.snapshot import text_of
from tests.app.still import NOW, StillApp
from tests.app.studios import dialog, in_front, until
from tests.journeys.seen import wish

MIDNIGHT = (NOW // 86_400 + 1) * 86_400
EVENING = MIDNIGHT - 9000
REQUEST = Request("/a.png", "/b.wav", on="http://127.0.0.1:9")


class Hands:
    """A clock that is set by hand; unix seconds."""

    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(home: Paths, hands: Hands, given: Request = REQUEST) -> AsyncIterator[tuple[Pilot[None], StillApp]]:
    save_memory(home.app_memory, Memory(consented=1.0, welcomed=True))
    settings = Settings(videos_folder=str(home.videos), pods_keeper=False)
    app = StillApp(home, settings, given, clock=hands)
    lock = FileLock(home.driver_lock)
    assert lock.take(), "nothing is made, so that nothing fails and is given back"
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            (await app.engine_when_open()).bus.emit(DrivingChanged(True))  # as the driver would tell
            yield pilot, app
    finally:
        lock.release()


def headline(app: StillApp) -> str:
    return app.screen_stack[0].query_one("#headline", OneLine).plain


def pass_to(app: StillApp, hands: Hands, at: float) -> None:
    """It is so late now, and the app's minute has come."""
    hands.now = at
    app._minute()


async def test_the_dialog_counts_down_and_midnight_opens_the_next_day(home: Paths) -> None:
    hands = Hands()
    async with opened(home, hands) as (pilot, app):
        engine = await app.engine_when_open()
        await until(pilot, lambda: "1 full video left today" in headline(app))
        await engine.submit(REQUEST)
        await until(pilot, lambda: "daily limit reached · next in 2h 30m" in headline(app))
        with pytest.raises(LimitReached, match="Nothing was started and nothing was spent"):
            await engine.submit(REQUEST)
        app.run_worker(app.past_limit(engine.license), group="asking")
        await in_front(pilot, DailyLimit)
        assert [str(button.label) for button in app.screen.query(Button)] == ["Wait until tomorrow"]
        assert "The next one is yours in 2h 30m." in text_of(app)
        pass_to(app, hands, MIDNIGHT - 61)
        await until(pilot, lambda: "The next one is yours in 2m." in text_of(app))
        assert "next in 2m" in headline(app)
        pass_to(app, hands, MIDNIGHT)
        await until(pilot, lambda: "A new day has begun" in text_of(app))
        assert "1 full video left today" in headline(app)
        await until(pilot, lambda: str(app.screen.query_one(Button).label) == "Go on")
        await pilot.press("enter")
        await until(pilot, lambda: dialog(pilot) == "")
        await engine.submit(REQUEST)


async def test_generate_goes_on_when_the_day_ends_while_the_limit_is_shown(home: Paths) -> None:
    hands = Hands()
    async with opened(home, hands, wish(REQUEST.on)) as (pilot, app):
        engine = await app.engine_when_open()
        await engine.submit(wish(REQUEST.on))
        await pilot.press("ctrl+g")
        await in_front(pilot, DailyLimit)
        assert dialog(pilot) == "Daily limit reached"
        pass_to(app, hands, MIDNIGHT + 1)
        await until(pilot, lambda: dialog(pilot) == "A new day")
        assert len(engine.jobs()) == 1, "nothing begins by itself"
        await pilot.press("enter")
        await until(pilot, lambda: dialog(pilot) == "" and len(engine.jobs()) == 2)
        await until(pilot, lambda: "daily limit reached · next in 24h 00m" in headline(app))


async def test_a_clock_set_back_gives_no_second_day(home: Paths) -> None:
    hands = Hands()
    async with opened(home, hands) as (pilot, app):
        engine = await app.engine_when_open()
        await engine.submit(REQUEST)
        pass_to(app, hands, EVENING - 3 * 86_400)
        await until(pilot, lambda: "daily limit reached" in headline(app))
        with pytest.raises(LimitReached):
            await engine.submit(REQUEST)


async def test_a_second_and_a_third_are_refused_at_once(home: Paths) -> None:
    hands = Hands()
    async with opened(home, hands) as (_pilot, app):
        engine = await app.engine_when_open()
        await engine.submit(REQUEST)
        for _more in range(2):
            with pytest.raises(LimitReached):
                await engine.submit(Request("/a.png", "/b.wav", on="http://127.0.0.1:10"))
        assert len(engine.jobs()) == 1
