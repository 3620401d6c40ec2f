"""What a request may bring, checked at the border: anything else is as if it were not there."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote

from license_server.generations import State
from license_server.http_messages import Request
from license_server.keys import normalize
from license_server.pings import SHORTEST_CLAIM

LONGEST = 128
PARAMETERS = 20
_PLAIN_CHECK = re.compile(r"fingerprint=([\w.:~-]{1,128})", re.ASCII)


def fields(request: Request) -> dict[str, Any]:
    """The JSON object in a body, empty where there is none: too deep, not UTF-8, another kind of value."""
    try:
        found = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def printable(value: object) -> str:
    """A fingerprint or other id: 1 to 128 printable ASCII characters, without the spaces around them; else ""."""
    if not isinstance(value, str):
        return ""
    value = value.strip()
    return value if len(value) <= LONGEST and value.isascii() and value.isprintable() else ""


def license_key(value: object) -> str:
    """A key as typed, "" where nothing of it could be looked up."""
    return value if isinstance(value, str) and normalize(value) else ""


def device_name(value: object) -> str | None:
    """What a person calls a device, without what cannot be seen; cut after 100 characters."""
    if not isinstance(value, str):
        return None
    return "".join(c for c in value if c.isprintable())[:100].strip() or None


def parameters(query: str) -> dict[str, str]:
    """The parameters of a query, each by its first value; none where they are too many."""
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=PARAMETERS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def check_query(query: str) -> tuple[str, str]:
    """The fingerprint and the claim's nonce of a check."""
    plain = _PLAIN_CHECK.fullmatch(query)
    if plain is not None:  # most of the traffic
        return plain[1], ""
    found = parameters(query)
    nonce = printable(found.get("claim"))
    return printable(found.get("fingerprint")), nonce if len(nonce) >= SHORTEST_CLAIM else ""


def webhook_secret(path_rest: str, query: str) -> str:
    """The secret that a ping was sent with: in the path, or as the parameter `secret` or `token`."""
    found = parameters(query)
    return unquote(path_rest) or found.get("secret", "") or found.get("token", "")


def job(fields: dict[str, Any]) -> tuple[str | None, State | None]:
    """The job and what it reports (`commit` where it does not say); only one is None where they do not do."""
    given, state = fields.get("jobId"), fields.get("state")
    if given is None:
        return None, None if state is None else "commit"
    if not (name := printable(given)):
        return None, "commit"
    return name, _STATES.get("commit" if state is None else state) if isinstance(state, str | None) else None


_STATES: dict[str, State] = {"reserve": "reserve", "commit": "commit", "release": "release"}
