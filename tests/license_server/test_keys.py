"""Keys: their shape, their check symbol, and that what people type finds them."""

from __future__ import annotations

import re
import secrets

from hypothesis import given
from hypothesis import strategies as st

from license_server.keys import ALPHABET, LONGEST, check_symbol, masked, new_key, normalize

SYMBOLS = st.text(ALPHABET, min_size=15, max_size=15)


def key_of(symbols: str) -> str:
    """The key that comes out when chance falls on these 15 symbols."""
    fallen = iter(symbols)
    return new_key(lambda _: next(fallen))


def test_a_key_looks_as_documented_and_is_not_made_twice() -> None:
    made = {new_key(secrets.choice) for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(rf"OAVR(-[{ALPHABET}]{{4}}){{4}}", key) for key in made)
    assert len(set(ALPHABET)) == 32 and not set("IO01") & set(ALPHABET)


@given(SYMBOLS, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_one_wrong_symbol_is_seen(symbols: str, place: int, wrong: str) -> None:
    key = key_of(symbols).removeprefix("OAVR").replace("-", "")
    typed = key[:place] + wrong + key[place + 1 :]
    assert (check_symbol(typed[:15]) == typed[15]) == (typed == key)


@given(SYMBOLS, st.integers(0, 14))
def test_two_exchanged_neighbors_are_seen(symbols: str, place: int) -> None:
    key = key_of(symbols).removeprefix("OAVR").replace("-", "")
    typed = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert (check_symbol(typed[:15]) == typed[15]) == (typed == key)


DASHES = ["-", " ", "", "–", "—", "−", "‐", "\u00a0", "\t", "\u200b", "\u3000", "\u00ad", "\r\n", " - "]


@given(SYMBOLS, st.lists(st.sampled_from(DASHES), min_size=6, max_size=6), st.booleans(), st.booleans())
def test_a_key_is_found_however_it_is_typed(symbols: str, dashes: list[str], lower: bool, wide: bool) -> None:
    key = key_of(symbols)
    typed = dashes[5] + "".join(part + dash for part, dash in zip(key.split("-"), dashes, strict=False))
    if lower:
        typed = typed.lower()
    if wide:
        typed = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in typed)
    assert normalize(typed) == normalize(key) == key.replace("-", "")


@given(st.text(st.characters(), max_size=2 * LONGEST))
def test_any_text_has_one_form_that_can_be_kept_or_none(typed: str) -> None:
    form = normalize(typed)
    if form is not None:
        assert 1 <= len(form) <= LONGEST
        form.encode()
        assert normalize(form) in (form, normalize(form))
        assert normalize(f" {typed} ") == form


def test_what_cannot_be_a_key_has_no_form() -> None:
    assert normalize("") is normalize(" -–\t ") is normalize("\ud800") is normalize("A" * 129) is None
    assert normalize("A" * 128) == "A" * 128
    assert normalize("a" * 100_000) is None
    assert normalize("85DB562A-C11D4B06-A2335A6B-8C079166") == "85DB562AC11D4B06A2335A6B8C079166"


def test_a_log_shows_four_characters_of_a_key() -> None:
    assert masked("OAVR-ABCD-EFGH-JKLM-NPQR") == "…NPQR"
    assert masked("short") == "…"
