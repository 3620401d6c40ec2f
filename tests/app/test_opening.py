"""Opening things outside the app with real programs on the PATH, and the scp line where that cannot be."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
from pathlib import Path

import pytest

from oavr_tui.app.outside.opening import open_outside, scp_line

SSH = {"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.5 22"}


class Desk:
    """A PATH with only what a test puts on it; each program notes what it was called with."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.called = folder / "called"
        self.video = folder / "a b's [x].mp4"
        self.video.write_bytes(b"x")
        self.environ = {"PATH": str(self.bin)}

    def program(self, name: str, then: str = "exit 0") -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\necho \"$@\" >> '{self.called}'\necho noise; echo noise >&2\n{then}\n")
        path.chmod(0o755)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_video_opens_in_the_system_s_player(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.program("xdg-open")
    opened = await open_outside(str(desk.video), {**desk.environ, "DISPLAY": ":0"})
    assert opened.done
    assert opened.sentence == "Opened with xdg-open."
    assert desk.called.read_text() == f"{desk.video}\n"
    assert capfd.readouterr() == ("", "")


async def test_a_player_that_runs_on_counts_as_started(desk: Desk, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    desk.program("xdg-open", f"echo $$ > {pid}; exec {shutil.which('sleep')} 60")
    opened = await open_outside(str(desk.video), {**desk.environ, "WAYLAND_DISPLAY": "wayland-0"}, look=1.0)
    assert opened.done
    number = int(pid.read_text())
    assert os.getsid(number) == number  # of its own session: it outlives the app and its terminal
    os.kill(number, signal.SIGKILL)


async def test_windows_around_us_is_asked_first(desk: Desk) -> None:
    desk.program("wslview")
    desk.program("xdg-open")
    opened = await open_outside(str(desk.video.parent), {**desk.environ, "WSL_DISTRO_NAME": "Ubuntu"})
    assert opened.sentence == "Opened with wslview."


async def test_one_that_fails_gives_way_to_the_next(desk: Desk) -> None:
    desk.program("firefox", "exit 3")
    desk.program("chromium")
    environ = {**desk.environ, "DISPLAY": ":0", "BROWSER": "firefox --new-tab %s:missing:chromium"}
    opened = await open_outside("https://example.com/?a=1", environ)
    assert opened.sentence == "Opened with chromium."
    assert desk.called.read_text() == "--new-tab https://example.com/?a=1\nhttps://example.com/?a=1\n"


async def test_an_editor_s_browser_helper_works_over_ssh(desk: Desk) -> None:
    desk.program("helper")
    desk.program("xdg-open")
    opened = await open_outside("https://example.com/", {**desk.environ, **SSH, "BROWSER": "helper"})
    assert opened.sentence == "Opened with helper."


async def test_without_a_browser_the_address_is_for_another_device(desk: Desk) -> None:
    desk.program("xdg-open")
    opened = await open_outside("https://example.com/", {**desk.environ, "DISPLAY": ":0", **SSH})
    assert (opened.done, opened.copy) == (False, "https://example.com/")
    opened = await open_outside("https://example.com/", desk.environ)
    assert (opened.done, opened.copy, opened.shows) == (False, "", True), "nobody asked for a copy"
    assert "https://example.com/" in opened.sentence
    assert not desk.called.exists()


async def test_over_ssh_a_video_is_fetched(desk: Desk) -> None:
    desk.program("xdg-open")
    opened = await open_outside(str(desk.video), {**desk.environ, "DISPLAY": ":0", **SSH})
    assert not opened.done
    assert opened.copy.startswith("scp ")
    assert not desk.called.exists()


async def test_nothing_to_open_with_and_nothing_to_open(desk: Desk) -> None:
    opened = await open_outside(str(desk.video), {**desk.environ, "DISPLAY": ":0"})
    assert (opened.done, opened.copy, opened.shows) == (False, "", True), "nobody asked for a copy"
    assert str(desk.video) in opened.sentence
    desk.video.unlink()
    assert "no longer there" in (await open_outside(str(desk.video), desk.environ)).sentence


@pytest.mark.parametrize(
    ("connection", "start"),
    [
        ("198.51.100.7 50000 203.0.113.5 22", ["scp", "ana@203.0.113.5:/v/a.mp4", "."]),
        ("198.51.100.7 50000 203.0.113.5 2200", ["scp", "-P", "2200", "ana@203.0.113.5:/v/a.mp4", "."]),
        ("2001:db8::7 50000 2001:db8::5 22", ["scp", "ana@[2001:db8::5]:/v/a.mp4", "."]),
    ],
)
def test_the_scp_line_names_this_computer(connection: str, start: list[str]) -> None:
    assert shlex.split(scp_line("/v/a.mp4", {"SSH_CONNECTION": connection}, "ana")) == start


@pytest.mark.parametrize("name", ["a b.mp4", "it's.mp4", 'a"b$HOME`id`.mp4', "[x]*?.mp4", "a\\b;rm.mp4", "日本語.mp4"])
async def test_odd_names_survive_both_shells(name: str) -> None:
    words = shlex.split(scp_line(f"/v/{name}", SSH, "ana"))
    remote = words[1].removeprefix("ana@203.0.113.5:")
    # The near shell has spoken; now the far one, as an old server asks it.
    process = await asyncio.create_subprocess_exec("sh", "-c", f"printf %s {remote}", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert output.decode() == f"/v/{name}"
    assert re.sub(r"\\(.)", r"\1", remote) == f"/v/{name}"  # as a pattern, which new ones match


@pytest.mark.parametrize("environ", [{}, {"SSH_CONNECTION": "odd"}])
def test_no_line_where_the_address_is_unknown(environ: dict[str, str]) -> None:
    assert scp_line("/v/a.mp4", environ) == ""


def test_no_line_for_a_name_that_would_break_it() -> None:
    assert scp_line("/v/a\nrm -r b.mp4", SSH) == ""
