"""Renting one machine, so that there is never one that nobody knows of.

1. The name at the provider is unique and on the disk before the machine is asked for.
2. Whoever does not learn whether it was rented looks for that name; nothing is asked for twice under one name.
3. A name that was given up is remembered: should it turn up after all, the machine goes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.engine.events import Step
from oavr_tui.engine.yard import LOOKS, Yard
from oavr_tui.errors import NoGpu, OavrError, Unreachable
from oavr_tui.models import Pod, PodState, machine_kind
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.pods.provider import CloudPod, Offer, Provider, Volume

PREFIX = "oavr-"
"""How the names of our pods begin at the provider."""
_MOST_UNCLEAR = 2
_MOST_PAUSES = 3
"""How often a start waits as long as the provider asks for, up to two minutes each time."""


class RentPod:
    """Makes a rented machine out of a pod that is only wanted."""

    def __init__(self, yard: Yard, pod: Pod) -> None:
        self.yard = yard
        self.pod = pod

    async def rent(self) -> Pod:
        """Returns the pod with its machine, booting. Raises NoKey, NoFunds, NoGpu, Unreachable, Rejected; then none is
        rented, or the pod has the name under which it will be found."""
        from oavr_tui.pods.provider import Slower

        for _pause in range(_MOST_PAUSES):
            try:
                return await self._rent()
            except Slower as slower:
                self.yard.tell(f"RunPod is being asked too often; {self.pod.name} waits {slower.seconds:.0f} s.")
                await self.yard.around.sleep(slower.seconds)
        raise Unreachable(
            "RunPod says that it is being asked too often, and goes on saying so. Nothing was started. Try again in "
            "some minutes."
        )

    async def _rent(self) -> Pod:
        provider = await self.yard.rental.provider()
        if self.pod.cloud_name:
            found = await self._look_for(provider, self.pod.cloud_name)
            if found is not None:
                return await self._has(found, found.created_at or self.pod.updated_at)
            await self._give_up_name()
        unclear = 0
        self._asked()
        for offer in await self._choices(provider):
            try:
                rented = await self._ask(provider, offer)
            except NoGpu:
                continue
            if rented is not None:
                return rented
            unclear += 1
            if unclear >= _MOST_UNCLEAR:
                break
        if unclear:
            raise Unreachable(
                "RunPod did not say whether it started a studio, and none was found there. Should one turn up after "
                "all, it is terminated. Try again in some minutes."
            )
        raise NoGpu(
            "RunPod has no machine free of the kinds that fit and are below your price cap of "
            f"${self.yard.setup.plan.price_cap:.2f}/h. Nothing was started. Try again later, or allow more with "
            "'oavr-tui config set pods.price_cap' or pods.gpus."
        )

    def _asked(self) -> None:
        self.yard.step(self.pod, Step.ASKED, "Asking for a machine")

    async def _choices(self, provider: Provider) -> list[Offer]:
        """The machines worth asking for, best first, after a look at the money."""
        from dataclasses import replace

        from oavr_tui.pods.provider import Cloud
        from oavr_tui.pods.start_up import candidates

        plan = self.yard.setup.plan
        if self.pod.wish_gpu:
            plan = replace(plan, gpus=(self.pod.wish_gpu,))
        if self.pod.wish_cloud:
            plan = replace(plan, cloud=Cloud(self.pod.wish_cloud).value)
        volume = await self._volume(provider)
        found = candidates(await provider.offers(), plan, volume)
        offers = [one for one in found if machine_kind(one.gpu, one.cloud) not in self.pod.tries]
        if not offers:
            raise NoGpu(
                "No other kind of machine is left to try. Nothing runs. Try again later, or allow more kinds with "
                "'oavr-tui config set pods.gpus'."
            )
        return offers

    async def _volume(self, provider: Provider) -> Volume | None:
        wanted = self.pod.volume
        if not wanted:
            return None
        for volume in await provider.volumes():
            if wanted in (volume.id, volume.name):
                return volume
        from oavr_tui.errors import BadInput

        raise BadInput(
            f"There is no network volume {safe(wanted, 60)} on your account. 'oavr-tui pods volumes' lists them."
        )

    async def _ask(self, provider: Provider, offer: Offer) -> Pod | None:
        """Ask for one kind of machine. None: it is unclear, and no machine of that name was found."""
        from oavr_tui.pods.provider import Slower, Unclear, Wish
        from oavr_tui.pods.start_up import affordable

        yard, plan = self.yard, self.yard.setup.plan
        price = offer.per_hour or 0.0
        affordable(plan, price, await yard.spent_today(), await yard.rental.account(fresh=True))
        name = f"{PREFIX}{self.pod.name}-{yard.around.new_id().replace('-', '')[:12]}"
        volume = await self._volume(provider)
        self.pod = await yard.book.note(
            self.pod,
            cloud_name=name,
            gpu=offer.gpu,
            gpu_name=offer.name,
            vram=offer.vram,
            cloud=offer.cloud.value,
            per_hour=price,
            template=plan.template,
        )
        wish = Wish(
            name=name,
            gpu=offer.gpu,
            cloud=offer.cloud,
            template=plan.template,
            volume=volume.id if volume else "",
            data_center=volume.data_center if volume else "",
        )
        began = yard.around.clock()

        async def ask() -> Pod:
            # Once asked for, the answer is written down whoever leaves meanwhile: a machine costs from here on.
            return await self._has(await provider.create(wish), began)

        try:
            rented = await to_its_end(ask(), f"rent-{self.pod.id}")
        except Unclear:
            _go_if_asked_to()  # the name is on the disk: whoever comes next looks for it
            found = await self._look_for(provider, name)
            if found is not None:
                return await self._has(found, found.created_at or began)
            await self._give_up_name()
            return None
        except OavrError as error:
            await self._give_up_name(remember=False)
            if not isinstance(error, Slower):  # which says nothing of this kind of machine
                self.pod = await yard.book.note(self.pod, tries=(*self.pod.tries, machine_kind(offer.gpu, offer.cloud)))
            _go_if_asked_to()
            raise
        _go_if_asked_to()
        return rented

    async def _has(self, found: CloudPod, since: float | None) -> Pod:
        """Write down that the machine exists; what it costs counts from when it was asked for."""
        from oavr_tui.pods.cost import storage_per_hour

        now = self.yard.around.clock()
        at = now if since is None or not self.pod.created_at <= since <= now else since
        self.pod = await self.yard.book.move(
            self.pod,
            PodState.BOOTING,
            at=at,
            pod_id=found.id,
            per_hour=found.per_hour or self.pod.per_hour,
            storage_per_hour=storage_per_hour(found.volume_gb),
            gpu_name=self.pod.gpu_name or found.gpu,
        )
        price = f"{self.pod.gpu_name} · ${self.pod.per_hour:.2f}/h"
        self.yard.step(self.pod, Step.FOUND, f"Found a machine: {price}")
        return self.pod

    async def _look_for(self, provider: Provider, name: str) -> CloudPod | None:
        """Look for a pod by its name, patiently. Raises Unreachable where the account cannot be looked at at all."""
        from oavr_tui.pods.provider import CloudState

        last: OavrError | None = None
        for pause in LOOKS:
            await self.yard.around.sleep(pause)
            try:
                pods = await provider.pods()
            except Unreachable as error:
                last = error
                continue
            last = None
            for pod in pods:
                if pod.name == name and pod.state is not CloudState.GONE:
                    return pod
        if last is not None:
            raise last
        return None

    async def _give_up_name(self, *, remember: bool = True) -> None:
        kept = (*self.pod.abandoned, self.pod.cloud_name) if remember else self.pod.abandoned
        self.pod = await self.yard.book.note(self.pod, cloud_name="", abandoned=kept)


def _go_if_asked_to() -> None:
    """After steps that were carried through: end now if the task was cancelled meanwhile, and ask for nothing more."""
    if leaving():
        raise asyncio.CancelledError
