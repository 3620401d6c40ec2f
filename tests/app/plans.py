"""Homes with a license, and with one that is still on another computer; no server is needed for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oavr_tui.clients.device import find_device
from oavr_tui.models.ledger import DAY
from oavr_tui.paths import Paths, private_dir
from oavr_tui.secrets_file import save_license_key
from oavr_tui.store.license_file import LicenseFile

NOBODY = "http://127.0.0.1:9"
SHOP = {"OAVR_LICENSE_URL": NOBODY, "OAVR_CHECKOUT_URL": f"{NOBODY}/pro", "OAVR_DEVICE_ID": "for-the-screens"}
"""What the app is started with where Pro is sold, by a server that is out of reach."""
KEY = "OAVR-7H2K-M4QX-9TRA-UJEJ"
_SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def licensed(paths: Paths, now: float) -> dict[str, str]:
    """Pro, by a token of an hour ago; returns what the app is started with. now: unix seconds."""
    environ = {**SHOP, "OAVR_LICENSE_PUBLIC_KEY": base64.b64encode(_SIGNER.public_key().public_bytes_raw()).decode()}
    device, issued = find_device(paths, environ).fingerprint, int(now) - 3600
    said = {"v": 1, "plan": "pro", "fp": device, "iat": issued, "exp": issued + 14 * DAY}
    first = _web64(json.dumps(said).encode())
    token = f"{first}.{_web64(_SIGNER.sign(first.encode()))}"
    file = LicenseFile(paths.license_file)
    file.change(
        lambda memory: replace(
            memory,
            pro=True,
            device=device,
            token=token,
            seen=now - 3600,
            checked_at=now - 3600,
            key=f"OAVR-****-****-****-{KEY[-4:]}",
            purchased_on="2026-07-01",
            devices_used=2,
            max_devices=3,
        )
    )
    file.close()
    save_license_key(paths, KEY)
    return environ


def copied(paths: Paths) -> Mapping[str, str]:
    """Free, with the key of a license that is on the computer which this home was copied from."""
    before = "d1" + "0a" * 32
    private_dir(paths.data)
    (paths.data / "device.json").write_text(
        json.dumps({"fingerprint": before, "kind": "machine", "previous": before}), encoding="ascii"
    )
    save_license_key(paths, KEY)
    return SHOP


def _web64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
