"""Real programs beside the server: a Redis, started in a folder and ended with the test; Gumroad's API, played."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

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


class Gumroad(ThreadingHTTPServer):
    """Plays Gumroad's API: `sales` by id, `purchases` by key, in its documented shapes, or `broken` in their place."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.sales: dict[str, dict[str, Any]] = {}
        self.purchases: dict[str, dict[str, Any]] = {}
        self.token = "token-of-the-seller"
        self.asked: list[str] = []
        self.broken: tuple[int, bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Gumroad

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        sale_id = unquote(parts.path.removeprefix("/v2/sales/"))
        self.server.asked.append(sale_id)
        if parse_qs(parts.query).get("access_token") != [self.server.token]:
            self._answer(401, {"error": "invalid_token"})
        elif sale_id in self.server.sales:
            self._answer(200, {"success": True, "sale": self.server.sales[sale_id]})
        else:
            self._answer(404, {"success": False, "message": "The sale was not found."})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        (key,) = form["license_key"]
        self.server.asked.append(key)
        found = self.server.purchases.get(key)
        if self.path == "/v2/licenses/verify" and found and form["product_id"] == [found["product_id"]]:
            self._answer(200, {"success": True, "uses": 0, "purchase": found})
        else:
            self._answer(404, {"success": False, "message": "That license does not exist for the provided product."})

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        status, body = self.server.broken or (status, json.dumps(said).encode())
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing of it belongs into the output of the tests."""


@contextlib.contextmanager
def gumroad() -> Iterator[Gumroad]:
    """Gumroad's API in a thread."""
    with Gumroad() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(PATIENCE)
