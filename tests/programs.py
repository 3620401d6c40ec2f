"""Running our own programs in tests: the command line, the simulated server, and programs that may be missing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WAIT_SECONDS = 120.0


def needs(program: str) -> str:
    """The path of a program; without it the test is skipped, or fails where everything has to be there."""
    path = shutil.which(program)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is missing, and .ci/run was to install it")
        pytest.skip(f"{program} is not installed")
    return path


@dataclass(frozen=True)
class Ran:
    """What a finished command left: exit code, standard output and error."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]


def command(*words: str) -> list[str]:
    """`oavr-tui` with these words, in this interpreter."""
    return [sys.executable, "-m", "oavr_tui", *words]


def oavr(*words: str, home: Path, env: dict[str, str] | None = None, timeout: float = WAIT_SECONDS) -> Ran:
    """Run a command to its end, with a home of its own and no terminal."""
    done = subprocess.run(
        command(*words),
        env={**os.environ, "OAVR_HOME": str(home), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Simulator:
    """A simulated ComfyUI in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> dict[str, Any]:
        """A JSON answer of the server."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            body: dict[str, Any] = json.load(answer)
        return body

    def state(self) -> dict[str, Any]:
        """What it has been asked to do, by its own books."""
        return self.get("/simulator/state")

    def set_faults(self, faults: Sequence[dict[str, Any]]) -> None:
        request = urllib.request.Request(
            f"{self.url}/simulator/faults",
            data=json.dumps(list(faults)).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200


@contextlib.contextmanager
def simulator(folder: Path, *options: str) -> Iterator[Simulator]:
    """Start `python -m oavr_tui.simulator comfyui` on a free port and stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "oavr_tui.simulator", "comfyui", "--port", "0", "--directory", str(folder), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), line
        yield Simulator(line.removeprefix("listening on ").strip(), process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
