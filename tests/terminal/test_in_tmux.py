"""The app in a real terminal: keys typed into tmux, the screen read back."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import command
from tests.samples import decoded
from tests.terminal.screens import Terminal, open_terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with open_terminal(tmp_path / "home") as window:
        yield window


@pytest.mark.full
def test_the_demo_makes_a_video_and_leaves_the_terminal_clean(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type(shlex.join(command("demo")) + "; echo left with $?\n")
    terminal.until(lambda text: "Done" in text)
    terminal.until("portrait-voice")
    terminal.keys("C-q")
    screen = terminal.until(lambda text: "left with 0" in text)
    assert "New video" not in screen
    assert decoded(next((tmp_path / "home").rglob("*.mp4"))).fps == 25


def test_a_terminated_app_gives_the_terminal_back(terminal: Terminal, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    terminal.type(f"sh -c 'echo $$ > {pid_file}; exec {shlex.join(command())}'; echo left with $?\n")
    terminal.until(lambda text: "New video" in text)
    os.kill(int(pid_file.read_text()), 15)
    screen = terminal.until(lambda text: re.search(r"left with \d", text) is not None)
    assert "left with 143" in screen
    assert "New video" not in screen
    terminal.type("echo typed\n")
    terminal.until(lambda text: "\ntyped" in text)


@pytest.mark.full
def test_a_bar_on_a_terminal(terminal: Terminal) -> None:
    terminal.type(shlex.join(command("demo", "--headless")) + "; echo left with $?\n")
    terminal.until(lambda text: "Making the video" in text and "%" in text)
    screen = terminal.until(lambda text: "left with 0" in text)
    assert "Preview saved" in screen


def test_a_click_presses_a_button_and_a_resize_is_followed(terminal: Terminal) -> None:
    terminal.type(shlex.join(command()) + "; echo left with $?\n")
    terminal.until("Generate")
    terminal.click("Generate")
    terminal.until(lambda text: "portrait" in text.split("Generate", 1)[1].lower())
    terminal.resize(132, 40)
    terminal.until(lambda text: max(map(len, text.split("\n"))) > 80)
    assert terminal.alternate()
    terminal.keys("C-q")
    terminal.until("left with 0")
    assert not terminal.alternate()
    assert not terminal.takes_mouse()


def test_a_garbled_screen_is_drawn_anew(terminal: Terminal) -> None:
    terminal.type(shlex.join(command()) + "\n")
    terminal.until("New video")
    with Path(terminal.tty()).open("w") as other_program:
        other_program.write("\033[2J\033[5;5Hgarbled")
    terminal.until(lambda text: "garbled" in text and "New video" not in text)
    terminal.keys("C-r")
    terminal.until(lambda text: "New video" in text and "garbled" not in text)
