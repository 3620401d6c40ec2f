"""The simulated server's folders: input, output and temp, and which names may reach into them.

The rules are those of ComfyUI's own `folder_paths` and `server` modules as recorded from 0.3.64 and 0.33.0: a name
never leaves its folder, "name [input]" selects a folder, and saved files carry a running number.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from oavr_tui.errors import BadInput
from oavr_tui.text import safe

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
SOUNDS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".mkv", ".webm", ".mov"})
_MARKER = ".simulated-comfyui"
"""Says that the folder is a simulator's, so that its temp may be emptied."""
KINDS = ("input", "output", "temp")
_ANNOTATION = re.compile(r"^(?P<name>.*) \[(?P<kind>input|output|temp)\]$", re.DOTALL)


class Outside(ValueError):
    """A name would leave the folder it belongs to."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Where a node may save: the folder, its name below `kind`, the files' base name, and the next running number."""

    folder: Path
    subfolder: str
    base: str
    number: int


@dataclass(frozen=True, slots=True)
class Folders:
    """The three folders below one root. Output files stay when the simulator ends; temp is emptied at its start."""

    root: Path

    def kind(self, name: str) -> Path | None:
        """The folder of that name, or None where there is no such kind."""
        return self.root / name if name in KINDS else None

    def create(self) -> None:
        """Make the folders, and empty temp. Raises BadInput where a full temp folder is not a simulator's own."""
        marker, temp = self.root / _MARKER, self.root / "temp"
        if not marker.exists() and temp.exists() and any(temp.iterdir()):
            raise BadInput(
                safe(f"The folder {self.root} has a temp folder that is not a simulator's. Choose another folder.")
            )
        for name in KINDS:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        marker.touch()
        self.empty_temp()

    def empty_temp(self) -> None:
        """Forget everything in temp, as a server does when it starts."""
        shutil.rmtree(self.root / "temp", ignore_errors=True)
        (self.root / "temp").mkdir(parents=True, exist_ok=True)

    def annotated(self, name: str, default: str = "input") -> tuple[str, str]:
        """Split "a.png [output]" into the name and its kind; the default kind where there is no annotation."""
        match = _ANNOTATION.match(name)
        return (match["name"], match["kind"]) if match else (name, default)

    def loadable(self, name: str) -> Path:
        """The file that LoadImage or LoadAudio means. Raises Outside, or FileNotFoundError where there is none."""
        plain, kind = self.annotated(name)
        path = self.inside(kind, plain)
        if not path.is_file():
            raise FileNotFoundError(name)
        return path

    def inside(self, kind: str, name: str) -> Path:
        """The path of a name below one of the folders. Raises Outside where it would leave it."""
        base = self.root / kind
        path = Path(os.path.normpath(base / name))
        if path != base and base not in path.parents:
            raise Outside(name)
        return path

    def listed(self, kind: str, suffixes: frozenset[str]) -> list[str]:
        """The names directly in a folder whose suffix is one of these, sorted: what a file combo offers."""
        return sorted(
            entry.name for entry in (self.root / kind).iterdir() if entry.is_file() and entry.suffix.lower() in suffixes
        )

    def saving(self, prefix: str, kind: str) -> Saving:
        """Where files with this prefix ("sub/base") go, numbered after those already there. Raises Outside."""
        folder = self.inside(kind, os.path.dirname(os.path.normpath(prefix)))  # noqa: PTH120 (a prefix is no path yet)
        base = Path(os.path.normpath(prefix)).name
        folder.mkdir(parents=True, exist_ok=True)
        pattern = re.compile(re.escape(base) + r"_(\d+)[_.-]")
        numbers = [int(match[1]) for entry in folder.iterdir() if (match := pattern.match(entry.name))]
        subfolder = folder.relative_to(self.root / kind).as_posix()
        return Saving(folder, "" if subfolder == "." else subfolder, base, max(numbers, default=0) + 1)
