"""Copying: the first way that works, which way it was, and how much; with real programs on the PATH."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from oavr_tui.app.outside.copying import OSC52_CAP, copy, osc52
from tests.programs import needs

TEXT = "one\ntwo — ü 日本\nthree"
CAT, SLEEP = shutil.which("cat"), shutil.which("sleep")


class Desk:
    """A PATH with nothing on it but what a test puts there, and what was sent to the terminal."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.folder = folder / "state"
        self.got = folder / "got"
        self.sent: list[str] = []
        self.environ = {"PATH": str(self.bin), "TERM": "xterm-256color"}

    def tool(self, name: str, script: str | None = None) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script or f'exec {CAT} > {self.got}'}\n")
        path.chmod(0o755)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("variable", "name"), [("WAYLAND_DISPLAY", "wl-copy"), ("DISPLAY", "xclip"), ("DISPLAY", "xsel")]
)
async def test_the_system_s_own_tool_comes_first(desk: Desk, variable: str, name: str) -> None:
    desk.tool(name)
    copied = await copy(TEXT, {**desk.environ, variable: ":0"}, desk.sent.append, desk.folder)
    assert (copied.way, copied.sentence) == ("native", f"Copied 3 lines with {name}.")
    assert desk.got.read_text() == TEXT
    assert not desk.sent


@pytest.mark.parametrize("more", [{}, {"DISPLAY": ":0", "SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22"}])
async def test_without_a_display_or_over_ssh_the_terminal_copies(desk: Desk, more: dict[str, str]) -> None:
    desk.tool("xclip")
    copied = await copy(TEXT, {**desk.environ, **more}, desk.sent.append, desk.folder)
    assert copied.way == "osc52"
    assert desk.sent == [f"\x1b]52;c;{base64.b64encode(TEXT.encode()).decode()}\x07"]
    assert not desk.got.exists()


async def test_a_tool_that_fails_or_hangs_gives_way_to_the_next(desk: Desk) -> None:
    desk.tool("wl-copy", f"exec {SLEEP} 60")
    desk.tool("xclip", "exit 1")
    desk.tool("xsel")
    environ = {**desk.environ, "DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}
    copied = await copy("x", environ, desk.sent.append, desk.folder, deadline=0.5)
    assert copied.sentence == "Copied 1 line with xsel."
    assert desk.got.read_text() == "x"


async def test_a_tool_that_leaves_a_child_behind_is_not_waited_for(desk: Desk) -> None:
    desk.tool("xclip", f"{CAT} > {desk.got}; {SLEEP} 5 &")
    copied = await copy(TEXT, {**desk.environ, "DISPLAY": ":0"}, desk.sent.append, desk.folder, deadline=3.0)
    assert copied.way == "native"
    assert desk.got.read_text() == TEXT


async def test_a_tool_that_does_not_read_is_no_error(desk: Desk) -> None:
    desk.tool("xclip", "exit 0")
    copied = await copy("y" * 1_000_000, {**desk.environ, "DISPLAY": ":0"}, desk.sent.append, desk.folder)
    assert copied.way in ("native", "file")


async def test_too_long_for_the_terminal_becomes_a_private_file(desk: Desk) -> None:
    text = "z" * (OSC52_CAP + 1)
    for _ in range(2):
        copied = await copy(text, desk.environ, desk.sent.append, desk.folder)
        assert copied.way == "file"
        assert copied.path is not None
        assert copied.path.read_text() == text
        assert copied.path.stat().st_mode & 0o777 == 0o600
        assert str(copied.path) in copied.sentence
    assert not desk.sent


async def test_where_nothing_works_it_is_said(desk: Desk) -> None:
    desk.folder.write_text("in the way")
    copied = await copy(TEXT, {**desk.environ, "TERM": "dumb"}, desk.sent.append, desk.folder)
    assert (copied.way, copied.path) == ("none", None)
    assert copied.sentence.startswith("Nothing was copied")


@pytest.mark.parametrize(
    ("wanted", "way"), [("native", "native"), ("osc52", "osc52"), ("file", "file"), ("", "native")]
)
async def test_one_way_can_be_asked_for(desk: Desk, wanted: str, way: str) -> None:
    desk.tool("xclip")
    environ = {**desk.environ, "DISPLAY": ":0", "OAVR_CLIPBOARD": wanted}
    assert (await copy(TEXT, environ, desk.sent.append, desk.folder)).way == way


def test_screen_is_handed_the_sequence_in_pieces_that_it_lets_through() -> None:
    data = TEXT.encode() * 100
    wrapped = osc52(data, in_screen=True)
    pieces = wrapped.split("\x1b\\")
    assert pieces.pop() == ""
    assert len(pieces) > 1
    assert all(piece.startswith("\x1bP") and len(piece) < 256 for piece in pieces)
    assert "".join(piece[2:] for piece in pieces) == osc52(data)


@pytest.fixture
def tmux() -> Iterator[tuple[str, str]]:
    program, name = needs("tmux"), f"oavr-{uuid.uuid4().hex[:8]}"
    base = [program, "-L", name, "-f", "/dev/null"]
    subprocess.run([*base, "new-session", "-d", "sh"], check=True)
    try:
        socket = subprocess.run(
            [*base, "display-message", "-p", "#{socket_path},#{pid},0"], check=True, capture_output=True, text=True
        ).stdout.strip()
        yield program, socket
    finally:
        subprocess.run([*base, "kill-server"], check=False)


async def test_tmux_keeps_what_was_copied(desk: Desk, tmux: tuple[str, str]) -> None:
    program, socket = tmux
    environ = {**os.environ, "TMUX": socket, "SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22", "OAVR_CLIPBOARD": "auto"}
    copied = await copy(TEXT, environ, desk.sent.append, desk.folder)
    assert copied.sentence == "Copied 3 lines through tmux."
    shown = subprocess.run([program, "-S", socket.split(",")[0], "show-buffer"], check=True, capture_output=True)
    assert shown.stdout.decode() == TEXT
    assert not desk.sent
