"""Names in as many cells as there are: of a long one its beginning and its end, since numbers and kinds stand there."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from oavr_tui.text import safe

_JOINERS = dict.fromkeys([0x200C, 0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)])
"""What joins characters into one, or changes one: into a picture as wide as one, or as wide as all of them."""
_LONGEST_NAME = 120


def even(text: str, limit: int = _LONGEST_NAME) -> str:
    """Foreign text safe to show, without the joiners that terminals disagree on how wide they make a character."""
    return safe(text, limit).translate(_JOINERS)


def shortened(name: str, cells: int) -> str:
    """The name in at most so many cells, with … for what is left out of its middle."""
    if cell_len(name) <= cells:
        return name
    if cells < 3:
        return set_cell_size(name, max(cells, 0))
    tail = _end(name, (cells - 1) // 2)
    head = _beginning(name, cells - 1 - cell_len(tail))
    return f"{head}…{tail}"


def fitted(name: str, cells: int) -> str:
    """The same in exactly so many cells, with blanks behind it."""
    return set_cell_size(shortened(name, cells), max(cells, 0))


def _beginning(name: str, cells: int) -> str:
    kept = ""
    for ch in name:
        if cell_len(kept + ch) > cells:
            break
        kept += ch
    return kept.rstrip()


def _end(name: str, cells: int) -> str:
    kept = ""
    for ch in reversed(name):
        if cell_len(ch + kept) > cells:
            break
        kept = ch + kept
    while kept and cell_len(kept[0]) == 0:  # an accent without its letter would fall on the ellipsis
        kept = kept[1:]
    return kept.lstrip()
