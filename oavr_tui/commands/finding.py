"""Naming a job or a video on the command line: its name, or the beginning of its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from oavr_tui.errors import BadInput
from oavr_tui.text import safe

_SHORTEST_ID = 4


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...


N = TypeVar("N", bound=_Named)


def find(named: Sequence[N], word: str, what: str) -> N:
    """The one that `word` means; raises BadInput when it means none, or more than one."""
    by_name = [item for item in named if item.title == word]
    by_id = [item for item in named if len(word) >= _SHORTEST_ID and item.id.startswith(word.lower())]
    found = by_name or by_id
    shown = safe(word, 80)
    if not word.strip():
        raise BadInput(f"Say which {what}: its name, or the beginning of its id. 'oavr-tui {what}s list' shows them.")
    if not found:
        raise BadInput(f"There is no {what} named {shown}. 'oavr-tui {what}s list' shows them all.")
    if len(found) > 1:
        ids = ", ".join(item.id[:8] for item in found[:5])
        raise BadInput(f"{len(found)} {what}s are named {shown}. Say which by its id: {ids}.")
    return found[0]
