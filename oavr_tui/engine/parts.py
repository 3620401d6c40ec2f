"""What every part of the engine has at hand. The parts are classes of their own; `Engine` is made of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oavr_tui.engine.driver import Driver
    from oavr_tui.engine.events import Bus
    from oavr_tui.engine.fleet import Fleet
    from oavr_tui.engine.gate import Gate
    from oavr_tui.engine.job_queue import JobQueue
    from oavr_tui.engine.rental import PodSetup
    from oavr_tui.engine.storage import StoreThread
    from oavr_tui.engine.workshop import Surroundings
    from oavr_tui.models import Job
    from oavr_tui.paths import Paths
    from oavr_tui.settings import Settings
    from oavr_tui.store.inputs import Inputs
    from oavr_tui.store.library import Library


class Parts:
    """Filled in by the Engine before anything is asked of it; the shelves when it is opened."""

    paths: Paths
    settings: Settings
    bus: Bus
    fleet: Fleet
    _around: Surroundings
    _store: StoreThread
    _queue: JobQueue
    _setup: PodSetup
    _gate: Gate
    _driving: Driver | None
    _barred: str
    """Why nothing can be kept in this home, a sentence; empty where things can."""
    _environ: Mapping[str, str]
    _library: Library
    _inputs: Inputs

    def jobs(self) -> list[Job]:
        """All jobs as last seen, in the order of asking, or as a person has put them."""
        return self._queue.all()

    async def refresh(self) -> None:
        """Take in what other processes wrote, now rather than at the next look."""
        await self._queue.refresh()
        await self.fleet.book.refresh()

    def now(self) -> float:
        """Unix seconds by the engine's clock."""
        return self._around.clock()

    def _wake(self) -> None:
        """Whoever drives in this process looks at once at what is wished."""
        if self._driving is not None:
            self._driving.wake()
