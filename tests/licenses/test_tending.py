"""What ended while nobody could report it, what is still held, and what is not counted at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from oavr_tui.engine.events import Bus
from oavr_tui.engine.gate import Gate, GateSetup
from oavr_tui.engine.setup import gate_setup
from oavr_tui.engine.tending import Tending
from oavr_tui.errors import FailureCode
from oavr_tui.models import AUTO, PREVIEW, Failure, Job, JobState, OutputFile, Request
from oavr_tui.paths import Paths
from oavr_tui.vendor import vendor
from tests.licenses.gates import Hands, gate_on, may

NOON = 20_000 * 86_400 + 43_200.0
JOB = Job("one", "one", Request("a.png", "a.wav", on="auto"), JobState.QUEUED, NOON, NOON, 1)
LOST = Failure(FailureCode.UNREACHABLE, "It does not answer.", True)
OUTPUT = (OutputFile("a.mp4", "", "output"),)


@pytest.mark.parametrize(
    ("job", "left"),
    [
        (JOB, 0),
        (replace(JOB, state=JobState.DONE), 0),
        (replace(JOB, state=JobState.CANCELLED), 1),
        (replace(JOB, state=JobState.FAILED, failure=LOST), 1),
        (replace(JOB, state=JobState.FAILED, failure=LOST, outputs=OUTPUT), 0),  # it is made, and can be fetched
    ],
    ids=lambda value: str(value) if isinstance(value, int) else f"{value.state}-{len(value.outputs)}",
)
async def test_what_a_killed_driver_did_not_report(tmp_path: Path, job: Job, left: int) -> None:
    gate = gate_on(tmp_path, "", Hands(NOON))
    await gate.open()
    assert await may(gate, "one")
    await Tending(gate, lambda: [job], lambda: True).reconcile()
    assert gate.status.left == left
    await gate.close()


async def test_a_reservation_outlives_six_hours_only_while_its_job_lives(tmp_path: Path) -> None:
    hands, jobs = Hands(NOON - 43_200), [JOB]
    gate = gate_on(tmp_path, "", hands)
    await gate.open()
    assert await may(gate, "one")
    for _hour in range(10):
        hands.move(3600)
        await Tending(gate, lambda: jobs, lambda: True).reconcile()
    assert not await may(gate, "two")
    jobs.clear()
    hands.move(3600)
    await Tending(gate, lambda: jobs, lambda: True).reconcile()
    assert gate.held == ()
    await gate.close()


def test_only_the_account_that_the_demo_has_started_is_make_believe(tmp_path: Path) -> None:
    demo, ordinary = Paths.under(tmp_path / "demo"), Paths.under(tmp_path / "home")
    base = "http://127.0.0.1:5000"
    here = {"RUNPOD_API_BASE_URL": base, "OAVR_RUNPOD_PROXY": base + "/proxy/{pod}-{port}"}
    assert not gate_setup(demo, here).make_believe  # a folder of that name and an address of this computer
    for paths in (demo, ordinary):
        paths.state.mkdir(parents=True)
        (paths.state / "demo-account.log").write_text(f"listening on {base}\n")
    assert gate_setup(demo, here).make_believe
    assert not gate_setup(ordinary, here).make_believe
    for odd in (
        {},
        {"RUNPOD_API_BASE_URL": base},
        {**here, "RUNPOD_API_BASE_URL": "http://127.0.0.1:5001"},
        {**here, "OAVR_RUNPOD_PROXY": "https://{pod}-{port}.proxy.runpod.net"},
    ):
        assert not gate_setup(demo, odd).make_believe


async def test_in_the_demo_its_own_studios_do_not_count_and_everything_else_does(tmp_path: Path) -> None:
    setup = GateSetup(make_believe=True)
    gate = Gate(setup, Paths.under(tmp_path), Bus(), Hands(NOON).around(), lambda job: job.request.on == AUTO)
    await gate.open()
    on = {place: replace(JOB, request=replace(JOB.request, on=place)) for place in (AUTO, PREVIEW, "http://own:8188")}
    assert [place for place, job in on.items() if gate.counts(job)] == ["http://own:8188"]
    await gate.close()


def test_the_vendor_is_overridden_by_what_is_of_use() -> None:
    given = vendor(
        {
            "OAVR_LICENSE_URL": "https://licenses.example.com/",
            "OAVR_PRICE": "39",
            "OAVR_CHECKOUT_URL": "https://example.com/l/pro",
            "OAVR_LICENSE_PUBLIC_KEY": "one, two",
        }
    )
    assert (given.license_url, given.price, given.public_keys) == ("https://licenses.example.com", 39, ("one", "two"))
    assert given.sells
    odd = vendor({"OAVR_LICENSE_URL": "http://licenses.example.com", "OAVR_PRICE": "$9", "OAVR_CHECKOUT_URL": "x"})
    assert replace(odd, refused="") == vendor({})
    assert "OAVR_LICENSE_URL is not used" in odd.refused
    assert not odd.sells
