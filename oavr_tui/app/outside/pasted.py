"""What a person types, pastes or drops as a file, as the path or address that is meant."""

from __future__ import annotations

import re
import shlex

from oavr_tui.engine.given import is_address, path_of

_ESCAPED = re.compile(r"\\([^A-Za-z0-9])")
_LONGEST = 4096


def pasted(text: str) -> str:
    """The path (or http(s) address) in a text: quotes, escaped characters and file:// undone; of several, the first.

    A path is not looked at here: it may still lead nowhere. A name may hold control bytes, so they stay: whoever shows
    it makes it safe. At most 4096 characters are read.
    """
    lines = text[: _LONGEST * 4].replace("\r", "\n").split("\n")
    line = next((line for line in map(str.strip, lines) if line), "")[:_LONGEST]
    if is_address(line):
        return line.split()[0]
    if line.lower().startswith("file://"):
        return path_of(line.split()[0])
    if line[:1] in ("'", '"'):
        return path_of(_unquoted(line))
    return _ESCAPED.sub(r"\1", line)


def _unquoted(line: str) -> str:
    """The first word of a line that begins with a quote, as a shell reads it; else the line itself."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is not closed belongs to the name
        return line
    return words[0] if words and (len(words) == 1 or words[0].startswith(("/", "~", "file://"))) else line
