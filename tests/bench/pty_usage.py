"""What a process and its children use, as /proc tells (Linux)."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """resident: megabytes, what is shared counted for each process. cpu: seconds of processor time since the start."""

    resident: float
    cpu: float


def usage(pid: int) -> Usage:
    """Of this process and all below it, those that live now."""
    resident = cpu = 0.0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
            fields = _fields(one)
            cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return Usage(resident, cpu)


def family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parents[int(folder.name)] = int(_fields(int(folder.name))[1])
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
