"""Where the app left off: the form's draft, the screen in front, selections and filters. A comfort, never a fact.

One JSON file in the state folder. What cannot be read counts as nothing; what cannot be written costs the comfort
alone. With two apps open, the one that leaves last is remembered.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from oavr_tui.models import DEFAULT_PROMPT
from oavr_tui.paths import private_dir

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Draft:
    """The form as it stands, every field as its text. full: a full video rather than a preview.

    on: a studio's name or an address, empty for whichever is free. seed, max_seconds, workflow: empty where not given.
    """

    image: str = ""
    audio: str = ""
    prompt: str = DEFAULT_PROMPT
    shape: str = "auto"
    full: bool = False
    quality: str = "standard"
    seed: str = ""
    strength: str = "1"
    max_seconds: str = ""
    workflow: str = ""
    on: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """place: the screen in front. consented: unix seconds when the line of consent was agreed to, 0 before.

    folders: where files were chosen last, newest first. views: whatever a screen wants to find again (sort order,
    search, selected id), by "screen.name".
    """

    place: str = "studio"
    draft: Draft = field(default_factory=Draft)
    consented: float = 0.0
    welcomed: bool = False
    folders: tuple[str, ...] = ()
    views: dict[str, str] = field(default_factory=dict)


T = TypeVar("T", Draft, Memory)


def load_memory(file: Path) -> Memory:
    """What was remembered; the defaults where there is nothing that can be read."""
    try:
        with file.open("rb") as handle:
            found: Any = json.loads(handle.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return Memory()
    if not isinstance(found, dict):
        return Memory()
    memory = _known(Memory(), found)
    draft = found.get("draft")
    if isinstance(draft, dict):
        memory = replace(memory, draft=_known(Draft(), draft))
    folders, views = found.get("folders"), found.get("views")
    if isinstance(folders, list):
        memory = replace(memory, folders=tuple(each for each in folders if isinstance(each, str)))
    if isinstance(views, dict):
        memory = replace(memory, views={str(name): text for name, text in views.items() if isinstance(text, str)})
    return memory


def _known(default: T, found: dict[str, Any]) -> T:
    """The plain fields of a dataclass, where what was found is of the same kind."""
    kinds = {each.name: type(getattr(default, each.name)) for each in fields(default)}
    plain: dict[str, Any] = {
        name: float(found[name]) if kind is float else found[name]
        for name, kind in kinds.items()
        if kind in (str, bool, float) and _is(found.get(name), kind)
    }
    return replace(default, **plain)


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def save_memory(file: Path, memory: Memory) -> bool:
    """Write it in one piece, mode 0600; returns whether that worked. Blocks."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        private_dir(file.parent)
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as handle:
            json.dump(asdict(memory), handle)
        part.replace(file)
    except OSError:
        return False
    return True
