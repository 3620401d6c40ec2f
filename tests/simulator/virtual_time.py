"""Time that goes on only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools

_SETTLING = 50
"""Turns of the loop that whoever was woken gets before time goes on."""


class VirtualTime:
    """Its sleep() ends when advance() has passed its end. Work that needs no time must not wait for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass, waking sleepers one after the other."""
        end = self.now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
                await _settle()
        self.now = end


async def _settle() -> None:
    for _ in range(_SETTLING):
        await asyncio.sleep(0)
