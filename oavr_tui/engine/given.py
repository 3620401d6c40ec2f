"""Pictures and voices as a person gives them: a path, or an http(s) address."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

from oavr_tui.errors import BadInput
from oavr_tui.paths import expanded
from oavr_tui.text import safe, safe_url

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_address(given: str) -> bool:
    """Whether a picture or voice is given as an http(s) address rather than a path."""
    return given.lower().startswith(("http://", "https://"))


def path_of(given: str) -> str:
    """The path in what is given as a file:// address, as terminals drop it; anything else as it is."""
    if not given.lower().startswith("file://"):
        return given
    try:
        parts = urlsplit(given)
    except ValueError:
        return given
    return unquote(parts.path) if parts.netloc in ("", "localhost") else given


def pasted(text: str) -> str:
    """A path or an address out of what terminals paste or drop: in quotes, with backslashes, or as a file:// address.

    Looks at the disk: a name that really holds quotes or backslashes is left as it is.
    """
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    if (quoted or "\\" in text) and not is_address(text) and not os.path.lexists(text):
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        text = words[0].strip() if len(words) == 1 else text
    return path_of(text)


def path_given(given: str, what: str) -> Path:
    """The absolute path of a picture, voice or workflow that is given by one; BadInput where it names nothing."""
    path = path_of(given)
    if not path.strip():
        raise BadInput(f"No {what} is given. Name a file, or an http(s) address.")
    if _SCHEME.match(path):
        raise BadInput(f"The {what} {safe_url(path)} cannot be fetched: only http and https addresses can.")
    return expanded(path).absolute()


def shown_name(given: str) -> str:
    """What to call a picture or voice in a sentence: the file's own name, or the address without secrets."""
    return safe_url(given) if is_address(given) else safe(Path(given).name or given)


def file_name(given: str) -> str:
    """The file name in a path or an address."""
    if not is_address(given):
        return Path(given).name
    try:
        return unquote(urlsplit(given).path).rpartition("/")[2]
    except ValueError:
        return ""
