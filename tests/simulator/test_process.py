"""The simulated server as a process: what it prints, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from oavr_tui.simulator.__main__ import main

WAIT = 60.0
COMMAND = [sys.executable, "-m", "oavr_tui.simulator", "comfyui"]


def started(*options: str, directory: Path) -> tuple[subprocess.Popen[str], str]:
    """The process and its address, once it listens."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--directory", str(directory), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return process, line.split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_answers_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"match": {"path": "/queue"}, "do": "status", "status": 503}]')
    process, address = started("--faults", str(faults), "--generation", "old", directory=tmp_path / "server")
    with httpx.Client(base_url=address, trust_env=False) as client:
        stats = client.get("/system_stats").json()
        assert stats["system"]["comfyui_version"] == "0.3.64"
        assert stats["devices"][0]["vram_total"] == 24 << 30
        assert client.get("/queue").status_code == 503
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out, err) == (0, "", "")


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen(sys.argv[1:])\n"  # it writes to the standard output that is ours, too
        "sys.stdin.read()\n"
    )
    options = ["--port", "0", "--with-parent", "--directory", str(tmp_path)]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None and parent.stdin is not None
    address = parent.stdout.readline().split()[-1]
    with httpx.Client(base_url=address, trust_env=False) as client:
        assert client.get("/prompt").status_code == 200
    parent.kill()
    parent.wait(WAIT)
    assert parent.stdout.read() == ""  # the end comes when the last holder of the pipe has gone
    parent.stdin.close()
    parent.stdout.close()


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"do": "explode"}]')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options in (["--faults", str(faults)], ["--port", port], ["--faults", str(tmp_path / "none")]):
            assert main(["comfyui", "--directory", str(tmp_path), *options]) == 1
            out, err = capsys.readouterr()
            assert out == ""
            assert len(err.splitlines()) == 1
            assert err.startswith("The ")
