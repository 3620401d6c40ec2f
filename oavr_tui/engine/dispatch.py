"""Which job goes where, and when: one job at a time in each place, in the order of asking."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from oavr_tui.models import Job


class Lanes:
    """A place that makes one video at a time: this computer, or one server. asyncio's lock serves in order."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def of(self, job: Job) -> asyncio.Lock:
        return self._locks[job.request.on]
