"""A seat: the one place on which one job is made now, and what happens when it vanishes from under it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from oavr_tui.errors import Lost, Unreachable
from oavr_tui.models import Pod

T = TypeVar("T")


class PodLost(Lost):
    """The pod of a job does not run any more. The message is a clause, "studio-1 does not run any more"."""


class Seat:
    """url, token: where ComfyUI answers. pod: None for an address that is not in the list.

    is_lost(pod): asks the provider whether a pod that does not answer still runs. look_soon: called when it does not
    answer: a pod that is gone is to be noticed before the work on it is given up.
    """

    def __init__(
        self,
        name: str,
        url: str,
        token: str | None = None,
        pod: Pod | None = None,
        is_lost: Callable[[Pod], Awaitable[bool]] | None = None,
        look_soon: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.url = url
        self.token = token
        self.pod = pod
        self.lost = asyncio.Event()
        self.silent_since: float | None = None
        self._look_soon = look_soon
        self._is_lost = is_lost

    def doubt(self, at: float) -> None:
        """Nothing is heard from it since `at` (unix seconds)."""
        if self.silent_since is None:
            self.silent_since = at
        self._look_soon()

    def heard(self) -> None:
        """It answers."""
        self.silent_since = None

    async def _vanished(self) -> bool:
        if self.pod is None or self._is_lost is None:
            return False
        return self.lost.is_set() or await self._is_lost(self.pod)

    async def hold(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work as long as the pod is there. Raises PodLost when it is not; then the work was broken off."""
        task = asyncio.create_task(work, name=f"on-{self.name}")
        lost = asyncio.create_task(self.lost.wait(), name=f"lost-{self.name}")
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise PodLost(f"{self.name} does not run any more")
            return await task
        except (Lost, Unreachable) as error:
            if isinstance(error, PodLost) or not await self._vanished():
                raise
            raise PodLost(f"{self.name} does not run any more") from None
        finally:
            for one in (task, lost):
                one.cancel()
            await asyncio.gather(task, lost, return_exceptions=True)
