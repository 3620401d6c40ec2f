"""The demo's own account: the one that the demo has started on this computer, and no other that is said to be it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oavr_tui.paths import Paths
from oavr_tui.pods.runpod_address import runpod_address

PROXY = "/proxy/{pod}-{port}"
"""Where the services of its machines are, below its own address."""


def announcement(paths: Paths) -> Path:
    """The file in which the account that the demo has started says where it listens."""
    return paths.state / "demo-account.log"


def announced(paths: Paths) -> str:
    """The address of the account that the demo has started, whether or not it still answers; empty without one."""
    try:
        text = announcement(paths).read_text("ascii")
    except (OSError, ValueError):
        return ""
    word = text.removeprefix("listening on ").strip()
    return word if text.endswith("\n") and word.startswith("http://127.0.0.1:") else ""


def is_in_force(paths: Paths, environ: Mapping[str, str]) -> bool:
    """Whether what these folders rent is the demo's: account and machines are there where the demo's own account has
    said that it listens. Neither the name of a folder nor an address of this computer is enough. Raises BadInput where
    the environment names an unusable address."""
    if not paths.is_demo or not (base := announced(paths)):
        return False
    address = runpod_address(environ)
    return (address.base, address.proxy) == (base, base + PROXY)
