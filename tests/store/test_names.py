from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.store.names import LONGEST_BYTES, slug


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hello world", "Hello-world"),
        ("  Grüße  aus\tKöln!  ", "Grüße-aus-Köln"),
        ("日本語 の 動画", "日本語-の-動画"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Users\\me", "C-Users-me"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("v1.2 (final)", "v1.2-(final)"),
        ("a..b", "a.b"),
        ("", "video"),
        ("...", "video"),
        ("/", "video"),
        ("CON", "video-CON"),
        ("nul.mp4", "video-nul.mp4"),
        ("com1", "video-com1"),
        ("console", "console"),
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("a\u202eb\u200bc", "abc"),
        ("cafe\u0301", "café"),
        ("$(rm -rf ~)`x`", "(rm-rf-)-x"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert slug(text) == name


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_name_is_always_fit(text: str) -> None:
    name = slug(text)
    assert 0 < len(name.encode()) <= LONGEST_BYTES
    assert not set(name) & set('/\\:*?"<>|\0') and name[0] not in ".- " and name[-1] not in ".- "
    assert all(unicodedata.category(ch) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for ch in name)
    assert slug(name) == name


def test_a_long_name_ends_between_two_characters() -> None:
    assert slug("é" * 80) == "é" * 50
    assert slug("x" * 99 + "日") == "x" * 99
    assert slug("x" * 99 + "q\u0323") == "x" * 99, "no mark without its letter, no letter without its mark"
