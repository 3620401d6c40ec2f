"""A real server process, and a client that talks to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from license_server.kv.interface import Rule, Scan
from license_server.records import License, license_from
from tests.license_server.stores import World, engine_url

SECRET = "contract-test-secret"
PATIENCE = 30.0


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


class Server:
    """A running server; `ask` opens a connection of its own each time."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: Path) -> None:
        self.process = process
        self.port = port
        self.folder = folder

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Told:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def get(self, path: str) -> Told:
        return self.ask("GET", path)

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Told:
        return self.ask("POST", path, body, headers)

    def kill(self) -> None:
        """Ends it as a power cut would, as far as a process can see."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> Told:
    """One request over a connection; a body that is no text or bytes goes as JSON."""
    raw = body if isinstance(body, bytes | str | None) else json.dumps(body)
    connection.request(method, path, raw, headers or {})
    answer = connection.getresponse()
    return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


@contextmanager
def server(folder: Path, *arguments: str, **env: str) -> Iterator[Server]:
    """A server on the store of `folder`, with GUMROAD_SECRET unless `env` says otherwise; ended by SIGTERM."""
    url = engine_url(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GUMROAD", "FREE_"))}
    environment |= {"GUMROAD_SECRET": SECRET, **env}
    command = [sys.executable, "-m", "license_server", "serve", "--port", "0", "--kv", url, "--rate-limit", "off"]
    log = (folder / "server.log").open("a")
    process = subprocess.Popen(
        [*command, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    log.close()
    assert process.stdout is not None
    try:
        found = re.search(r":(\d+)$", process.stdout.readline().strip())
        assert found, (folder / "server.log").read_text()
        yield Server(process, int(found[1]), folder)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


def licenses_in(world: World) -> list[License]:
    """All licenses that a store holds."""

    def every() -> Rule[list[License]]:
        rows: list[tuple[str, bytes]] = yield Scan("license", limit=10_000)
        return [license_from(value) for _, value in rows]

    return world.look(every())


def until(deadline: float = PATIENCE) -> Iterator[None]:
    """Turns of a loop that looks again and again, for so many seconds."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        yield
        time.sleep(0.01)
    raise AssertionError("it never happened")
