"""What the environment says about the terminal, and where the person sits: found once, before the first frame."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from oavr_tui.text import safe

Motion = Literal["none", "basic", "full"]

_LOCAL_TICKS = 10
_REMOTE_TICKS = 4
_TITLE_LENGTH = 120
_ERASING = ("xterm", "tmux", "alacritty", "foot", "wezterm", "ghostty", "konsole", "vte", "gnome", "mintty")


@dataclass(frozen=True, slots=True)
class Terminal:
    """ticks: how often a second something may be redrawn by itself. motion: how much may move."""

    over_ssh: bool
    in_tmux: bool
    in_screen: bool
    has_display: bool
    no_color: bool
    dumb: bool
    motion: Motion

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None, motion: str = "") -> Terminal:
        """motion: what the settings say, none, basic or full; empty (or anything else): decided here.

        OAVR_SSH=1 or 0 says whether the person sits at another computer where the usual signs are wrong: sudo hides
        them, and a tmux session started over SSH keeps them for ever.
        """
        environ = os.environ if environ is None else environ
        term = environ.get("TERM", "")
        said = environ.get("OAVR_SSH", "")
        over_ssh = (
            said != "0" if said in ("0", "1") else any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
        )
        return cls(
            over_ssh=over_ssh,
            in_tmux=bool(environ.get("TMUX")),
            in_screen=not environ.get("TMUX") and (bool(environ.get("STY")) or term.startswith("screen")),
            has_display=_has_display(environ),
            no_color=bool(environ.get("NO_COLOR")),
            dumb=term in ("dumb", "unknown"),
            motion=_motion(environ, motion, over_ssh),
        )

    @property
    def ticks(self) -> int:
        return _REMOTE_TICKS if self.over_ssh else _LOCAL_TICKS


def _has_display(environ: Mapping[str, str]) -> bool:
    """Whether a window can be opened: X11 or Wayland, a Mac, or Windows around WSL."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_INTEROP", "WSL_DISTRO_NAME")
    return sys.platform == "darwin" or any(environ.get(name) for name in named)


def _motion(environ: Mapping[str, str], setting: str, over_ssh: bool) -> Motion:
    """Over SSH nothing moves unless the settings ask for it by name; the environment has the last word."""
    for said in (environ.get("TEXTUAL_ANIMATIONS", "").lower(), setting.lower()):
        for motion in get_args(Motion):
            if said == motion:
                return cast(Motion, motion)
    return "none" if over_ssh else "full"


def refusal(environ: Mapping[str, str]) -> str:
    """Why the app cannot be opened in this terminal, as a sentence with the way out; empty when it can."""
    if not Terminal.find(environ).dumb:
        return ""
    return (
        f"This terminal (TERM={safe(environ.get('TERM', ''), 20)}) cannot show screens. "
        "Use 'oavr-tui generate' here: it makes the same videos, and says what happens in plain lines."
    )


def erases(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is known to erase cells (ECH) in the color of the background."""
    term = environ.get("TERM", "")
    if environ.get("STY"):
        return False  # GNU screen does so only when told to
    return term.startswith(_ERASING) or (term.startswith("screen") and bool(environ.get("TMUX")))


def title_sequence(title: str) -> str:
    """What sets the title of the terminal's window (of the pane's, in tmux): OSC 2, without anything foreign in it."""
    return f"\x1b]2;{safe(title, _TITLE_LENGTH)}\x1b\\"


SAVE_TITLE = "\x1b[22;2t"
"""Asks the terminal to remember its title; those that cannot ignore it."""

RESTORE_TITLE = "\x1b[23;2t"

BELL = "\x07"
