"""What videos and studios cost, and what the next video will."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from oavr_tui.engine.parts import Parts
from oavr_tui.engine.spending import PodCost, Running, Spending, pod_cost, running_cost, spending_of
from oavr_tui.errors import OavrError

if TYPE_CHECKING:
    from oavr_tui.engine.events import Estimated
    from oavr_tui.models import Pod, Quality
    from oavr_tui.pods.provider import Account


_NEEDED = ("oavr_tui.pods.start_up", "oavr_tui.workflows.patcher")
"""What an estimate loads."""


class MoneyCommands(Parts):
    """The engine's part for money, which is dollars everywhere."""

    async def estimate(self, on: str, seconds: float, quality: Quality) -> Estimated | None:
        """What a video of a voice of so many seconds will take, by prices at most a minute old.

        None where it costs nothing. Raises OavrError where the account cannot be asked (NoKey without a key), or has
        nothing that fits.
        """
        from oavr_tui.workflows.windows import frames_for

        return await self.fleet.forecast.asked(on, frames_for(seconds), quality)

    async def quick_estimate(self, on: str, seconds: float, quality: Quality) -> Estimated | None:
        """The same from what is known here, without asking anybody: for a form that is being filled in."""
        for name in _NEEDED:  # takes a moment the first time, and a form must not wait for it
            await asyncio.to_thread(import_module, name)
        from oavr_tui.workflows.windows import frames_for

        return await self.fleet.forecast.at_once(on, frames_for(seconds), quality)

    async def spending(self, *, fresh: bool = False) -> Spending:
        """Everything about money. fresh: ask for the balance even if it was asked for less than a minute ago.

        Where the account cannot be asked, all the rest is there all the same.
        """
        account: Account | None = None
        note = ""
        if self.fleet.rental.has_key:
            try:
                account = await self.fleet.rental.account(fresh=fresh)
            except OavrError as error:
                note = error.message
        book = self.fleet.book
        return spending_of(book.all(), book.paid, self.jobs(), account, self.fleet.plan.day_cap, self.now(), note)

    def running_cost(self) -> Running | None:
        """What costs money by the hour right now; None where nothing does."""
        return running_cost(self.fleet.book.all(), self.fleet.book.paid, self.now())

    def pod_cost(self, pod: Pod) -> PodCost:
        """What one pod costs now, since when, and how much so far."""
        return pod_cost(pod, self.fleet.book.paid, self.now())
