"""Reading tokens as a client does."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def read_token(token: str, public: bytes) -> dict[str, Any]:
    """The payload of a token that the holder of `public` (32 bytes) has signed; whether it is still good is not asked.

    Raises:
        ValueError: it is no token, or somebody else's.
    """
    first, _, signature = token.partition(".")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(_decode(signature), first.encode())
    except InvalidSignature as error:
        raise ValueError("the token was not signed by this key") from error
    payload = json.loads(_decode(first))
    if not isinstance(payload, dict):
        raise ValueError("the token holds no payload")
    return payload


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
