"""Readable file names from foreign text."""

from __future__ import annotations

import re
import unicodedata

from oavr_tui.text import safe

LONGEST_BYTES = 100
"""UTF-8 bytes of a name without its number and suffix: file systems take 255, some sync services less than 150."""
FALLBACK = "video"

# What Windows, and so many a USB stick and network drive, does not take in a name; "#%" and quotes trip up shells.
_UNFIT = re.compile(r"""[<>:"/\\|?*#%&{}$!'`@+=;,^~\[\]]+""")
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?")
_EDGES = "-._ "


def slug(text: str) -> str:
    """A name of at most LONGEST_BYTES bytes: letters of any script, digits, dots, hyphens; never empty or hidden."""
    text = "".join(ch for ch in safe(text, 400) if unicodedata.category(ch) != "Cf" and ch != "…")
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[\s-]+", "-", _UNFIT.sub("-", text))
    text = re.sub(r"\.{2,}", ".", text)
    name = _cut(text.strip(_EDGES)).strip(_EDGES)
    if _RESERVED.fullmatch(name):
        return _cut(f"{FALLBACK}-{name}").strip(_EDGES)
    return name or FALLBACK


def _cut(name: str) -> str:
    """As much of it as fits, ending between two characters as a reader sees them."""
    if len(name.encode()) <= LONGEST_BYTES:
        return name
    kept = name.encode()[:LONGEST_BYTES].decode(errors="ignore")
    while kept and len(kept) < len(name) and unicodedata.combining(name[len(kept)]):
        kept = kept[:-1]
    return kept
