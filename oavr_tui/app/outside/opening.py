"""Opening a video, a folder or an address with the system's own program, or saying how to get at it from elsewhere."""

from __future__ import annotations

import asyncio
import getpass
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from oavr_tui.app.outside.terminal import Terminal
from oavr_tui.engine.given import is_address

LOOK_SECONDS = 2.0
"""How long a program may take to fail; one that still runs then has opened what it was given."""

_PLAIN = re.compile(r"[^A-Za-z0-9_./+,@%=:\u0080-\U0010ffff-]")


@dataclass(frozen=True, slots=True)
class Opened:
    """done: a program took it. sentence: what happened, for a person.

    copy: what is to be copied for them, who sit at another computer; empty for nothing. shows: the sentence holds a
    path or an address that they can use.
    """

    done: bool
    sentence: str
    copy: str = ""
    shows: bool = False


async def open_outside(target: str, environ: Mapping[str, str], look: float = LOOK_SECONDS) -> Opened:
    """Open a path or an http(s) address outside the app. Never raises for what goes wrong there.

    The program is detached: it outlives the app and never writes on its screen. look: seconds until one that has not
    failed counts as started.
    """
    address = is_address(target)
    what = "address" if address else ("folder" if Path(target).is_dir() else "file")
    if not address and not Path(target).exists():
        return Opened(False, f"The {what} is no longer there; it may have been moved or deleted.")
    for words in _openers(target, environ, address=address):
        if await _started(words, environ, look):
            return Opened(True, f"Opened with {Path(words[0]).name}.")
    return _elsewhere(target, environ, what)


def _openers(target: str, environ: Mapping[str, str], *, address: bool) -> list[list[str]]:
    """The command lines to try. $BROWSER is asked even over SSH: editors set it to a helper on the person's side."""
    terminal = Terminal.find(environ)
    browsers = environ.get("BROWSER", "").split(":") if address and (terminal.has_display or terminal.over_ssh) else []
    lines = [_browser(words, target) for browser in browsers if (words := _words(browser))]
    if terminal.has_display and not terminal.over_ssh:
        names = ["open"] if sys.platform == "darwin" else ["wslview"] if environ.get("WSL_DISTRO_NAME") else []
        lines += [[name, target] for name in (*names, "xdg-open")]
    found = ((shutil.which(words[0], path=environ.get("PATH")), words[1:]) for words in lines)
    return [[program, *rest] for program, rest in found if program]


def _words(browser: str) -> list[str]:
    try:
        return shlex.split(browser)
    except ValueError:
        return []


def _browser(words: list[str], target: str) -> list[str]:
    with_place = [word.replace("%s", target) for word in words]
    return with_place if with_place != words else [*words, target]


async def _started(words: list[str], environ: Mapping[str, str], look: float) -> bool:
    """Whether a program runs on, or ended well, after `look` seconds. A thread of its own waits for its end."""
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 - it must outlive the event loop, which would end it
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError:
        return False
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_reap, args=(process, loop, ended.set), name="opened", daemon=True).start()
    try:
        async with asyncio.timeout(look):
            await ended.wait()
    except TimeoutError:
        return True
    return process.returncode == 0


def _reap(process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    process.wait()
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)


def _elsewhere(target: str, environ: Mapping[str, str], what: str) -> Opened:
    over_ssh = Terminal.find(environ).over_ssh
    if what == "address":
        sentence = "No browser can be opened from here. Open this address on any computer or phone"
        return Opened(False, f"{sentence}.", target) if over_ssh else Opened(False, f"{sentence}: {target}", shows=True)
    if over_ssh and (line := scp_line(target, environ)):
        return Opened(False, f"You sit at another computer: this command, typed there, fetches the {what}.", line)
    return Opened(False, f"No program here shows this {what}; in Videos, y copies its path: {target}", shows=True)


def scp_line(path: str, environ: Mapping[str, str], user: str | None = None) -> str:
    """The command, for the computer that the person sits at, that fetches a file or a folder; empty if unknown.

    The address is the one by which this computer was reached. Characters that mean something to a shell or as a pattern
    are escaped for the far side (old servers hand them to a shell, new ones match them as a pattern) and quoted for
    the near one.
    """
    parts = environ.get("SSH_CONNECTION", "").split()
    if len(parts) != 4 or any(ord(ch) < 32 for ch in path):
        return ""
    host, port = parts[2], parts[3]
    there = f"[{host}]" if ":" in host else host
    remote = f"{user or _user()}@{there}:{_PLAIN.sub(lambda found: chr(92) + found[0], path)}"
    words = ["scp", *(["-P", port] if port != "22" else []), *(["-r"] if Path(path).is_dir() else []), remote, "."]
    return shlex.join(words)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an id without a name
        return "user"
