"""The real license server, as `python -m license_server`, on a store that outlives it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.license_server.programs import free_port

PATIENCE = 60.0


class LicenseServer:
    """One server. Its address stays the same when it is killed and started again. limit: free videos a day."""

    def __init__(self, folder: Path, limit: int = 1, **env: str) -> None:
        self._kv = f"sqlite:///{folder}/licenses.db"
        self._port = free_port()
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(("GUMROAD", "FREE_"))}
        self._env |= {"FREE_DAILY_LIMIT": str(limit), **env}
        self._log = folder / "license-server.log"
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """What an app finds it by."""
        return {"OAVR_LICENSE_URL": self.url}

    def start(self) -> None:
        """Start it, and wait until it listens."""
        words = ["serve", "--dev", "--port", str(self._port), "--rate-limit", "off", "--kv", self._kv, "--json"]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "license_server", *words],
                env=self._env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert json.loads(line or "{}").get("listening") == self.url, self._log.read_text()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self._reap()

    def _reap(self) -> None:
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def own(self, *words: str) -> dict[str, Any]:
        """One of the owner's commands, and what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "license_server", *words, "--kv", self._kv, "--json"],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout or "{}")
        return found

    def new_key(self) -> str:
        """The key of a license that nobody bought."""
        key: str = self.own("license", "create")["key"]
        return key


@contextlib.contextmanager
def license_server(folder: Path, limit: int = 1, **env: str) -> Iterator[LicenseServer]:
    server = LicenseServer(folder, limit, **env)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def plenty() -> Iterator[LicenseServer]:
    """A server that gives so many free videos that no test can use them up, in the environment of this process and of
    those that it starts."""
    with tempfile.TemporaryDirectory(prefix="oavr-plenty-") as folder, license_server(Path(folder), 100_000) as server:
        before = {name: os.environ.get(name) for name in server.environ}
        os.environ.update(server.environ)
        try:
            yield server
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
