"""A short walk through the app in terminals that can do less, that are small, and that change their size."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.programs import command
from tests.terminal.screens import Terminal, open_terminal

SMALL = (60, 20)
_COLOR = re.compile(r"[34]8;5;(\d+)")
_GREYS = {0, 7, 8, 15, 16, 59, 102, 145, 188, 231, *range(232, 256)}

_BUTTON_FOCUSED = re.compile(r"\x1b\[(?:1;)?4m(?:\x1b\[[\d;]*m)*\s*Generate")
"""Only the focused button is underlined."""


def walk(window: Terminal) -> None:
    """Every screen, the key help and the palette by keys; Esc leads back from both."""
    window.type(shlex.join(command()) + "; echo left with $?\n")
    window.until("Try it with our sample")
    window.keys("Escape")  # out of the text field, so that single keys act
    window.until(lambda _text: _BUTTON_FOCUSED.search(window.styled()) is not None)
    for key, words in (("2", "No videos yet"), ("3", "New pod"), ("4", "RunPod"), ("5", "Quick start")):
        window.keys(key)
        window.until(words)
    window.keys("1")
    window.until("New video")
    for key, words in (("F1", "finds any action"), ("C-p", "Search for commands")):
        window.keys(key)
        window.until(words)
        window.keys("Escape")
        window.until(lambda text, words=words: words not in text and "New video" in text)  # type: ignore[misc]


def leave(window: Terminal) -> None:
    window.keys("C-q")
    window.until("left with 0")
    assert not window.alternate()


@pytest.mark.parametrize(
    ("term", "size", "env"),
    [
        ("screen", (80, 24), {}),
        pytest.param("linux", (80, 24), {"LC_ALL": "C.UTF-8"}, marks=pytest.mark.full),
        ("screen-256color", SMALL, {}),
        pytest.param("xterm-256color", (80, 24), {"NO_COLOR": "1"}, marks=pytest.mark.full),
    ],
)
def test_a_walk(tmp_path: Path, term: str, size: tuple[int, int], env: Mapping[str, str]) -> None:
    with open_terminal(tmp_path / "home", size=size, term=term, env=env) as window:
        walk(window)
        if "256color" in term:
            used = {int(number) for number in _COLOR.findall(window.styled())}
            assert used
            assert bool(used - _GREYS) is ("NO_COLOR" not in env)
        leave(window)


def test_a_window_that_changes_its_size_while_something_is_open(tmp_path: Path) -> None:
    with open_terminal(tmp_path / "home", size=(120, 40)) as window:
        window.type(shlex.join(command()) + "; echo left with $?\n")
        window.until("Choose a portrait")
        window.keys("F1")
        window.until("Portrait")
        window.resize(*SMALL)
        window.until(lambda text: max(len(line) for line in text.split("\n")) <= SMALL[0] and "╭" in text)
        window.keys("Escape")
        window.until("New video")
        window.resize(30, 8)
        window.until("make the window larger")
        window.resize(120, 40)
        window.until("Choose a voice")
        leave(window)


def test_a_terminal_without_screens_is_refused_politely(tmp_path: Path) -> None:
    with open_terminal(tmp_path / "home", term="dumb") as window:
        window.type(shlex.join(command("demo")) + "; echo left with $?\n")
        screen = window.until("left with 2")
        assert "oavr-tui generate" in screen.replace("\n", "")
