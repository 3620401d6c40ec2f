"""Leaving: signals, a terminal that closes, vanishes or does not read, and faults of the app itself, on real ptys."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oavr_tui.app.outside.driver import GIVE_BACK
from oavr_tui.engine.lock import FileLock
from oavr_tui.paths import Paths
from tests.programs import command, needs
from tests.terminal.ptys import WAIT_SECONDS, Pty

Open = Callable[..., Pty]


@pytest.fixture
def opened(home: Paths) -> Iterator[Open]:
    """Opens programs in ptys, and ends what is left of them."""
    ptys: list[Pty] = []

    def open_(words: list[str] | None = None, *, controlled: bool = True) -> Pty:
        window = Pty(words or command(), {"OAVR_PODS_KEEPER": "no"}, controlled=controlled)
        ptys.append(window)
        if words is None:
            window.until("Generate")
            window.until_quiet()
        return window

    yield open_
    for window in ptys:
        window.close()


def given_back(window: Pty) -> bool:
    """Whether the last word on each mode that the app changes is the one that was there before."""
    last = {}
    for mode, what in re.findall(rb"\x1b\[\?(\d+)([hl])", window.written):
        last[mode] = what
    off = all(last.get(mode, b"l") == b"l" for mode in (b"1049", b"1000", b"1003", b"1006", b"1004", b"2004"))
    return off and last[b"25"] == b"h" and last[b"1049"] == b"l" and window.modes() == window.attributes[:4]


def lock_is_free(home: Paths) -> bool:
    lock = FileLock(home.driver_lock)
    taken = lock.take()
    lock.release()
    return taken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(opened: Open, home: Paths, number: signal.Signals) -> None:
    window = opened()
    os.kill(window.process.pid, number)
    assert window.end() == 128 + number
    assert given_back(window)
    assert lock_is_free(home)
    assert b"Traceback" not in window.written


@pytest.mark.parametrize("controlled", [True, False])
def test_a_closed_window_is_the_end(opened: Open, home: Paths, controlled: bool) -> None:
    window = opened(controlled=controlled)
    window.hang_up()
    assert window.end() == 128 + signal.SIGHUP
    assert lock_is_free(home)


def test_a_terminal_that_does_not_read_stops_nobody(opened: Open, home: Paths) -> None:
    window = opened()
    for _ in range(60):  # frames that nobody takes
        window.type("2")
        window.type("1")
        time.sleep(0.02)
    os.kill(window.process.pid, signal.SIGTERM)
    assert window.end(reading=False) == 128 + signal.SIGTERM
    assert lock_is_free(home)


def test_a_killed_multiplexer_takes_the_app_along(home: Paths, tmp_path: Path) -> None:
    base = [needs("tmux"), "-L", f"oavr-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
    pid = tmp_path / "pid"
    shell = f"echo $$ > {pid}; exec {' '.join(command())}"
    subprocess.run([*base, "new-session", "-d", "-x", "80", "-y", "24", shell], check=True)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while b"Generate" not in subprocess.run([*base, "capture-pane", "-p"], capture_output=True, check=True).stdout:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server = subprocess.run([*base, "display-message", "-p", "#{pid}"], capture_output=True, check=True).stdout
    except BaseException:
        subprocess.run([*base, "kill-server"], check=False)
        raise
    os.kill(int(server), signal.SIGKILL)
    while Path(f"/proc/{int(pid.read_text())}").exists() and not _ended(int(pid.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert lock_is_free(home)


def _ended(pid: int) -> bool:
    """Whether a process is over, also where nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


SECRET = "rpa_DONOTSHOW0123456789"

FAULTY = f"""
import sys, threading
from oavr_tui.app.outside.guard import GuardedApp, run_guarded
from oavr_tui.commands.talk import say
from oavr_tui.paths import Paths
from textual.widgets import Static

class Faulty(GuardedApp):
    BINDINGS = [("f", "fail", "Fail"), ("w", "work", "Work"), ("t", "thread", "Thread"), ("p", "panic", "Panic")]
    def compose(self):
        yield Static("ready to fail")
    def action_fail(self):
        key = "{SECRET}"
        raise ValueError(key)
    def action_work(self):
        async def work():
            key = "{SECRET}"
            raise ValueError(key)
        self.run_worker(work())
    def action_thread(self):
        def run(key="{SECRET}"):
            raise ValueError(key)
        threading.Thread(target=run).start()
    def action_panic(self):
        self.panic("{SECRET}")

app = Faulty()
app.paths = Paths.find()
sys.exit(run_guarded(app, say))
"""


@pytest.mark.parametrize("key", ["f", "w", "p"])
def test_a_fault_is_one_sentence_and_a_file_without_values(opened: Open, home: Paths, key: str) -> None:
    window = opened([sys.executable, "-c", FAULTY])
    window.until("ready to fail")
    window.type(key)
    assert window.end() == 1
    assert given_back(window)
    crash = home.state / "crash.log"
    assert str(crash).encode() in window.written.replace(b"\r\n", b"")
    told = re.sub(rb"\x1b(\[[?<\d;]*\w|\][^\x07]*\x07)", b"", window.written.rpartition(b"\x1b[?1004l")[2]).strip()
    assert told.startswith(b"Something went wrong inside the app while showing the screens.")
    assert b"\n" not in told
    for text in (window.written.decode(), crash.read_text()):
        assert SECRET not in text
        assert "Traceback" not in text


FLOODED = """
import sys
from oavr_tui.app.outside.guard import GuardedApp, run_guarded
from oavr_tui.commands.talk import say
from oavr_tui.paths import Paths
from textual.widgets import Static

class Flooded(GuardedApp):
    BINDINGS = [("f", "flood", "Flood")]
    def compose(self):
        yield Static("before it")
        yield Static("what stays as it is")
    def action_flood(self):
        for _ in range(300):
            self._driver.write("x" * 10_000)
        self.query_one(Static).update("after the flood")

app = Flooded()
app.paths = Paths.find()
sys.exit(run_guarded(app, say))
"""


def test_a_terminal_that_reads_again_is_drawn_anew(opened: Open) -> None:
    window = opened([sys.executable, "-c", FLOODED])
    window.until("before it")
    window.until_quiet()
    window.written = b""
    window.type("f")
    window.until("after the flood")
    window.until_quiet()
    assert b"what stays as it is" in window.written
    assert window.written.count(b"x") < 300 * 10_000
    os.kill(window.process.pid, signal.SIGTERM)
    assert window.end() == 128 + signal.SIGTERM


def test_a_suspended_app_comes_back(opened: Open) -> None:
    window = opened([sys.executable, "-c", FLOODED])
    window.until("before it")
    window.until_quiet()
    os.kill(window.process.pid, signal.SIGTSTP)
    window.until("\x1b[?1049l")
    window.until_quiet()
    assert given_back(window)
    window.written = b""
    os.kill(window.process.pid, signal.SIGCONT)
    window.until("\x1b[?1049h")
    window.until("what stays as it is")
    os.kill(window.process.pid, signal.SIGTERM)
    assert window.end() == 128 + signal.SIGTERM
    assert given_back(window)


def test_a_fault_in_a_thread_is_kept_in_the_file_only(opened: Open, home: Paths) -> None:
    window = opened([sys.executable, "-c", FAULTY])
    window.until("ready to fail")
    window.type("t")
    deadline = time.monotonic() + WAIT_SECONDS
    while not (home.state / "crash.log").exists():
        assert time.monotonic() < deadline
        window.read()
    os.kill(window.process.pid, signal.SIGTERM)
    assert window.end() == 128 + signal.SIGTERM
    assert SECRET not in window.written.decode()
    assert SECRET not in (home.state / "crash.log").read_text()


def test_a_terminal_without_screens_is_sent_to_the_command(opened: Open) -> None:
    window = opened(["env", "TERM=dumb", *command()])
    assert window.end() == 2
    assert b"oavr-tui generate" in window.written
    assert b"\x1b" not in window.written


def test_what_gives_the_terminal_back_covers_what_the_app_switched_on(opened: Open) -> None:
    window = opened()
    on = set(re.findall(rb"\x1b\[\?(\d+)h", window.written)) - {b"2026"}
    off = set(re.findall(r"\x1b\[\?(\d+)l", GIVE_BACK))
    assert {mode.decode() for mode in on} - {"7"} <= off
