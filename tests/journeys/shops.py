"""A real license server in a process of its own, and what Gumroad and the server's owner do to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.license_server.child import PATIENCE, SECRET, Server, server
from tests.license_server.stores import engine_url

CHECKOUT = "http://127.0.0.1:9/pro"
"""Where Pro is sold; nobody is there, and nobody goes there: the sale is told to the server by hand."""


@dataclass
class Shop:
    """server: the process. folder: of its store."""

    server: Server
    folder: Path
    sold: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def sell(self, checkout: str) -> None:
        """Somebody has bought Pro at this address, as Gumroad tells the server."""
        (claim,) = parse_qs(urlsplit(checkout).query)["claim"]
        self.sold.append(f"sale-{len(self.sold) + 1}")
        self._ping(sale_id=self.sold[-1], resource_name="sale", **{"url_params[claim]": claim})

    def refund(self) -> None:
        """The last sale is refunded."""
        self._ping(sale_id=self.sold[-1], resource_name="refund", refunded="true")

    def _ping(self, **fields: str) -> None:
        body = urlencode({"product_id": "p1", "email": "buyer@example.com", "price": "2900", **fields})
        told = self.server.post(
            f"/api/gumroad/webhook?secret={SECRET}", body, {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert told.status == 200, told

    def owner(self, *words: str) -> str:
        """A command of the server's owner; returns what it prints."""
        command = [sys.executable, "-m", "license_server", *words, "--kv", engine_url(self.folder)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def license(self, devices: int = 3) -> str:
        """A new license; its key."""
        return self.owner("license", "create", "--email", "friend@example.com", "--devices", str(devices))

    def activate(self, key: str, device: str, fingerprint: str = "") -> None:
        """Another computer takes one of the license's places."""
        fingerprint = fingerprint or sha256(device.encode()).hexdigest()
        told = self.server.post(
            "/api/license/activate",
            {"licenseKey": key, "fingerprint": fingerprint, "deviceName": device},
            {"Content-Type": "application/json"},
        )
        assert told.status == 200, told


@contextmanager
def shop(folder: Path, patch: pytest.MonkeyPatch, *, sells: bool = True, **env: str) -> Iterator[Shop]:
    """A server that this process and its children take for the vendor's. env: more of the server's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    with server(folder, GUMROAD_PRODUCT_ID="p1", **env) as process:
        made = Shop(process, folder)
        patch.setenv("OAVR_LICENSE_URL", made.url)
        patch.setenv("OAVR_CHECKOUT_URL", CHECKOUT if sells else "")
        patch.setenv("OAVR_DEVICE_ID", f"device-of-{folder.name}-0123456789")
        yield made
