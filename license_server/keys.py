"""License keys: how they are made, and how what a person types is brought to one form."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""The 32 symbols: no I, O, 0 or 1, which are taken for each other."""
PREFIX = "OAVR"
LONGEST = 128
"""Characters of a key that is looked up, at most, after normalizing."""

_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}


def new_key(choose: Callable[[str], str]) -> str:
    """A new key, `OAVR-XXXX-XXXX-XXXX-XXXX`: 15 symbols by chance (75 bits), then the check symbol.

    `choose` picks one character of a string: `secrets.choice`.
    """
    symbols = "".join(choose(ALPHABET) for _ in range(15))
    symbols += check_symbol(symbols)
    return "-".join([PREFIX, *(symbols[i : i + 4] for i in range(0, 16, 4))])


def check_symbol(symbols: str) -> str:
    """The symbol that makes a wrong symbol, or two exchanged neighbors, visible.

    Horner's rule over the field of 32 elements (modulus x^5 + x^2 + 1): each place has another weight, none is 0. Only
    clients look at it: imported keys may have any shape.

    Raises:
        KeyError: a character is not in `ALPHABET`.
    """
    total = 0
    for symbol in symbols:
        total = (total ^ _VALUE[symbol]) << 1
        if total & 32:
            total ^= 0b100101
    return ALPHABET[total]


@lru_cache(maxsize=4096)
def normalize(typed: str) -> str | None:
    """The form under which a key is kept and looked up: full-width letters narrowed, capitals, no spaces or dashes.

    None where nothing is left, or more than `LONGEST` characters.
    """
    if len(typed) > 4 * LONGEST:
        return None
    narrow = unicodedata.normalize("NFKC", typed).upper()
    kept = "".join(c for c in narrow if c != "\u2212" and unicodedata.category(c) not in _DROPPED and not _control(c))
    return kept if 0 < len(kept) <= LONGEST else None


_DROPPED = frozenset({"Pd", "Zs", "Zl", "Zp"})


def _control(character: str) -> bool:
    """Control and format characters, halves of surrogate pairs and unassigned code points: nothing that one can see."""
    return unicodedata.category(character).startswith("C")


def masked(key: str) -> str:
    """A key as it may stand in a log: its last four characters."""
    return f"…{key[-4:]}" if len(key) >= 12 else "…"
