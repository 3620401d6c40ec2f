"""Waking a stopped pod, so that whoever finds it running knows that it was woken here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import OavrError, Rejected
from oavr_tui.models import Pod, PodState, PodWish

if TYPE_CHECKING:
    from oavr_tui.pods.provider import Provider


class WakePod:
    """Makes a booting pod out of a stopped one."""

    def __init__(self, yard: Yard, pod: Pod) -> None:
        self.yard = yard
        self.pod = pod

    async def wake(self) -> Pod:
        """Returns the pod, booting. Raises NoKey, NoFunds, NotNow, Unreachable, Rejected: then it does not run, or is
        marked as woken here; and Overtaken where somebody else has moved it on."""
        from oavr_tui.pods.start_up import affordable

        yard = self.yard
        provider = await yard.rental.provider()
        money = await yard.rental.account(fresh=True)
        affordable(yard.setup.plan, self.pod.per_hour, await yard.spent_today(), money)
        asked_at = yard.around.clock()
        # Before it is asked for: a pod that nobody knows to be ours is left running for ever.
        self.pod = await yard.book.note(self.pod, resumed=True)
        await self._ask(provider)
        self.pod = await yard.book.move(
            self.pod, PodState.BOOTING, at=asked_at, found=False, granted=PodWish.START, note="", tries=()
        )
        if leaving():
            raise asyncio.CancelledError
        return self.pod

    async def _ask(self, provider: Provider) -> None:
        """Returns when the machine has been started. Where that stays unclear, the mark stays as well."""
        from oavr_tui.pods.provider import CloudState, Unclear

        try:
            await to_its_end(provider.start(self.pod.pod_id), f"wake-{self.pod.name}")
        except OavrError as error:
            if leaving():
                raise asyncio.CancelledError from None
            if isinstance(error, Unclear | Rejected):
                seen = await provider.pod(self.pod.pod_id)
                if seen is not None and seen.state in (CloudState.COMING, CloudState.RUNNING):
                    return
            if not isinstance(error, Unclear):
                self.pod = await self.yard.book.note(self.pod, resumed=False)
            raise
