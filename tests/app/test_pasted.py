"""Paths as terminals paste and drop them."""

from __future__ import annotations

import pytest

from oavr_tui.app.outside.pasted import pasted


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (" /a/b.png ", "/a/b.png"),
        ("'/a/my file.png'", "/a/my file.png"),
        ('"/a/my file.png"', "/a/my file.png"),
        ("'/a/it'\\''s.png'", "/a/it's.png"),
        ("'/a/b.png' '/a/c.wav'", "/a/b.png"),
        ("'file:///a/b.png'", "/a/b.png"),
        ("/a/my\\ file\\ \\(1\\).png", "/a/my file (1).png"),
        ("/a/back\\slash.png", "/a/back\\slash.png"),
        ("file:///a/my%20file.png", "/a/my file.png"),
        ("file:///a/b.png\r\nfile:///a/c.wav\r\n", "/a/b.png"),
        ("file://localhost/a/b.png", "/a/b.png"),
        ("file://elsewhere/a/b.png", "file://elsewhere/a/b.png"),
        ("\n\n  /a/b.png\n/c/d.wav", "/a/b.png"),
        ("https://example.com/a.png?x=1&y='2' and more", "https://example.com/a.png?x=1&y='2'"),
        ("~/a.png", "~/a.png"),
        ("'tis a name.png", "'tis a name.png"),
        ("/a/b\x1b[31m\x85c.png", "/a/b\x1b[31m\x85c.png"),
        ("", ""),
        ("'", "'"),
    ],
)
def test_the_path_that_is_meant(text: str, path: str) -> None:
    assert pasted(text) == path


def test_a_book_is_no_path() -> None:
    assert len(pasted("x" * 1_000_000)) == 4096
