"""Pictures and voices as a person gives them: a path, or an http(s) address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from oavr_tui.text import safe, safe_url


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
