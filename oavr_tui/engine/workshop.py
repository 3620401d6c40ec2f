"""What the making of one job needs at hand, passed in as one thing."""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.engine.dispatch import Lanes
from oavr_tui.engine.events import Bus, Notice
from oavr_tui.engine.job_queue import JobQueue
from oavr_tui.models import Job
from oavr_tui.paths import Paths, private_dir

if TYPE_CHECKING:
    from oavr_tui.engine.fleet import Fleet
    from oavr_tui.engine.gate import Gate
    from oavr_tui.store.inputs import Inputs
    from oavr_tui.store.library import Library


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that differs between a test and the world: time, waiting, identities.

    clock: unix seconds. monotonic: seconds from anywhere. new_id: a canonical lowercase UUID each time.
    """

    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_id: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class Workshop:
    """The tools of the process that drives. checking: one input check at a time, in the order of asking.

    library: where videos are put from now on; another one is put in its place when the person chooses another folder.
    """

    paths: Paths
    around: Surroundings
    queue: JobQueue
    bus: Bus
    library: Library
    inputs: Inputs
    lanes: Lanes
    fleet: Fleet
    checking: asyncio.Lock
    gate: Gate

    def tell(self, job: Job, text: str) -> None:
        self.bus.emit(Notice(text, job.id))

    def bench(self, job: Job) -> Path:
        """The folder for this job's unfinished files."""
        return private_dir(self.paths.work / job.id)

    async def tidy(self, job: Job) -> None:
        """Remove what an ended job leaves behind: its unfinished files, and inputs that nobody needs any more."""
        needed = self.queue.waiting_inputs()

        def work() -> None:
            shutil.rmtree(self.paths.work / job.id, ignore_errors=True)
            self.inputs.release(needed)

        await asyncio.to_thread(work)
