"""Raw bytes to a real server process, and what came back."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 30.0
QUIET_SECONDS = 0.1
"""How long an open connection must be silent to count as having said everything."""


@dataclass(frozen=True)
class Got:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    """All that a connection said, and whether the server then closed it."""

    raw: bytes
    closed: bool
    reset: bool = False

    @property
    def answers(self) -> list[Got]:
        found, rest = [], self.raw
        while rest:
            answer, rest = split_answer(rest)
            found.append(answer)
        return found

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


def split_answer(raw: bytes, head_only: bool = False) -> tuple[Got, bytes]:
    """The first answer in some bytes, held to its own Content-Length, and the bytes after it."""
    head, found, rest = raw.partition(b"\r\n\r\n")
    assert found, f"no whole head in {raw[:200]!r}"
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.1", first
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers, f"{name} stands twice"
        headers[name.lower()] = value
    length = int(headers.get("content-length", "0"))
    if head_only or int(status) < 200:
        return Got(int(status), headers, b""), rest
    assert len(rest) >= length, f"{len(rest)} of {length} bytes"
    return Got(int(status), headers, rest[:length]), rest[length:]


class Server:
    """A server process."""

    def __init__(self, process: subprocess.Popen[str], host: str, port: int) -> None:
        self.process = process
        self.address = (host, port)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=ANSWER_SECONDS)

    def say(self, *parts: bytes, closes: bool | None = None, half: bool = False) -> Said:
        """Send these parts one after the other on one connection, and hear all of it.

        `closes` says what is expected: True waits for the end, however long it takes; otherwise silence is the end.
        """
        with self.connect() as connection:
            for part in parts:
                try:
                    connection.sendall(part)
                except (BrokenPipeError, ConnectionResetError):
                    break
            if half:
                connection.shutdown(socket.SHUT_WR)
            return hear(connection, wait_for_end=closes is True)

    def ask(self, path: str = "/echo") -> Got:
        said = self.say(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(), closes=True)
        assert said.closed
        [answer] = said.answers
        return answer

    def rss(self) -> int:
        """Memory of the process in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def end(self) -> tuple[int, str]:
        """SIGTERM; gives the exit code and what was logged."""
        self.process.send_signal(signal.SIGTERM)
        _, logged = self.process.communicate(timeout=60)
        return self.process.returncode, logged


def hear(connection: socket.socket, wait_for_end: bool) -> Said:
    """Read until the end, or until nothing has come for a moment after at least something has."""
    raw = b""
    until = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < until:
        patience = ANSWER_SECONDS if wait_for_end or not raw else QUIET_SECONDS
        if not select.select([connection], [], [], patience)[0]:
            return Said(raw, closed=False)
        try:
            data = connection.recv(1 << 16)
        except ConnectionResetError:
            return Said(raw, closed=True, reset=True)
        if not data:
            return Said(raw, closed=True)
        raw += data
    return Said(raw, closed=False)


def read_answer(connection: socket.socket) -> Got:
    """Exactly one answer from an open connection, and nothing after it."""
    raw = b""
    while True:
        data = connection.recv(1 << 16)
        assert data, f"closed after {raw!r}"
        raw += data
        head, found, rest = raw.partition(b"\r\n\r\n")
        if found:
            length = next((ln for ln in head.lower().split(b"\r\n") if ln.startswith(b"content-length:")), b":0")
            if len(rest) >= int(length.split(b":")[1]):
                answer, more = split_answer(raw)
                assert not more
                return answer


@contextmanager
def running(*words: str, **settings: Any) -> Iterator[Server]:
    """A server process with these limits; it has to end well on SIGTERM, with nothing raised into its loop."""
    settings = {"drain_seconds": 1.0, **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.license_server.http_child", json.dumps(settings), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate(timeout=10)[1]
        host, port = json.loads(line)
        server = Server(process, host, port)
        yield server
        if process.poll() is None:
            code, logged = server.end()
            assert code == 0
            assert "Traceback" not in logged, logged
    finally:
        process.kill()
        process.wait(timeout=30)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
