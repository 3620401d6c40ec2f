"""What the environment says about the terminal."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from oavr_tui.app.outside.qr import fitting, qr_lines
from oavr_tui.app.outside.terminal import Terminal, refusal, title_sequence


def test_a_plain_desk() -> None:
    here = Terminal.find({"TERM": "xterm-256color", "DISPLAY": ":0"})
    assert (here.over_ssh, here.in_tmux, here.in_screen, here.dumb, here.no_color) == (False,) * 5
    assert (here.ticks, here.motion, here.has_display) == (10, "full", True)


@pytest.mark.parametrize(
    ("environ", "over_ssh"),
    [
        ({"SSH_CONNECTION": "a 1 b 22"}, True),
        ({"SSH_TTY": "/dev/pts/1"}, True),
        ({"SSH_TTY": "/dev/pts/1", "OAVR_SSH": "0"}, False),
        ({"OAVR_SSH": "1"}, True),
        ({"OAVR_SSH": "", "SSH_CONNECTION": "a 1 b 22"}, True),
    ],
)
def test_over_ssh_less_is_redrawn_and_nothing_moves(environ: dict[str, str], over_ssh: bool) -> None:
    here = Terminal.find(environ)
    assert here.over_ssh is over_ssh
    assert (here.ticks, here.motion) == ((4, "none") if over_ssh else (10, "full"))


@pytest.mark.parametrize(
    ("environ", "setting", "motion"),
    [
        ({}, "none", "none"),
        ({}, "auto", "full"),
        ({"SSH_TTY": "x"}, "full", "full"),
        ({"TEXTUAL_ANIMATIONS": "NONE"}, "full", "none"),
        ({"TEXTUAL_ANIMATIONS": "odd"}, "basic", "basic"),
    ],
)
def test_motion(environ: dict[str, str], setting: str, motion: str) -> None:
    assert Terminal.find(environ, setting).motion == motion


def test_multiplexers() -> None:
    assert Terminal.find({"TMUX": "/tmp/x,1,0", "TERM": "screen-256color"}).in_tmux
    assert not Terminal.find({"TMUX": "/tmp/x,1,0", "TERM": "screen-256color"}).in_screen
    assert Terminal.find({"STY": "1.x", "TERM": "screen"}).in_screen


def test_a_terminal_that_cannot_show_screens_is_told_of_the_command() -> None:
    assert "oavr-tui generate" in refusal({"TERM": "dumb"})
    assert refusal({"TERM": "xterm"}) == ""


def test_a_title_takes_nothing_foreign_along() -> None:
    assert title_sequence("a\x1b]0;evil\x07b\nc") == "\x1b]2;ab c\x1b\\"


def test_a_qr_code_is_square_and_has_its_three_corners() -> None:
    lines = qr_lines("https://example.com/checkout", border=2)
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines) == (len(lines[0]) + 1) // 2
    corner = "█▀▀▀▀▀█"
    assert lines[1][2:9] == corner == lines[1][-9:-2]
    assert corner in [line[2:9] for line in lines[-6:]]


@pytest.mark.parametrize("text", ["https://example.com/checkout?device=a1b2", "https://example.com/" + "x" * 150])
def test_a_phone_reads_what_was_drawn(text: str) -> None:
    dark = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    halves = np.array([[dark[ch] for ch in line] for line in qr_lines(text)], dtype=np.uint8)
    modules = halves.transpose(0, 2, 1).reshape(-1, halves.shape[1])
    picture = np.kron((1 - modules) * 255, np.ones((8, 8))).astype(np.uint8)
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == text


def test_the_code_that_fits_has_as_much_white_as_there_is_room_for() -> None:
    widths = [len(fitting("https://example.com/", columns, 40)[0]) for columns in (40, 30, 27)]
    assert widths == [33, 29, 27]
    assert fitting("https://example.com/", 26, 40) == fitting("https://example.com/", 80, 10) == []


def test_what_does_not_fit_in_a_qr_code_has_none() -> None:
    assert qr_lines("x" * 5000) == []
