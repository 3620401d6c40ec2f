"""The line of those jobs that wait for a place in which they can be made, and moving one within it."""

from __future__ import annotations

from collections.abc import Sequence

from oavr_tui.engine.given import is_address
from oavr_tui.models import PREVIEW, Job, JobState

_LEAST_APART = 0.001
"""Seconds between the places of two jobs, so that there is an order also where both were asked for at once."""


def is_waiting(job: Job) -> bool:
    """Whether a job has no place yet: one that has a machine, or is made on this computer, cannot be put off."""
    if job.pod or job.cancel_asked:
        return False
    if job.state in (JobState.QUEUED, JobState.CHECKING):
        return True
    # A video for a studio is starting from the moment in which it waits for one; anything else when it has its place.
    return job.state is JobState.STARTING and job.request.on != PREVIEW and not is_address(job.request.on)


def moved(jobs: Sequence[Job], job_id: str, by: int) -> dict[str, float]:
    """The new places of those whose place changes when one job goes so many steps later (earlier: below 0).

    jobs: those that wait, in order, the one to be moved among them. It stops at either end of the line; the places are
    those that were taken before, so that nobody outside passes or is passed.
    """
    places = [job.turn[0] for job in jobs]
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + _LEAST_APART)
    line = [job.id for job in jobs]
    here = line.index(job_id)
    line.insert(min(max(here + by, 0), len(line) - 1), line.pop(here))
    before = {job.id: job.turn[0] for job in jobs}
    return {name: place for name, place in zip(line, places, strict=True) if before[name] != place}
