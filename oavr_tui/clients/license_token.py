"""The signed note by which a licensed device is Pro while the server is out of reach. Loads cryptography lazily."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LONGEST_DAYS = 15
"""A note that claims to be good for longer is none of the server's, which gives 14 days."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """A note whose signature is good. Times are Unix seconds by the server's clock."""

    fingerprint: str
    issued_at: float
    expires_at: float


def kid_of(public_key: str) -> str:
    """The name by which the server calls a key (base64); empty where it is none."""
    raw = _raw_key(public_key)
    return hashlib.sha256(raw).hexdigest()[:8] if raw else ""


def claimed_kid(token: str) -> str:
    """Which key a token says it was signed with, believed or not; empty where it says nothing."""
    payload = _payload(token.partition(".")[0])
    kid = payload.get("kid")
    return kid if isinstance(kid, str) else ""


def read_token(token: str, public_keys: Iterable[str], fingerprint: str) -> Token | None:
    """The token, if one of these keys (base64) signed it for this device as Pro; None for anything else.

    Whether it is still good is for the caller, who knows what time it is.
    """
    first, dot, second = token.partition(".")
    signature = _decoded(second)
    if not dot or len(token) > _LONGEST or len(signature) != 64:
        return None
    if not any(_signed(first, signature, key) for key in public_keys):
        return None
    return _token(_payload(first), fingerprint)


def _signed(first: str, signature: bytes, public_key: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = _raw_key(public_key)
    if not raw:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, first.encode("ascii", errors="replace"))
    except (InvalidSignature, ValueError):
        return False
    return True


def _token(payload: dict[str, Any], fingerprint: str) -> Token | None:
    issued, expires = payload.get("iat"), payload.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int) or not 0 < issued < expires < 2**53:
        return None
    if payload.get("v") != 1 or payload.get("plan") != "pro" or payload.get("fp") != fingerprint:
        return None
    return Token(fingerprint, issued, expires) if expires - issued <= LONGEST_DAYS * 86_400 else None


def _payload(first: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(first))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _raw_key(public_key: str) -> bytes:
    raw = _decoded(public_key.replace("+", "-").replace("/", "_"))
    return raw if len(raw) == 32 else b""


def _decoded(text: str) -> bytes:
    """base64url with or without padding; empty for anything else."""
    text = text.rstrip("=")
    if len(text) > _LONGEST or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        return b""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
