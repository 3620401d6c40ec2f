"""While you were away: what ended since the app was last in front of a person, kept as one time in a small file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

from oavr_tui.engine.parts import Parts
from oavr_tui.models import Job, JobState, Pod, PodKind, PodState
from oavr_tui.paths import private_dir
from oavr_tui.text import counted, safe

_log = logging.getLogger(__name__)
_LARGEST_FILE = 1000
_STOPPED = (PodState.STOPPED, PodState.GONE)


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What ended since then (unix seconds; None: the app was never open before). Each oldest first."""

    since: float | None = None
    done: tuple[Job, ...] = ()
    failed: tuple[Job, ...] = ()
    stopped_pods: tuple[Pod, ...] = ()

    def sentence(self) -> str:
        """For a person; a single video by its name and cost. Empty where nothing happened."""
        told = [self._finished()] if self.done else []
        if self.failed:
            told.append(f"{len(self.failed)} failed" if told else counted(len(self.failed), "video") + " failed")
        if self.stopped_pods:
            number = len(self.stopped_pods)
            told.append(f"{counted(number, 'studio')} {'was' if number == 1 else 'were'} stopped")
        if not told:
            return ""
        return f"{', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]} while you were away."

    def _finished(self) -> str:
        from oavr_tui.pods.cost import about

        if len(self.done) > 1:
            return f"{len(self.done)} videos finished"
        cost = f" ({about(self.done[0].cost)})" if self.done[0].cost > 0 else ""
        return f"{safe(self.done[0].title, 60)}{cost} finished"


class AwayCommands(Parts):
    """The engine's part for coming back."""

    async def last_seen(self) -> float | None:
        """When somebody last looked, unix seconds; None where nobody ever did, or it cannot be told any more."""
        return await asyncio.to_thread(_read, self.paths.seen_file)

    async def mark_seen(self) -> None:
        """Somebody has seen everything there is until now."""
        await asyncio.to_thread(_write, self.paths.seen_file, self.now())

    async def meanwhile(self) -> Meanwhile:
        """What ended since `mark_seen` was last called, in whichever process."""
        since = await self.last_seen()
        if since is None:
            return Meanwhile()
        await self.refresh()
        ended = sorted((job for job in self.jobs() if job.updated_at > since), key=lambda job: job.updated_at)
        return Meanwhile(
            since,
            tuple(job for job in ended if job.state is JobState.DONE),
            tuple(job for job in ended if job.state is JobState.FAILED),
            tuple(
                pod
                for pod in sorted(await self.fleet.book.remembered(), key=lambda pod: pod.state_since)
                if pod.kind is PodKind.RUNPOD and pod.state in _STOPPED and pod.pod_id and pod.state_since > since
            ),
        )


def _read(file: Path) -> float | None:
    try:
        with file.open("rb") as handle:
            at = json.loads(handle.read(_LARGEST_FILE))["seen_at"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


def _write(file: Path, at: float) -> None:
    """A comfort: where it cannot be written, what ended is told once more."""
    unfinished = file.with_suffix(f".{uuid.uuid4().hex}.new")  # two windows, or two ends of videos, may write at once
    try:
        private_dir(file.parent)
        unfinished.write_text(json.dumps({"seen_at": at}), "ascii")
        unfinished.replace(file)
    except OSError as error:
        _log.warning("that everything was seen could not be written: %s", error.strerror)
        with contextlib.suppress(OSError):
            unfinished.unlink()
