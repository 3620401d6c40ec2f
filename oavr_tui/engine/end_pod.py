"""Stopping and terminating a pod, until the provider itself says that it is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.yard import LOOKS, Yard
from oavr_tui.errors import NoKey, OavrError, Rejected
from oavr_tui.models import Pod, PodState

if TYPE_CHECKING:
    from oavr_tui.pods.provider import CloudPod, Provider

_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between two tries; the last one again and again, as long as anybody drives."""


class EndPod:
    """Brings one pod from stopping to stopped, or from terminating to gone."""

    def __init__(self, yard: Yard, pod: Pod) -> None:
        self.yard = yard
        self.pod = pod
        self._said = False

    async def run(self) -> None:
        """Returns when the provider has confirmed it, when somebody else has moved the pod on, or, for a stop, when it
        cannot be stopped."""
        from oavr_tui.pods.provider import Slower

        tried = 0
        while True:
            asked_for = 0.0
            try:
                if await self._done(await self.yard.rental.provider()):
                    return
            except Overtaken:
                return
            except OavrError as error:
                await self._worry(error, tried)
                asked_for = error.seconds if isinstance(error, Slower) else 0.0
            await self.yard.around.sleep(max(asked_for, _PAUSES[min(tried, len(_PAUSES) - 1)]))
            tried += 1

    async def _done(self, provider: Provider) -> bool:
        pod_id = self.pod.pod_id
        if not pod_id:
            pod_id = await self._found_by_name(provider)
            if not pod_id:
                # Should it turn up after all, the watch knows that nobody wants it.
                given_up = (*self.pod.abandoned, self.pod.cloud_name) if self.pod.cloud_name else self.pod.abandoned
                await self.yard.book.move(self.pod, PodState.GONE, abandoned=given_up)
                return True
        try:
            if self.pod.state is PodState.TERMINATING:
                await provider.terminate(pod_id)
            else:
                await provider.stop(pod_id)
        except Rejected as refusal:
            if isinstance(refusal, NoKey):
                raise
            return await self._refused(await provider.pod(pod_id), refusal)
        asked_at = self.yard.around.clock()
        return await self._confirmed(await provider.pod(pod_id), asked_at)

    async def _confirmed(self, seen: CloudPod | None, at: float) -> bool:
        from oavr_tui.pods.cost import storage_per_hour
        from oavr_tui.pods.provider import CloudState

        if seen is None or seen.state is CloudState.GONE:
            await self.yard.book.move(self.pod, PodState.GONE, at=at)
            return True
        if self.pod.state is PodState.STOPPING and seen.state is CloudState.STOPPED:
            # Not every way of asking tells the size of the disk when a pod is rented.
            storage = storage_per_hour(seen.volume_gb) or self.pod.storage_per_hour
            await self.yard.book.move(self.pod, PodState.STOPPED, at=at, storage_per_hour=storage, resumed=False)
            return True
        return False

    async def _refused(self, seen: CloudPod | None, refusal: OavrError) -> bool:
        """The provider will not; a pod that is stopped or gone already is as good."""
        if await self._confirmed(seen, self.yard.around.clock()):
            return True
        if self.pod.state is PodState.TERMINATING:
            raise refusal
        if self.pod.volume:
            # A pod on a network volume cannot be stopped, and loses nothing by going: its files stay on the volume.
            self.pod = await self.yard.book.move(self.pod, PodState.TERMINATING, note=self.pod.note)
            return False
        sentence = f"{self.pod.name} could not be stopped and goes on costing ${self.pod.per_hour:.2f}/h."
        self.yard.tell(f"{sentence} {refusal.message} 'oavr-tui pods terminate {self.pod.name}' ends it for good.")
        # As if it had just been used, so that it is tried again after the idle time rather than at the next look.
        now = self.yard.around.clock()
        self.pod = await self.yard.book.move(self.pod, PodState.READY, note=sentence, last_used=now)
        return True

    async def _found_by_name(self, provider: Provider) -> str:
        """The id of a pod that was asked for and whose answer nobody lived to see. Looks patiently."""
        from oavr_tui.pods.provider import CloudState

        if not self.pod.cloud_name:
            return ""
        for pause in LOOKS:
            await self.yard.around.sleep(pause)
            for seen in await provider.pods():
                if seen.name == self.pod.cloud_name and seen.state is not CloudState.GONE:
                    await self._known(seen)
                    return seen.id
        return ""

    async def _known(self, seen: CloudPod) -> None:
        """Write down the machine, and that it has cost its price since it was made."""
        now = self.yard.around.clock()
        began = seen.created_at or self.pod.state_since
        self.pod = await self.yard.book.note(
            self.pod,
            at=began if self.pod.created_at <= began <= now else now,
            pod_id=seen.id,
            per_hour=seen.per_hour or self.pod.per_hour,
        )

    async def _worry(self, error: OavrError, tried: int) -> None:
        """Say once that it does not work yet; it is tried again and again."""
        if tried < 2 or self._said:
            return
        self._said = True
        doing = "terminated" if self.pod.state is PodState.TERMINATING else "stopped"
        self.yard.tell(
            f"{self.pod.name} could not be {doing} yet and may go on costing ${self.pod.per_hour:.2f}/h. "
            f"{error.message} It is tried again and again; you can also end it in RunPod's console."
        )
