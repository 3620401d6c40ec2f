"""Copying text to where the person can paste it, wherever the app runs: the first way that works, and which it was.

In order: the system's own tool (only with a display, and not over SSH: it would copy on the wrong computer), tmux's
buffer, OSC 52 (the terminal itself copies), a file. OAVR_CLIPBOARD=native|tmux|osc52|file asks for one of them.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oavr_tui.app.outside.terminal import Terminal
from oavr_tui.paths import private_dir

Way = Literal["native", "tmux", "osc52", "file", "none"]

DEADLINE_SECONDS = 2.0
OSC52_CAP = 75_000
"""Bytes of text; terminals drop longer ones in silence."""

_SCREEN_CHUNK = 240
_COPIED_NAME = "copied.txt"

_NATIVE: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (("WAYLAND_DISPLAY",), "wl-copy", ("--type", "text/plain;charset=utf-8")),
    (("DISPLAY",), "xclip", ("-selection", "clipboard", "-in")),
    (("DISPLAY",), "xsel", ("--clipboard", "--input")),
    (("WSL_INTEROP", "WSL_DISTRO_NAME"), "clip.exe", ()),
)
"""Where one of these is set in the environment, this program may work, called so."""


@dataclass(frozen=True, slots=True)
class Copied:
    """way: how it went; "none": nowhere. lines: how many. path: the file, where it became one. by: the tool's name."""

    way: Way
    lines: int
    path: Path | None = None
    by: str = ""

    @property
    def sentence(self) -> str:
        """One sentence for a person: how much, and which way, or where it is now."""
        much = "1 line" if self.lines == 1 else f"{self.lines:,} lines"
        match self.way:
            case "native":
                return f"Copied {much} with {self.by}."
            case "tmux":
                return f"Copied {much} through tmux."
            case "osc52":
                return f"Sent {much} to your terminal's clipboard; a few terminals do not take it."
            case "file":
                return f"This terminal cannot copy; {much} saved in {self.path}."
            case "none":
                return "Nothing was copied: nothing here can copy, and no file could be written either."


async def copy(
    text: str,
    environ: Mapping[str, str],
    write: Callable[[str], object] | None,
    folder: Path,
    deadline: float = DEADLINE_SECONDS,
) -> Copied:
    """Copy a text the first way that works. Never raises for what goes wrong outside.

    write: sends a control sequence to the terminal; None where there is none. folder: where a file may be written,
    made if missing (0700; the file is 0600 and always the same one). deadline: seconds for each program.
    """
    lines = max(1, text.count("\n") + (not text.endswith("\n")))
    data = text.encode("utf-8", "replace")
    terminal = Terminal.find(environ)
    ways = _ways(environ, terminal)
    if "native" in ways:
        for program, words in _native_tools(environ):
            if await _fed([program, *words], data, environ, deadline):
                return Copied("native", lines, by=Path(program).name)
    if "tmux" in ways and await _into_tmux(data, environ, deadline):
        return Copied("tmux", lines)
    if "osc52" in ways and write is not None and len(data) <= OSC52_CAP:
        write(osc52(data, in_screen=terminal.in_screen))
        return Copied("osc52", lines)
    try:
        path = await asyncio.to_thread(_to_file, folder, data)
    except OSError:
        return Copied("none", lines)
    return Copied("file", lines, path)


def _ways(environ: Mapping[str, str], terminal: Terminal) -> set[str]:
    """The ways that may be tried; a file is always the last resort."""
    wanted = environ.get("OAVR_CLIPBOARD", "auto").lower()
    if wanted in ("native", "tmux", "osc52", "file"):
        return {wanted}
    ways = set() if terminal.over_ssh else {"native"}
    if terminal.in_tmux:
        return ways | {"tmux"}  # which by default drops the sequence of a program inside it, in silence
    return ways if terminal.dumb else ways | {"osc52"}


async def _into_tmux(data: bytes, environ: Mapping[str, str], deadline: float) -> bool:
    """-w hands the buffer on to the terminal's clipboard; before tmux 3.2 there is no such option."""
    tmux = shutil.which("tmux", path=environ.get("PATH"))
    for words in (["load-buffer", "-w", "-"], ["load-buffer", "-"]):
        if tmux and await _fed([tmux, *words], data, environ, deadline):
            return True
    return False


def osc52(data: bytes, *, in_screen: bool = False) -> str:
    """The control sequence with which a terminal copies; for screen in pieces that it hands through."""
    sequence = f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\x07"
    if not in_screen:
        return sequence
    pieces = (sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def _native_tools(environ: Mapping[str, str]) -> list[tuple[str, Sequence[str]]]:
    found: list[tuple[str, Sequence[str]]] = []
    tools = ((("PATH",), "pbcopy", ()),) if sys.platform == "darwin" else _NATIVE
    for variables, program, words in tools:
        path = shutil.which(program, path=environ.get("PATH")) if any(environ.get(name) for name in variables) else None
        if path:
            found.append((path, words))
    return found


async def _fed(words: Sequence[str], data: bytes, environ: Mapping[str, str], deadline: float) -> bool:
    """Whether a program took the text and ended well in time.

    Its output goes nowhere: xclip and wl-copy leave a child behind that serves the clipboard, and it would keep a
    pipe open for ever.
    """
    nowhere = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=nowhere,
            stderr=nowhere,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(deadline):
            await process.communicate(data)
    except (TimeoutError, OSError):
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode == 0


def _to_file(folder: Path, data: bytes) -> Path:
    path = private_dir(folder) / _COPIED_NAME
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path
