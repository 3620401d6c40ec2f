"""What may be set: each check takes what a person or a file gives and returns the value that is meant.

Every check raises ValueError with a plain reason that begins with what it must be or why not. None of them looks
anything up outside, so that a setting is read the same way everywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Literal

from oavr_tui.errors import BadInput
from oavr_tui.models import AUTO, DEFAULT_PROMPT, PREVIEW, Quality, Shape
from oavr_tui.paths import expanded
from oavr_tui.text import safe

LONGEST_PROMPT = 2000

CloudChoice = Literal["any", "community", "secure"]
"""Whose machines may be rented: community is cheaper, secure is a data center."""
Control = Literal["auto", "v2", "sdk"]
"""How the provider is asked: auto takes the newer way and falls back to the other."""

ThemeChoice = Literal["dark", "light", "contrast", "terminal", "terminal-light"]
"""The colors: ours, or the terminal's own on a dark or a light background."""
Motion = Literal["auto", "full", "none"]
"""Movement on the screen; auto: not over SSH."""
QueueShown = Literal["needed", "always"]
"""When the Studio shows its queue."""

DEFAULT_TEMPLATE = "qvidd7ityi"
"""The template whose image brings ComfyUI with InfiniteTalk."""

_POD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST_LIST = 1000
_LONGEST_NAME = 64
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def pod_name(value: object) -> str:
    """A studio's name: 1 .. 40 letters, digits, dashes, dots, underscores. Raises ValueError with a plain reason.

    Reserved words are refused, and so is an address without its http://, which would never be found by that name.
    """
    text = str(value).strip()
    if text.lower() in (PREVIEW, AUTO):
        raise ValueError(f"'{text.lower()}' has a meaning of its own")
    if not _POD_NAME.fullmatch(text) or re.fullmatch(r"[\d.]*\.[\d.]*", text):
        raise ValueError("a name is 1 to 40 letters, digits, dashes, dots or underscores, such as studio-1")
    return text


def where(value: object) -> str:
    """Where videos are made: `preview`, `auto`, a studio's name, or an http(s) address.

    Whether there is a studio of that name is not looked at. Raises ValueError with a plain reason.
    """
    text = str(value).strip()
    if text.lower() in (PREVIEW, AUTO):
        return text.lower()
    try:
        return pod_name(text)
    except ValueError:
        return _address(text)


def _address(text: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "it must be 'preview', 'auto', the name of a studio such as studio-1, or the address of a ComfyUI server "
            "such as http://127.0.0.1:8188"
        )
    return text.rstrip("/")


def prompt(value: object) -> str:
    """What the person in the picture does; empty means the default. Raises ValueError with a plain reason."""
    text = str(value).strip()
    if len(text) > LONGEST_PROMPT:
        raise ValueError(f"it must be at most {LONGEST_PROMPT} characters long")
    return text or DEFAULT_PROMPT


def shape(value: object) -> Shape:
    """One of the shapes. Raises ValueError with a plain reason."""
    try:
        return Shape(str(value))
    except ValueError:
        raise ValueError("it must be one of " + ", ".join(Shape)) from None


def quality(value: object) -> Quality:
    """One of the qualities. Raises ValueError with a plain reason."""
    try:
        return Quality(str(value))
    except ValueError:
        raise ValueError("it must be one of " + ", ".join(Quality)) from None


def folder(value: object) -> str:
    """A folder's path as it was given; it need not exist. Raises ValueError with a plain reason."""
    text = str(value).strip()
    if not text or "\0" in text:
        raise ValueError("it must be a folder's path")
    try:
        expanded(text)
    except BadInput:
        raise ValueError("no such person is known on this computer") from None
    return text


def number(least: float, most: float) -> Callable[[object], float]:
    """A check for a number of least .. most; yes and no are not numbers."""

    def check(value: object) -> float:
        found = _as_number(value)
        if not least <= found <= most:
            raise ValueError(f"it must be a number from {least:g} to {most:g}")
        return found

    return check


def count(least: int, most: int) -> Callable[[object], int]:
    """A check for a whole number of least .. most."""

    def check(value: object) -> int:
        found = _as_number(value)
        if not (least <= found <= most and found.is_integer()):
            raise ValueError(f"it must be a whole number from {least} to {most}")
        return int(found)

    return check


def _as_number(value: object) -> float:
    """The number that is meant, or NaN, which lies in no range."""
    try:
        return math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return math.nan


strength = number(0.5, 2)
"""How much the voice moves the face."""


def yes_or_no(value: object) -> bool:
    """yes, true, on, 1 or their opposites. Raises ValueError with a plain reason."""
    text = str(value).strip().lower()
    if text not in _YES + _NO:
        raise ValueError("it must be yes or no")
    return text in _YES


def one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    """A check for one of a few words."""

    def check(value: object) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            raise ValueError("it must be one of " + ", ".join(choices))
        return text

    return check


def gpus(value: object) -> str:
    """A list of GPUs, with commas or as an array, kept as it was given: which of them exist is looked at later."""
    parts = value if isinstance(value, list) else str(value).split(",")
    text = ", ".join(part for part in (" ".join(str(part).split()) for part in parts) if part)
    if len(text) > _LONGEST_LIST or safe(text, _LONGEST_LIST) != text:
        raise ValueError("it must be a list of GPUs such as RTX 4090, L40S")
    return text


def volume(value: object) -> str:
    """The id or the name of a network volume, or empty for none. Raises ValueError with a plain reason.

    Whether the account has it is looked at when it is needed.
    """
    text = str(value).strip()
    if len(text) > _LONGEST_NAME or safe(text, _LONGEST_NAME) != text:
        raise ValueError("it must be the id or the name of a network volume, or nothing for none")
    return text


def template(value: object) -> str:
    """The id of a template. Raises ValueError with a plain reason."""
    text = str(value).strip()
    if not _IDENTITY.fullmatch(text):
        raise ValueError(f"it must be the id of a template such as {DEFAULT_TEMPLATE}")
    return text
