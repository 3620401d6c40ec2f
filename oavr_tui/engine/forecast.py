"""What a video on a rented pod will take, said before it begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oavr_tui.engine.events import Estimated
from oavr_tui.engine.given import is_address
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import OavrError
from oavr_tui.models import AUTO, PREVIEW, Job, Pod, PodKind, PodState, Quality

if TYPE_CHECKING:
    from oavr_tui.pods.cost import Start


@dataclass(frozen=True, slots=True)
class _Machine:
    """How the pod of a video will come to be, its GPU (the provider's id), and its price in dollars an hour."""

    start: Start
    gpu: str
    per_hour: float


class Forecast:
    """Estimates from prices of now and from what was measured here."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    async def tell(self, job: Job) -> None:
        """Tell the estimate for a job; nothing is told where it costs nothing, or where prices cannot be had."""
        try:
            found = await self.asked(job.request.on, job.frames, job.request.quality)
        except OavrError:
            return  # whatever is wrong is told by what really needs the account
        if found is not None:
            self._yard.bus.emit(replace(found, job_id=job.id))

    async def asked(self, on: str, frames: int, quality: Quality) -> Estimated | None:
        """The estimate for a video of so many frames, from prices at most a minute old; None where it costs nothing.

        Raises OavrError where the account cannot be asked, NoGpu where nothing fits the settings.
        """
        if self._is_free(on):
            return None
        there = self._at_hand(on)
        if there is None:
            from oavr_tui.pods.start_up import candidates

            offer = candidates(await self._yard.rental.offers(), self._yard.setup.plan, None)[0]
            there = _Machine("start", offer.gpu, offer.per_hour or 0.0)
        return await self._estimate(there, frames, quality)

    async def at_once(self, on: str, frames: int, quality: Quality) -> Estimated | None:
        """The same from what is known without asking anybody; without a price where none was ever heard."""
        if self._is_free(on):
            return None
        return await self._estimate(self._at_hand(on) or await self._remembered(), frames, quality)

    async def _remembered(self) -> _Machine:
        """The machine that would be rented by the last prices, else the last one that was."""
        from oavr_tui.pods.start_up import candidates

        plan = self._yard.setup.plan
        try:
            offer = candidates(self._yard.rental.known_offers, plan, None)[0]
        except OavrError:
            pods = await self._yard.book.remembered()
            last = next((pod for pod in reversed(pods) if pod.gpu in plan.gpus and pod.per_hour > 0), None)
            return _Machine("start", plan.gpus[0], 0.0) if last is None else _Machine("start", last.gpu, last.per_hour)
        return _Machine("start", offer.gpu, offer.per_hour or 0.0)

    def _at_hand(self, on: str) -> _Machine | None:
        """A pod that is there already: ready, on its way, or asleep, whichever is the quickest."""
        pods = self._possible(on)
        ready = next((pod for pod in pods if pod.state is PodState.READY), None)
        if ready is not None:
            return _Machine("none", ready.gpu, ready.per_hour)
        coming = next((pod for pod in pods if pod.starting and pod.gpu and pod.per_hour > 0), None)
        if coming is not None:
            return _Machine("wake" if coming.resumed else "start", coming.gpu, coming.per_hour)
        asleep = next((pod for pod in pods if pod.state is PodState.STOPPED), None)
        return None if asleep is None else _Machine("wake", asleep.gpu, asleep.per_hour)

    def _possible(self, on: str) -> list[Pod]:
        book = self._yard.book
        if on == AUTO:
            return [pod for pod in book.all() if pod.kind is PodKind.RUNPOD and not pod.found]
        wished = book.named(on)
        return [] if wished is None else [wished]

    def _is_free(self, on: str) -> bool:
        return on == PREVIEW or is_address(on) or any(pod.kind is PodKind.ADDRESS for pod in self._possible(on))

    async def _estimate(self, machine: _Machine, frames: int, quality: Quality) -> Estimated:
        from oavr_tui.pods.cost import estimate
        from oavr_tui.pods.plan import gpu_name
        from oavr_tui.workflows.patcher import STEPS
        from oavr_tui.workflows.windows import windows

        told = estimate(
            await self._yard.book.measures(),
            gpu=machine.gpu,
            per_hour=machine.per_hour,
            windows=windows(frames),
            steps_factor=STEPS[quality] / STEPS[Quality.STANDARD],
            start=machine.start,
        )
        text = told.sentence()
        return Estimated(
            job_id="",
            start_seconds=told.start_seconds,
            make_seconds=told.make_seconds,
            dollars=told.dollars,
            learned=told.learned,
            text=f"{text[:1].upper()}{text[1:]}.",
            brief=told.brief(),
            gpu_name=gpu_name(machine.gpu),
            per_hour=machine.per_hour,
        )
