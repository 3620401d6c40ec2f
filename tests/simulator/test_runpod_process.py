"""The simulated account as a process: what it prints, what its options do, and how it ends."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from oavr_tui.simulator.__main__ import main
from tests.simulator.runpod_live import QUICK, bearer, wish

WAIT = 60.0
COMMAND = [sys.executable, "-m", "oavr_tui.simulator", "runpod", "--port", "0"]


def test_it_serves_an_account_and_ends_cleanly_with_a_machine_on(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({**QUICK, "balance": 1}))
    options = ["--script", str(script), "--balance", "30", "--key", "mine", "--time-scale", "2"]
    process = subprocess.Popen(
        [*COMMAND, "--directory", str(tmp_path / "cloud"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    with httpx.Client(base_url=line.split()[-1], trust_env=False, headers=bearer("mine")) as client:
        pod_id = client.post("/v2/pods", json=wish()).json()["id"]
        while client.get(f"/v2/pods/{pod_id}").json()["status"] != "RUNNING":
            assert process.poll() is None
        assert client.get(f"/proxy/{pod_id}-8001/health").json()["log_file_exists"] is True
        assert client.get("/v2/pods", headers=bearer("other")).status_code == 401
        books = client.get("/simulator/state").json()
        assert books["balance"] + books["dollars"] == pytest.approx(30)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out, err) == (0, "", "")


def test_it_ends_when_it_is_quiet_but_not_while_somebody_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with lock.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        waiting, free = (
            subprocess.Popen(
                [*COMMAND, "--directory", str(tmp_path / name), "--until-quiet", "0.1", *options],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name, options in (("waiting", ["--while-locked", str(lock)]), ("free", []))
        )
        assert (free.communicate(timeout=WAIT)[1], free.returncode) == ("", 0)
        assert waiting.poll() is None
    assert (waiting.communicate(timeout=WAIT)[1], waiting.returncode) == ("", 0)


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"faults": [{"do": "explode"}]}')
    for options in (
        ["--script", str(script)],
        ["--script", str(tmp_path / "none")],
        ["--time-scale", "0"],
        ["--balance", "-1"],
    ):
        assert main(["runpod", "--directory", str(tmp_path), *options]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert err.startswith("The account script ")
