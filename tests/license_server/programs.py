"""Real programs beside the server: a Redis, started in a folder and ended with the test."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import needs

PATIENCE = 30.0
DATABASES = 20_000


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class RedisServer:
    """A Redis with a log of its own, on a port that stays the same when it is killed and started again."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._program = needs("redis-server")
        self._folder = folder
        self._settings = settings or ("--appendonly", "yes", "--appendfsync", "always")
        self._used = 0
        self._of_folder: dict[Path, int] = {}
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it has read its log and answers."""
        self._folder.mkdir(exist_ok=True)
        with (self._folder / "redis.log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
                    *("--save", "", "--databases", str(DATABASES), *self._settings),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, (self._folder / "redis.log").read_text()
            assert time.monotonic() < deadline, "the Redis does not answer"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(100).startswith(b"+PONG")
        except OSError:
            return False

    def url(self, folder: Path | None = None) -> str:
        """An empty database; for a folder always the same one."""
        if folder is not None and folder in self._of_folder:
            return self._address(self._of_folder[folder])
        self._used += 1
        if folder is not None:
            self._of_folder[folder] = self._used
        return self._address(self._used)

    def _address(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """Ends it at once, whatever it is doing."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def redis_server(folder: Path, *settings: str) -> Iterator[RedisServer]:
    """A Redis that keeps its log in `folder`; skips the test (fails it under CI) where there is none."""
    pytest.importorskip("redis", reason="redis-py is not installed")
    server = RedisServer(folder, *settings)
    try:
        yield server
    finally:
        server.kill()
