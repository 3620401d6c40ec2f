"""The token with which a client shows, without the server, that its device is licensed: a signed note of 14 days."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VALID_FOR = 14 * 86400
"""Seconds that a token is good for."""
VERSION = 1


class Signer:
    """Makes tokens with one Ed25519 key.

    A token is `payload.signature`, both base64url without padding; the signature is over the ASCII bytes of the first
    part. The payload is JSON: `v` 1, `kid` which key signed, `lic` which license (no key can be told from it), `fp` the
    device's fingerprint, `plan` "pro", `iat` and `exp` in Unix seconds.

    Raises:
        ValueError: `private` is not 32 bytes.
    """

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        self.public_text = base64.b64encode(self.public).decode()
        self.kid = hashlib.sha256(self.public).hexdigest()[:8]

    def token(self, license_id: str, fingerprint: str, now: float) -> str:
        """A token for one device of a license, good from `now` (Unix seconds) for `VALID_FOR`."""
        payload = {
            "v": VERSION,
            "kid": self.kid,
            "lic": hashlib.sha256(license_id.encode()).hexdigest()[:16],
            "fp": fingerprint,
            "plan": "pro",
            "iat": int(now),
            "exp": int(now) + VALID_FOR,
        }
        first = _encode(json.dumps(payload, separators=(",", ":")).encode())
        return f"{first}.{_encode(self._key.sign(first.encode()))}"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
