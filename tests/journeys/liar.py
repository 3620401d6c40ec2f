"""A license server that answers everything in the documented shape, with foreign text that means harm in each field."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30.0


class _Server(ThreadingHTTPServer):
    def __init__(self, text: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.text = text


class _Answers(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer(200, {"canGenerate": True, "isPro": False, "limit": 1, "used": 0, "resetsIn": self.server.text})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        text = self.server.text
        places = {"activationsUsed": 2, "maxActivations": 2}
        if self.path.endswith("/activate"):
            self._answer(403, {"success": False, "error": text, "code": "DEVICE_LIMIT", **places})
        elif self.path.endswith("/devices"):
            device = {
                "deviceId": f"{text} 0123456789ab",
                "deviceName": f"laptop {text}",
                "activatedAt": 1,
                "lastSeen": 1,
            }
            listed = [{**device, "thisDevice": False}] * 2
            self._answer(200, {"success": True, "devices": listed, **places, "status": text})
        else:
            self._answer(400, {"success": False, "error": text, "code": text})

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing of it belongs into the output of the tests."""


@contextmanager
def liar(text: str) -> Iterator[str]:
    """Its address, while it runs in a thread. text: what stands in every field that may hold any."""
    with _Server(text) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE)
