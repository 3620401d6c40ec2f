"""Foreign text made safe: nothing that a terminal would obey, whatever comes in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.text import clock, safe, safe_url, size

HOSTILE = [
    "\x1b]0;owned\x07title",
    "\x1b[2J\x1b[Hcleared",
    "name\nwith\r\nlines\tand tabs",
    "left\u202eright",
    "bell\x07 backspace\x08 delete\x7f csi\x9b31m",
    "\ud800 lone surrogate",
    "a" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_bytes_are_left(text: str) -> None:
    shown = safe(text)
    assert len(shown) <= 300
    assert not any(unicodedata.category(ch) in {"Cc", "Cs"} for ch in shown)
    assert "\u202e" not in shown


@given(st.text())
def test_safe_is_one_printable_line_and_stable(text: str) -> None:
    shown = safe(text, 80)
    assert len(shown) <= 80
    assert all(unicodedata.category(ch) not in {"Cc", "Cs", "Cn", "Co"} for ch in shown)
    assert safe(shown, 80) == shown


def test_what_people_write_stays() -> None:
    assert safe("Ännchen の声 – 최종.wav [/x]") == "Ännchen の声 – 최종.wav [/x]"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@host:8188/path/?token=abc#frag", "http://host:8188/path"),
        ("https://[::1]:8188/", "https://[::1]:8188"),
        ("http://host:notaport/x", "(an address that cannot be read)"),
    ],
)
def test_addresses_lose_their_secrets(url: str, shown: str) -> None:
    assert safe_url(url) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (6.6, "0:07"), (65, "1:05"), (3723, "1:02:03"), (-3, "0:00")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (812, "812 B"), (1000, "1.0 kB"), (2_140_000, "2.1 MB"), (999_950, "1.0 MB"), (5e11, "500 GB")],
)
def test_size(count: float, shown: str) -> None:
    assert size(count) == shown
