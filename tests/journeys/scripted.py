"""A license server that answers as it is told to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30.0
FREE = {"canGenerate": True, "isPro": False, "limit": 1, "used": 0}


class Scripted(ThreadingHTTPServer):
    """answers: status and body by the end of a path; 500 for all others. asked: path and body of what came."""

    def __init__(self, answers: Mapping[str, tuple[int, dict[str, Any]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers = dict(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def told(self, name: str) -> list[dict[str, Any]]:
        """What came to the paths that end so."""
        return [body for path, body in self.asked if path.endswith(name)]


class _Answers(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, asked: dict[str, Any]) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((path, asked))
        found = [answer for end, answer in self.server.answers.items() if path.endswith(end)]
        status, said = found[0] if found else (500, {"error": "not now"})
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing of it belongs into the output of the tests."""


@contextmanager
def scripted(**answers: tuple[int, dict[str, Any]]) -> Iterator[Scripted]:
    """One that runs in a thread. answers: by the last word of a path."""
    with Scripted({f"/{name}": answer for name, answer in answers.items()}) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(PATIENCE)
