"""Somebody new: the samples, the steps that tick themselves, and sending them away."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from oavr_tui.app.app import OavrApp
from oavr_tui.app.screens.studio_first import FirstSteps
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.models import JobState
from oavr_tui.paths import Paths
from tests.app.studios import app, field, jobs, sample_files, studio, text, until


def rows(pilot: Pilot[None]) -> list[str]:
    listing = studio(pilot).query_one("#first-rows", LineList)
    return ["".join(segment.text for segment in listing.render_line(y)).strip() for y in range(listing.count)]


@pytest.mark.full
async def test_the_samples_make_a_preview_by_mouse_alone_and_the_steps_tick(home: Paths) -> None:
    async with app(home).run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: any("sample portrait" in row for row in rows(pilot)))
        await pilot.click("#first-rows", offset=(6, 5))
        await pilot.click("#first-rows", offset=(6, 5))
        await until(pilot, lambda: field(pilot, "audio").value == str(sample_files()[1]))
        await until(pilot, lambda: sum(row.startswith("✔") for row in rows(pilot)) == 2)
        assert not any("sample" in row for row in rows(pilot))
        await pilot.click("#generate")
        await until(pilot, lambda: jobs(pilot) and jobs(pilot)[0].state is JobState.DONE)
        await until(pilot, lambda: rows(pilot)[2].startswith("✔"))
        assert rows(pilot)[3].startswith("○"), "there is no key yet"


@pytest.mark.full
async def test_the_steps_can_be_sent_away_for_good(home: Paths) -> None:
    async with app(home).run_test(size=(80, 24)) as pilot:
        listing = studio(pilot).query_one("#first-rows", LineList)
        await until(pilot, lambda: listing.count)
        listing.focus()
        await pilot.press("end", "enter")
        await until(pilot, lambda: not studio(pilot).query_one(FirstSteps).display)
        assert isinstance(pilot.app, OavrApp)
        memory = pilot.app.memory
    async with app(home, memory=memory).run_test(size=(80, 24)) as pilot:
        assert isinstance(pilot.app, OavrApp)
        await pilot.app.engine_when_open()
        await until(pilot, lambda: "face" in text(pilot, "found-image"))
        assert not studio(pilot).query_one(FirstSteps).display


async def test_in_a_small_window_only_the_next_step_is_shown(home: Paths) -> None:
    async with app(home).run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: len(rows(pilot)) == 2)
        field(pilot, "image").value, field(pilot, "audio").value = map(str, sample_files())
        await until(pilot, lambda: rows(pilot)[0].startswith("○ Next: Make a quick preview"))
