"""How far a machine's start is, read from the log of its image.

The image writes a marker when its container starts, when files are about to be fetched, for every file, and when
ComfyUI is started. The downloader is silent, so a file's start and end are all there is to see. The lines come from a
machine that anybody may reach: they are matched at their beginning only, cut, and counted no further than a bound.
"""

from __future__ import annotations

import re

from oavr_tui.models import PodState
from oavr_tui.text import safe

_LONGEST_LINE = 500
_MOST_FILES = 200
_FURTHEST = 13
"""A marker's bracket is among so many characters at the beginning of its line."""

# Before a marker there is a picture or dashes; both may be missing, or be spoiled by a wrong encoding. Words there are
# something else: ComfyUI's own log may repeat what a person wrote.
_BEFORE = r"[^\[\]A-Za-z0-9]{0,12}"
_CONTAINER = re.compile(_BEFORE + r"\[SYSTEM\]\s*Container Started\b", re.IGNORECASE)
_SETUP = re.compile(_BEFORE + r"\[PROCESS\]\s*Starting\b.*\bSetup\b", re.IGNORECASE)
_COMFYUI = re.compile(_BEFORE + r"\[SYSTEM\]\s*Starting ComfyUI\b", re.IGNORECASE)
_FILE = re.compile(_BEFORE + r"\[(STARTING|COMPLETE|FAILED|VALID)\]\s*(\S.*)", re.IGNORECASE)
_TAIL = re.compile(r"(?:\s+-\s+Skipping)?\s*(?:\.{1,3}|…)?$", re.IGNORECASE)
"""What the image writes after a file's name: "name..." when it starts, "name - Skipping." when it is there already."""

_ORDER = (PodState.BOOTING, PodState.FETCHING, PodState.WARMING)


class BootLog:
    """Fed the cleaned lines of a pod's log, knows the phase of its start and how many files are there.

    expected: how many files earlier starts fetched, 0 where that is not known. Feeding lines again changes nothing in
    the end: a log that is replayed from its beginning leads to the same state.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected = max(expected, 0)
        self._phase = PodState.BOOTING
        self._files: dict[str, str] = {}

    @property
    def phase(self) -> PodState:
        """BOOTING, FETCHING or WARMING; within one container it never goes back."""
        return self._phase

    @property
    def done(self) -> int:
        """Files that are there, fetched now or before."""
        return sum(fate in ("complete", "valid") for fate in self._files.values())

    @property
    def total(self) -> int:
        """Files named so far, or as many as are expected if that is more. It grows while they are being named."""
        return max(len(self._files), self._expected)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the files that could not be fetched, fit to show, in the order in which they were first named."""
        return tuple(name for name, fate in self._files.items() if fate == "failed")

    def feed(self, line: str) -> bool:
        """Take in one line of the log; True when phase, done, total or failed changed by it."""
        if "[" not in line[:_FURTHEST]:
            return False
        before = (self._phase, self.done, self.total, self.failed)
        self._take(line[:_LONGEST_LINE])
        return before != (self._phase, self.done, self.total, self.failed)

    def _take(self, line: str) -> None:
        if _CONTAINER.match(line):
            self._phase = PodState.BOOTING
            self._files.clear()
        elif _SETUP.match(line):
            self._reach(PodState.FETCHING)
        elif _COMFYUI.match(line):
            self._reach(PodState.WARMING)
        elif found := _FILE.match(line):
            self._reach(PodState.FETCHING)
            self._note(found[2], found[1].lower())

    def _reach(self, phase: PodState) -> None:
        self._phase = max(self._phase, phase, key=_ORDER.index)

    def _note(self, text: str, fate: str) -> None:
        name = _TAIL.sub("", safe(text, 120))
        if not name or (name not in self._files and len(self._files) >= _MOST_FILES):
            return
        if fate == "starting" and self._files.get(name) in ("complete", "valid"):
            return  # a replay without its beginning: what is there is not taken back
        self._files[name] = fate
