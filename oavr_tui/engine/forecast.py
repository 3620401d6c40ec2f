"""What a video on a rented pod will take, said before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.engine.events import Estimated
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import OavrError
from oavr_tui.models import AUTO, Job, Pod, PodKind, PodState, Quality

if TYPE_CHECKING:
    from oavr_tui.pods.cost import Start


class Forecast:
    """Estimates from prices of now and from what was measured here."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    async def tell(self, job: Job) -> None:
        """Tell the estimate for a job; nothing is told where it costs nothing, or where prices cannot be had."""
        try:
            found = await self._start_of(job)
        except OavrError:
            return  # whatever is wrong is told by what really needs the account
        if found is not None:
            start, gpu, per_hour = found
            self._yard.bus.emit(await self._estimate(job, start, gpu, per_hour))

    async def _start_of(self, job: Job) -> tuple[Start, str, float] | None:
        """How the pod of a job will come to be, its GPU, and its price in dollars an hour."""
        from oavr_tui.pods.start_up import candidates

        pods = self._possible(job)
        if any(pod.kind is PodKind.ADDRESS for pod in pods):
            return None
        for state, start in ((PodState.READY, "none"), (PodState.STOPPED, "wake")):
            pod = next((pod for pod in pods if pod.state is state), None)
            if pod is not None:
                return ("none" if start == "none" else "wake"), pod.gpu, pod.per_hour
        offer = candidates(await self._yard.rental.offers(), self._yard.setup.plan, None)[0]
        return "start", offer.gpu, offer.per_hour or 0.0

    def _possible(self, job: Job) -> list[Pod]:
        book = self._yard.book
        if job.request.on == AUTO:
            return [pod for pod in book.all() if pod.kind is PodKind.RUNPOD and not pod.found]
        wished = book.named(job.request.on)
        return [] if wished is None else [wished]

    async def _estimate(self, job: Job, start: Start, gpu: str, per_hour: float) -> Estimated:
        from oavr_tui.pods.cost import estimate
        from oavr_tui.workflows.patcher import STEPS
        from oavr_tui.workflows.windows import windows

        told = estimate(
            await self._yard.book.measures(),
            gpu=gpu,
            per_hour=per_hour,
            windows=windows(job.frames),
            steps_factor=STEPS[job.request.quality] / STEPS[Quality.STANDARD],
            start=start,
        )
        text = told.sentence()
        sentence = f"{text[:1].upper()}{text[1:]}."
        return Estimated(job.id, told.start_seconds, told.make_seconds, told.dollars, told.learned, sentence)
