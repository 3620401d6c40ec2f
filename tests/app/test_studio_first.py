"""Somebody new: the samples, the steps that tick themselves, and sending them away."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

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


OFFER = {"OAVR_LICENSE_URL": "http://127.0.0.1:9", "OAVR_CHECKOUT_URL": "http://127.0.0.1:9/pro", "OAVR_PRICE": "37"}
SIZES = ((60, 20), (80, 24), (120, 40))


def plans(pilot: Pilot[None]) -> str:
    """What the first steps say beside the steps; whole, and in sight."""
    box = studio(pilot).query_one(FirstSteps)
    said = [each for each in box.query(Static).results(Static) if each.display]
    assert all(pilot.app.screen.region.contains_region(each.region) for each in said)
    lines = "\n".join(str(each.render()) for each in said)
    assert all(len(line) <= box.size.width for line in lines.split("\n"))
    return lines


@pytest.mark.parametrize("size", SIZES)
async def test_somebody_new_reads_what_is_free_and_what_pro_is(
    home: Paths, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    for name, value in OFFER.items():
        monkeypatch.setenv(name, value)
    async with app(home).run_test(size=size) as pilot:
        await until(pilot, lambda: "Pro: " in plans(pilot), plans(pilot))
        said = plans(pilot)
        assert "previews" in said and "1 full video a day" in said
        assert "$37 once" in said and "RunPod" in said
        assert studio(pilot).form.max_scroll_y == 0, "the form is whole beside it"
        listing = studio(pilot).query_one("#first-rows", LineList)
        assert listing.region.height == listing.count, "so are the steps"


@pytest.mark.parametrize("size", SIZES)
async def test_where_nothing_is_sold_only_what_is_free_is_said(home: Paths, size: tuple[int, int]) -> None:
    async with app(home).run_test(size=size) as pilot:
        await until(pilot, lambda: "1 full video a day" in plans(pilot))
        assert "Pro" not in plans(pilot) and "$" not in plans(pilot)
