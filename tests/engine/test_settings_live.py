"""Settings that change while the engine is open: in force at once here, and within a look elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import Event, Notice, SettingsChanged, Subscription
from oavr_tui.errors import BadInput
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings, save_setting


def opened(home: Paths, environ: dict[str, str] | None = None) -> Engine:
    there = environ or {}
    return Engine(home, settings=load_settings(home, there), environ=there)


def heard(events: Subscription) -> list[Event]:
    found = list(events._events)
    events._events.clear()
    return found


async def test_a_change_is_saved_and_in_force_at_once(home: Paths) -> None:
    async with opened(home) as engine:
        with engine.listen() as events:
            for name, value in (
                ("pods.price_cap", 0.5),
                ("pods.day_cap", "3"),
                ("pods.idle_minutes", 7),
                ("pods.most", 2),
                ("pods.gpus", "L40S"),
                ("pods.cloud", "secure"),
                ("pods.volume", "models"),
                ("pods.start_by_itself", False),
                ("pods.control", "sdk"),
            ):
                await engine.change_setting(name, value)
        plan = engine.fleet.plan
        assert (plan.price_cap, plan.day_cap, plan.idle_minutes, plan.most) == (0.5, 3.0, 7.0, 2)
        assert (plan.gpus, plan.cloud, plan.volume) == (("NVIDIA L40S",), "secure", "models")
        assert (plan.auto_start, plan.control) == (False, "sdk")
        assert engine.fleet.driver._plan is plan
        assert engine.settings == load_settings(home, {})
        assert [type(event) for event in heard(events)] == [SettingsChanged] * 9


async def test_going_back_to_the_usual_value(home: Paths) -> None:
    async with opened(home) as engine:
        await engine.change_setting("pods.price_cap", 0.5)
        settings = await engine.change_setting("pods.price_cap", None)
        assert (settings.pods_price_cap, settings.origin("pods.price_cap")) == (1.0, "default")
        await engine.change_setting("pods.price_cap", None)
        assert engine.fleet.plan.price_cap == 1.0


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("pods.price_cap", "much", "what you entered"),
        ("pods.gpus", "Voodoo 2", "no GPU named Voodoo 2"),
        ("pods.prize_cap", 1, "did you mean pods.price_cap"),
    ],
)
async def test_what_cannot_be_used_is_refused_and_changes_nothing(
    home: Paths, name: str, value: object, reason: str
) -> None:
    async with opened(home) as engine:
        before = engine.settings
        with pytest.raises(BadInput, match=reason):
            await engine.change_setting(name, value)
        assert engine.settings is before
        assert not home.config_file.exists()


async def test_the_environment_goes_before_what_is_saved(home: Paths) -> None:
    async with opened(home, {"OAVR_PODS_PRICE_CAP": "0.7"}) as engine:
        settings = await engine.change_setting("pods.price_cap", 0.3)
        assert (settings.pods_price_cap, settings.origin("pods.price_cap")) == (0.7, "OAVR_PODS_PRICE_CAP")
        assert load_settings(home, {}).pods_price_cap == 0.3


async def test_a_process_that_drives_takes_in_what_another_one_set(home: Paths) -> None:
    async with opened(home) as keeper, opened(home) as app:
        with keeper.listen() as events:
            async with asyncio.timeout(60), keeper.driving_when_free(as_keeper=True):
                await app.change_setting("pods.idle_minutes", 3)
                while not isinstance(await events.next(), SettingsChanged):
                    pass
                assert keeper.fleet.plan.idle_minutes == 3


async def test_a_file_that_cannot_be_read_is_told_once_and_changes_nothing(home: Paths) -> None:
    async with opened(home) as engine:
        await engine.change_setting("pods.most", 3)
        home.config_file.write_text("pods = [")
        with engine.listen() as events:
            await engine.refresh()
            await engine.refresh()
            told = heard(events)
        assert [type(event) for event in told] == [Notice]
        assert engine.settings.pods_most == 3
        home.config_file.write_text("[pods]\nmost = 4\n")
        await engine.refresh()
        assert engine.fleet.plan.most == 4


async def test_the_keeper_can_be_switched_off(home: Paths) -> None:
    async with opened(home) as engine:
        started: list[int] = []
        engine._setup.start_keeper = lambda: started.append(1)
        await engine.change_setting("pods.keeper", False)
        engine._setup.keep()
        assert started == []
        await engine.change_setting("pods.keeper", True)
        engine._setup.keep()
        assert started == [1]


async def test_new_videos_go_to_the_new_folder_and_the_driver_knows(home: Paths, tmp_path: Path) -> None:
    async with opened(home) as engine, engine.driving_when_free():
        await engine.change_setting("videos.folder", str(tmp_path / "elsewhere"))
        assert engine._library.folder == tmp_path / "elsewhere"
        assert engine._driving is not None
        assert engine._driving._shop.library is engine._library


async def test_a_table_that_is_none_is_said(home: Paths) -> None:
    home.config.mkdir(parents=True)
    home.config_file.write_text("pods = 3\n")
    with pytest.raises(BadInput, match="must be a table"):
        save_setting(home, "pods.most", "2")
