"""Tokens: what is in them, who can make them, and that nothing of them can be changed."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from license_server.tokens import VALID_FOR, Signer
from tests.license_server.stores import NOON, SIGNER
from tests.license_server.tokens import read_token


def test_a_token_says_who_may_and_how_long() -> None:
    token = SIGNER.token("OAVRABCD", "device-1", NOON + 0.7)
    payload = read_token(token, SIGNER.public)
    assert payload == {
        "v": 1,
        "kid": SIGNER.kid,
        "lic": payload["lic"],
        "fp": "device-1",
        "plan": "pro",
        "iat": int(NOON),
        "exp": int(NOON) + 14 * 86400,
    }
    assert VALID_FOR == 14 * 86400
    assert "OAVR" not in json.dumps(payload), "a token must not give the key away"


def test_a_token_can_be_read_with_nothing_but_ed25519_and_base64() -> None:
    first, second = SIGNER.token("OAVRABCD", "device-1", NOON).split(".")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(SIGNER.public_text))
    public.verify(base64.urlsafe_b64decode(second + "=" * (-len(second) % 4)), first.encode())


@given(st.data())
def test_no_changed_token_is_believed(data: st.DataObject) -> None:
    token = SIGNER.token("OAVRABCD", "device-1", NOON)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_. é"))
    changed = token[:place] + other + token[place + 1 :]
    try:
        payload = read_token(changed, SIGNER.public)
    except ValueError:
        return
    # The last character of a base64 text has bits that mean nothing.
    assert payload == read_token(token, SIGNER.public)
    assert changed == token or place == len(token) - 1


def test_a_token_of_another_key_is_not_believed() -> None:
    with pytest.raises(ValueError, match="not signed"):
        read_token(Signer(bytes(32)).token("OAVRABCD", "device-1", NOON), SIGNER.public)


@given(st.text(max_size=60))
def test_what_is_no_token_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_token(text, SIGNER.public)
