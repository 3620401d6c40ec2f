"""A simulated RunPod account in a process of its own, with a home whose studios are rented from it.

Everything that a command says is held against the account's books: no key and no whole pod id may be in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oavr_tui.models import Pod, Spell
from tests.programs import WAIT_SECONDS, Ran, command, oavr
from tests.samples import portrait, voice

KEY = "rpa_SIMULATED0FULL"
QUICK: dict[str, Any] = {
    "pull_seconds": 0.2,
    "start_seconds": 0.2,
    "boot": {"seconds_per_file": 0.02, "warm_seconds": 0.2},
}
"""A studio is ready two seconds after it was asked for."""

SLOW_WORK: dict[str, Any] = {"boot": {**QUICK["boot"], "comfy": {"step_seconds": 0.4}}}
"""Making a second of video takes some seconds, so that there is a middle in which something can happen."""

_LOOK_SECONDS = 0.05


def until(true: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait until something is so; fails when it has not become so in that time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"never came true: {what}"
        time.sleep(_LOOK_SECONDS)


def wished(*words: str, seconds: float = 1) -> tuple[str, ...]:
    """`generate` for a video of the samples, that many seconds long."""
    given = ("--image", str(portrait()), "--audio", str(voice()), "--max-seconds", str(seconds))
    return ("generate", *given, "--json", *words)


@dataclass
class Running:
    """A command that was started and is read as it goes."""

    process: subprocess.Popen[str]
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            assert stream is not None
            reader = threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            reader.start()
            self._readers.append(reader)

    def events(self) -> list[dict[str, Any]]:
        """What it has told so far; a line that a kill cut in two is left out."""
        return [json.loads(line) for line in list(self.out) if line.endswith("\n")]

    def until(self, **facts: object) -> dict[str, Any]:
        """Wait until it tells an event with these facts, and return it."""
        found: list[dict[str, Any]] = []

        def told() -> bool:
            found[:] = [event for event in self.events() if facts.items() <= event.items()]
            assert found or self.process.poll() is None, f"it ended without {facts}: {self.text()}"
            return bool(found)

        until(told, f"{facts} in {self.process.args!r}")
        return found[0]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ran(self, timeout: float = WAIT_SECONDS) -> Ran:
        """Wait for its end."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args!r} does not end: {self.text()}") from None
        for reader in self._readers:
            reader.join(WAIT_SECONDS)
        assert "Traceback" not in self.text(), self.text()
        return Ran(self.process.returncode, "".join(self.out), "".join(self.err))

    def text(self) -> str:
        return "".join((*self.out, *self.err))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_SECONDS)
        for reader in self._readers:
            reader.join(WAIT_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@dataclass
class RunPod:
    """url: of the account. home: the folder of the person whose account it is. env: what commands are given."""

    url: str
    home: Path
    env: dict[str, str]
    told: list[str] = field(default_factory=list)
    started: list[Running] = field(default_factory=list)

    # --- the account

    def books(self) -> dict[str, Any]:
        """What was really done and spent there."""
        with urllib.request.urlopen(f"{self.url}/simulator/state", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def post(self, path: str, body: object = None) -> None:
        """Do something to the account behind everybody's back, such as /simulator/vanish/{pod}."""
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status in (200, 204)

    def statuses(self) -> list[str]:
        """The status of every pod that was ever made, oldest first."""
        return [pod["status"] for pod in self.books()["pods"]]

    def queue(self, pod_id: str) -> dict[str, Any]:
        """The queue of a pod's ComfyUI; empty where it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/proxy/{pod_id}-8188/queue", timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError:
            return {}
        return found

    # --- the person

    def oavr(self, *words: str, **more: str) -> Ran:
        """Run a command to its end. more: environment variables."""
        ran = oavr(*words, home=self.home, env={**self.env, **more})
        self.told += [ran.out, ran.err]
        return ran

    def start(self, *words: str, **more: str) -> Running:
        """Start a command and go on."""
        process = subprocess.Popen(
            command(*words),
            env={**os.environ, "OAVR_HOME": str(self.home), **self.env, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(Running(process))
        return self.started[-1]

    def pods(self) -> dict[str, dict[str, Any]]:
        """The studios by their names, as `pods list --json` tells."""
        return {pod["name"]: pod for pod in self.oavr("pods", "list", "--json").events}

    def jobs(self) -> list[dict[str, Any]]:
        return self.oavr("jobs", "list", "--json").events

    def videos(self) -> list[dict[str, Any]]:
        return self.oavr("videos", "list", "--json").events

    def kept(self) -> tuple[list[Pod], list[Spell]]:
        """The studios with their whole ids, and the paid time, as they are on the disk."""
        from oavr_tui.paths import Paths
        from oavr_tui.store.store import Store

        store = Store(Paths.find({"OAVR_HOME": str(self.home)}).store_file, read_only=True)
        try:
            return store.pods(), store.spells()
        finally:
            store.close()

    def keeper(self) -> int | None:
        """The process id of the keeper of this home, None when there is none."""
        from oavr_tui.engine.lock import FileLock
        from oavr_tui.paths import Paths

        lock = FileLock(Paths.find({"OAVR_HOME": str(self.home)}).keeper_lock)
        return None if lock.is_free() else lock.holder()

    def secrets_stay_secret(self) -> None:
        """No key and no whole pod id was told by any command so far."""
        secrets = [KEY, *(pod["id"] for pod in self.books()["pods"])]
        for text in (*self.told, *(one.text() for one in self.started)):
            assert not [secret for secret in secrets if secret in text], text


def _end(cloud: RunPod) -> None:
    """Nothing of this home goes on when its test is over."""
    for one in cloud.started:
        one.close()
    if cloud.keeper() is not None:
        cloud.oavr("keeper", "stop")
    left = cloud.keeper()
    if left is not None:
        os.kill(left, signal.SIGKILL)
        raise AssertionError("the keeper did not end when it was told to")


@contextlib.contextmanager
def runpod(folder: Path, script: Mapping[str, Any] | None = None, **env: str) -> Iterator[RunPod]:
    """Start `python -m oavr_tui.simulator runpod` with QUICK and `script` on top; end it and the keeper afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "script.json"
    written.write_text(json.dumps({**QUICK, **(script or {})}))
    options = ["--port", "0", "--directory", str(folder / "runpod"), "--script", str(written), "--with-parent"]
    process = subprocess.Popen(
        [sys.executable, "-m", "oavr_tui.simulator", "runpod", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), line
        url = line.removeprefix("listening on ").strip()
        there = {
            "RUNPOD_API_BASE_URL": url,
            "OAVR_RUNPOD_PROXY": f"{url}/proxy/{{pod}}-{{port}}",
            "RUNPOD_API_KEY": KEY,
            "OAVR_PODS_IDLE_MINUTES": "0.05",
            **env,
        }
        cloud = RunPod(url, folder / "home", there)
        try:
            yield cloud
            cloud.secrets_stay_secret()
        finally:
            _end(cloud)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
