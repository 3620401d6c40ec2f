"""The bytes that reach a terminal while foreign text is on every screen: our own sequences, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from oavr_tui.paths import Paths
from tests.app.hostile import OVERRIDES, fill
from tests.programs import command
from tests.terminal.ptys import Pty

OWN = re.compile(
    rb"\x1b\[[0-9;:]*m"  # looks
    rb"|\x1b\[[0-9;]*[ABCDHJKXSTLMbd]"  # where the cursor goes, what is erased or moved
    rb"|\x1b\[[?<>=]?[0-9;]*(?:\$p|[a-z]| q)"  # modes and questions
    rb"|\x1b\]2;[^\x00-\x1f\x7f]*\x1b\\"  # the title
    rb"|\x1b\[22;2t|\x1b\[23;2t"
    rb"|\x1b\]22;[a-z-]*\x07"  # the pointer's shape, which is Textual's
)
SECRETS = (b"52;c;", b"0;owned", b"8;;http", b"+q6f77")
"""Of the foreign sequences: behind their ESC; as plain text they are harmless."""

UP, DOWN, ENTER, ESC, PALETTE = "\x1b[A", "\x1b[B", "\r", "\x1b", "\x10"
KEYS = (ESC, "2", "d", ESC, "3", "x", ESC, ENTER, "w", ESC, DOWN, ENTER, ESC, UP, ENTER, "4", "5", "1", PALETTE, ESC)


@pytest.fixture
def window(home: Paths, tmp_path: Path) -> Iterator[Pty]:
    fill(home, tmp_path / "pictures")
    opened = Pty(command(), {"OAVR_PODS_KEEPER": "no", "OAVR_APP_BELL": "no"}, size=(120, 40))
    yield opened
    opened.close()


def test_nothing_foreign_is_sent(window: Pty) -> None:
    window.until("failedjob")
    window.until_quiet()
    for keys in KEYS:
        window.type(keys)
        window.until_quiet()
    assert window.process.poll() is None, "the app has ended"
    for text in ("video0", "pod0"):
        assert text.encode() in window.written, text
    window.type("\x11")
    window.until_quiet()
    window.type("\r")
    window.end()
    left = OWN.sub(b"", window.written)
    assert b"\x1b" not in left, [left[max(at - 20, 0) : at + 40] for at in places(left)][:5]
    assert not [byte for byte in left if byte < 0x20 and byte not in b"\r\n"], "control bytes"
    text = window.written.decode("utf-8")  # whole, or nothing of a half character would have been sent
    assert not [ch for ch in text if "\x7f" <= ch <= "\x9f" or ch in OVERRIDES]
    for secret in SECRETS:
        assert b"\x1b]" + secret not in window.written
        assert b"\x1bP" + secret not in window.written


def places(data: bytes) -> list[int]:
    return [at for at, byte in enumerate(data) if byte == 0x1B]
