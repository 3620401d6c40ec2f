"""Foreign text made safe to show: file names, server answers, log lines.

Nothing that comes from outside reaches a terminal with control bytes: an escape sequence in a file name could move the
cursor, set the title, or worse. Bidirectional overrides go too, since they make a name read as another.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit, urlunsplit

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])


def safe(text: str, limit: int = 300) -> str:
    """One line without control characters, escape sequences or bidi overrides, at most `limit` characters long."""
    text = _ANSI.sub("", text[: limit * 8]).translate(_BIDI)
    cleaned = "".join(" " if ch in "\n\r\t" else ch for ch in text if ch in "\n\r\t" or _is_printable(ch))
    cleaned = " ".join(cleaned.split())
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def _is_printable(ch: str) -> bool:
    return unicodedata.category(ch) not in {"Cc", "Cs", "Co", "Cn"}


def safe_url(url: str) -> str:
    """An address fit to show: without user name, password, query or fragment, any of which may hold a secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        netloc = f"[{host}]" if ":" in host else host
        if parts.port is not None:
            netloc += f":{parts.port}"
    except ValueError:
        return "(an address that cannot be read)"
    return safe(urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")))


def clock(seconds: float) -> str:
    """A duration as a person reads it: 0:07, 1:05, 1:02:03. Seconds are rounded; negative counts as zero."""
    whole = max(0, round(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def size(count: float) -> str:
    """A number of bytes as a person reads it, in powers of 1000: 812 B, 2.1 MB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"


def counted(number: int, what: str) -> str:
    """A number of things as a person reads it: 1 video, 2 videos. what: one of them, its plural made with an s."""
    return f"{number} {what}" + ("" if number == 1 else "s")
