"""The owner's check on a real account, tried on a make-believe one: every step, the limit, and a machine gone after."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.programs_runpod import QUICK, runpod, until


def transcript(home: Path) -> list[dict[str, object]]:
    (file,) = (home / "state" / "real-checks").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("host", ["free", "taken"])
@pytest.mark.full
def test_the_whole_journey_leaves_no_machine(tmp_path: Path, host: str) -> None:
    with runpod(tmp_path, {**QUICK, "stop_keeps_gpu": host == "free"}) as account:
        ran = account.oavr("doctor", "--real", "--max-spend", "0.50")
        assert ran.code == 0, ran.out + ran.err
        assert account.statuses() == ["TERMINATED"]
        told = transcript(account.home)
        steps = [entry["step"] for entry in told if entry["what"] == "end"]
        assert steps == ["account", "catalog", "video", "stop", "wake", "terminate", "bill"]
        bill = next(entry for entry in told if entry["what"] == "end" and entry["step"] == "bill")
        counted, billed = bill["counted_here"], bill["billed"]
        assert isinstance(counted, float) and isinstance(billed, float)
        assert abs(counted - billed) < 2 * 0.34 / 3600, "within a second of each of its two spells"
        assert not (account.home / "videos").exists(), "it works in folders of its own"


@pytest.mark.full
def test_a_journey_that_costs_too_much_ends_at_once(tmp_path: Path) -> None:
    script = {**QUICK, "prices": {"NVIDIA GeForce RTX 4090": {"community": 0.9, "secure": None}}, "time_scale": 1}
    script["boot"] = {**QUICK["boot"], "warm_seconds": 600}
    with runpod(tmp_path, script) as account:
        account.env["OAVR_PODS_DAY_CAP"] = "1000"
        ran = account.oavr("doctor", "--real", "--max-spend", "0.05")
        assert ran.code == 1
        assert "limit of $0.05 a day" in ran.out + ran.err
        assert "RUNNING" not in account.statuses()


@pytest.mark.full
def test_a_key_that_may_only_look_is_told_and_nothing_stays(tmp_path: Path) -> None:
    with runpod(tmp_path, QUICK) as account:
        account.env["RUNPOD_API_KEY"] = "rpa_SIMULATED0READ"
        ran = account.oavr("doctor", "--real")
        assert ran.code == 1
        assert "may look" in ran.out
        assert account.statuses() == []


@pytest.mark.full
def test_a_check_that_is_killed_leaves_no_machine_either(tmp_path: Path) -> None:
    with runpod(tmp_path, QUICK) as account:
        running = account.start("doctor", "--real", "--max-spend", "0.50", "--json")
        running.until(what="step", step="warming")
        running.signal(signal.SIGKILL)
        until(lambda: account.statuses() == ["TERMINATED"], "its keeper stops and then deletes the machine", 240)
